import Engine
import Inventory
import Rendering

/// Whether Envoy on a node passes connections to the endpoint on to every API server, asked of Envoy itself.
///
/// A CiliumClusterwideEnvoyConfig has no status, and the API answers as long as one server of several is not left out.
struct EnvoyQuestion: Sendable {
    private let servers: [(name: String, place: String)]

    static let probe = Probe.command(Script.arguments(.envoyBackends, [APIEndpoint.backendsName]))

    /// Nil where the endpoint is not Envoy's.
    init?(_ inventory: Inventory) {
        guard case .ciliumBgp(let address) = inventory.endpoint else { return nil }
        servers = inventory.controlPlane.compactMap { node in
            node.addresses.first { $0.family == address.family }.map {
                (node.name, "\($0.inURL):\(inventory.network.apiPort)")
            }
        }
    }

    var everyServer: String { servers.map(\.name).joined(separator: ", ") }

    func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("Envoy on \(node) has not been asked yet") }
        guard answer.succeeded else { return .waiting("Envoy on \(node) does not answer: \(answer.reason)") }
        var flags: [Substring: Substring] = [:]
        for line in answer.lines {
            let words = line.split(separator: " ", maxSplits: 1)
            if words.count == 2 { flags[words[0]] = words[1] }
        }
        if flags.isEmpty {
            return .waiting("Envoy on \(node) has no backends for the API: Cilium's agent there logs why")
        }
        for server in servers {
            guard let flag = flags[Substring(server.place)] else {
                return .waiting("Envoy on \(node) does not know \(server.name) (\(server.place)) yet")
            }
            guard flag == "healthy" else {
                return .waiting("Envoy on \(node) leaves \(server.name) (\(server.place)) out: \(flag.prefix(100))")
            }
        }
        return .holds
    }
}
