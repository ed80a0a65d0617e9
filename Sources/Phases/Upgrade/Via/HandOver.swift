import Engine
import Inventory
import Rendering

/// Hands the workers whose turn it is to the cluster's controller, which drains them. What it has begun `HandBack` ends.
public struct HandOver: Phase {
    public let id: PhaseID = "hand-over"
    public let title = "Hand the workers whose turn it is to the controller, which drains them"
    public var nodes: [NodeName] { turn.cluster.workers.filter { turn.cluster[$0].management == .full } }
    public let atOnce: Int
    private let plans: ControllerPlans
    private let turn: NodeTurn

    init(_ inventory: Inventory, _ plans: ControllerPlans) {
        turn = NodeTurn(inventory)
        self.plans = plans
        self.atOnce = plans.atOnce
    }

    public func place(_ node: NodeName) -> NodeName { turn.cluster.reference }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        turn.isPending(node, facts)
            ? .pending("\(node) is about to be changed") : .notApplicable("nothing is changed on \(node)")
    }

    public func apply(_ node: NodeName) -> [Step] { [HandOver.step(node, plans)] }

    /// The label that the Plan selects by. Of workers there may be hundreds, each of which would be asked for by itself
    /// whether it has it; setting it once more changes nothing.
    static func step(_ node: NodeName, _ plans: ControllerPlans) -> Step {
        let isServer = plans.cluster[node].isControlPlane
        let words = [node.rawValue, ControllerPlans.name(isServer), plans.markValue]
        return Step(
            .command(
                Command(
                    name: "hand \(node) to the controller",
                    arguments: Script.arguments(.handOver, ["give"] + words + (isServer ? [] : ["worker"])),
                    unless: isServer ? Script.arguments(.handOver, ["is-given"] + words) : nil)),
            because: "the Plan selects nodes by this label")
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "hand-back ends what it has begun") }
}

/// Takes workers out of the controller's hands again, and lets pods onto them, also where the change has failed.
public struct HandBack: Phase {
    public let id: PhaseID = "hand-back"
    public let title = "Take the workers back from the controller, and let pods onto them"
    public var nodes: [NodeName] { turn.cluster.workers.filter { turn.cluster[$0].management == .full } }
    public let ends: PhaseID? = "hand-over"
    private let plans: ControllerPlans
    private let turn: NodeTurn

    init(_ inventory: Inventory, _ plans: ControllerPlans) {
        turn = NodeTurn(inventory)
        self.plans = plans
    }

    public func place(_ node: NodeName) -> NodeName { turn.cluster.reference }

    public func needs(_ node: NodeName) -> [Probe] { [CordonQuestion.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch CordonQuestion.isDrained(node, facts[turn.cluster.reference, CordonQuestion.probe]) {
        case true: .pending("\(node) was handed over, or drained, by an earlier run")
        case false: turn.isPending(node, facts) ? .settled : .notApplicable("it is not handed over")
        case nil: .pending("the cluster cannot be asked whether \(node) was handed over by an earlier run")
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "take \(node) back from the controller",
                        arguments: Script.arguments(
                            .handOver, ["end", node.rawValue, ControllerPlans.workers] + plans.urls),
                        timeoutSeconds: 300)),
                because: "what was cordoned for the change is so no longer than the change")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "a node that pods may come to cuts nothing") }
}
