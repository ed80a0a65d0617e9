/// The keys of an inventory: every one of them, each described once.
enum InventoryFields {
    static let root = ObjectType(
        "the inventory",
        [
            Field("version", .integer(1...1), "The version of this format", required: true, example: "1"),
            Field(
                "name", .text(.clusterName), "The name of the cluster, a DNS label", required: true,
                example: "diskless"),
            Field("ssh", .object(ssh), "How nodes are reached; groups and nodes may say otherwise"),
            Field("k3s", .object(k3s), "The K3s of the whole cluster", required: true),
            Field("network", .object(network), "Address ranges, and how packets travel", required: true),
            Field("cilium", .object(cilium), "The Cilium of the whole cluster", required: true),
            Field("endpoint", .object(endpoint), "The address at which clients find the API", required: true),
            Field("dns", .object(DNSFields.dns), "Names of the cluster that its control plane nodes answer for"),
            Field(
                "guard", .object(guardSettings),
                "How the dead-man switch is set on nodes that have one; whether a node has one is said by its profile, "
                    + "group or node"),
            Field("deadlines", .object(deadlines), "How long the gate of each phase may take"),
            Field("defaults", .object(defaults), "Settings for all nodes, or for those of one group"),
            Field(
                "dpus", .map(keys: .nodeName, values: .object(NodeFields.node)),
                "Control plane nodes on DPUs, by name; ranges in brackets stand for several nodes",
                example: "c4140: {address: 10.42.67.92, primary: true}"),
            Field(
                "servers", .map(keys: .nodeName, values: .object(NodeFields.node)),
                "Control plane nodes on ordinary machines, by name",
                example: "\"server-[1-3]\": {address: \"10.42.67.[11-13]\"}"),
            Field(
                "workers", .map(keys: .nodeName, values: .object(NodeFields.node)), "Nodes that run workloads, by name",
                example: "\"rack1-[01-20]\": {address: \"10.42.67.[101-120]\"}"),
            Field(
                "routers", .map(keys: .partName, values: .object(BGPFields.router)),
                "Routers that speak BGP with the nodes, by name",
                example: "edge: {platform: linux-frr, address: 10.42.67.1, asn: 64513}"),
            Field("bgp", .object(BGPFields.bgp), "What the nodes announce to the routers"),
            Field(
                "loadBalancerPools", .map(keys: .partName, values: .object(BGPFields.pool)),
                "Addresses that Cilium gives to Services of type LoadBalancer, by the name of their pool",
                example: "public: {blocks: [192.0.2.240/29]}"),
            Field(
                "addons", .map(keys: .partName, values: .object(AddonFields.addon)),
                "Charts that are installed when the network answers, by name",
                example: "traefik: {chart: traefik, repo: \"https://traefik.github.io/charts\", version: 39.0.7}"),
            Field(
                "handOff", .choice(HandOff.allCases.map(\.rawValue)),
                "Who takes the addons over: clusterctl then installs what is not there yet and leaves it alone "
                    + "afterwards", standard: "nobody"),
        ])

    static let k3s = ObjectType(
        "K3s settings",
        [
            Field(
                "version", .text(.k3sVersion), "The release, v1.29 or newer", required: true, example: "v1.35.7+k3s1"),
            Field(
                "token", .secret(.token), "Where the cluster token comes from; the token itself never stands here",
                standard: "made on the primary", example: "{env: K3S_TOKEN}"),
            Field(
                "artifacts", .object(artifacts), "Where the K3s binary and the air-gap images come from",
                standard: "the release on GitHub, fetched once by the controller"),
            Field("airgapImages", .boolean, "Whether nodes get the images too, not only the binary", standard: "true"),
            Field(
                "checksums", .map(keys: .architecture, values: .text(.checksum)),
                "SHA-256 of the binary by architecture", standard: "the list of the release"),
            Field(
                "disable", .list(.text(.component)), "Packaged components that are not deployed",
                standard: "[traefik, servicelb]"),
            Field("tlsSANs", .list(.text(.host)), "Further names and addresses for the API's certificate"),
            Field(
                "labels", .map(keys: .labelKey, values: .text(.labelValue)), "Labels of every node",
                example: "{site: berlin}"),
            Field("taints", .list(.text(.taint)), "Taints of every node that has none of its own"),
            Field(
                "config", .free(.k3sServer), "Further keys of the K3s configuration of every server",
                example: "{etcd-snapshot-retention: 10}"),
            Field("agentConfig", .free(.k3sAgent), "Further keys of the K3s configuration of every agent"),
        ])

