import Engine
import Inventory
import Rendering

/// Starts K3s anew on the servers with the token that is in its file, one at a time: the next one only when this one serves
/// again, takes the new token, and takes the earlier one no more.
public struct RestartServers: Phase {
    static let id: PhaseID = "restart-servers"
    public var id: PhaseID { RestartServers.id }
    public let title = "K3s on the servers with the new token, one at a time"
    public var nodes: [NodeName] { cluster.controlPlane }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let change: TokenChange

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
    }

    public func needs(_ node: NodeName) -> [Probe] { [.guardState, TokenFacts.probe(node, cluster)] }

    public func turns(_ facts: Facts) -> [NodeName] { UpgradeServers(cluster.inventory).turns(facts) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        StartedWithToken(change: change).check(node, facts, phase: id)
    }

    public func apply(_ node: NodeName) -> [Step] { StartedWithToken(change: change).steps(node) }

    public func gate(_ node: NodeName) -> Gate? {
        let url = K3sConfiguration.serverURL(cluster[node], cluster.inventory)
        let serves = Probe.command(TokenTask.program(["serves", url]))
        return ServesAgain(cluster).gate(node, to: "take the new token and no other", asks: [Ask(node, serves)]) {
            facts in
            guard let answer = facts[node, serves] else {
                return .waiting("\(node) has not said yet which token K3s takes there")
            }
            return answer.succeeded
                ? .holds
                : .waiting(
                    "K3s on \(node) does not take the new token alone yet: \(answer.lines.first ?? "it says nothing")")
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}

/// Starts K3s anew on the workers with the token that is in its file. Their pods run on. Those with `manage: verify` are their
/// operator's to start anew.
public struct RestartWorkers: Phase {
    static let id: PhaseID = "restart-workers"
    public var id: PhaseID { RestartWorkers.id }
    public let title = "K3s on the workers with the new token"
    public var nodes: [NodeName] { cluster.workers.filter { cluster[$0].management == .full } }
    public let atOnce: Int
    let cluster: Cluster
    let change: TokenChange

    public init(_ inventory: Inventory, atOnce: WorkersAtOnce) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
        self.atOnce = atOnce.count(of: inventory.workers.count { $0.management == .full })
    }

    public func needs(_ node: NodeName) -> [Probe] { [.guardState, TokenFacts.probe(node, cluster)] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        StartedWithToken(change: change).check(node, facts, phase: id)
    }

    public func apply(_ node: NodeName) -> [Step] { StartedWithToken(change: change).steps(node) }

    public func gate(_ node: NodeName) -> Gate? {
        let isCurrent = Probe.command(TokenTask.program(["is-current", cluster[node].unit]))
        return WorkerServesAgain(cluster).gate(node, to: "run with the new token", asks: [Ask(node, isCurrent)]) {
            facts in
            guard let answer = facts[node, isCurrent] else {
                return .waiting("\(node) has not said yet since when K3s runs there")
            }
            return answer.succeeded ? .holds : .waiting("K3s on \(node) has not been started anew yet")
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}

/// Common to servers and workers.
private struct StartedWithToken {
    let change: TokenChange

    func check(_ node: NodeName, _ facts: Facts, phase: PhaseID) -> Finding {
        if facts.hasGuardArmed(for: phase, node) { return .satisfied }
        guard change.isPending(facts) else { return TokenChange.done }
        guard let said = change.said(node, facts) else {
            return .pending("\(node) does not say since when K3s runs there")
        }
        if said.runsOld { return .pending("K3s runs there since before the token was changed") }
        return change.hasFile(node, facts) && change.isRotated(facts) == true
            ? .satisfied : .pending("K3s goes by the token that it was started with")
    }

    /// None of the files that a guard puts back is the token's.
    func steps(_ node: NodeName) -> [Step] {
        let machine = change.cluster[node]
        let url = machine.isControlPlane ? [K3sConfiguration.serverURL(machine, change.cluster.inventory)] : []
        return StartAnew(change.cluster).steps(
            node, unlessBy: .token, ["is-current", machine.unit] + url,
            why: "it runs since before the token was changed", because: "K3s reads the token only when it starts")
    }
}
