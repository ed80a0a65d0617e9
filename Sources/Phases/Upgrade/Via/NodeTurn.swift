import Engine
import Inventory
import Rendering

/// What is done on a node so that the cluster's controller may change it, and nothing more: the link and the restart are
/// the controller's job's, by a program that is on the node before.
struct NodeTurn: Sendable {
    /// What the controller's job runs on the node (templates/k3s/turn.sh).
    static let program = "/usr/local/lib/clusterctl/turn.sh"
    /// Without this file the program changes nothing. It goes when the turn is done, and with what is taken back.
    static let letter = "\(K3sPaths.state)/turn"
    /// What a pod may take to start: an image is brought first.
    static let podSeconds = 180

    let cluster: Cluster

    init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    var version: String { cluster.inventory.k3s.version.description }

    /// How long K3s is given to run there.
    func startSeconds(_ node: NodeName) -> Int {
        let deadlines = cluster.inventory.deadlines
        return cluster.deadline(cluster[node].isControlPlane ? deadlines.replicas : deadlines.workers, node)
    }

    static func name(_ node: NodeName) -> String { "let the controller change \(node)" }

    /// The settings first: with them K3s is started anew.
    func steps(_ node: NodeName) -> [Step] {
        let unit = cluster[node].unit
        let looks =
            cluster[node].isControlPlane
            ? ServerQuestion.othersServe(node, cluster, beforeStopping: unit, besides: []) : nil
        return K3sFiles(cluster: cluster).settingSteps(node) + [looks, letter(node)].compactMap(\.self)
    }

    private func letter(_ node: NodeName) -> Step {
        let unit = cluster[node].unit
        let others =
            cluster[node].isControlPlane
            ? cluster.inventory.controlPlane.filter { $0.id != node }.map {
                "\($0.name)=\(K3sConfiguration.serverURL($0, cluster.inventory))"
            } : []
        return Step(
            .command(
                Command(
                    name: NodeTurn.name(node),
                    arguments: Script.arguments(.turn, ["let", version, unit, "\(startSeconds(node))"] + others),
                    unless: Script.arguments(.turn, ["is-at", version, unit]),
                    writes: [K3sPaths.binary, NodeTurn.letter])),
            because: "the controller's job changes nothing here without it")
    }

    /// Whether something is to be done on this node, as far as the facts tell; or an earlier run did it and came to no
    /// end.
    func isPending(_ node: NodeName, _ facts: Facts) -> Bool {
        guard cluster[node].management == .full else { return false }
        let phase = cluster[node].isControlPlane ? UpgradeServers.id : UpgradeWorkers.id
        return facts.hasGuardArmed(for: phase, node)
            || steps(node).contains { step in
                step.operation.summary != ServerQuestion.looksAtOthers && facts[node, step] != .same
            }
    }

    /// Why a node is left alone that is not pending.
    var whyNot: String { "K3s \(version) runs there with its files as they are to be" }
}

extension Operation {
    /// Whether it lets somebody else start K3s anew.
    var letsK3sBeChanged: Bool { touchedPaths.contains(NodeTurn.letter) }
}

/// Puts the program on the nodes that the controller's job runs there.
public struct TurnProgram: Phase {
    public let id: PhaseID = "turn-program"
    public let title = "The program that the controller's jobs run on the nodes"
    public var nodes: [NodeName] { turn.cluster.managed }
    private let turn: NodeTurn

    public init(_ inventory: Inventory) { turn = NodeTurn(inventory) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        turn.isPending(node, facts) ? .satisfied : .notApplicable("nothing is changed on \(node)")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .file(path: NodeTurn.program, content: .text(Template.turn.text()), mode: .program),
                because: "the image of the job would put its own program in the place of the earlier version's")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "nobody runs it without a turn") }
}
