import Engine
import Inventory
import Rendering

/// The order in which servers that are all down are started together. Nothing else is here but its three phases.
public enum Recover {
    /// - Parameter inventory: the servers that can be reached; its workers are not looked at.
    /// - Parameter members: how many servers the cluster has, those among them that cannot be reached.
    public static func order(for inventory: Inventory, members: Int) -> Order {
        Order(
            name: "recover",
            [
                .init(RecoverPreflight(inventory, members: members)),
                .init(StartServers(inventory), after: [.all("preflight")]),
                .init(RecoveredEndpoint(inventory), after: [.all("start-servers")]),
            ])
    }
}

/// Asks whether the servers that are there can be a quorum.
public struct RecoverPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the servers that are there can be a quorum"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    let members: Int

    public init(_ inventory: Inventory, members: Int) {
        cluster = Cluster(inventory)
        self.members = members
    }

    public func needs(_ node: NodeName) -> [Probe] {
        [.guardState, K3sQuestion.config, RestoreState.probe, ServerData.probe]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        var problems = GuardProblem.problems(node, facts, own: [])
        if K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) != true {
            problems.append(
                Problem(
                    "there is no K3s that clusterctl set up",
                    fix: "'clusterctl bootstrap' builds a cluster, 'clusterctl etcd restore' fills one from a snapshot")
            )
        }
        if let state = RestoreState(facts[node, RestoreState.probe]), state.isUnderWay, state.isBeyondReturn {
            problems.append(
                Problem(
                    "a restore of \(state.snapshot) has got as far as new data here ('\(state.stage)')",
                    fix: "lead it to its end by the command that began it"))
        }
        if node == nodes.first { problems += quorumProblems(facts) }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    /// A server whose data a restore has moved aside counts: they are put back. What a restore has half made does not, nor
    /// who does not say.
    private func quorumProblems(_ facts: Facts) -> [Problem] {
        let having = nodes.filter { [.own, .aside].contains(ServerData(facts[$0, ServerData.probe])?.place) }
        let needed = members / 2 + 1
        guard having.count < needed else { return [] }
        let names = having.isEmpty ? "none" : having.map(\.rawValue).joined(separator: ", ")
        return [
            Problem(
                "of \(members) servers \(needed) are needed with their data of etcd, and \(having.count) have theirs: \(names)",
                fix:
                    "bring the missing machines back; or restore a snapshot: 'clusterctl etcd list', 'clusterctl etcd restore'"
            )
        ]
    }
}

/// Starts K3s on all servers at once and waits for none of them alone: each waits for the quorum that only several are.
/// One that runs is left alone, and one without data is not started: it would begin a cluster of its own. Where the guard keeps
/// a node a member in place of K3s, it is that member which is started.
public struct StartServers: Phase {
    public static let step = "start K3s without waiting for it"
    public let id: PhaseID = "start-servers"
    public let title = "K3s starts on all servers together"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func needs(_ node: NodeName) -> [Probe] { [ServerData.probe, RestoreState.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let data = ServerData(facts[node, ServerData.probe]) else { return .satisfied }
        // Where a restore was begun the step takes that back, and starts nothing either.
        if data.place == .none, RestoreState(facts[node, RestoreState.probe])?.isUnderWay != true {
            return .notApplicable(
                "it has no data of etcd's, and is not started: let it join, 'clusterctl node replace'")
        }
        return .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: StartServers.step, arguments: RestoreTask.program(["recover", ".", "."]),
                        unless: RestoreTask.program(["done", "recover", ".", "."]))),
                because: "it is what a new start of the machine would do; alone it would wait for the others for ever")
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        var asks = [EtcdQuestion.probe, APIQuestion.probe, NodesQuestion.probe, CiliumQuestion.status].map {
            Ask(node, $0)
        }
        asks += RestartQuestion.asks(node, Units.server) + [Ask(node, ServerData.probe)]
        return Gate(
            waitingFor: "etcd and the API on \(node) to be healthy, its member to vote, and Cilium to serve there",
            asks: asks, deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.replicas, node),
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(node); clusterctl etcd members"
        ) { facts in
            let nodes = facts[node, NodesQuestion.probe]
            let data = ServerData(facts[node, ServerData.probe])
            if data?.place == ServerData.Place.none { return .holds }  // it was not started
            if data?.isKept == true {  // without an agent: there is no node to be ready
                return .all([
                    EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                    APIQuestion.verdict(facts[node, APIQuestion.probe], on: node),
                ])
            }
            return .all([
                RestartQuestion.verdict(facts, node, Units.server),
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                APIQuestion.verdict(facts[node, APIQuestion.probe], on: node),
                NodesQuestion.voter(nodes, node),
                NodesQuestion.ready(nodes, node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
            ])
        }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "a server that was started and waits does no harm, and the same command goes on")
    }
}

/// Whether the API answers at the endpoint's address again. No server in particular is asked who has it: any may be one that
/// has lost its data and was not started.
public struct RecoveredEndpoint: Phase {
    public let id: PhaseID = "endpoint"
    public let title = "The API answers at the endpoint's address"
    public var nodes: [NodeName] { endpoint == nil ? [] : [cluster.primary] }
    let cluster: Cluster
    let endpoint: EndpointQuestion?

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        endpoint = EndpointQuestion(cluster)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        endpoint.map { endpoint in
            Gate(
                waitingFor: "the API to answer at \(endpoint.address)", asks: endpoint.asksForAnswer,
                deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.verify, node),
                lookAt: "clusterctl status"
            ) { endpoint.answered($0) }
        }
    }
}