    static let secret = ObjectType(
        "secret source", choice: true,
        [
            Field("env", .text(.variable), "A variable in the environment of clusterctl", example: "K3S_TOKEN"),
            Field("file", .text(.path), "A file on the controller", example: "secrets/token"),
            Field(
                "command", .nonEmptyList(.text(.argument)),
                "A program and its arguments, whose first line of output is taken",
                example: "[pass, show, k3s/token]"),
        ])

    static let artifacts = ObjectType(
        "artifact source", exclusive: [["url", "directory", "mirror"], ["mirror", "relay"]],
        [
            Field("url", .text(.url), "A base address with the files of a release, fetched by the controller"),
            Field("directory", .text(.path), "A folder on the controller with the files of a release"),
            Field("mirror", .text(.url), "A base address that each node fetches from by itself"),
            Field(
                "relay", .boolean,
                "Whether nodes fetch from those that have a file, so that the controller sends each file once; what is "
                    + "fetched is verified all the same", standard: "false"),
        ])

    static let network = ObjectType(
        "network settings",
        [
            Field(
                "pods", .oneOrMore(.text(.cidr)), "The range of the pods; two of different families for dual stack",
                required: true, example: "10.142.0.0/16"),
            Field(
                "services", .oneOrMore(.text(.cidr)), "The range of the services, of the same families as `pods`",
                required: true, example: "10.143.0.0/16"),
            Field(
                "clusterDNS", .oneOrMore(.text(.address)), "The address of the cluster's DNS in each service range",
                standard: "the tenth address of each"),
            Field("apiPort", .integer(1...65535), "The port of the API on every control plane node", standard: "6443"),
        ] + DatapathFields.all)

    static let cilium = ObjectType(
        "Cilium settings",
        [
            Field("version", .text(.ciliumVersion), "The version of the chart", required: true, example: "1.19.4"),
            Field(
                "upgradeCompatibility", .text(.ciliumVersion),
                "The version that the cluster's Cilium was first installed as; `upgrade --cilium` says when it is needed",
                example: "1.18.3"),
            Field(
                "chart", .object(chart), "Where the chart comes from",
                standard: "{repository: \(CiliumSettings.defaultRepository)}"),
            Field(
                "apiServer", .choice(CiliumSettings.APIServer.allCases.map(\.rawValue)),
                "Where Cilium finds the API: 127.0.0.1:6444 on every node, the primary, or the endpoint",
                standard: "local"),
            Field(
                "values", .free(.ciliumValues), "Chart values, merged over those that clusterctl works out",
                example: "{hubble: {enabled: true}}"),
        ])

    static let chart = ObjectType(
        "chart source", choice: true,
        [
            Field("repository", .text(.url), "A Helm repository that the cluster can reach"),
            Field("archive", .text(.path), "A chart archive (.tgz) on the controller"),
        ])

    static let endpoint = ObjectType(
        "endpoint", choice: true,
        [
            Field(
                "kubeVip", .either([.text(.address), .object(kubeVip)]),
                "An address that kube-vip moves between the control plane nodes", example: "10.42.67.100"),
            Field(
                "dns", .either([.text(.host), .object(dns)]), "A name that others point at the control plane nodes",
                example: "api.example.org"),
            Field(
                "keepalived", .either([.text(.address), .object(keepalived)]),
                "An address that keepalived moves between the control plane nodes, where HAProxy finds a healthy API server",
                example: "10.42.67.100"),
            Field(
                "ciliumBgp", .text(.address),
                "An address that the nodes announce by `bgp`, behind which Cilium's Envoy finds a healthy API server",
                example: "10.31.0.80"),
        ])

