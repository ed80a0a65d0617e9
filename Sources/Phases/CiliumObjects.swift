import Engine
import Inventory
import Rendering
import YAML

/// The Kubernetes objects and commands by which Cilium is installed.
struct CiliumObjects: Sendable {
    let values: YAMLValue
    /// Of the values alone; the agents' pods carry it, so that a gate sees which settings a pod was made from.
    let valuesDigest: String
    let chart: KubernetesObject
    /// The same chart while its pods are changed one node at a time: its DaemonSets replace none by themselves. The pods are
    /// not told from those of `chart`.
    let heldChart: KubernetesObject
    let nodeConfigs: [KubernetesObject]

    /// - Parameter apiServer: where Cilium finds the API, if not yet where the inventory says.
    init(_ inventory: Inventory, apiServer: CiliumSettings.APIServer? = nil, chartContent: String?) {
        let cilium = CiliumValues(inventory, apiServer: apiServer)
        let digest = String(sha256(inventory.cilium.version + "\n" + cilium.values.yamlText()).prefix(16))
        let values = YAMLValue.map(["podAnnotations": [PodsQuestion.valuesAnnotation: .string(digest)]])
            .merging(cilium.values)
        self.values = values
        valuesDigest = digest
        chart = CiliumObjects.chart(inventory, values: values, chartContent: chartContent)
        heldChart = CiliumObjects.chart(inventory, values: values, chartContent: chartContent, isHeld: true)
        nodeConfigs = cilium.nodeSettings.map(CiliumObjects.nodeConfig)
    }

    /// - Precondition: with an archive in the inventory the caller has read it and gives it in base64.
    private static func chart(
        _ inventory: Inventory, values: YAMLValue, chartContent: String?, isHeld: Bool = false
    ) -> KubernetesObject {
        var spec: YAMLMap = ["targetNamespace": "kube-system"]
        switch inventory.cilium.chart {
        case .repository(let url):
            spec["repo"] = .string(url)
            spec["chart"] = "cilium"
            spec["version"] = .string(inventory.cilium.version)
        case .archive(let path):
            guard let chartContent else { preconditionFailure("the chart archive \(path) has not been read") }
            spec["chartContent"] = .string(chartContent)
        }
        // Runs on nodes that are not ready, because they cannot be before it has run.
        spec["bootstrap"] = true
        // K3s' default would uninstall the network of a living cluster when an upgrade fails.
        spec["failurePolicy"] = "abort"
        spec["backOffLimit"] = 4
        spec["timeout"] = "10m0s"
        spec["valuesContent"] = .string(values.yamlText())
        // What stands here comes after all other values, those of a HelmChartConfig too.
        if isHeld { spec["set"] = ["updateStrategy.type": "OnDelete", "envoy.updateStrategy.type": "OnDelete"] }
        return KubernetesObject(
            name: "HelmChart kube-system/cilium",
            references: [.init(kind: "HelmChart", namespace: "kube-system", name: "cilium")]
        ) { digest in
            let metadata: YAMLValue = [
                "name": "cilium", "namespace": "kube-system",
                "annotations": [KubernetesObject.digestAnnotation: .string(digest)],
            ]
            return YAMLValue.map([
                "apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": metadata, "spec": .map(spec),
            ]).yamlText()
        }
    }

    var nodeConfigKind: KubernetesObject {
        KubernetesObject(
            name: "CustomResourceDefinition ciliumnodeconfigs.cilium.io",
            references: [.init(kind: "CustomResourceDefinition", namespace: nil, name: "ciliumnodeconfigs.cilium.io")]
        ) { Template.ciliumNodeConfigKind.text(["digest": .text($0)]) }
    }

    private static func nodeConfig(_ settings: CiliumValues.NodeSettings) -> KubernetesObject {
        KubernetesObject(
            name: "CiliumNodeConfig kube-system/\(settings.name)",
            references: [.init(kind: "CiliumNodeConfig", namespace: "kube-system", name: settings.name)]
        ) {
            Template.ciliumNodeConfig.text([
                "name": .text(settings.name), "digest": .text($0), "nodes": .list(settings.nodes),
                "settings": .records(settings.settings),
            ])
        }
    }

    var waitForNodeConfigKind: Command {
        .waitForKind("CiliumNodeConfig", asking: ["get", "ciliumnodeconfigs.cilium.io", "-n", "kube-system"])
    }

    private static let appliedPath = #"jsonpath={.metadata.annotations.clusterctl\.dev/applied}"#

    /// The values of the chart that is there, whoever applied it.
    static let applied = Probe.command(
        APIQuestion.client + [
            "get", "helmchart", "cilium", "-n", "kube-system", "--ignore-not-found", "--request-timeout=10s", "-o",
            "jsonpath={.spec.valuesContent}",
        ])

    /// Whether the chart that is there has Cilium find the API where these values have it.
    func findsTheAPI(asIn answer: Answer?) -> Bool {
        guard let answer, answer.succeeded, let document = try? YAMLDocument.parse(answer.output, file: "values") else {
            return false
        }
        return ["k8sServiceHost", "k8sServicePort"].allSatisfy { key in
            document.root[key].flatMap { YAMLValue($0) } == values[[key]]
        }
    }

    var keepChart: Command {
        let ask = #"test "$(k3s kubectl get helmchart cilium -n kube-system -o "$1")" = "$2""#
        return Command(
            name: "keep the chart of Cilium as it is", arguments: Script.arguments(.keepHelmChart),
            unless: ["sh", "-c", ask, "compare", CiliumObjects.appliedPath, chart.digest])
    }
}
