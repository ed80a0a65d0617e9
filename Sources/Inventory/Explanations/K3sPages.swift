extension Explanation {
    /// K3s, its keys, and kube-vip.
    static let k3s: [Explanation] = [
        Explanation(
            .tokenInClear, "a token that stands in the inventory",
            happens: "Who reads the file can join machines to the cluster.",
            looks: "The token in the history of a repository.",
            instead: "Write 'token: {env: K3S_TOKEN}', a file or a command; and make a new token.",
            source: "K3s docs, cli/token.md"),
        Explanation(
            .versionTooOld, "a K3s that is too old",
            happens: "The files, flags and gates that clusterctl uses are not all there.",
            looks: "A gate that never holds.",
            instead: "Use a newer release.",
            source: "docs/inventory.md"),
        Explanation(
            .unknownComponent, "a component that K3s does not package",
            happens: """
                'disable' takes coredns, servicelb, traefik, local-storage, metrics-server and runtimes; K3s goes on \
                with other words.
                """,
            looks: "What was to be left out is deployed.",
            instead: "Write one of those.",
            source: "K3s pkg/cli/cmds/server.go"),
        Explanation(
            .ownedK3sKey, "a K3s key that clusterctl sets itself",
            happens: "K3s appends to lists that are set in two places, and the last value of others wins.",
            looks: "One of two values holds, and not for sure the same on every node.",
            instead: "Use the setting that the message names.",
            source: "K3s pkg/configfilearg/parser.go"),
        Explanation(
            .unknownK3sKey, "a key that K3s does not know",
            happens: """
                A server skips it with a line in its log. An agent has no list of valid keys, hands it on as a flag, \
                and does not start.
                """,
            looks: "The setting does not hold, or: 'flag provided but not defined'.",
            instead: "Use the long name of a flag, without '--'.",
            source: "K3s pkg/configfilearg/defaultparser.go"),
        Explanation(
            .serverKeyOnAgent, "a key of servers in an agent's configuration",
            happens: "An agent does not filter its keys: one that it does not know stops it from starting.",
            looks: "k3s-agent restarts for ever: 'flag provided but not defined'.",
            instead: "Leave it out on agents; they learn such settings from their server.",
            source: "K3s pkg/configfilearg/defaultparser.go"),
        Explanation(
            .k3sValueType, "a K3s value of another type",
            happens: "The value becomes a flag, and the flag takes another kind.",
            looks: "K3s ends at its start: 'invalid value'.",
            instead: "Write a value of the kind that the message names.",
            source: "K3s pkg/cli/cmds"),
        Explanation(
            .nodeIPKeyword, "a keyword as node-ip",
            happens: """
                IPv4 and IPv6 as words were planned in KEP-3705 and dropped before it shipped. The kubelet takes \
                addresses, 0.0.0.0 or ::.
                """,
            looks: "'invalid node-ip' in the journal, and the unit restarts.",
            instead: "Write the node's address, or one of each family.",
            source: "kubernetes/enhancements keps/sig-network/3705-cloud-node-ips; Kubernetes pkg/kubelet/util/nodeip"),
        Explanation(
            .nodeIPPair, "a pair of node addresses that the kubelet refuses",
            happens: "Unspecified and link-local addresses are not allowed in a pair.",
            looks: "'dual-stack --node-ip ... not supported', or the node never registers.",
            instead: "Write an address of each family that other nodes reach.",
            source: "Kubernetes pkg/kubelet/util/nodeip; KEP-3705"),
        Explanation(
            .serversDiffer, "servers with different settings",
            happens: """
                These have to be the same on all servers. K3s compares most when a server joins; disable-kube-proxy \
                and agent-token it does not.
                """,
            looks: "'critical configuration value mismatch', or kube-proxy runs on some nodes.",
            instead: "Write the same on every server.",
            source: "K3s pkg/daemons/config/types.go; K3s docs, datastore/ha-embedded.md"),
        Explanation(
            .tlsSANMissing, "a certificate that is not for the endpoint",
            happens: "tls-san-security, on by default, keeps names out of the certificate that K3s was not told.",
            looks: "'x509: certificate is valid for ..., not ...' for everybody who uses the endpoint.",
            instead: "Add addresses and names of the endpoint to 'tls-san' on every server, and restart one at a time.",
            source: "K3s pkg/cluster, pkg/daemons/control/deps; K3s docs, cli/server.md"),
        Explanation(
            .kubeProxyBesideCilium, "kube-proxy beside its replacement",
            happens: """
                Fine as a step: first Cilium replaces it everywhere, then it goes. Not as a state: its DNAT rules \
                catch bridged frames, and both hold node ports.
                """,
            looks: "'bind: address already in use' in the agent's log; traffic of virtual machines ends at a pod.",
            instead: """
                When all agents report the replacement: 'disable-kube-proxy: true' on all servers, restart servers, \
                then every agent; then clean up its chains.
                """,
            source: "Cilium Documentation/network/kubernetes/kubeproxy-free.rst; K3s pkg/agent/config/config.go"),
        Explanation(
            .kubeVipNeedsServiceIP, "kube-vip reaches the API by the service address",
            happens: """
                Without a kubeconfig it uses its ServiceAccount, and so the ClusterIP. That is dead without \
                kube-proxy until Cilium serves, and the endpoint with it. It needs no CNI itself: it is on the \
                host's network. From the code, not tried.
                """,
            looks: "kube-vip waits for ever, and what joins by the endpoint does too.",
            instead: """
                Mount /etc/rancher/k3s/k3s.yaml and set k8s_config_file (1.2.2 and newer), or \
                KUBERNETES_SERVICE_HOST=127.0.0.1 and KUBERNETES_SERVICE_PORT=6443.
                """,
            source: "kube-vip pkg/manager/manager.go, pkg/k8s; decision 016"),
    ]
}
