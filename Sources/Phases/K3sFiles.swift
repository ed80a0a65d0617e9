import Engine
import Inventory
import Rendering

/// The steps that make a node run K3s, common to primary, replicas and workers.
struct K3sFiles {
    let cluster: Cluster
    var joinThrough = JoinAddress.primary

    /// What changes a node on which K3s runs: all of `steps`, with the version that it is started with.
    func changeSteps(_ name: NodeName) -> [Step] { [Artifacts.link(to: cluster.inventory.k3s.version)] + steps(name) }

    func steps(_ name: NodeName) -> [Step] {
        let node = cluster[name]
        let unitFile = K3sPaths.unitFile(node.unit)
        return settingSteps(name) + [
            Step(
                .unit(
                    UnitState(
                        name: node.unit, enabled: true,
                        activity: .running(restartOn: [K3sPaths.config, unitFile, K3sPaths.binary]))),
                because: "started without waiting: it counts as started only when its API answers")
        ]
    }

    /// What K3s finds when it starts the next time.
    func settingSteps(_ name: NodeName) -> [Step] {
        let node = cluster[name]
        let config = K3sConfiguration(inventory: cluster.inventory, node: node, joinThrough: joinThrough).text
        let unitFile = K3sPaths.unitFile(node.unit)
        let template = node.isControlPlane ? Template.serverUnit : Template.agentUnit
        return [
            Step(
                .file(path: K3sPaths.config, content: .text(config), mode: .privateFile),
                because: "all settings of K3s are in this file, so that nothing is lost with the unit"),
            Step(
                .file(path: K3sPaths.token, content: .secret(token(name)), mode: .privateFile),
                because: node.isPrimary ? "nodes join with this token" : "the node joins with the cluster's token"),
            Step(
                .file(
                    path: unitFile, content: .text(template.text(["cluster": .text(cluster.inventory.name)])),
                    mode: .publicFile),
                because: "our own unit: K3s' install script would rewrite it"),
        ]
    }

    /// The same token on all nodes; where the inventory names none, it is made on the primary. A primary that joins a living
    /// cluster has it from there, as all others.
    private func token(_ name: NodeName) -> SecretSource {
        if let provided = ProvidedSecret.token(cluster.inventory) { return provided.source }
        return name == cluster.reference
            ? .generated(bytes: 32) : .copied(from: cluster.reference, path: K3sPaths.token)
    }
}

/// Fixed programs for `sh`, with what varies as their arguments, so that no value is ever read as a program.
enum Script {
    static func arguments(_ template: Template, _ arguments: [String] = []) -> [String] {
        ["sh", "-c", template.text(), template.programName] + arguments
    }
}
