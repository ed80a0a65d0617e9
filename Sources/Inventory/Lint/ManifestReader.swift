import YAML

/// Tells files apart by what they say, and takes them up.
enum ManifestReader {
    static func read(_ file: ManifestFile, into manifests: inout Manifests, _ findings: inout Findings) {
        switch file.content {
        case .unreadable(let why):
            findings.add(ObjectProblem.unreadable(why), at: SourcePlace(file: file.path, line: 1, column: 1))
        case .bytes(let bytes) where file.path.lowercased().hasSuffix(".conf"):
            if let router = FRRConfiguration(bytes, file: file.path) { manifests.routers.append(router) }
        case .bytes(let bytes):
            let (documents, problems) = YAMLDocument.readAll(bytes, file: file.path)
            let lines = BlockPlaces.lines(of: bytes)
            for problem in problems where !problem.kind.isUsualInManifests {
                findings.add(ShapeProblem.yaml(problem), at: SourcePlace(file: file.path, mark: problem.mark))
            }
            for document in documents {
                take(ManifestPart(file: file.path, node: document.root), lines, &manifests, &findings)
            }
        }
    }

    private static func take(
        _ part: ManifestPart, _ lines: [String], _ manifests: inout Manifests, _ findings: inout Findings
    ) {
        guard let entries = part.node.entries else { return }
        if let kind = part.node["kind"]?.scalar?.text, part.node["apiVersion"] != nil {
            if let items = part.node["items"]?.list, kind.hasSuffix("List") {
                for item in items { take(ManifestPart(file: part.file, node: item), lines, &manifests, &findings) }
                return
            }
            let object = KubernetesObject(part: part, kind: kind)
            manifests.objects.append(object)
            takeHelmValues(object, lines, &manifests, &findings)
        } else if isCiliumValues(part.node) {
            manifests.ciliumValues.append(part)
        } else if let nested = part.node["cilium"], isCiliumValues(nested) {
            manifests.ciliumValues.append(ManifestPart(file: part.file, node: nested))
            manifests.others.append(part)
        } else if isK3sConfig(entries) {
            manifests.k3s.append(K3sConfigFile(part: part, role: role(of: part)))
        } else {
            manifests.others.append(part)
        }
    }

    /// Values stand in the resources of K3s' Helm controller as a map, or as a text of their own.
    private static func takeHelmValues(
        _ object: KubernetesObject, _ lines: [String], _ manifests: inout Manifests, _ findings: inout Findings
    ) {
        guard ["HelmChart", "HelmChartConfig"].contains(object.kind) else { return }
        var values = [object.spec?["values"]].compactMap(\.self)
        if let text = object.spec?["valuesContent"], let scalar = text.scalar {
            let (document, problems) = YAMLDocument.read(Array(scalar.text.utf8), file: object.part.file)
            let shift = BlockPlaces(text, in: lines)
            for problem in problems where !problem.kind.isUsualInManifests {
                findings.add(ShapeProblem.yaml(problem), at: object.part.place(shift.mark(problem.mark)))
            }
            if let document { values.append(shift.node(document.root)) }
        }
        let isCilium = object.chart == "cilium"
        for node in values where node.entries != nil {
            let part = ManifestPart(file: object.part.file, node: node)
            if isCilium { manifests.ciliumValues.append(part) } else { manifests.others.append(part) }
        }
    }

    private static let tellingValues: Set = [
        "kubeProxyReplacement", "bgpControlPlane", "ipam", "routingMode", "tunnelProtocol", "hubble", "envoyConfig",
        "hostFirewall", "ipv4NativeRoutingCIDR", "ipv6NativeRoutingCIDR", "autoDirectNodeRoutes", "bpf", "socketLB",
        "k8sServiceHost", "l2announcements",
    ]

    /// Half of the keys are of Cilium's chart, and one is found in hardly any other.
    private static func isCiliumValues(_ node: YAMLNode) -> Bool {
        let keys = node.entries?.map(\.key) ?? []
        return keys.contains { tellingValues.contains($0) } && keys.count { CiliumValues.isKnown($0) } * 2 >= keys.count
    }

    /// Half of the keys are flags of K3s, and one of these has a name of several words or there are two.
    private static func isK3sConfig(_ entries: [YAMLEntry]) -> Bool {
        let known = entries.map { $0.key.hasSuffix("+") ? String($0.key.dropLast()) : $0.key }
            .filter { K3sKeys.flags[$0] != nil }
        return (known.count > 1 || known.contains { $0.contains("-") }) && known.count * 2 >= entries.count
    }

    /// Of an agent by the name of file or folder; else by a key that only one of the two has.
    private static func role(of part: ManifestPart) -> K3sConfigFile.Role {
        let names = part.file.lowercased().split(separator: "/").suffix(2)
        if names.contains(where: { $0.contains("agent") || $0.contains("worker") }) { return .agent }
        let flags = (part.node.entries ?? []).compactMap { K3sKeys.flags[$0.key] }
        if flags.contains(where: { !$0.isServer }) { return .agent }
        return flags.contains { !$0.isAgent } ? .server : .either
    }
}

extension KubernetesObject {
    /// The chart that a HelmChart installs, or a HelmChartConfig of that name changes, without repository and version.
    var chart: String {
        let chart = kind == "HelmChart" ? spec?["chart"]?.scalar?.text ?? name : name
        return String(chart.split(separator: "/").last ?? "")
    }
}

/// From places within a block of text to places in the file that it stands in.
private struct BlockPlaces {
    private let base: Mark
    private let indentation: Int
    /// Of the lines behind the one in which the block begins, in characters.
    private var lengths: [Int] = []

    /// By all of Unicode's line breaks, as libyaml counts.
    static func lines(of bytes: [UInt8]) -> [String] {
        var lines = [""]
        var wasReturn = false
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\n" where wasReturn: break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append("")
            default: lines[lines.count - 1].unicodeScalars.append(scalar)
            }
            wasReturn = scalar == "\r"
        }
        return lines
    }

    init(_ block: YAMLNode, in lines: [String]) {
        base = block.mark
        guard let scalar = block.scalar, scalar.style == .block else {
            indentation = 0
            return
        }
        // No more than the block's own, or files with many charts would be gone through many times.
        let count = scalar.text.unicodeScalars.count { $0 == "\n" } + 1
        let content = lines.dropFirst(block.mark.line).prefix(count)
        indentation = content.first { $0.contains { $0 != " " } }?.prefix { $0 == " " }.count ?? 0
        lengths = content.map(\.unicodeScalars.count)
    }

    /// Where lines were folded, as in quotes or behind `>`, only the beginning of the block may be certain.
    func mark(_ mark: Mark) -> Mark {
        let column = mark.column + indentation
        guard lengths.indices.contains(mark.line - 1), column <= lengths[mark.line - 1] + 1 else { return base }
        return Mark(line: base.line + mark.line, column: column)
    }

    func node(_ node: YAMLNode) -> YAMLNode {
        let content: YAMLNode.Content =
            switch node.content {
            case .scalar(let scalar): .scalar(scalar)
            case .list(let list): .list(list.map(self.node))
            case .map(let entries):
                .map(entries.map { YAMLEntry(key: $0.key, mark: mark($0.mark), value: self.node($0.value)) })
            }
        return YAMLNode(content: content, mark: mark(node.mark))
    }
}

extension YAMLProblem.Kind {
    /// What an inventory may not have and other YAML often has.
    fileprivate var isUsualInManifests: Bool {
        switch self {
        case .mergeKey, .unknownTag, .severalDocuments, .keyIsNoText: true
        default: false
        }
    }
}
