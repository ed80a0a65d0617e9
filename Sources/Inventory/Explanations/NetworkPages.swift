extension Explanation {
    /// Ranges, addresses, and how they fit together.
    static let network: [Explanation] = [
        Explanation(
            .tooManyRanges, "more ranges than families",
            happens: "Kubernetes takes one range of IPv4 and one of IPv6.",
            looks: "K3s ends at its start.",
            instead: "Write one, or one of each family.",
            source: "Kubernetes documentation, dual-stack"),
        Explanation(
            .familiesDisagree, "pods, services and nodes of different families",
            happens: """
                K3s does not start unless all three have the same ones; dual stack needs two node addresses, and \
                only at the creation of the cluster.
                """,
            looks: "'dual-stack cluster-cidr and service-cidr must both be dual-stack' in the journal.",
            instead: "Write the same families everywhere, in one order.",
            source: "K3s pkg/agent/run.go; K3s docs, networking/basic-network-options.md"),
        Explanation(
            .rangesOverlap, "two ranges that overlap",
            happens: """
                An address in both cannot be routed. K3s' defaults 10.42.0.0/16 and 10.43.0.0/16 count although \
                nobody wrote them; Cilium stops giving out of pools that overlap.
                """,
            looks: "Single destinations time out, others work. On a pool: the condition cilium.io/PoolConflict.",
            instead: "Choose ranges that have nothing in common.",
            source: "K3s pkg/cli/server/server.go; Cilium operator/pkg/lbipam"),
        Explanation(
            .nodeInRange, "a node inside the pods' or services' range",
            happens: "Traffic to the node is taken for traffic to a pod or a service.",
            looks: "The node is reached from some nodes and not from others.",
            instead: "Choose another range.",
            source: "K3s pkg/cli/server/server.go (defaults)"),
        Explanation(
            .podRangeTooLong, "a pod range smaller than what one node gets",
            happens: """
                The controller manager hands every node a /24 or a /64 unless it is told otherwise, also when Cilium does \
                not use it, and exits if it cannot. An inventory's IPv6 ranges get a mask that both take.
                """,
            looks: "K3s restarts for ever.",
            instead: "Use a /16 for IPv4 and a /56 for IPv6, or set node-cidr-mask-size-ipv6.",
            source: "Kubernetes pkg/controller/nodeipam; decision 022"),
        Explanation(
            .podRangeForOneNode, "an IPv6 pod range for one node",
            happens: """
                A /64 is exactly what the first node gets, unless the controller manager is told otherwise. clusterctl tells \
                it so for a range of an inventory.
                """,
            looks: """
                Events CIDRNotAvailable for all other nodes; fatal with 'ipam.mode: kubernetes', harmless with \
                cluster-pool.
                """,
            instead: "Use a /56.",
            source: "Kubernetes pkg/controller/nodeipam; decision 022"),
        Explanation(
            .podRangeTooWide, "an IPv6 pod range that is too large",
            happens: "More than 16 bits between the range and a node's part are refused.",
            looks: "K3s restarts for ever.",
            instead: "Use a /56, or set kube-controller-manager-arg node-cidr-mask-size-ipv6.",
            source: "Kubernetes pkg/controller/nodeipam"),
        Explanation(
            .podRangeTooSmall, "a pod range for fewer nodes than there are",
            happens: "Each node gets a part of it.",
            looks: "The last nodes never become Ready.",
            instead: "Use a larger range.",
            source: "Kubernetes pkg/controller/nodeipam; Cilium pkg/ipam/cidrset"),
        Explanation(
            .serviceRangeSize, "a service range too large or too small",
            happens: "The API server takes 20 bits at most, and the cluster's DNS is the tenth address.",
            looks: "The API server ends: 'specified --service-cluster-ip-range is too large'.",
            instead: "Use a /16 for IPv4 and a /112 for IPv6.",
            source: "Kubernetes cmd/kube-apiserver/app/options; K3s docs, networking"),
        Explanation(
            .dnsOutsideServices, "a DNS address outside the services",
            happens: "The DNS is a Service and gets this address.",
            looks: "CoreDNS is refused its address; no pod resolves a name.",
            instead: "Choose an address of the range, or leave it out.",
            source: "K3s pkg/cli/server/server.go"),
        Explanation(
            .vipIsNode, "an endpoint that is a node's own address",
            happens: "It moves from node to node.",
            looks: "Two machines answer ARP for one address.",
            instead: "Choose an address that no machine has.",
            source: "kube-vip website, usage/k3s"),
        Explanation(
            .vipFamily, "an endpoint of another family than a node",
            happens: "The node could never hold it.",
            looks: "The endpoint is gone when that node is elected.",
            instead: "Choose an address of the nodes' family.",
            source: "kube-vip website, usage/k3s"),
        Explanation(
            .vipInRange, "an endpoint in the pods' or services' range",
            happens: "Traffic to it is taken for traffic to a pod or a service.",
            looks: "The API answers from outside and not from nodes.",
            instead: "Choose an address of the nodes' subnet.",
            source: "Cilium documentation, kubeproxy-free"),
        Explanation(
            .vipOutsideSubnet, "an endpoint on none of the nodes' subnets",
            happens: """
                kube-vip or keepalived announces it by ARP on the nodes' own link, where nobody looks for it. The \
                subnet is guessed: a /24 or a /64.
                """,
            looks: "The endpoint answers on the node that holds it, and nowhere else.",
            instead: "Choose an address of the control plane nodes' subnet.",
            source: "kube-vip website, modes ARP"),
        Explanation(
            .endpointPort, "a port for HAProxy that somebody else has",
            happens: """
                HAProxy stands on the control plane nodes themselves. K3s has the API's port on all of a node's \
                addresses, the endpoint among them, and whoever comes second cannot bind it.
                """,
            looks: "'cannot bind socket (Address already in use)' from HAProxy, or a K3s that does not start.",
            instead: "Leave 'port' out: \(Port.haproxy) is free beside K3s and Cilium.",
            source: "socket(7), SO_REUSEADDR; K3s docs, installation/requirements.md"),
        Explanation(
            .mappedAddress, "an IPv4 address in IPv6 spelling",
            happens: """
                ::ffff:a.b.c.d is an IPv4 address. A socket for IPv6 alone cannot bind it, and a test for a colon \
                takes it for IPv6.
                """,
            looks: "'Invalid argument' at bind; a node of the wrong family.",
            instead: "Write the four numbers.",
            source: "RFC 4291, chapter 2.5.5.2; ipv6(7), IPV6_V6ONLY"),
        Explanation(
            .defaultPodPool, "Cilium's default range for pods in the way",
            happens: """
                Where no range is set, Cilium's operator hands out 10.0.0.0/8 by /24s, whatever K3s was told. Nodes, \
                services or pools of the files lie in it.
                """,
            looks: "Nothing for long; then single nodes or services cannot be reached from some pods.",
            instead: "Set 'ipam.operator.clusterPoolIPv4PodCIDRList' to K3s' cluster-cidr.",
            source: "Cilium values.yaml (ipam); documentation, network/concepts/ipam"),
        Explanation(
            .podRangesDiffer, "Cilium's range for pods is not K3s'",
            happens: """
                With cluster-pool the operator hands out its own, and what K3s hands out is unused. Whoever goes by \
                the one goes wrong by the other.
                """,
            looks: "'kubectl get node -o yaml' shows a podCIDR that no pod has.",
            instead: "Write the same range in both.",
            source: "Cilium Documentation/network/concepts/ipam"),
    ]
}
