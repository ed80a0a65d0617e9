/// The keys of a node, and of `defaults`, which takes the same ones but for the address and the primary.
enum NodeFields {
    /// Whose K3s configuration the defaults of a group speak of.
    enum Audience: Sendable {
        case all, servers, agents
    }

    static let node = ObjectType(
        "a node",
        [
            Field(
                "address", .oneOrMore(.text(.nodeAddress)),
                "The node IP, which SSH uses too; two of different families for dual stack", required: true,
                missedElsewhere: true, example: "10.42.67.92"),
            Field("primary", .boolean, "Whether this control plane node starts the cluster", standard: "false"),
        ] + settings(k3s: .k3sServer, ofNode: true))

    static func defaults(_ audience: Audience) -> ObjectType {
        // What holds for all nodes must hold for agents, whose keys are also keys of servers.
        ObjectType("node defaults", settings(k3s: audience == .servers ? .k3sServer : .k3sAgent, ofNode: false))
    }

    private static func settings(k3s: FreeForm, ofNode: Bool) -> [Field] {
        [
            Field("os", .text(.operatingSystem), "The operating system that is expected there", example: "ubuntu"),
            Field(
                "arch", .choice(Architecture.allCases.map(\.rawValue)),
                "The processor architecture; the machine is asked before anything is done",
                standard: "arm64 for bluefield, amd64 for plain"),
            Field(
                "manage", .choice(Management.allCases.map(\.rawValue)),
                "`full`: clusterctl installs and configures; `verify`: it renders and checks, and never writes",
                standard: "full"),
            Field(
                "ephemeral", .boolean, "Whether the node loses its disk when it restarts (workers only)",
                standard: "false"),
            Field(
                "labels", .map(keys: .labelKey, values: .text(.labelValue)),
                "Node labels, merged with those of the group and of `k3s.labels`"),
            Field("taints", .list(.text(.taint)), "Node taints, instead of those of the group and of `k3s.taints`"),
            Field("ssh", .object(InventoryFields.ssh), "How this node is reached, over what the group says"),
            Field("k3s", .free(k3s), "Further keys of the K3s configuration, merged over those of the group"),
            Field(
                "profile", .choice(ProfileName.allCases.map(\.rawValue)), "What kind of machine this is",
                standard: "bluefield for dpus, plain for others"),
            Field(
                "guard", .either([.boolean, .object(InventoryFields.guardSettings)]),
                "Whether risky changes are undone by the node itself unless they are confirmed",
                standard: "true for bluefield, false for plain"),
            Field(
                "excludedDevices", .list(.text(.device)),
                "Links that Cilium leaves alone; `+` at the end stands for any ending",
                standard: "[tmfifo+, oob+] for bluefield"),
            Field(
                "hostFirewall", .boolean, "Whether Cilium may run its host firewall here",
                standard: "false for bluefield, true for plain"),
            Field(
                "deadlineFactor", .number(0.1...20), "What deadlines are multiplied by on this node",
                standard: "2 for bluefield, 1 for plain"),
            Field(
                "interfaces", .map(keys: .link, values: .object(InterfaceFields.interface(ofNode: ofNode))),
                "The node's links as they should be, by name; what the inventory does not name is left alone "
                    + "([more](interfaces.md))",
                standard: "nothing is done about links",
                example: "{bond0: {bond: {links: [enp1s0f0, enp1s0f1], mode: 802.3ad}, mtu: 9000}}"),
            Field(
                "outOfBand", .either([.text(.sentence), .object(InventoryFields.outOfBand)]),
                "How the machine is reached when SSH does not come back at its address: a text for people, or a way "
                    + "that clusterctl itself takes to have a phase taken back",
                example: "{proxyJump: c4140-host, address: 192.168.100.2}"),
        ]
    }
}
