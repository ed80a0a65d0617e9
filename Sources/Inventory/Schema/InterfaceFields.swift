/// The keys of a link below `interfaces`.
enum InterfaceFields {
    /// - Parameter ofNode: whether it stands at a node, which alone has addresses; defaults have all the rest.
    static func interface(ofNode: Bool) -> ObjectType {
        ObjectType(
            ofNode ? "a link" : "link defaults", exclusive: [["bond", "vlan"]],
            kinds + (ofNode ? [addresses] : []) + settings)
    }

    private static let kinds = [
        Field("bond", .object(bond), "Makes the link a bond; without `bond` and `vlan` it is a device that is there"),
        Field("vlan", .object(vlan), "Makes the link a VLAN", example: "{link: bond0, id: 100}"),
    ]

    private static let addresses = Field(
        "addresses", .list(.text(.interfaceAddress)), "Its addresses, each with the length of the prefix",
        example: "[10.42.67.11/24, \"fd00::11/64\"]")

    private static let settings = [
        Field(
            "mtu", .integer(1280...10_000), "The largest packet, in bytes", standard: "what the link has",
            example: "9000"),
        Field(
            "dhcp", .boolean, "Whether addresses of both families come from the network", standard: "false"),
        Field(
            "gateway", .oneOrMore(.text(.address)), "Where the default route leads; one of each family at most",
            example: "10.42.67.1"),
        Field("routes", .list(.object(route)), "Further routes over this link"),
    ]

    static let bond = ObjectType(
        "a bond",
        [
            Field(
                "links", .nonEmptyList(.text(.link)), "Its members, which have no addresses of their own",
                required: true,
                example: "[enp1s0f0, enp1s0f1]"),
            Field(
                "mode", .choice(BondMode.allCases.map(\.rawValue)), "How the members are used", required: true,
                example: "802.3ad"),
        ])

    static let vlan = ObjectType(
        "a VLAN",
        [
            Field("link", .text(.link), "The link that carries it", required: true, example: "bond0"),
            Field("id", .integer(1...4094), "Its number", required: true, example: "100"),
        ])

    static let route = ObjectType(
        "a route",
        [
            Field("to", .text(.cidr), "The network that it leads to", required: true, example: "10.50.0.0/16"),
            Field(
                "via", .text(.address), "The next hop, in a network of this link", required: true, example: "10.42.67.2"
            ),
        ])
}