    static let kubeVip = ObjectType(
        "kube-vip settings",
        [
            Field("address", .text(.address), "The virtual address", required: true),
            Field("interface", .text(.link), "The link that carries it", standard: "the link of the node address"),
        ])

    static let keepalived = ObjectType(
        "keepalived settings",
        [
            Field("address", .text(.address), "The virtual address", required: true),
            Field(
                "port", .integer(1...65534),
                "Where HAProxy takes connections; not the API's own port, which K3s has on every address of the node. The "
                    + "port after it tells keepalived on the node itself how HAProxy is",
                standard: String(Port.haproxy.number)),
            Field(
                "virtualRouterID", .integer(1...255), "VRRP's number of these nodes, unlike any other's on their link",
                standard: "the last byte of the address"),
        ])

    static let dns = ObjectType(
        "DNS settings",
        [
            Field("name", .text(.host), "The name", required: true),
            Field("port", .integer(1...65535), "The port behind the name", standard: "network.apiPort"),
        ])

    static let guardSettings = ObjectType(
        "guard settings",
        [
            Field(
                "window", .duration(.seconds(20)...(.seconds(3600))),
                "How long a node waits for a sign of life before it takes a change back", standard: "90s"),
            Field(
                "reboot", .boolean,
                "Whether the node may reboot into its baseline as the last resort; no rung of the guard does so yet",
                standard: "false"),
        ])

    static let deadlines: ObjectType = {
        let range = Duration.seconds(1)...Duration.seconds(86400)
        return ObjectType(
            "deadlines",
            DeadlineKeys.all.map { key in
                Field(
                    key.name, .duration(range), key.summary,
                    standard: DurationText.text(Deadlines()[keyPath: key.path]))
            })
    }()

    static let defaults = ObjectType(
        "defaults",
        [Field("all", .object(NodeFields.defaults(.all)), "Settings of all nodes")]
            + NodeKind.allCases.map { kind in
                Field(
                    kind.group, .object(NodeFields.defaults(kind == .worker ? .agents : .servers)),
                    "Settings of all \(kind.group); they win over those of `all`")
            })
}

/// The deadlines by key; one place ties the key, the property and the words together.
enum DeadlineKeys {
    struct Key: Sendable {
        var name: String
        var path: any WritableKeyPath<Deadlines, Duration> & Sendable
        var summary: String
    }

    static let all: [Key] = [
        Key(
            name: "preflight", path: \.preflight,
            summary: "For the answers of all nodes before anything is done; nothing waits for it yet"),
        Key(name: "hostPrep", path: \.hostPrep, summary: "For modules and kernel settings; nothing waits for it yet"),
        Key(
            name: "interfaces", path: \.interfaces, summary: "For the links of each node to be up with their addresses"),
        Key(
            name: "artifacts", path: \.artifacts,
            summary: "For the binary and the images to be on each node; nothing waits for it yet"),
        Key(name: "k3sPrimary", path: \.k3sPrimary, summary: "For etcd and the API of the primary"),
        Key(name: "cilium", path: \.cilium, summary: "For Cilium to be healthy on each node"),
        Key(name: "kubeVip", path: \.kubeVip, summary: "For the API to answer at the endpoint"),
        Key(
            name: "keepalived", path: \.keepalived,
            summary: "For the API to answer at the endpoint through HAProxy of each control plane node"),
        Key(
            name: "dns", path: \.dns,
            summary: "For CoreDNS to answer on each control plane node, and for each node to find the API's name"),
        Key(name: "replicas", path: \.replicas, summary: "For each replica to be a voting member of etcd"),
        Key(name: "workers", path: \.workers, summary: "For the workers to be ready"),
        Key(name: "bgp", path: \.bgp, summary: "For the BGP sessions of the nodes to be established"),
        Key(
            name: "apiEndpoint", path: \.apiEndpoint,
            summary: "For the API to answer at an endpoint that the nodes announce"),
        Key(name: "addons", path: \.addons, summary: "For each addon to be deployed and its workloads to be available"),
        Key(name: "verify", path: \.verify, summary: "For the finished cluster to pass all checks"),
    ]
}
