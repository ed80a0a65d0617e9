import YAML

/// What K3s is told, of all nodes and of each.
struct ImportedArguments {
    /// By host, as the files have it.
    var servers: [String: K3sArguments] = [:]
    var agents: [String: K3sArguments] = [:]
    /// What all servers, and all agents, have in common, and the variable it comes from.
    var ofServers: K3sArguments?
    var ofAgents: K3sArguments?
    var serverOrigin: String?
    var agentOrigin: String?
    /// What nodes have for themselves.
    var own: [String: K3sArguments] = [:]
    /// The arguments of the primary: what is one for the whole cluster is taken from there.
    var primary = K3sArguments()
}

extension AnsibleMapping {
    mutating func importedArguments() -> ImportedArguments {
        var result = ImportedArguments()
        for host in layout.controlPlane {
            result.servers[host] = arguments(
                of: host, lines: ["extra_server_args", "k3s_server_args", "k3s_extra_server_args"],
                texts: ["server_config_yaml", "k3s_server_config", "k3s_server"], origin: &result.serverOrigin)
        }
        for host in layout.workers {
            result.agents[host] = arguments(
                of: host, lines: ["extra_agent_args", "k3s_agent_args", "k3s_extra_agent_args"],
                texts: ["agent_config_yaml", "k3s_agent_config", "k3s_agent"], origin: &result.agentOrigin)
        }
        // Every server takes part in what the whole cluster has; techno-tim's has arguments for all nodes beside.
        use(["extra_args"])
        result.primary = result.servers[primary] ?? K3sArguments()
        result.ofServers = Self.common(layout.controlPlane, result.servers, &result.own)
        result.ofAgents = Self.common(layout.workers, result.agents, &result.own)
        return result
    }

    /// The arguments, where all of these nodes have the same; else each has its own.
    private static func common(
        _ hosts: [String], _ arguments: [String: K3sArguments], _ own: inout [String: K3sArguments]
    ) -> K3sArguments? {
        guard let first = hosts.first.flatMap({ arguments[$0] }) else { return nil }
        let isCommon = hosts.allSatisfy { host in
            arguments[host]?.labels == first.labels && arguments[host]?.taints == first.taints
                && arguments[host]?.config == first.config
        }
        if isCommon { return first }
        for host in hosts { own[host] = arguments[host] }
        return nil
    }

    private mutating func arguments(
        of host: String, lines: [String], texts: [String], origin: inout String?
    ) -> K3sArguments {
        var arguments = K3sArguments()
        use(lines + texts + ["node_labels", "node_taints"])
        for name in lines {
            guard let variable = raw(name, of: host) else { continue }
            let value = evaluate(variable, of: host)
            if case .list = value, let words = value.texts {
                arguments.add(list: words)
            } else if let text = value.text {
                arguments.add(arguments: text)
            } else {
                leave(variable, Self.unknown(variable))
                continue
            }
            report(&arguments, of: variable)
            origin = origin ?? variable.origin
        }
        for name in texts {
            guard let variable = raw(name, of: host) else { continue }
            guard let entries = configuration(evaluate(variable, of: host)) else {
                leave(
                    variable,
                    variable.isSealed
                        ? Self.unknown(variable) : "it is no configuration of K3s in YAML, or has templates in it")
                continue
            }
            for entry in entries {
                if let value = entry.value {
                    arguments.add(entry.key, value)
                } else {
                    arguments.add(unknown: entry.key)
                }
            }
            report(&arguments, of: variable)
            origin = origin ?? variable.origin
        }
        if let found = take(["node_labels"], of: host), case .map(let labels) = found.value {
            for label in labels { label.value.text.map { arguments.labels[label.key] = .string($0) } }
            origin = origin ?? found.origin
        }
        if let found = take(["node_taints"], of: host), let taints = found.value.texts {
            arguments.taints += taints
            origin = origin ?? found.origin
        }
        return arguments
    }

    /// The entries of a configuration, which is a map or the text of one; without a value where it is not known.
    private func configuration(_ value: AnsibleValue) -> [(key: String, value: YAMLValue?)]? {
        switch value {
        case .map(let entries):
            return entries.map { ($0.key, $0.value.yaml) }
        case .text(let text) where value.isKnown:
            guard let root = try? YAMLDocument.parse(text, file: "").root else { return nil }
            return root.isNull ? [] : root.entries?.map { ($0.key, YAMLValue($0.value)) }
        default: return nil
        }
    }

    private mutating func report(_ arguments: inout K3sArguments, of variable: AnsibleVariable) {
        for left in arguments.left {
            note(variable.place, "\(left.key) of '\(variable.name)' was not mapped", left.why)
        }
        arguments.left = []
    }

    // MARK: k3s

    mutating func k3s(_ arguments: ImportedArguments) -> ImportedMap {
        var map = ImportedMap()
        setVersion(&map)
        setToken(&map, arguments)
        setComponents(&map, arguments)
        setSANs(&map, arguments)
        if let common = arguments.ofServers, !common.config.isEmpty {
            map.set("config", .block(.map(common.config)), arguments.serverOrigin)
        }
        if let common = arguments.ofAgents, !common.config.isEmpty {
            map.set("agentConfig", .block(.map(common.config)), arguments.agentOrigin)
        }
        return map
    }

