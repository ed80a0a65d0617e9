import Engine
import Inventory
import Rendering

/// Asks whether these machines can take a snapshot's data, and refuses the run with all reasons at once.
public struct RestorePreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the snapshot can be restored here"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func needs(_ node: NodeName) -> [Probe] {
        guard cluster[node].management == .full else { return [] }
        guard cluster[node].isControlPlane else { return [.guardState, .unit(cluster[node].unit)] }
        return [
            .guardState, K3sQuestion.config, K3sQuestion.version, RestoreState.probe, .path(K3sPaths.token),
            RestorePreflight.place,
        ]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard cluster[node].management == .full else { return .satisfied }
        var problems = GuardProblem.problems(node, facts, own: ["start-restored", "rejoin-servers"])
        if cluster[node].isControlPlane {
            problems += serverProblems(node, facts)
        } else if UnitQuestion(facts[node, .unit(cluster[node].unit)])?.isLoaded != true {
            problems.append(
                Problem(
                    "K3s was never set up there",
                    fix: "restore with '--without \(node)', and let it join afterwards: 'clusterctl bootstrap'"))
        }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    /// Whether the data can be moved aside by giving them another name.
    static let place = Probe.command(RestoreTask.program([RestoreTask.place.rawValue, ".", "."]))

    private func serverProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        var problems = RestoreState.problems(
            node, facts, own: Set([restore.attempt, restore.replaced].compactMap(\.self)))
        if let answer = facts[node, RestorePreflight.place], !answer.succeeded {
            problems.append(
                Problem(
                    answer.reason,
                    fix: "install what is missing; data have to be on the file system of the folder above them"))
        }
        let version = cluster.inventory.k3s.version.description
        if let running = K3sQuestion.version(facts[node, K3sQuestion.version]), running != version {
            problems.append(
                Problem(
                    "it has K3s \(running), and the inventory says \(version)",
                    fix:
                        "write the version that the cluster ran when the snapshot was taken, or a newer one that all servers "
                        + "have, into the inventory"))
        }
        if cluster.inventory.k3s.token == nil, node == cluster.primary,
            facts[node, .path(K3sPaths.token)]?.output.hasPrefix("absent") ?? true
        {
            problems.append(
                Problem(
                    "there is no token: the inventory names none, and \(K3sPaths.token) is not there",
                    fix: "a snapshot can be read with its cluster's token alone: write where it is found into the "
                        + "inventory (k3s.token)"))
        }
        guard let text = K3sQuestion.text(facts[node, K3sQuestion.config]) else { return problems }
        guard K3sQuestion.isOurs(text) else {
            return problems + [
                Problem("there is a K3s that clusterctl did not set up", fix: "take it off that machine first")
            ]
        }
        return problems + CriticalSettings.problems(cluster, node, text, adding: true)
            + TokenProblem.problems(cluster, node, facts)
    }
}
