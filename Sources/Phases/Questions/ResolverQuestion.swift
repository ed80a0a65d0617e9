import Engine
import Inventory
import Rendering

/// Who finds names for programs of a node, and whether they find the cluster's.
struct ResolverQuestion: Sendable {
    /// What templates/dns/resolver.sh says.
    enum Resolver: String, Sendable, CaseIterable {
        case resolved
        case resolvedGlobal = "resolved-global"
        case dnsmasq
        case networkManager = "networkmanager"
        case other
    }

    let cluster: Cluster
    let names: ClusterNames

    init?(_ inventory: Inventory) {
        guard let names = ClusterNames(inventory) else { return nil }
        self.names = names
        cluster = Cluster(inventory)
    }

    var probe: Probe { .command(Script.arguments(.resolver, names.servers.map(\.description))) }

    func resolver(_ answer: Answer?) -> Resolver? {
        guard let answer, answer.succeeded, let word = answer.lines.first else { return nil }
        return Resolver(rawValue: String(word))
    }

    /// A node that finds names by another resolver than the wanted one is left alone.
    func finding(_ facts: Facts, on node: NodeName, wanted: Resolver) -> Finding {
        let found = resolver(facts[node, probe])
        return found == wanted ? .satisfied : .notApplicable(reason(found))
    }

    /// Why nothing is put in the way of this node's names, and what its owner can do.
    func reason(_ resolver: Resolver?) -> String {
        let domain = names.settings.domain
        switch resolver {
        case .resolved: return "names are found by systemd-resolved there"
        case .dnsmasq: return "names are found by NetworkManager's dnsmasq there"
        case .resolvedGlobal:
            return
                "systemd-resolved there has DNS servers for the whole machine, or none: give them to a link instead, so "
                + "that those of \(domain) can be told apart, and run again"
        case .networkManager:
            return
                "NetworkManager there leaves names to the C library, which asks one list of servers for all of them: set "
                + "'dns=systemd-resolved' or 'dns=dnsmasq' and run again, or have your own servers ask the control plane "
                + "nodes for \(domain)"
        case .other:
            return
                "neither systemd-resolved nor NetworkManager finds names there: have your own servers ask the control "
                + "plane nodes for \(domain)"
        case nil: return "it has not said who finds names there"
        }
    }

    // MARK: Whether names are found

    var api: String { names.settings.apiNames[0] }
    /// A resolver whose servers are silent is patient for longer than a gate should be.
    var lookup: Probe { .command(["timeout", "5", "getent", "ahosts", api]) }

    func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not looked for \(api) yet") }
        let found = Set(answer.lines.compactMap { $0.split(separator: " ").first.flatMap { IPAddress(String($0)) } })
        guard answer.succeeded, !found.isEmpty else { return .waiting("\(node) does not find \(api)") }
        guard found.isSubset(of: names.api) else {
            let others = found.subtracting(names.api).sorted().map(\.description).joined(separator: ", ")
            return .waiting("\(node) finds \(others) for \(api)")
        }
        return .holds
    }

    func gate(on node: NodeName, unit: String) -> Gate {
        Gate(
            waitingFor: "\(node) to find \(api)", asks: [Ask(node, lookup)],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.dns, node), journal: (node, unit),
            lookAt: "getent ahosts \(api), and 'resolvectl query' or 'nmcli', on \(node)"
        ) { facts in verdict(facts[node, lookup], on: node) }
    }
}
