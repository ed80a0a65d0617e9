import YAML

/// The hosts of an Ansible inventory as nodes.
struct ImportedNodes {
    struct Node {
        var host: String
        var name: String
        /// Addresses as texts; empty where Ansible has none.
        var addresses: [String]
        var origin: String
        /// Settings of SSH that are not those of all.
        var ssh = YAMLMap()
    }

    /// What all nodes have in common.
    var ssh = ImportedMap()
    var nodes: [Node] = []

    /// Every address of a control plane node or worker.
    var addresses: Set<String> { Set(nodes.flatMap(\.addresses)) }
}

extension AnsibleMapping {
    private struct Setting {
        var value: YAMLValue
        var origin: String
    }

    mutating func importedNodes() -> ImportedNodes {
        var result = ImportedNodes()
        var settings: [[(key: String, setting: Setting)]] = []
        var taken: Set<String> = []
        for (number, host) in nodes.enumerated() {
            let (addresses, ssh) = addresses(of: host)
            var own = sshSettings(of: host)
            if let ssh { own.append(("host", Setting(value: .string(ssh.text), origin: ssh.origin))) }
            settings.append(own)
            let name = name(of: host, number: number, taken: &taken)
            result.nodes.append(
                .init(
                    host: host, name: name, addresses: addresses,
                    origin: "\(place(of: host).file):\(place(of: host).line)"))
        }
        let keys = [
            "user", "port", "host", "identityFile", "proxyJump", "proxyCommand", "password", "become", "becomePassword",
        ]
        for key in keys {
            let all = settings.map { $0.first { $0.key == key }?.setting }
            if let first = all.first, let first, all.allSatisfy({ $0?.value == first.value }) {
                result.ssh.set(key, .scalar(first.value), first.origin)
            } else {
                for (index, setting) in all.enumerated() {
                    if let setting { result.nodes[index].ssh[key] = setting.value }
                }
            }
        }
        return result
    }

    /// A name that Kubernetes takes, and that no other node has.
    private mutating func name(of host: String, number: Int, taken: inout Set<String>) -> String {
        let place = place(of: host)
        let label = host.split(separator: ".").first.map(String.init) ?? ""
        var name = String(label.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
        while name.first == "-" { name.removeFirst() }
        while name.last == "-" { name.removeLast() }
        if IPAddress(host) != nil || name.isEmpty || name.utf8.count > 63 {
            let isServer = number < layout.controlPlane.count
            name = isServer ? "server-\(number + 1)" : "worker-\(number - layout.controlPlane.count + 1)"
            note(
                place, "host '\(host)' is called '\(name)'",
                "it has no name of its own; a cluster that is there knows it by its hostname")
        } else if name != host {
            note(place, "host '\(host)' is called '\(name)'", "a node's name is one lower-case label")
        }
        while !taken.insert(name).inserted { name += "-2" }
        return name
    }

    /// The node's addresses, and where SSH goes if that is somewhere else.
    private mutating func addresses(of host: String) -> (addresses: [String], ssh: (text: String, origin: String)?) {
        let target = take(["ansible_host", "ansible_ssh_host"], of: host, isQuiet: true)
        let own = take(["ip", "k3s_node_ip", "node_ip"], of: host, isQuiet: true) ?? take(["access_ip"], of: host)
        use(["access_ip"])
        let second = take(["ip6"], of: host)
        let name = target?.text ?? host
        var addresses: [String] = []
        for found in [own, second].compactMap({ $0 }) {
            for text in (found.text ?? "").split(separator: ",").map(\.trimmed) {
                if let address = IPAddress(text), !addresses.contains(address.description) {
                    addresses.append(address.description)
                }
            }
        }
        let isAddress = IPAddress(name) != nil
        if addresses.isEmpty, isAddress { addresses = [IPAddress(name)?.description ?? name] }
        guard addresses.first != name, target != nil || !isAddress else { return (addresses, nil) }
        // A host by name only: SSH goes to the name, and the address has to be filled in.
        if addresses.isEmpty {
            note(
                place(of: host), "host '\(host)' has no address",
                "Ansible finds it by its name; a node needs the address that others reach it at")
        }
        guard TextFormCheck.problem(name, .sshHost) == nil else { return (addresses, nil) }
        return (addresses, (name, target?.origin ?? ""))
    }

    private mutating func sshSettings(of host: String) -> [(key: String, setting: Setting)] {
        var settings: [(String, Setting)] = []
        func add(_ key: String, _ found: Found?, _ value: (Found) -> YAMLValue?) {
            guard let found, let value = value(found) else { return }
            settings.append((key, Setting(value: value, origin: found.origin)))
        }
        add("user", take(["ansible_user", "ansible_ssh_user"], of: host)) { $0.text.map(YAMLValue.string) }
        add("port", take(["ansible_port", "ansible_ssh_port"], of: host)) { found in
            found.value.number.flatMap { $0 == 22 ? nil : .int($0) }
        }
        add("identityFile", take(["ansible_ssh_private_key_file", "ansible_private_key_file"], of: host)) {
            $0.text.map(YAMLValue.string)
        }
        add("become", take(["ansible_become_method"], of: host)) { found in
            ["doas", "sudo"].contains(found.text) && found.text != "sudo" ? found.text.map(YAMLValue.string) : nil
        }
        for (names, key) in [
            (["ansible_password", "ansible_ssh_pass"], "password"),
            (["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"], "becomePassword"),
        ] {
            use(names)
            guard let variable = raw(anyOf: names, of: host) else { continue }
            settings.append((key, Setting(value: "ask", origin: "\(variable.origin): the password is not copied")))
        }
        for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"] {
            guard let variable = raw(name, of: host) else { continue }
            let found = take([name], of: host)
            guard let found, let jump = SSHOptions.way(found.text ?? "") else {
                if found != nil {
                    leave(
                        variable,
                        "of ssh's options only -J, ProxyJump and a ProxyCommand of ssh or nc are taken; your ssh_config counts"
                    )
                }
                continue
            }
            settings.append((jump.key, Setting(value: .string(jump.value), origin: found.origin)))
            if !jump.isAll { leave(variable, "of its options only '\(jump.key)' was taken; your ssh_config counts") }
        }
        return settings
    }

