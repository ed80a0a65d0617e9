import Engine
import Foundation
import Rendering

/// Whether the etcd member of a control plane node is healthy, asked on that node.
///
/// Port 2381 is etcd's plain HTTP on the loopback (K3s pkg/etcd). Whether the member votes is read from the node
/// condition EtcdIsVoter, because `/metrics` is large and differs at every poll.
enum EtcdQuestion {
    static let probe = Probe.http("http://127.0.0.1:2381/health")
    static let data = Probe.path(K3sPaths.etcdData)

    private struct Health: Decodable {
        let health: String
        let reason: String?
    }

    static func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet how its etcd is") }
        guard let (code, body) = answer.http else {
            return .waiting("etcd on \(node) does not answer: \(answer.reason)")
        }
        guard let health = try? JSONDecoder().decode(Health.self, from: Data(body.utf8)) else {
            return .waiting("etcd on \(node) answers \(code)")
        }
        guard code == 200, health.health == "true" else {
            return .waiting("etcd on \(node) is not healthy\(health.reason.map { $0.isEmpty ? "" : ": " + $0 } ?? "")")
        }
        return .holds
    }

    /// Whether a node has etcd data; nil where it did not say.
    static func hasData(_ answer: Answer?) -> Bool? {
        guard let answer, answer.succeeded else { return nil }
        return !answer.output.hasPrefix("absent")
    }
}
