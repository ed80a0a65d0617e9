import YAML

/// What arguments of `k3s`, or a configuration of it, mean for an inventory.
struct K3sArguments: Hashable {
    var disable: [String] = []
    var tlsSANs: [String] = []
    var labels = YAMLMap()
    var taints: [String] = []
    var pods: [String] = []
    var services: [String] = []
    var clusterDNS: [String] = []
    var apiPort: Int?
    /// Keys that the inventory takes as they are.
    var config = YAMLMap()
    /// What was left out, with the reason.
    var left: [Left] = []
    /// Whether a token stands there.
    var hasToken = false

    struct Left: Hashable {
        var key: String
        var why: String
    }

    /// What Cilium and clusterctl do by themselves, so that leaving it out changes nothing.
    private static let settled: Set = [
        "cluster-init", "server", "node-ip", "flannel-backend", "flannel-iface", "disable-network-policy",
        "disable-kube-proxy", "node-name", "kube-proxy-arg",
    ]

    /// Arguments as they stand in a command line; a template that was not evaluated is a hole in it.
    mutating func add(arguments: String) {
        guard let words = INIWords.split(arguments, hasComments: false) else {
            left.append(Left(key: "its arguments", why: "a quote does not end"))
            return
        }
        add(words: words)
    }

    /// Elements of a list: each is one argument, or an option with its value behind a blank.
    mutating func add(list: [String]) {
        add(words: list.flatMap { $0.hasPrefix("-") ? INIWords.split($0, hasComments: false) ?? [$0] : [$0] })
    }

    /// Options that K3s has under a shorter name.
    private static let short = ["t": "token", "s": "server", "d": "data-dir"]

    private mutating func add(words: [String]) {
        var rest = words[...]
        while let word = rest.popFirst() {
            // K3s takes one dash for two.
            guard word.hasPrefix("-") else {
                if word.hasPrefix("K3S_TOKEN=") || word.hasPrefix("K3S_AGENT_TOKEN=") {
                    hasToken = true
                    continue
                }
                let why = word.contains(AnsibleValue.hole) ? Self.holeReason : "it belongs to no option"
                // A subcommand changes nothing. Anything else may be a secret, and is not shown.
                if word != "server" && word != "agent" { left.append(Left(key: "an argument", why: why)) }
                continue
            }
            let parts = word.dropFirst(word.hasPrefix("--") ? 2 : 1).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts.first.map(String.init) ?? ""
            let key = Self.short[name] ?? name
            if parts.count == 2 {
                add(key, .string(String(parts[1])))
            } else if Self.isToken(key) {
                hasToken = true
                rest = rest.dropFirst()
            } else if K3sKeys.flags[key]?.type == .bool {
                add(key, .bool(true))
            } else if let value = rest.first, !value.hasPrefix("--") {
                rest = rest.dropFirst()
                add(key, .string(value))
            } else {
                add(key, .bool(true))
            }
        }
    }

    private static let holeReason = "a template that is not evaluated here"

    private static func isToken(_ key: String) -> Bool { key == "token" || key == "agent-token" }

