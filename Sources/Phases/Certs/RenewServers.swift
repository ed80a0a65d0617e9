import Engine
import Inventory
import Rendering

/// Notes on every node which certificates are to be replaced, before the first of them is: so a run that was ended goes on, and
/// whoever has new ones is not asked again.
public struct NoteCerts: Phase {
    public let id: PhaseID = "note-certs"
    public let title = "Which certificates are to be replaced"
    public var nodes: [NodeName] { scope.cluster.managed }
    let scope: CertsScope

    public init(_ scope: CertsScope) { self.scope = scope }

    public func needs(_ node: NodeName) -> [Probe] { [CertsFacts.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch scope.turn(node, facts) {
        case .renewed(isNoted: false): .pending("new certificates were asked for")
        case .renewed(isNoted: true): .settled
        case .done: .notApplicable("it has new certificates")
        case .left(let why): .notApplicable(why)
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            CertsTask.step(
                "note which certificates are to be replaced", ["note"], unless: ["is-noted"],
                because: "whoever has other ones later has had its turn")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "no certificate is touched yet") }
}

/// New leaf certificates for the servers, one at a time: the next one only when this one serves with them.
public struct RenewServers: Phase {
    static let id: PhaseID = "renew-servers"
    public static let step = "stop K3s, and take its certificates away"
    public var id: PhaseID { RenewServers.id }
    public let title = "New certificates for the servers, one at a time"
    public var nodes: [NodeName] { scope.cluster.controlPlane }
    public var atOnce: Int { 1 }
    let scope: CertsScope

    public init(_ scope: CertsScope) { self.scope = scope }

    public func needs(_ node: NodeName) -> [Probe] { [.guardState, CertsFacts.probe] }

    public func turns(_ facts: Facts) -> [NodeName] { UpgradeServers(scope.cluster.inventory).turns(facts) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        RenewedCerts(scope: scope).check(node, facts, phase: id)
    }

    public func apply(_ node: NodeName) -> [Step] { RenewedCerts(scope: scope).steps(node) }

    public func gate(_ node: NodeName) -> Gate? {
        ServesAgain(scope.cluster).gate(
            node, to: "have new certificates", asks: [Ask(node, CertsFacts.probe)],
            verdict: RenewedCerts.verdict(on: node))
    }

    public func witness(_ node: NodeName) -> Ask? { scope.cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo { scope.cluster.restore(node) }
}

/// The same for the workers. Their pods run on.
public struct RenewWorkers: Phase {
    static let id: PhaseID = "renew-workers"
    public var id: PhaseID { RenewWorkers.id }
    public let title = "New certificates for the workers"
    public var nodes: [NodeName] { scope.cluster.workers }
    public let atOnce: Int
    let scope: CertsScope

    public init(_ scope: CertsScope, atOnce: WorkersAtOnce) {
        self.scope = scope
        self.atOnce = atOnce.count(of: scope.cluster.inventory.workers.count { $0.management == .full })
    }

    public func needs(_ node: NodeName) -> [Probe] { isOurs(node) ? [.guardState, CertsFacts.probe] : [] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard isOurs(node) else {
            return .notApplicable("K3s there is its operator's to stop: 'k3s certificate rotate' while it does not run")
        }
        return RenewedCerts(scope: scope).check(node, facts, phase: id)
    }

    public func apply(_ node: NodeName) -> [Step] { isOurs(node) ? RenewedCerts(scope: scope).steps(node) : [] }

    public func gate(_ node: NodeName) -> Gate? {
        guard isOurs(node) else { return nil }
        return WorkerServesAgain(scope.cluster).gate(
            node, to: "have new certificates", asks: [Ask(node, CertsFacts.probe)],
            verdict: RenewedCerts.verdict(on: node))
    }

    public func witness(_ node: NodeName) -> Ask? {
        isOurs(node) ? scope.cluster.witness(of: node, amongChanged: nodes) : nil
    }

    public func undo(_ node: NodeName) -> Undo {
        isOurs(node) ? scope.cluster.restore(node) : .nothing(because: "clusterctl never writes to this node")
    }

    private func isOurs(_ node: NodeName) -> Bool { scope.cluster[node].management == .full }
}

/// Common to servers and workers.
private struct RenewedCerts {
    let scope: CertsScope

    func check(_ node: NodeName, _ facts: Facts, phase: PhaseID) -> Finding {
        if facts.hasGuardArmed(for: phase, node) { return .satisfied }
        switch scope.turn(node, facts) {
        case .renewed: return .pending("its certificates are replaced")
        // Whoever has new certificates may have been ended before it served with them.
        case .done:
            return scope.said(node, facts)?.noted == nil ? .notApplicable("it has new certificates") : .satisfied
        case .left(let why): return .notApplicable(why)
        }
    }

    func steps(_ node: NodeName) -> [Step] {
        let replace = CertsTask.step(
            RenewServers.step, ["replace", scope.cluster[node].unit], unless: ["is-renewed"],
            timeoutSeconds: 180, because: "K3s makes new ones when it starts, signed by the same authorities")
        return StartAnew(scope.cluster).steps(
            node, unlessBy: .certs, ["is-renewed"], why: "it runs with the earlier certificates", between: [replace],
            because: "it makes the new certificates, and goes by them")
    }

    static func verdict(on node: NodeName) -> @Sendable (Facts) -> Verdict {
        { facts in
            guard let answer = facts[node, CertsFacts.probe] else {
                return .waiting("\(node) has not said yet which certificates it has")
            }
            guard let said = CertsFacts(answer) else {
                return .waiting("\(node) cannot say which certificates it has: \(answer.reason)")
            }
            return said.verdict(on: node)
        }
    }
}

/// Forgets what was noted, when all nodes have new certificates.
public struct EndCerts: Phase {
    public let id: PhaseID = "end-certs"
    public let title = "Nothing is noted of the renewal any more"
    public var nodes: [NodeName] { scope.cluster.managed }
    let scope: CertsScope

    public init(_ scope: CertsScope) { self.scope = scope }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch scope.turn(node, facts) {
        case .renewed: .pending("what was noted is removed")
        case .done: .satisfied
        case .left(let why): .notApplicable(why)
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            CertsTask.step(
                "forget the earlier certificates", ["end"], unless: ["is-ended"],
                because: "the next run begins another renewal")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "the renewal has come to its end") }
}