    private mutating func setVersion(_ map: inout ImportedMap) {
        let found = shared("k3s_version", "k3s_release_version", "k3s_release", "kube_version")
        if let version = options.k3sVersion { return map.set("version", .scalar(.string(version))) }
        guard let found, let text = found.text else {
            return map.set("version", .missing, "the release of K3s, such as v1.35.7+k3s1")
        }
        var version = text.hasPrefix("v") ? text : "v" + text
        if found.variable.name == "kube_version", !version.contains("+") {
            version += "+k3s1"
            if K3sVersion(version) != nil {
                return map.set(
                    "version", .scalar(.string(version)),
                    "\(found.origin): of Kubernetes; see whether there is such a release of K3s")
            }
        }
        guard TextFormCheck.problem(version, .k3sVersion) == nil else {
            return map.set("version", .missing, "one release of K3s, such as v1.35.7+k3s1; \(found.origin) is none")
        }
        map.set("version", .scalar(.string(version)), found.origin)
    }

    private mutating func setToken(_ map: inout ImportedMap, _ arguments: ImportedArguments) {
        let names = ["token", "k3s_token", "k3s_cluster_token", "k3s_control_token", "agent_token"]
        let found = raw(anyOf: names, of: primary)
        use(names)
        guard found != nil || arguments.primary.hasToken else { return }
        let origin = found?.origin ?? arguments.serverOrigin ?? ""
        map.set(
            "token", .flow(["env": "K3S_TOKEN"]),
            "\(origin) has the token; it is not copied: put it into K3S_TOKEN, or write {file: ...} or {command: [...]}"
        )
    }

    private mutating func setComponents(_ map: inout ImportedMap, _ arguments: ImportedArguments) {
        let extra = shared("k3s_disable", "k3s_disabled_components")
        let components =
            arguments.primary.disable + (extra?.value.texts ?? []).filter { !arguments.primary.disable.contains($0) }
        let known = components.filter { K3sKeys.components.contains($0) }
        let origin = extra?.origin ?? arguments.serverOrigin
        for component in components where !known.contains(component) {
            note(
                extra?.variable.place ?? place(of: primary),
                "'\(component.prefix(40))' of what is disabled was not mapped",
                "K3s has no such component")
        }
        // An empty list says that nothing is.
        if !components.isEmpty || extra?.value.texts != nil {
            map.set("disable", .flow(.list(known.map(YAMLValue.string))), origin)
        } else if layout.isK3s {
            note(
                place(of: primary), "K3s' own traefik and servicelb are disabled",
                "they are by default, and Ansible has nothing about it; 'k3s: {disable: []}' keeps them")
        }
    }

    private mutating func setSANs(_ map: inout ImportedMap, _ arguments: ImportedArguments) {
        let found = shared("k3s_tls_sans", "k3s_tls_san", "tls_sans", "supplementary_addresses_in_ssl_keys")
        let texts = arguments.primary.tlsSANs + (found?.value.texts ?? [])
        let own = ownNames()
        var seen: Set<String> = []
        // The nodes' addresses and the endpoint are there by themselves.
        let others = texts.filter { !own.contains($0) && seen.insert($0).inserted }
        let sans = others.filter { TextFormCheck.problem($0, .host) == nil }
        for name in others where !sans.contains(name) {
            note(
                found?.variable.place ?? place(of: primary), "'\(name.prefix(80))' of the API's names was not mapped",
                "'tlsSANs' takes addresses and names without '*'")
        }
        if !sans.isEmpty {
            map.set("tlsSANs", .flow(.list(sans.map(YAMLValue.string))), found?.origin ?? arguments.serverOrigin)
        }
    }

    /// What the API's certificate has of the inventory's own: nodes by address and name, and the endpoint.
    private mutating func ownNames() -> Set<String> {
        var names = Set(nodes)
        for host in nodes {
            for key in ["ansible_host", "ip", "k3s_node_ip"] {
                if let text = take([key], of: host, isQuiet: true)?.text { names.insert(text) }
            }
        }
        for key in ["apiserver_endpoint", "kube_vip_address"] {
            if let text = take([key], of: primary, isQuiet: true)?.text { names.insert(text) }
        }
        return names
    }

    /// Labels and taints of all servers, and of all workers.
    mutating func defaults(_ arguments: ImportedArguments) -> ImportedMap {
        var map = ImportedMap()
        let isDPU = layout.dpus.count == layout.controlPlane.count
        for (group, common, origin) in [
            (isDPU ? "dpus" : layout.dpus.isEmpty ? "servers" : "all", arguments.ofServers, arguments.serverOrigin),
            ("workers", arguments.ofAgents, arguments.agentOrigin),
        ] {
            var settings = ImportedMap()
            guard let common else { continue }
            if !common.labels.isEmpty { settings.set("labels", .flow(.map(common.labels)), origin) }
            if !common.taints.isEmpty {
                settings.set("taints", .flow(.list(common.taints.map(YAMLValue.string))), origin)
            }
            if group == "all", !settings.isEmpty {
                // DPUs and servers side by side have no group of their own that is not the workers' as well.
                note(
                    place(of: primary), "labels and taints of the servers were not mapped",
                    "write them under 'defaults', for 'dpus' and for 'servers'")
                continue
            }
            map.set(group, .map(settings))
        }
        return map
    }
}