    /// An option by its name, where it could be one: anything else may be a secret that went astray.
    private static func shown(_ key: String) -> String {
        let isName = key.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "-") } && key.utf8.count <= 50
        return K3sKeys.flags[key] != nil || K3sKeys.owned[key] != nil || isName ? "--\(key)" : "an argument"
    }

    /// A key whose value is not known.
    mutating func add(unknown key: String) {
        let key = key.hasSuffix("+") ? String(key.dropLast()) : key
        if Self.isToken(key) {
            hasToken = true
        } else if !Self.settled.contains(key) {
            left.append(Left(key: Self.shown(key), why: Self.holeReason))
        }
    }

    /// One key with its value.
    mutating func add(_ key: String, _ value: YAMLValue) {
        let key = key.hasSuffix("+") ? String(key.dropLast()) : key
        if Self.settled.contains(key) { return }
        if Self.isToken(key) {
            hasToken = true
            return
        }
        let texts = Self.texts(value)
        guard !key.contains(AnsibleValue.hole), !texts.contains(where: { $0.contains(AnsibleValue.hole) }) else {
            left.append(Left(key: Self.shown(key), why: Self.holeReason))
            return
        }
        switch key {
        case "disable": disable += texts.flatMap(Self.split).filter { !disable.contains($0) }
        case "tls-san": tlsSANs += texts.flatMap(Self.split).filter { !tlsSANs.contains($0) }
        case "node-label": texts.flatMap(Self.split).forEach { add(label: $0) }
        case "node-taint": taints += texts.flatMap(Self.split).filter { !taints.contains($0) }
        case "cluster-cidr": pods = texts.flatMap(Self.split)
        case "service-cidr": services = texts.flatMap(Self.split)
        case "cluster-dns": clusterDNS = texts.flatMap(Self.split)
        case "https-listen-port": apiPort = texts.first.flatMap { Int($0) }
        case _ where Self.isSecret(key):
            left.append(Left(key: Self.shown(key), why: "a secret never stands in an inventory"))
        case _ where texts.contains(where: { Self.hasUser($0, key) }):
            left.append(Left(key: Self.shown(key), why: "it has a user or a password in an address"))
        default: addOther(key, value, texts)
        }
    }

    private mutating func addOther(_ key: String, _ value: YAMLValue, _ texts: [String]) {
        if let owner = K3sKeys.owned[key] {
            return left.append(Left(key: "--\(key)", why: "\(owner.why); \(owner.instead)"))
        }
        guard let flag = K3sKeys.flags[key] else {
            left.append(Left(key: Self.shown(key), why: "K3s 1.35 has no such option"))
            return
        }
        guard let typed = Self.typed(value, flag.type, texts) else {
            left.append(Left(key: "--\(key)", why: "its value is not of the kind that K3s takes"))
            return
        }
        if flag.type == .list, let before = config[key]?.list, let more = typed.list {
            config[key] = .list(before + more)
        } else {
            config[key] = typed
        }
    }

    private mutating func add(label: String) {
        let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        labels[String(parts[0])] = .string(parts.count == 2 ? String(parts[1]) : "")
    }

    /// Whether there is an address with a user in it, and perhaps a password.
    private static func hasUser(_ text: String, _ key: String) -> Bool {
        if key == "etcd-s3-endpoint" || key == "etcd-s3-proxy" { return text.contains("@") }
        return text.contains("://") && text.contains("@")
    }

    /// Whether the value of a key is a secret by its name, or is in danger of having one.
    static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        if ["etcd-s3-config-secret", "secrets-encryption", "secrets-encryption-provider", "tls-san-security"].contains(
            key)
        {
            return false
        }
        return ["token", "secret", "password", "passphrase", "access-key", "datastore-endpoint", "vpn-auth"]
            .contains { key.contains($0) && !key.hasSuffix("-file") }
    }

    private static func typed(_ value: YAMLValue, _ type: K3sKeys.ValueType, _ texts: [String]) -> YAMLValue? {
        switch type {
        case .list: return texts.isEmpty ? nil : .list(texts.map(YAMLValue.string))
        case .bool:
            if case .bool = value { return value }
            return texts.first.flatMap { AnsibleValue.text($0).bool }.map(YAMLValue.bool)
        case .int: return texts.first.flatMap { Int($0) }.map(YAMLValue.int)
        case .string, .duration: return texts.count == 1 ? .string(texts[0]) : nil
        }
    }

    private static func texts(_ value: YAMLValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .int(let number): [String(number)]
        case .double(let number): [String(number)]
        case .bool(let bool): [bool ? "true" : "false"]
        case .list(let list): list.flatMap(texts)
        case .null, .map: []
        }
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    }
}