    /// The nodes by their groups in the inventory.
    mutating func groups(_ nodes: ImportedNodes, _ arguments: ImportedArguments) -> [(String, ImportedMap)] {
        var groups: [(String, ImportedMap)] = []
        let byHost = Dictionary(uniqueKeysWithValues: nodes.nodes.map { ($0.host, $0) })
        for (name, members) in [
            ("dpus", layout.controlPlane.filter(layout.dpus.contains)),
            ("servers", layout.controlPlane.filter { !layout.dpus.contains($0) }), ("workers", layout.workers),
        ] where !members.isEmpty {
            var map = ImportedMap()
            for host in members {
                guard let node = byHost[host] else { continue }
                var value = YAMLMap()
                switch node.addresses.count {
                case 0: value["address"] = "FILL-IN"
                case 1: value["address"] = .string(node.addresses[0])
                default: value["address"] = .list(node.addresses.map(YAMLValue.string))
                }
                if host == primary { value["primary"] = true }
                if !node.ssh.isEmpty { value["ssh"] = .map(node.ssh) }
                arguments.own[host].map { own in
                    if !own.labels.isEmpty { value["labels"] = .map(own.labels) }
                    if !own.taints.isEmpty { value["taints"] = .list(own.taints.map(YAMLValue.string)) }
                    if !own.config.isEmpty { value["k3s"] = .map(own.config) }
                }
                map.set(node.name, .flow(.map(value)), node.origin)
            }
            groups.append((name, map))
        }
        return groups
    }
}

/// The way that options of ssh lead.
enum SSHOptions {
    /// Nil where there is none. What could have a password in it is none.
    static func way(_ options: String) -> (key: String, value: String, isAll: Bool)? {
        guard let words = INIWords.split(options, hasComments: false), !options.contains("sshpass") else { return nil }
        var rest = words[...]
        var found: (key: String, value: String)?
        var others = 0
        while let word = rest.popFirst() {
            if word == "-J", let host = rest.popFirst(), hasNoPassword(host) {
                found = ("proxyJump", host)
            } else if word == "-o" || word.hasPrefix("-o"),
                let option = word == "-o" ? rest.popFirst() : String(word.dropFirst(2))
            {
                let parts = option.split(maxSplits: 1) { $0 == "=" || $0 == " " }
                switch (parts.first?.lowercased(), parts.count) {
                case ("proxyjump", 2) where hasNoPassword(String(parts[1])): found = ("proxyJump", String(parts[1]))
                case ("proxycommand", 2) where isPlain(String(parts[1])): found = ("proxyCommand", String(parts[1]))
                default: others += 1
                }
            } else {
                others += 1
            }
        }
        return found.map { ($0.key, $0.value, others == 0) }
    }

    /// Whether a host, or several with commas, has no `user:password@`.
    private static func hasNoPassword(_ hosts: String) -> Bool {
        hosts.split(separator: ",").allSatisfy { host in
            host.lastIndex(of: "@").map { !host[..<$0].contains(":") } ?? true
        }
    }

    /// Whether a command is one of ssh or nc alone, which get no password by an argument.
    private static func isPlain(_ command: String) -> Bool {
        let lower = command.lowercased()
        guard !lower.contains("proxy-auth"), !lower.contains("proxycommand"), !lower.contains("://"),
            !command.contains(where: { ";|&`$()<>\n".contains($0) }),
            let program = lower.split(separator: " ").first?.split(separator: "/").last
        else { return false }
        return program == "ssh" || ["nc", "ncat", "netcat"].contains(program) && !lower.contains("auth")
    }
}
