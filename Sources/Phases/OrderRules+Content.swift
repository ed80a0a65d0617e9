import Engine
import Inventory
import Rendering
import YAML

// Rules about what the files and objects of a plan say.
extension OrderRules {
    /// Everything that runs before or without Cilium has an address of the API which does not need it.
    static func noServiceAddress(_ plan: PlanView) -> [String] {
        var violations: [String] = []
        for (_, _, object) in plan.objects("DaemonSet kube-system/kube-vip")
        where !object.manifest.contains("KUBERNETES_SERVICE_HOST") {
            violations.append("kube-vip would look for the API at the service address")
        }
        for chart in charts(plan) where (chart.values["k8sServiceHost"]?.string ?? "").isEmpty {
            violations.append("Cilium would look for the API at the service address, which only Cilium could serve")
        }
        return violations
    }

    static func kubeProxyReplaced(_ plan: PlanView) -> [String] {
        charts(plan).compactMap { chart in
            switch chart.values["kubeProxyReplacement"] {
            case .bool(true), .string("true"): nil
            default: "kube-proxy is off on every server, but Cilium is not set to replace it"
            }
        }
    }

    static func hostFirewallOff(_ plan: PlanView) -> [String] {
        plan.cluster.inventory.nodes.compactMap { node in
            guard !node.profile.ciliumHostFirewall else { return nil }
            let isOff = covered(node, plan) { $0["enable-host-firewall"] == "false" }
            return isOff ? nil : "nothing keeps Cilium's host firewall off on \(node.name) before Cilium starts there"
        }
    }

    static func keptLinks(_ plan: PlanView) -> [String] {
        plan.cluster.inventory.nodes.compactMap { node in
            let links = node.profile.excludedDevices
            guard !links.isEmpty else { return nil }
            let areKept = covered(node, plan) { settings in
                let words = (settings["devices"]?.string ?? "").split(separator: " ").map(String.init)
                return Set(links.map { "!" + $0 }).isSubset(of: words) && settings["force-device-detection"] == "true"
            }
            return areKept ? nil : "nothing keeps Cilium off \(links.joined(separator: ", ")) on \(node.name)"
        }
    }

    static func sameCriticalSettings(_ plan: PlanView) -> [String] {
        let members = plan.plan.phases.flatMap(\.work).compactMap { work -> (NodeName, YAMLMap)? in
            guard plan.cluster.node(work.node)?.isControlPlane == true,
                let text = plan.text(of: K3sPaths.config, in: work)
            else {
                return nil
            }
            return parsed(text).map { (work.node, $0) }
        }
        guard let (first, right) = members.first else { return [] }
        return members.dropFirst().flatMap { node, map in
            CriticalSettings.keys.filter { map[$0] != right[$0] }.map { "'\($0)' differs between \(node) and \(first)" }
        }
    }
}

extension OrderRules {
    /// The charts of Cilium in a plan, with their values.
    private static func charts(_ plan: PlanView) -> [(phase: PhaseID, position: Int, values: YAMLMap)] {
        plan.objects("HelmChart kube-system/cilium").map { phase, position, object in
            let spec = parsed(object.manifest)?["spec"]?.map
            return (phase, position, spec?["valuesContent"]?.string.flatMap(parsed) ?? [:])
        }
    }

    /// Whether settings for this node that satisfy `condition` come before the chart, and their kind before them.
    private static func covered(_ node: Node, _ plan: PlanView, where condition: (YAMLMap) -> Bool) -> Bool {
        let kinds = plan.objects("CustomResourceDefinition ciliumnodeconfigs.cilium.io")
        return charts(plan).allSatisfy { chart in
            plan.objects("CiliumNodeConfig ").contains { phase, position, object in
                guard phase == chart.phase, position < chart.position,
                    kinds.contains(where: { $0.phase == phase && $0.position < position }),
                    let spec = parsed(object.manifest)?["spec"], let settings = spec[["defaults"]]?.map,
                    let terms = spec[["nodeSelector", "matchExpressions"]]?.list
                else { return false }
                let names = terms.flatMap { $0[["values"]]?.list ?? [] }
                return names.contains(.string(node.name)) && condition(settings)
            }
        }
    }

    private static func parsed(_ text: String) -> YAMLMap? {
        guard let document = try? YAMLDocument.parse(text, file: "plan") else { return nil }
        return YAMLValue(document.root).map
    }
}
