import Engine
import Inventory
import Rendering

/// Has K3s on a node started anew though none of its files may differ; on a server only when all others serve.
struct StartAnew: Sendable {
    let cluster: Cluster

    init(_ cluster: Cluster) { self.cluster = cluster }

    /// What K3s was last started with is forgotten: that has it started anew by the same step that does so where its files
    /// differ, with the same list of files, so that nobody else sees a difference later.
    ///
    /// - Parameters:
    ///   - program: a template with a task `forget FILE`.
    ///   - question: of the same program; where it succeeds K3s need not be started anew.
    ///   - between: what is done to the node when its K3s is about to be started anew.
    func steps(
        _ node: NodeName, unlessBy program: Template, _ question: [String], why: String, between: [Step] = [],
        because: String
    ) -> [Step] {
        let unit = cluster[node].unit
        let note = "\(K3sPaths.state)/units/\(unit)"
        let files = [K3sPaths.config, K3sPaths.unitFile(unit), K3sPaths.binary]
        let state = UnitState(name: unit, enabled: true, activity: .running(restartOn: files))
        let forget = Step(
            .command(
                Command(
                    name: "have K3s started anew", arguments: Script.arguments(program, ["forget", note]),
                    unless: Script.arguments(program, question), writes: [note])),
            because: why)
        let others = cluster[node].isControlPlane ? ServerQuestion.othersServe(node, cluster, before: state) : nil
        return [forget, others].compactMap(\.self) + between + [Step(.unit(state), because: because)]
    }
}
