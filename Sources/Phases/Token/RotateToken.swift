import Engine
import Inventory
import Rendering

/// Brings the new token to every node, beside the one that K3s reads.
public struct StageToken: Phase {
    public let id: PhaseID = "stage-token"
    public let title = "The new token, beside the present one"
    public var nodes: [NodeName] { change.nodes }
    let change: TokenChange

    public init(_ inventory: Inventory) { change = TokenChange(Cluster(inventory)) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        change.isPending(facts) ? .satisfied : TokenChange.done
    }

    public func apply(_ node: NodeName) -> [Step] { [change.stagedFile].compactMap(\.self) }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "nothing goes by it yet") }
}

/// Lets K3s put the cluster's data in etcd under the new token. From then on no server starts with the earlier one; those that
/// run go on, and go by what they were started with.
public struct RotateToken: Phase {
    public static let step = "let K3s change the token"
    public let id: PhaseID = "rotate-token"
    public let title = "K3s changes the cluster's token"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    let change: TokenChange

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
    }

    public func needs(_ node: NodeName) -> [Probe] { [TokenFacts.probe(node, cluster)] }

    /// Asked once more where the run before was ended before any server had the new token: K3s may not have come to its end.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let isRotated = change.isRotated(facts) == true
        if isRotated, cluster.controlPlane.contains(where: { change.hasFile($0, facts) }) {
            return .notApplicable("K3s has changed it already")
        }
        let teller = change.teller(facts)
        guard node == teller else { return .notApplicable("it is asked for on \(teller)") }
        return .pending(
            isRotated
                ? "it was asked for, and nobody has the new token yet"
                : "the cluster has another token than the inventory")
    }

    public func apply(_ node: NodeName) -> [Step] {
        let url = K3sConfiguration.serverURL(cluster[node], cluster.inventory)
        return [
            TokenTask.step(
                RotateToken.step, ["rotate", cluster[node].unit, url], unless: ["is-rotated"], timeoutSeconds: 180,
                because: "K3s encrypts with it what servers need of etcd to start")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "it goes forward only: the same command goes on, and the earlier token can be changed to again")
    }
}

/// Puts the new token into the place of the present one, and notes which start of K3s goes by that. No K3s is started anew here,
/// and no guard would put the earlier token back, with which K3s does not start.
public struct TokenFiles: Phase {
    public enum Part: Sendable {
        case servers
        case workers

        var id: PhaseID { self == .servers ? "token-servers" : "token-workers" }
    }

    public var id: PhaseID { part.id }
    public var title: String { "The new token, on the \(part == .servers ? "servers" : "workers")" }
    public var nodes: [NodeName] { part == .servers ? cluster.controlPlane : cluster.workers }
    let cluster: Cluster
    let change: TokenChange
    let part: Part

    public init(_ inventory: Inventory, _ part: Part) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
        self.part = part
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard change.isPending(facts) else { return TokenChange.done }
        guard cluster[node].management == .full else {
            return .putOff(
                "its operator has to bring the new token there and to start K3s anew; it goes on as it is, and does not start "
                    + "with the earlier one")
        }
        return .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard cluster[node].management == .full else { return [] }
        let unit = cluster[node].unit
        let keep = TokenTask.step(
            "note the present token, and which K3s goes by it", ["keep", unit], unless: ["is-kept", unit],
            because: "it is proven at the end that it is taken no more")
        return [keep, change.file].compactMap(\.self)
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "K3s does not start with the earlier token any more")
    }
}

/// Takes a snapshot that can be restored with the new token.
public struct TokenSnapshot: Phase {
    public let id: PhaseID = "token-snapshot"
    public let title = "A snapshot of etcd with the new token"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    let change: TokenChange

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard change.isPending(facts) else { return TokenChange.done }
        let first = ServerQuestion.firstWell(cluster, facts) ?? cluster.reference
        return node == first
            ? .pending("those from before need the earlier token") : .notApplicable("it is taken on \(first)")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "take a snapshot of etcd",
                        arguments: Script.arguments(.etcdSnapshot, ["take", "after-token-change"]), timeoutSeconds: 300)
                ),
                because: "it can be restored with the token that the inventory has")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "a snapshot more changes nothing") }
}

/// Removes what was written for the change, the earlier token with it.
public struct EndToken: Phase {
    public let id: PhaseID = "end-token"
    public let title = "The nodes forget the earlier token"
    public var nodes: [NodeName] { change.nodes }
    let change: TokenChange

    public init(_ inventory: Inventory) { change = TokenChange(Cluster(inventory)) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        change.isPending(facts) ? .pending("what was written for the change is removed") : TokenChange.done
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            TokenTask.step(
                "forget the earlier token", ["end"], unless: ["is-ended"],
                because: "nothing of the change is under way any more")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "the change has come to its end") }
}
