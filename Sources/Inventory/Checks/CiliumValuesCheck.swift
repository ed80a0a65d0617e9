import YAML

/// Holds chart values against those that Cilium's chart knows, and against what would break a cluster.
enum CiliumValuesCheck {
    static func check(_ entries: [YAMLEntry], _ findings: inout Findings) {
        check(entries, CiliumValues.known, path: "", &findings)
        checkAmbiguity(YAMLNode(content: .map(entries), mark: Mark(line: 1, column: 1)), "cilium.values", &findings)
    }

    private static func checkAmbiguity(_ node: YAMLNode, _ path: String, _ findings: inout Findings) {
        for entry in node.entries ?? [] { checkAmbiguity(entry.value, path.dotted(entry.key), &findings) }
        for element in node.list ?? [] { checkAmbiguity(element, path, &findings) }
        guard let scalar = node.scalar, let surprise = scalar.surprise else { return }
        let problem = ShapeProblem.ambiguousText(
            what: path, text: scalar.text, surprise, mayBeBoolean: surprise == .oldBoolean)
        findings.add(problem, at: SourcePlace(file: findings.file, mark: node.mark))
    }

    private static func check(
        _ entries: [YAMLEntry], _ tree: CiliumValues.Tree, path: String, _ findings: inout Findings
    ) {
        guard case .map(let children) = tree else { return }
        for entry in entries {
            let own = path.dotted(entry.key)
            guard let child = children[entry.key] else {
                let nearest = Nearest.match(entry.key, in: children.keys.sorted()).map(path.dotted)
                let place = SourcePlace(file: findings.file, mark: entry.mark)
                findings.add(CiliumProblem.unknownValue(path: own, nearest: nearest), at: place)
                continue
            }
            checkTraps(entry, path: own, &findings)
            check(entry.value.entries ?? [], child, path: own, &findings)
        }
    }

    private static func checkTraps(_ entry: YAMLEntry, path: String, _ findings: inout Findings) {
        let place = SourcePlace(file: findings.file, mark: entry.mark)
        if let owner = CiliumValues.owned[path] {
            findings.add(CiliumProblem.ownedValue(path: path, why: owner.why, instead: owner.instead), at: place)
        }
        switch path {
        case "devices":
            let devices = entry.value.list ?? [entry.value]
            for device in devices where device.scalar?.text == "auto" {
                findings.add(CiliumProblem.devicesAuto, at: SourcePlace(file: findings.file, mark: device.mark))
            }
        case "kubeProxyReplacement":
            if entry.value.scalar?.text.lowercased() != "true" {
                findings.add(CiliumProblem.kubeProxyReplacementOff, at: place)
            }
        default: break
        }
    }
}
