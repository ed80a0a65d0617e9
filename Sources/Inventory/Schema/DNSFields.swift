/// The keys of the cluster's own names.
enum DNSFields {
    static let dns = ObjectType(
        "settings of the cluster's names",
        [
            Field(
                "domain", .text(.domain),
                "The domain whose names are the cluster's alone: `api`, `api-int`, the names of the nodes, and with `apps` "
                    + "all below `apps`", required: true, example: "cluster.example.org"),
            Field(
                "apps", .oneOrMore(.text(.address)), "The addresses of every name below `apps`, such as an ingress has",
                standard: "there are no such names", example: "10.42.67.101"),
            Field(
                "upstreams", .oneOrMore(.text(.address)), "Whom CoreDNS asks for all other names",
                standard: "whom the node itself asks", example: "[10.42.67.1, 10.42.67.2]"),
            Field(
                "image", .text(.image), "A container image with CoreDNS",
                standard: "`\(DNSSettings.defaultImage)`"),
        ])
}
