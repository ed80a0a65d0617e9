extension Explanation {
    /// The links of nodes.
    static let interfaces: [Explanation] = [
        Explanation(
            .interfaceLoop, "a link that stands on itself",
            happens: "A VLAN is carried by a link and a bond is made of links; in a circle none can be made first.",
            looks: "The backend refuses the whole file, or leaves the links out without a word.",
            instead: "Let each chain end at a device that is there.",
            source: "netplan src/validation.c; Linux net/core/dev.c (nested devices)"),
        Explanation(
            .bondMember, "a member that a bond cannot have",
            happens: """
                A device belongs to one bond, and what arrives at it is handed to the bond. Addresses of its own do not \
                answer any more, and a VLAN on it sees nothing.
                """,
            looks: "SSH to the member's address is gone when the bond comes up; the guard takes it back.",
            instead: "Name each device in one bond, and write addresses at the bond.",
            source: "Linux Documentation/networking/bonding.rst; netplan src/validation.c"),
        Explanation(
            .vlanTwice, "one VLAN under two names",
            happens: "The kernel makes one link for a number on a link; the second one is refused.",
            looks: "RTNETLINK answers: File exists; the second link never comes up.",
            instead: "Write all addresses at one link.",
            source: "Linux net/8021q/vlan.c"),
        Explanation(
            .vlanMTU, "a VLAN with larger packets than its link",
            happens: "Frames of a VLAN travel in frames of the link below, whose MTU bounds them.",
            looks: "RTNETLINK answers: Numerical result out of range, or the MTU stays that of the link below.",
            instead: "Raise the MTU of the link below, or lower that of the VLAN.",
            source: "Linux net/8021q/vlan_dev.c (vlan_dev_change_mtu)"),
        Explanation(
            .interfaceGateway, "a next hop that is not on the link",
            happens: """
                The kernel takes a route only if its next hop can be reached directly. Of two default routes of a \
                family one is used, by a metric that nobody has chosen.
                """,
            looks: "Nexthop has invalid gateway; or answers leave by another link than questions came by.",
            instead: "One 'gateway' of each family at the link with its network; 'routes' for other networks.",
            source: "Linux net/ipv4/fib_semantics.c (fib_check_nh)"),
        Explanation(
            .nodeAddressMissing, "the node's own address left out",
            happens:
                "The link that has the node's subnet is set to its addresses, and the node's own is not among them.",
            looks: "SSH is cut, etcd and the kubelet keep an address that nobody has; the guard takes it back.",
            instead: "Write the node's address, with its prefix length, among the addresses of that link.",
            source: "docs/interfaces.md"),
        Explanation(
            .interfacesNotApplied, "links of a node that clusterctl never writes to",
            happens: "With 'manage: verify' a node is asked and never changed; its links stay as they are.",
            looks: "The addresses of the inventory never appear on the node.",
            instead: "Set links in the node's own configuration, such as a NixOS module.",
            source: "docs/interfaces.md"),
    ]
}
