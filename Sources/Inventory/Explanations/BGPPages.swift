extension Explanation {
    /// Routers, announcements, and an endpoint that is announced, as an inventory has them.
    static let bgp: [Explanation] = [
        Explanation(
            .badBlock, "a block of addresses that is none",
            happens: "A pool is made of networks, and of ranges from one address to another of the same family.",
            looks: "Cilium takes up no such pool.",
            instead: "Write 192.0.2.240/29 or 192.0.2.10-192.0.2.20.",
            source: "Cilium CRD ciliumloadbalancerippools"),
        Explanation(
            .badCommunity, "a community that is none",
            happens: "A standard community is two numbers of 16 bits.",
            looks: "The API server refuses the CiliumBGPAdvertisement.",
            instead:
                "Write it like \"64512:100\", in quotes, for YAML 1.1 reads some of them as numbers to the base 60.",
            source: "RFC 1997; Cilium CRD ciliumbgpadvertisements"),
        Explanation(
            .routerWithoutFamily, "a router without an address of the family",
            happens: "Sessions are opened to the router's addresses, IPv4 routes over IPv4 and IPv6 routes over IPv6.",
            looks: "No session of that family would ever be there.",
            instead: "Give the router an address of the family, or leave the family out.",
            source: "docs/bgp.md"),
        Explanation(
            .bgpWithoutPeer, "BGP without a router",
            happens: "Nodes would announce their routes to nobody.",
            looks: "Services have addresses that nobody reaches.",
            instead: "Name a router in 'routers', or leave 'bgp' out.",
            source: "docs/bgp.md"),
        Explanation(
            .unknownRouter, "a peer that is no router of the inventory",
            happens: "A peer is the name of a router; address and ASN stand there.",
            looks: "'clusterctl validate' names the nearest router.",
            instead: "Correct the name, or add the router to 'routers'.",
            source: "docs/bgp.md"),
        Explanation(
            .bgpWithoutNode, "BGP without a node that speaks it",
            happens: "No node of the inventory has the labels of 'bgp.nodes'.",
            looks: "The CiliumBGPClusterConfig would select nobody, and no session would be opened.",
            instead: "Give nodes these labels, or leave 'nodes' out for all of them.",
            source: "docs/bgp.md"),
        Explanation(
            .bgpTimers, "times that end a session at the first lost message",
            happens: "A neighbour is given up when it was silent for the hold time; three signs of life should fit in.",
            looks: "Sessions go up and down whenever the network is busy.",
            instead: "Make 'keepAlive' a third of 'holdTime' or less.",
            source: "RFC 4271, section 10"),
        Explanation(
            .poolFamily, "a pool of a family that the cluster has not",
            happens: "Services get addresses of the cluster's families only.",
            looks: "The pool stays full, and nobody gets an address of it.",
            instead: "Leave the block out, or give 'network' both families when the cluster is created.",
            source: "Kubernetes documentation, dual-stack"),
        Explanation(
            .endpointNotAnnounced, "an endpoint that no router is told of",
            happens:
                "With 'ciliumBgp' clients reach the API's address by the routes that nodes announce, and no other way.",
            looks: "The address answers on the nodes themselves, and nowhere else.",
            instead: "Add 'bgp' and a router with an address of its family, or use 'kubeVip' in the nodes' subnet.",
            source: "docs/bgp.md"),
        Explanation(
            .endpointNeedsItself, "Cilium that looks for the API at an address which it serves itself",
            happens: "An agent that starts anew asks for the API before it serves any address.",
            looks: "After a restart the agent waits for ever: 'Unable to contact k8s api-server'.",
            instead: "Leave 'cilium.apiServer' out: K3s serves 127.0.0.1:6444 on every node.",
            source: "K3s pkg/agent/loadbalancer; decision 017"),
    ]
}
