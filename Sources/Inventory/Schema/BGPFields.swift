/// The keys of routers, of what nodes announce to them, and of the addresses that Services get.
enum BGPFields {
    private static let asn = FieldType.integer(1...4_294_967_294)
    private static let labels = FieldType.map(keys: .labelKey, values: .text(.labelValue))
    private static let families = IPAddress.Family.allCases.map(\.key)

    static let router = ObjectType(
        "a router",
        [
            Field(
                "platform", .choice(Router.Platform.allCases.map(\.rawValue)), "How FRR is run there", required: true,
                example: "linux-frr"),
            Field(
                "address", .oneOrMore(.text(.address)),
                "The address that nodes open their sessions to; two of different families for dual stack",
                required: true, example: "10.42.67.1"),
            Field("asn", asn, "The router's autonomous system", required: true, example: "64513"),
            Field(
                "manage", .choice(Router.Management.allCases.map(\.rawValue)),
                "`full`: clusterctl changes its own part of what FRR runs there; `verify`: it checks, and never writes; "
                    + "`none`: it does not log in", standard: "full"),
            Field(
                "ssh", .object(InventoryFields.ssh), "How this router is reached, over what the top level says",
                example: "{user: root}"),
        ])

    static let bgp = ObjectType(
        "BGP settings",
        [
            Field("asn", asn, "The cluster's autonomous system", required: true, example: "64512"),
            Field(
                "nodes", labels, "Labels of the nodes that speak BGP, as this inventory has them",
                standard: "all nodes", example: "{bgp-enabled: \"true\"}"),
            Field(
                "peers", .map(keys: .partName, values: .object(peer)),
                "The routers that nodes open sessions to, by name", standard: "all of `routers`",
                example: "{edge: {holdTime: 9s, keepAlive: 3s}}"),
            Field(
                "announce", .object(announce), "What is announced",
                standard: "{services: {addresses: [LoadBalancerIP]}}"),
        ])

    static let peer = ObjectType(
        "a BGP peer",
        [
            Field(
                "families", .nonEmptyList(.choice(families)),
                "Over which of the router's addresses sessions are opened",
                standard: "all that the router and the cluster have"),
            Field(
                "holdTime", .duration(.seconds(9)...(.seconds(65535))),
                "How long a silent neighbour counts as alive; at least three times `keepAlive`",
                standard: DurationText.text(BGPSettings.Peer.holdTime)),
            Field(
                "keepAlive", .duration(.seconds(1)...(.seconds(65535))), "How often a sign of life is sent",
                standard: DurationText.text(BGPSettings.Peer.keepAlive)),
            Field(
                "connectRetry", .duration(.seconds(1)...(.seconds(65535))), "How soon a failed session is tried again",
                standard: DurationText.text(BGPSettings.Peer.connectRetry)),
            Field(
                "gracefulRestart", .duration(.seconds(1)...(.seconds(4095))),
                "How long the router keeps the routes of a node whose agent restarts, and of one that died",
                standard: "none are kept"),
            Field(
                "multihop", .integer(2...255), "How many hops away the router may be", standard: "it is a neighbour"),
            Field(
                "import", .choice(BGPSettings.Peer.Import.allCases.map(\.rawValue)),
                "What the router takes from the nodes: `announced`, ranges of pods and addresses of pools, and no more of "
                    + "them than there can be; `all`, whatever they send", standard: "announced"),
            Field(
                "password", .secret(.bgpPassword),
                "The password of the sessions (TCP MD5, RFC 2385), at both ends: 1 to 80 printable ASCII characters, "
                    + "without spaces", standard: "none", example: "{command: [pass, show, bgp/edge]}"),
        ])

    static let announce = ObjectType(
        "announcements",
        [
            Field("pods", .boolean, "Whether each node announces its range of pods", standard: "false"),
            Field(
                "services", .oneOrMore(.object(services)), "Services whose addresses are announced",
                standard: "those of type LoadBalancer"),
            Field(
                "communities", .list(.text(.community)), "Communities on everything that is announced",
                example: "[\"64512:100\"]"),
        ])

    static let services = ObjectType(
        "announced services",
        [
            Field(
                "addresses", .nonEmptyList(.choice(BGPSettings.Services.Address.allCases.map(\.rawValue))),
                "Which of their addresses", standard: "[LoadBalancerIP]"),
            Field(
                "labels", labels, "Labels that the Services have", standard: "every Service",
                example: "{network: public}"),
        ])

    static let pool = ObjectType(
        "a pool of addresses",
        [
            Field(
                "blocks", .nonEmptyList(.text(.addressBlock)), "Networks, or ranges from one address to another",
                required: true, example: "[192.0.2.240/29, \"2001:db8::10-2001:db8::20\"]"),
            Field(
                "allowFirstLastIPs", .boolean,
                "Whether the first and last address of a network are given out; ranges are given out whole",
                standard: "true"),
            Field(
                "labels", labels, "Labels that a Service needs to get an address of it", standard: "every Service",
                example: "{network: public}"),
        ])
}

extension IPAddress.Family {
    /// As the inventory writes it.
    var key: String { rawValue.lowercased() }
}
