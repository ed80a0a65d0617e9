import Engine
import Inventory
import YAML

/// The Kubernetes objects by which an addon is installed, or handed to Argo CD.
enum AddonObjects {
    /// Its value is the addon's name; also how addons that the inventory no longer has are found.
    static let label = "clusterctl.dev/addon"

    /// As the HelmChart has them; empty where the inventory has none.
    static func values(_ addon: Addon) -> String {
        addon.values.isEmpty ? "" : YAMLValue.map(addon.values).yamlText()
    }

    static func chart(_ addon: Addon) -> KubernetesObject {
        var spec: YAMLMap = ["targetNamespace": .string(addon.namespace), "createNamespace": true]
        switch addon.chart {
        case .repository(let url, let chart):
            spec["repo"] = .string(url)
            spec["chart"] = .string(chart)
        case .registry(let address): spec["chart"] = .string(address)
        }
        spec["version"] = .string(addon.version)
        // K3s' default would uninstall what serves when an upgrade fails, and try a thousand times.
        spec["failurePolicy"] = "abort"
        spec["backOffLimit"] = 4
        spec["timeout"] = "10m0s"
        if !addon.values.isEmpty { spec["valuesContent"] = .string(values(addon)) }
        return KubernetesObject(
            name: "HelmChart kube-system/\(addon.name)",
            references: [.init(kind: "HelmChart", namespace: "kube-system", name: addon.name)]
        ) { digest in
            let metadata: YAMLValue = [
                "name": .string(addon.name), "namespace": "kube-system",
                "labels": .map([label: .string(addon.name)]),
                "annotations": .map([KubernetesObject.digestAnnotation: .string(digest)]),
            ]
            return YAMLValue.map([
                "apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": metadata, "spec": .map(spec),
            ]).yamlText()
        }
    }

    /// The same for Argo CD (argoproj.io/v1alpha1; a chart in a registry wants Argo CD 3.1). It synchronizes when a
    /// person says so first, because that is when the objects change hands.
    static func application(_ addon: Addon) -> String {
        var source: YAMLMap = [:]
        switch addon.chart {
        case .repository(let url, let chart):
            source["repoURL"] = .string(url)
            source["chart"] = .string(chart)
        case .registry(let address):
            source["repoURL"] = .string(address)
            source["path"] = "."
        }
        source["targetRevision"] = .string(addon.version)
        var helm: YAMLMap = ["releaseName": .string(addon.name)]
        if !addon.values.isEmpty { helm["valuesObject"] = .map(addon.values) }
        source["helm"] = .map(helm)
        let metadata: YAMLValue = [
            "name": .string(addon.name), "namespace": "argocd", "labels": .map([label: .string(addon.name)]),
        ]
        let spec: YAMLValue = [
            "project": "default", "source": .map(source),
            "destination": ["server": "https://kubernetes.default.svc", "namespace": .string(addon.namespace)],
            "syncPolicy": ["syncOptions": ["CreateNamespace=true", "ServerSideApply=true"]],
        ]
        return YAMLValue.map([
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec,
        ]).yamlText()
    }
}
