extension Explanation {
    /// Charts that are installed when the network answers.
    static let addons: [Explanation] = [
        Explanation(
            .addonName, "an addon with the name of somebody else's chart",
            happens: """
                Addon, HelmChart and release have one name. 'cilium' is the network's, and K3s puts back at each start \
                the charts that it brings itself.
                """,
            looks: "Two settings of one chart that win by turns.",
            instead: "Take another name; for K3s' Traefik write a HelmChartConfig, or disable it and bring your own.",
            source: "K3s manifests/traefik.yaml, pkg/deploy"),
        Explanation(
            .addonSource, "a chart that is nowhere, or in two places",
            happens: "Helm finds a chart by its name in a repository, or by its whole address in a registry.",
            looks: "The job helm-install-NAME fails again and again.",
            instead: "Write 'repo: https://...' and the chart's name, or 'chart: oci://...' alone.",
            source: "k3s-io/helm-controller pkg/apis/helm.cattle.io/v1; klipper-helm entry"),
        Explanation(
            .addonNamespace, "an addon in a namespace of Kubernetes",
            happens: "Names that begin with kube- are kept for Kubernetes itself.",
            looks: "Nothing, until somebody takes the addon away together with its namespace.",
            instead: "Leave 'namespace' out: each addon then has its own.",
            source: "kubernetes.io, Namespaces: avoid creating namespaces with the prefix kube-"),
        Explanation(
            .addonAfter, "an addon that waits for one that does not stand before it",
            happens: "What waits for another has to come later, or neither would ever start.",
            looks: "A name that is misspelt, or two addons that wait for each other.",
            instead: "Name only addons that stand before this one.",
            source: "docs/addons.md"),
    ]
}
