import YAML

/// Holds chart values against those that Cilium's chart knows, and against what would break a cluster.
enum CiliumValuesCheck {
    static func check(_ entries: [YAMLEntry], _ findings: inout Findings) {
        check(entries, CiliumValues.known, path: "", &findings)
        checkAmbiguity(YAMLNode(content: .map(entries), mark: Mark(line: 1, column: 1)), "cilium.values", &findings)
    }

    /// As above, for values that clusterctl has no part in.
    static func checkForeign(_ entries: [YAMLEntry], _ findings: inout Findings) {
        check(entries, CiliumValues.known, path: "", isForeign: true, &findings)
    }

    static func checkAmbiguity(_ node: YAMLNode, _ path: String, _ findings: inout Findings) {
        for entry in node.entries ?? [] { checkAmbiguity(entry.value, path.dotted(entry.key), &findings) }
        for element in node.list ?? [] { checkAmbiguity(element, path, &findings) }
        guard let scalar = node.scalar, let surprise = scalar.surprise else { return }
        let problem = ShapeProblem.ambiguousText(
            what: path, text: scalar.text, surprise, mayBeBoolean: surprise == .oldBoolean)
        findings.add(problem, at: SourcePlace(file: findings.file, mark: node.mark))
    }

    private static func check(
        _ entries: [YAMLEntry], _ tree: CiliumValues.Tree, path: String, isForeign: Bool = false,
        _ findings: inout Findings
    ) {
        guard case .map(let children) = tree else {
            if !isForeign { for entry in entries { checkOwned(entry, path: path.dotted(entry.key), &findings) } }
            return
        }
        for entry in entries {
            let own = path.dotted(entry.key)
            guard let child = children[entry.key] else {
                let nearest = Nearest.match(entry.key, in: children.keys.sorted()).map(path.dotted)
                let place = SourcePlace(file: findings.file, mark: entry.mark)
                findings.add(CiliumProblem.unknownValue(path: own, nearest: nearest), at: place)
                continue
            }
            if !isForeign { checkOwned(entry, path: own, &findings) }
            if own == "devices" { checkDevices(entry.value, &findings) }
            check(entry.value.entries ?? [], child, path: own, isForeign: isForeign, &findings)
        }
    }

    private static func checkOwned(_ entry: YAMLEntry, path: String, _ findings: inout Findings) {
        let place = SourcePlace(file: findings.file, mark: entry.mark)
        if let owner = CiliumValues.owned[path] {
            findings.add(CiliumProblem.ownedValue(path: path, why: owner.why, instead: owner.instead), at: place)
        }
        if path == "kubeProxyReplacement", entry.value.scalar?.text.lowercased() != "true" {
            findings.add(CiliumProblem.kubeProxyReplacementOff, at: place)
        }
    }

    private static func checkDevices(_ value: YAMLNode, _ findings: inout Findings) {
        for device in value.oneOrMore where device.scalar?.text == "auto" {
            findings.add(CiliumProblem.devicesAuto, at: SourcePlace(file: findings.file, mark: device.mark))
        }
    }
}
