extension Explanation {
    /// From a pool of addresses to the router.
    static let routes: [Explanation] = [
        Explanation(
            .unreadableFile, "a file that cannot be read",
            happens: "Nothing of it was looked at; everything else was.",
            looks: "A path that is not there, or no right to read it.",
            instead: "Let it be read, or move it.",
            source: "docs/lint.md"),
        Explanation(
            .poolHasMachine, "a pool with a node's address in it",
            happens: """
                A Service that gets it takes it over: Cilium drops traffic to ports of it that no Service has, SSH \
                included.
                """,
            looks: "The node is gone from the network the moment a Service gets its address.",
            instead: "Choose addresses that no machine has.",
            source: "Cilium 1.19 upgrade notes, operator/pkg/lbipam"),
        Explanation(
            .poolInNodeSubnet, "a pool in the nodes' own subnet",
            happens: """
                Hosts of the subnet take the addresses for neighbours and ask by ARP, which BGP does not answer. The \
                subnet is guessed: a /24 or a /64.
                """,
            looks: "The Service answers from other networks and not from this one.",
            instead: "Choose a range of its own, or use L2 announcements as well.",
            source: "Cilium documentation, LB IPAM and L2 announcements"),
        Explanation(
            .serviceWithoutPool, "a Service that no pool serves",
            happens: "Pools with a 'serviceSelector' serve what it selects, and give out their own addresses alone.",
            looks: "EXTERNAL-IP stays <pending>; cilium.io/IPAMRequestSatisfied on the Service is False.",
            instead: "Label the Service, or add the address to a pool.",
            source: "Cilium operator/pkg/lbipam"),
        Explanation(
            .serviceNotAdvertised, "a Service that no router learns of",
            happens: """
                It gets an address; only advertisements whose selector takes the Service bring it to the wire, and \
                only if a family of a peer selects them.
                """,
            looks: "The address does not answer from outside, and 'cilium-dbg bgp routes advertised' lacks it.",
            instead: "Give it the label that the advertisement's selector asks for.",
            source: "Cilium documentation, BGP control plane resources"),
        Explanation(
            .poolNotAnnounced, "a pool that no router learns of",
            happens: "No advertisement of type Service with LoadBalancerIP can select what this pool serves.",
            looks: "Services get addresses that do not answer.",
            instead: "Add such an advertisement, or make the selectors meet.",
            source: "Cilium documentation, BGP control plane resources"),
        Explanation(
            .advertisementWithoutSelector, "an advertisement that selects nothing",
            happens: "For Services and pod pools, no selector means none of them, not all.",
            looks: "The session is established with no prefix sent.",
            instead: """
                Write a selector; for all: matchExpressions {key: somekey, operator: NotIn, values: [never-used]}.
                """,
            source: "Cilium CRD ciliumbgpadvertisements"),
        Explanation(
            .advertisementNotSelected, "an advertisement that no peer takes",
            happens: "A peer's families select advertisements by label.",
            looks: "The session is established with no prefix sent.",
            instead: "Give the advertisement the labels of 'families[].advertisements'.",
            source: "Cilium CRD ciliumbgppeerconfigs"),
        Explanation(
            .familyWithoutAdvertisement, "a family that sends nothing",
            happens: "Without 'advertisements', or with one that matches nothing, no route goes out for this family.",
            looks: "The session is established; one family has no prefixes.",
            instead: "Write a selector that matches an advertisement's labels.",
            source: "Cilium CRD ciliumbgppeerconfigs"),
        Explanation(
            .peerConfigMissing, "a reference to a peer configuration that is not there",
            happens: "Cilium does not set up the peer until it is. It may be in files that were not given.",
            looks: "The peer is missing from 'cilium-dbg bgp peers'; condition cilium.io/MissingPeerConfigs.",
            instead: "Correct the name, or add the object.",
            source: "Cilium documentation, BGP control plane resources"),
        Explanation(
            .instanceTypeLabel, "a node selector by instance type",
            happens: "K3s' cloud controller labels every node 'k3s', unless it registered with a label of its own.",
            looks: "The selector matches no node, and no node opens a session.",
            instead: "Set node-label 'node.kubernetes.io/instance-type=...' on each node, or use your own label.",
            source: "K3s pkg/cloudprovider/instances.go"),
        Explanation(
            .staleRoutes, "a dead node that keeps its routes",
            happens: """
                With graceful restart Cilium sets the N-bit of RFC 8538, which FRR honours: when the hold time runs \
                out, it keeps the routes for the restart time. From the code of both, not run: UNCONFIRMED.
                """,
            looks: """
                After a node dies, a part of the connections to the API's address hangs, for two minutes instead of \
                seconds.
                """,
            instead: """
                Make 'restartTimeSeconds' shorter than the hold time, switch it off, or set 'no bgp graceful-restart \
                notification' in FRR.
                """,
            source: "Cilium pkg/bgp/gobgp/conversions.go; FRR bgpd/bgp_fsm.c; RFC 8538"),
        Explanation(
            .sameASN, "one AS on both sides",
            happens: """
                The session is internal then: routes learned on it are not passed on to other internal peers, and \
                next hops stay as they are.
                """,
            looks: "Routers behind this one do not learn of the addresses.",
            instead: "Give the cluster a private AS of its own; where it is meant, write 'remote-as internal' in FRR.",
            source: "RFC 4271, chapter 9.2.1; RFC 6996"),
        Explanation(
            .asnMismatch, "each side expects another AS",
            happens: "Both sides compare the number in the first message, and end the session where it differs.",
            looks: "'Bad Peer AS' in FRR's log; the peer stays Active or Idle.",
            instead: "Write the router's AS in 'peerASN', and Cilium's 'localASN' in 'remote-as'.",
            source: "RFC 4271, chapter 6.2; FRR bgpd/bgp_packet.c"),
        Explanation(
            .twoBGPSpeakers, "two BGP speakers on one node",
            happens: "Both open a session from the node's address, and a router keeps one session for an address.",
            looks: "Sessions of the two take turns every few seconds.",
            instead: "Use one speaker a node: Cilium for both, or kube-vip with ARP.",
            source: "kube-vip pkg/bgp; RFC 4271, chapter 6.8"),
        Explanation(
            .routerWithoutFilter, "a router that takes every route",
            happens: "'no bgp ebgp-requires-policy' without a prefix list takes whatever a node sends.",
            looks: "A mistake in the cluster draws the default route, or the office's network, to a node.",
            instead: "Limit each neighbour inbound to the ranges of pools and pods by a prefix list.",
            source: "FRR documentation, bgpd; RFC 8212"),
        Explanation(
            .routerTakesNoRoutes, "a router that takes no route",
            happens: "FRR wants a policy for external peers, as RFC 8212 says, unless told otherwise.",
            looks: "The session is established; 'show bgp summary' says (Policy) in the place of numbers.",
            instead: "Add prefix lists inbound and outbound; 'no bgp ebgp-requires-policy' takes everything.",
            source: "FRR bgpd/bgp_vty.c; RFC 8212"),
    ]
}
