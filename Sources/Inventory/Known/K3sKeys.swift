/// What K3s accepts in its configuration file (K3s pkg/cli/cmds; pkg/configfilearg).
enum K3sKeys {
    enum ValueType: String, Sendable {
        case string, bool, int, list, duration
    }

    struct Flag: Sendable {
        var name: String
        var type: ValueType
        var isServer: Bool
        var isAgent: Bool
    }

    /// Every flag by its name.
    static let flags: [String: Flag] = {
        var flags: [String: Flag] = [:]
        for line in K3sFlags.flags.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, let type = ValueType(rawValue: String(words[1])) else { continue }
            let name = String(words[0])
            flags[name] = Flag(
                name: name, type: type, isServer: words[2].contains("server"), isAgent: words[2].contains("agent"))
        }
        return flags
    }()

    static let serverNames = flags.values.filter(\.isServer).map(\.name).sorted()
    static let agentNames = flags.values.filter(\.isAgent).map(\.name).sorted()

    /// What `disable` takes (K3s pkg/cli/cmds/server.go).
    static let components = ["coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"]

    /// Why a key is clusterctl's own, and where its value comes from instead.
    struct Owner: Sendable {
        var why: String
        var instead: String
    }

    static let owned: [String: Owner] = {
        var owned: [String: Owner] = [:]
        for (names, why, instead) in groups {
            for name in names { owned[name] = Owner(why: why, instead: instead) }
        }
        return owned
    }()

    private static let groups: [([String], String, String)] = [
        (
            ["cluster-init", "server"], "the order in which nodes form the cluster decides it",
            "leave it out: the node with 'primary: true' starts the cluster and the others join it"
        ),
        (
            ["cluster-reset", "cluster-reset-restore-path"], "it would throw members out of etcd at each start",
            "leave it out"
        ),
        (
            ["token", "token-file", "agent-token", "agent-token-file"],
            "a token in a configuration is a secret in clear",
            "say where it comes from in 'k3s.token'"
        ),
        (["node-ip"], "it is the address of the node", "set 'address' of the node"),
        (["node-name", "with-node-id"], "it is the name of the node", "use the name as the key of the node"),
        (["node-label"], "K3s appends to lists that are set in two places", "set 'labels'"),
        (["node-taint"], "K3s appends to lists that are set in two places", "set 'taints'"),
        (["cluster-cidr"], "it must be the same on all servers and in Cilium", "set 'network.pods'"),
        (["service-cidr"], "it must be the same on all servers and in Cilium", "set 'network.services'"),
        (["cluster-dns"], "it must be the same on all servers", "set 'network.clusterDNS'"),
        (["https-listen-port"], "the endpoint and all joins use it", "set 'network.apiPort'"),
        (["tls-san"], "K3s appends to lists that are set in two places", "set 'k3s.tlsSANs'"),
        (["disable"], "K3s appends to lists that are set in two places", "set 'k3s.disable'"),
        (
            [
                "flannel-backend", "flannel-ipv6-masq", "flannel-external-ip", "flannel-iface", "flannel-conf",
                "flannel-cni-conf", "disable-network-policy", "disable-kube-proxy", "kube-proxy-arg",
            ], "Cilium does the work of flannel, kube-proxy and the network policy controller",
            "leave it out, or set 'cilium.values'"
        ),
        (["disable-helm-controller"], "it installs Cilium", "leave it out"),
        (
            ["lb-server-port", "disable-apiserver-lb"], "Cilium reaches the API through it on every node",
            "leave it out, or set 'cilium.apiServer'"
        ),
        (
            [
                "datastore-endpoint", "datastore-cafile", "datastore-certfile", "datastore-keyfile", "disable-etcd",
                "disable-apiserver", "disable-controller-manager", "disable-scheduler", "disable-agent",
            ], "control plane nodes run everything, with embedded etcd", "leave it out"
        ),
        (
            ["config", "data-dir", "rootless"], "the files of K3s have to be where clusterctl looks for them",
            "leave it out"
        ),
    ]
}
