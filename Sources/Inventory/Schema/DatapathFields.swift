/// The keys of `network` that say how packets of pods travel.
enum DatapathFields {
    static let all: [Field] = [
        Field(
            "routing", choice(DatapathSettings.Routing.self),
            "`tunnel`: nodes wrap packets of pods; `native`: the network between the nodes carries them as they are",
            standard: "tunnel"),
        Field(
            "tunnelProtocol", choice(DatapathSettings.TunnelProtocol.self), "What packets of pods are wrapped in",
            standard: "vxlan, or geneve where `loadBalancer` dispatches by it"),
        Field(
            "directRoutes", .boolean,
            "Whether nodes get routes to the pods of all nodes on their own link; with native routing alone",
            standard: "true with native routing"),
        Field(
            "externalRoutes", .boolean,
            "Whether something that this inventory does not show routes every node's pods, such as static routes",
            standard: "false"),
        Field(
            "masquerade", .either([.boolean, .object(masquerade)]),
            "Whether packets of pods that leave the cluster get the address of their node; without it, others must "
                + "have routes to pods", standard: "true", example: "{ipv4: true, ipv6: false}"),
        Field(
            "loadBalancer", .either([choice(DatapathSettings.LoadBalancer.Mode.self), .object(loadBalancer)]),
            "How clients of a Service are answered whose pod is on another node: `snat`, through the node that they "
                + "asked; `dsr`, by the pod's own node; `hybrid`, as `dsr` for TCP and as `snat` for all else",
            standard: "snat"),
        Field(
            "ndp", .boolean,
            "Whether nodes answer neighbours who look for the IPv6 address of a pod on their own link",
            standard: "false"),
        Field(
            "vlans", .list(.integer(1...4094)),
            "VLANs that pass a node's links without Cilium, which otherwise drops the frames of those that it has no "
                + "device for; the run is refused where frames of a VLAN device would be dropped",
            standard: "every VLAN",
            example: "[10, 20]"),
    ]

    private static let masquerade = ObjectType(
        "masquerade settings",
        IPAddress.Family.allCases.map {
            Field($0.key, .boolean, "Whether \($0.rawValue) is masqueraded", standard: "true")
        })

    private static let loadBalancer = ObjectType(
        "load balancer settings",
        [
            Field(
                "mode", choice(DatapathSettings.LoadBalancer.Mode.self), "As `loadBalancer` alone would say it",
                required: true),
            Field(
                "dispatch", choice(DatapathSettings.LoadBalancer.Dispatch.self),
                "How `dsr` and `hybrid` tell the pod's node whom the client asked: `option`, in an option of IPv4 or an "
                    + "extension header of IPv6; `geneve`, by wrapping the packet", standard: "option"),
        ])

    private static func choice<T: RawRepresentable<String> & CaseIterable>(_: T.Type) -> FieldType {
        .choice(T.allCases.map(\.rawValue))
    }
}
