extension Explanation {
    /// Names that the cluster itself answers for.
    static let dns: [Explanation] = [
        Explanation(
            .dnsDomain, "a domain that cannot be the cluster's own",
            happens: """
                All names of 'dns.domain' are the cluster's: nodes ask it for each of them and nobody else. That must \
                not be a whole top level, what a registry sells names below, a name that resolvers keep for themselves \
                (.local is multicast DNS), or the domain of the cluster's Services, for which the DNS inside answers.
                """,
            looks:
                "Names that others have are not found on the nodes any more; those of the cluster are not found in pods.",
            instead: "Write a domain of your own that has no other names, such as cluster.example.org.",
            source: "RFC 6761, RFC 6762; systemd docs, RESOLVED-VPNS; docs/dns.md"),
        Explanation(
            .dnsEndpointName, "an endpoint in the cluster's domain that is no name of the cluster",
            happens: "For what it does not know in its own domain, the cluster says that there is no such name.",
            looks: "Workers never join: they do not find their server.",
            instead: "Write 'endpoint: {dns: api.DOMAIN}', or a name in another domain, for which others answer.",
            source: "docs/dns.md"),
        Explanation(
            .dnsNameTaken, "a node with a name that means something else",
            happens:
                "Every node is NAME.DOMAIN; api and api-int are the endpoint, and apps is what all apps are below.",
            looks: "The API is looked for on a worker.",
            instead: "Give the node another name.",
            source: "openshift/installer docs/user/metal/install_ipi.md (api, api-int, *.apps)"),
        Explanation(
            .dnsAppsInRange, "an address for apps that is inside of the cluster",
            happens: "Pods and Services have addresses that the network outside does not know the way to.",
            looks: "Names of apps are found, and connections time out.",
            instead: "Write the address of the ingress' Service of type LoadBalancer, or that of a node.",
            source: "Kubernetes documentation, Service: type LoadBalancer"),
        Explanation(
            .dnsAppsNowhere, "an address for apps that nothing here has",
            happens: """
                All names below apps.DOMAIN mean this address. It is in no pool of 'loadBalancerPools', no node has it, \
                and it is not the endpoint.
                """,
            looks: "Names of apps are found, and nobody answers there.",
            instead: "Add a pool with it that is announced; say nothing where a load balancer outside has it.",
            source: "docs/dns.md"),
        Explanation(
            .dnsUpstreamLoop, "a name server that would ask itself",
            happens: """
                CoreDNS passes what it does not know on to the upstreams. One of its own addresses among them, or one of \
                the cluster's inner DNS, which asks it, makes a loop.
                """,
            looks: "'plugin/loop: Loop ... detected for zone \".\"' in its log, and the pod in CrashLoopBackOff.",
            instead: "Write the DNS servers of your network; or nothing, and each node's own are taken.",
            source: "CoreDNS plugin/loop; openshift/machine-config-operator pull request 6383"),
    ]
}
