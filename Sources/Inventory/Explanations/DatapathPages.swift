extension Explanation {
    /// How packets of pods travel.
    static let datapath: [Explanation] = [
        Explanation(
            .directRoutesOverTunnel, "direct routes beside a tunnel",
            happens:
                "In a tunnel every packet of a pod goes through the tunnel's device; the agent refuses both at once.",
            looks: "'auto-direct-node-routes cannot be used with tunneling' in the agent's log, over and over.",
            instead: "Write 'routing: native', or leave 'directRoutes' out.",
            source: "Cilium daemon/cmd/daemon_main.go"),
        Explanation(
            .directRoutesAcrossSubnets, "direct routes to nodes behind a router",
            happens: """
                A direct route needs its node on the same link. The inventory does not know subnets and takes a /24 or a \
                /64; each node's own are compared before a run. Where pods are announced, nodes behind a router are \
                left to that router.
                """,
            looks:
                "'route to destination ... contains gateway, must be directly reachable'; pods there are not reached.",
            instead: "Announce pods with 'bgp', or write 'routing: tunnel'.",
            source: "Cilium pkg/datapath/linux/node.go; Documentation/network/concepts/routing.rst; docs/network.md"),
        Explanation(
            .podsNotRouted, "native routing that nobody does",
            happens: """
                With native routing a node hands packets for pods of other nodes to the network as they are. Either it \
                has a route to each node's pods itself ('directRoutes'), or the router has that its default route leads \
                to: by BGP from every node, or because somebody wrote it there.
                """,
            looks: "Pods of one node reach each other and none of another node; DNS fails on all nodes but one.",
            instead: """
                Leave 'directRoutes' at its default where the nodes share a link, else announce pods. \
                'externalRoutes: true' says that others see to it.
                """,
            source: "Cilium Documentation/network/concepts/routing.rst, network/bgp-control-plane; docs/network.md"),
        Explanation(
            .podsWithoutWayBack, "pods that are not answered",
            happens: """
                Without masquerading a packet leaves the cluster with the pod's own address. Who answers needs a route to \
                it: from BGP, or from somebody who wrote one.
                """,
            looks: "Pods cannot pull from or ask anything outside, while their nodes can.",
            instead: "Write 'masquerade: true', or announce pods; 'externalRoutes: true' says that others see to it.",
            source: "Cilium Documentation/network/concepts/masquerading.rst; docs/network.md"),
        Explanation(
            .masqueradeBesideHostFirewall, "IPv6 masquerading beside the host firewall",
            happens: "Masquerading is done in eBPF here, and for IPv6 that 'is not compatible with the host firewall'.",
            looks: "Not seen by clusterctl's authors; the documentation alone says so.",
            instead: "Leave one of the two out.",
            source: "Cilium Documentation/network/concepts/masquerading.rst"),
        Explanation(
            .ndpWithoutIPv6, "neighbour discovery without IPv6",
            happens: "The agent checks its settings when it starts: enable-ipv6-ndp wants IPv6.",
            looks: "'IPv6NDP cannot be enabled when IPv6 is not enabled' in the agent's log.",
            instead: "Leave 'ndp' out, or give the cluster a range of IPv6.",
            source: "Cilium pkg/option/config.go"),
        Explanation(
            .dsrDispatch, "direct server return that the tunnel does not carry",
            happens: """
                The pod's node must learn which address of the Service the client asked. An option of IPv4 or an \
                extension header of IPv6 tells it with native routing alone; Geneve in a tunnel too, and then the \
                tunnel's protocol must be Geneve.
                """,
            looks: "'requires geneve dispatch' or 'requires geneve tunnel protocol' in the log of an agent that ends.",
            instead: "Write 'loadBalancer: {mode: dsr, dispatch: geneve}' and leave 'tunnelProtocol' out.",
            source: "Cilium pkg/kpr/initializer/kube_proxy_replacement.go"),
        Explanation(
            .dsrNeedsMTU, "direct server return and the MTU",
            happens: """
                What tells the pod's node whom the client asked makes packets longer after the client has chosen their \
                size. As an option: 8 bytes for IPv4, 24 for IPv6, on the first packet of TCP and on each of UDP. By Geneve: \
                up to 62 and 74 bytes, on all of them.
                """,
            looks:
                "Large packets of UDP, or TCP from some clients, vanish; small ones arrive (cilium/cilium#32601, #48784).",
            instead: """
                'hybrid' does it for TCP alone, whose first packet is small. Else let the network between the nodes carry \
                that much more than what clients send.
                """,
            source: "Cilium bpf/lib/nodeport.h, bpf/lib/tunnel.h; Documentation/network/kubernetes/kubeproxy-free.rst"),
    ]
}
