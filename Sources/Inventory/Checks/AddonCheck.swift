import YAML

/// Addons can be fetched, and take nothing that somebody else has.
enum AddonCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var earlier: [String] = []
        for entry in draft.root["addons"]?.entries ?? [] {
            checkName(entry, draft, &findings)
            checkSource(entry, draft, &findings)
            if let namespace = entry.value["namespace"], let name = namespace.text(.partName) {
                checkNamespace(name, of: entry, at: namespace.mark, draft, &findings)
            } else {
                checkNamespace(entry.key, of: entry, at: entry.mark, draft, &findings)
            }
            for node in entry.value["after"]?.oneOrMore ?? [] {
                guard let name = node.text(.partName), !earlier.contains(name) else { continue }
                let nearest = Nearest.match(name, in: earlier)
                findings.add(
                    AddonProblem.notBefore(name, addon: entry.key, nearest: nearest), at: draft.place(node.mark))
            }
            earlier.append(entry.key)
        }
    }

    /// A HelmChart of this name would be somebody else's.
    private static func checkName(_ entry: YAMLEntry, _ draft: Draft, _ findings: inout Findings) {
        if entry.key == "cilium" {
            return findings.add(AddonProblem.isCilium, at: draft.place(entry.mark))
        }
        let disabled = draft.root["k3s"]?["disable"]?.texts(.component) ?? K3sSettings.disabledByDefault
        if ["traefik", "traefik-crd"].contains(entry.key), !disabled.contains("traefik") {
            findings.add(AddonProblem.isPackaged(entry.key), at: draft.place(entry.mark))
        }
    }

    private static func checkSource(_ entry: YAMLEntry, _ draft: Draft, _ findings: inout Findings) {
        guard let node = entry.value["chart"], let chart = node.text(.chart) else { return }
        let isInRegistry = chart.hasPrefix(Addon.registryScheme)
        if isInRegistry == (entry.value["repo"] != nil) {
            let problem = AddonProblem.source(addon: entry.key, isInRegistry: isInRegistry)
            findings.add(problem, at: draft.place((isInRegistry ? entry.value["repo"] : node)?.mark ?? node.mark))
        }
    }

    private static func checkNamespace(
        _ name: String, of entry: YAMLEntry, at mark: Mark, _ draft: Draft, _ findings: inout Findings
    ) {
        guard name.hasPrefix("kube-") else { return }
        findings.add(AddonProblem.namespace(name, addon: entry.key), at: draft.place(mark))
    }
}

/// Values of a chart: free as to their keys, but without secrets, and without texts that YAML takes for something else.
enum ChartValuesCheck {
    static func check(_ node: YAMLNode, _ path: String, _ findings: inout Findings) {
        CiliumValuesCheck.checkAmbiguity(node, path, &findings)
        checkSecrets(node, path, &findings)
    }

    private static func checkSecrets(_ node: YAMLNode, _ path: String, _ findings: inout Findings) {
        for element in node.list ?? [] { checkSecrets(element, path, &findings) }
        for entry in node.entries ?? [] {
            let own = path.dotted(entry.key)
            if isSecret(entry.value, called: entry.key) {
                findings.add(SecretProblem.inValues(at: own), at: place(entry.value, findings))
            }
            checkSecrets(entry.value, own, &findings)
        }
        // A variable of a container: its name and its value stand beside each other.
        if let name = node["name"]?.scalar?.text, let value = node["value"], isSecret(value, called: name) {
            findings.add(SecretProblem.inValues(at: "\(path) (\(name))"), at: place(value, findings))
        }
    }

    private static func place(_ node: YAMLNode, _ findings: Findings) -> SourcePlace {
        SourcePlace(file: findings.file, mark: node.mark)
    }

    private static let words = [
        "password", "passwd", "passphrase", "token", "apikey", "privatekey", "secretkey", "secretaccesskey",
        "clientsecret",
    ]

    /// By its name, or because it says so itself; what begins with `$` or `{{` points at a secret.
    private static func isSecret(_ node: YAMLNode, called key: String) -> Bool {
        guard let scalar = node.scalar, scalar.kind != .null, scalar.kind != .bool, !scalar.text.isEmpty else {
            return false
        }
        if scalar.text.contains("PRIVATE KEY-----") { return true }
        let name = key.lowercased().filter { $0.isLetter || $0.isNumber }
        return words.contains { name.hasSuffix($0) } && !scalar.text.hasPrefix("$") && !scalar.text.hasPrefix("{{")
    }
}
