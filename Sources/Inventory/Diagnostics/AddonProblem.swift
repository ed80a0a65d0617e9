/// What is wrong with addons.
enum AddonProblem: InventoryProblem {
    case isCilium
    case isPackaged(String)
    case source(addon: String, isInRegistry: Bool)
    case namespace(String, addon: String)
    case notBefore(String, addon: String, nearest: String?)

    var code: DiagnosticCode {
        switch self {
        case .isCilium, .isPackaged: .addonName
        case .source: .addonSource
        case .namespace: .addonNamespace
        case .notBefore: .addonAfter
        }
    }

    var words: Words {
        switch self {
        case .isCilium:
            Words(
                message: "an addon is called 'cilium'",
                why: "the HelmChart of that name is the cluster's network, and comes before everything else",
                fix: "set Cilium in 'cilium'; give another chart another name")
        case .isPackaged(let name):
            Words(
                message: "an addon is called '\(name)', as a chart that K3s brings itself",
                why: "K3s puts its own HelmChart back at each start of a server",
                fix: "add traefik to 'k3s.disable', or set K3s' own with a HelmChartConfig")
        case .source(let addon, true):
            Words(
                message: "addon '\(addon)' has a 'repo' beside a chart in a registry",
                why: "Helm looks for the chart in one of them only", fix: "leave 'repo' out")
        case .source(let addon, false):
            Words(
                message: "nothing says where the chart of addon '\(addon)' is",
                why: "K3s asks no repository by itself",
                fix: "add 'repo', or write the chart as oci://REGISTRY/PATH/CHART")
        case .namespace(let name, let addon):
            Words(
                message: "addon '\(addon)' would go into the namespace '\(name)'",
                why: "names with kube- are Kubernetes' own: what is taken away with the namespace is the cluster",
                fix: "write a 'namespace' of its own")
        case .notBefore(let name, let addon, let nearest):
            Words(
                message: "addon '\(addon)' comes after '\(name)', which does not stand before it",
                why: "addons are installed in the order of the file, where one waits for another",
                fix: nearest.map { "write '\($0)' if that was meant" } ?? "move '\(name)' before it, or leave it out")
        }
    }
}
