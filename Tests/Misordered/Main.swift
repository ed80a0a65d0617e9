import ClusterctlCLI
import Engine
import Inventory
import Phases

/// clusterctl with a wrong order, for the end-to-end tests alone: they show that the gates hold where the rules of
/// order, which are switched off here, would have refused. The first argument names the mistake.
@main
struct Main {
    static func main() async {
        var arguments = Array(CommandLine.arguments.dropFirst())
        guard !arguments.isEmpty, let orders = Mistake(rawValue: arguments.removeFirst())?.orders else {
            print(
                "usage: clusterctl-misordered \(Mistake.allCases.map(\.rawValue).joined(separator: "|")) ARGUMENTS...")
            return
        }
        await Orders.$current.withValue(orders) { await Clusterctl.runToEnd(arguments) }
    }
}

enum Mistake: String, CaseIterable {
    case kubeVipBeforeCilium = "kube-vip-before-cilium"
    case replicasThroughEndpoint = "replicas-through-endpoint"

    var orders: Orders {
        switch self {
        case .kubeVipBeforeCilium:
            Orders(areRulesEnforced: false) { inventory in
                let right = Bootstrap.order(for: inventory)
                let entries = right.entries.filter { $0.phase.id != "kube-vip" && $0.phase.id != "cilium" }
                let kubeVip = right.entries.first { $0.phase.id == "kube-vip" }
                let cilium = right.entries.first { $0.phase.id == "cilium" }
                guard let kubeVip, let cilium,
                    let place = entries.firstIndex(where: { $0.phase.id == "k3s-primary" })
                else { return right }
                let swapped = [
                    Order.Entry(kubeVip.phase, after: [.all("k3s-primary")]),
                    Order.Entry(cilium.phase, after: [.all("kube-vip")]),
                ]
                return Order(
                    name: "kube-vip before cilium", Array(entries[...place]) + swapped + Array(entries[(place + 1)...]))
            }
        case .replicasThroughEndpoint:
            // Replicas ask the VIP to let them in, and the VIP comes after them.
            Orders(areRulesEnforced: false) { inventory in
                let right = Bootstrap.order(for: inventory, options: .init(joinThrough: .endpoint))
                let entries = right.entries.filter { $0.phase.id != "kube-vip" }
                guard let kubeVip = right.entries.first(where: { $0.phase.id == "kube-vip" }),
                    let place = entries.firstIndex(where: { $0.phase.id == "replicas" })
                else { return right }
                let late = Order.Entry(kubeVip.phase, after: kubeVip.after + [.all("replicas")])
                return Order(
                    name: "replicas through the endpoint",
                    Array(entries[...place]) + [late] + Array(entries[(place + 1)...]))
            }
        }
    }
}
