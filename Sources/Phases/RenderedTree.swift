import Engine
import Inventory
import Rendering

/// Every text that a plan puts on a node or into the cluster, as a tree of files for people and other tools.
///
/// `<node>/etc/...` as on the node, and `<node>/objects/NN-name.yaml` for what is applied through the node, in order.
/// For nodes with `manage: verify` it has what their own configuration needs, for routers their end of the sessions, for
/// Argo CD the addons that it takes over. Secrets are not in it.
public struct RenderedTree: Sendable, Equatable {
    public struct File: Sendable, Equatable {
        /// Relative, with the node's name first.
        public let path: String
        public let text: String
        public let mode: FileMode
    }

    /// In the order of their paths.
    public let files: [File]

    public init(_ plan: Plan, for inventory: Inventory) {
        var files: [String: File] = [:]
        func add(_ node: String, _ path: String, _ text: String, _ mode: FileMode = .publicFile) {
            let relative = node + "/" + path.drop { $0 == "/" }
            files[relative] = File(path: relative, text: text, mode: mode)
        }
        var objects: [NodeName: Int] = [:]
        for work in plan.phases.flatMap(\.work) {
            for step in work.steps {
                switch step.operation {
                case .file(let path, .text(let text), let mode): add(work.node.rawValue, path, text, mode)
                case .object(let object):
                    let number = objects[work.node, default: 0] + 1
                    objects[work.node] = number
                    add(
                        work.node.rawValue,
                        "objects/\(number < 10 ? "0" : "")\(number)-\(RenderedTree.slug(object.name)).yaml",
                        object.manifest)
                default: continue
                }
            }
        }
        for node in inventory.nodes where node.management == .verify {
            for file in RenderedTree.ownConfiguration(of: node, inventory) {
                add(node.name, file.path, file.text, file.mode)
            }
        }
        for router in inventory.routers {
            guard let configuration = RouterConfiguration(inventory, router) else { continue }
            add(router.name, configuration.path, configuration.text)
        }
        if inventory.handOff == .argocd {
            for addon in inventory.addons {
                add("argocd", "applications/\(addon.name).yaml", AddonObjects.application(addon))
            }
        }
        self.files = files.values.sorted { $0.path < $1.path }
    }

    /// What a node that clusterctl never writes to must get from its own configuration.
    private static func ownConfiguration(of node: Node, _ inventory: Inventory) -> [File] {
        let config = K3sConfiguration(inventory: inventory, node: node).text
        var files = [File(path: K3sPaths.config, text: config, mode: .privateFile)]
        if node.os == .nixos {
            let hook = ClusterNames(inventory).map { [["hook": $0.resolved(node)]] } ?? []
            let module = Template.nixosModule.text([
                "config": .text(config), "token": .text(K3sPaths.token), "names": .records(hook),
            ])
            files.append(File(path: "/etc/nixos/clusterctl-k3s.nix", text: module, mode: .publicFile))
        } else {
            let unit = Template.agentUnit.text(["cluster": .text(inventory.name)])
            files.append(File(path: K3sPaths.unitFile(node.unit), text: unit, mode: .publicFile))
            if let names = ClusterNames(inventory) {
                files.append(File(path: DNSResolved.file, text: names.resolved(node), mode: .publicFile))
            }
        }
        return files
    }

    private static func slug(_ name: String) -> String {
        let words = name.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return words.joined(separator: "-")
    }
}
