import Engine
import Foundation
import Inventory
import Rendering

/// Whether Cilium serves on a node, asked of the agent itself.
///
/// The only question that needs a shell: the container's id is known on the node alone, so two commands must follow
/// each other. The text is fixed; nothing of the inventory is in it.
enum CiliumQuestion {
    static let status = Probe.command(Script.arguments(.ciliumDbg, ["status", "-o", "json"]))
    static let pods = PodsQuestion.probe("k8s-app=cilium")

    /// The part of `cilium-dbg status -o json` that counts (Cilium api/v1/models).
    private struct Status: Decodable {
        struct Overall: Decodable {
            let state: String?
            let msg: String?
        }
        struct Replacement: Decodable { let mode: String? }
        let cilium: Overall?
        let replacement: Replacement?

        enum CodingKeys: String, CodingKey {
            case cilium
            case replacement = "kube-proxy-replacement"
        }
    }

    static func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet how its Cilium is") }
        guard answer.succeeded else { return .waiting("Cilium on \(node) does not answer: \(answer.reason)") }
        guard let status = try? JSONDecoder().decode(Status.self, from: Data(answer.output.utf8)) else {
            return .waiting("the status of Cilium on \(node) cannot be read: \(answer.reason)")
        }
        guard let state = status.cilium?.state, state == "Ok" else {
            let words = [status.cilium?.state, status.cilium?.msg].compactMap(\.self).joined(separator: ": ")
            return .waiting("Cilium on \(node) is not well: \(words.isEmpty ? "it names no state" : words)")
        }
        guard status.replacement?.mode == "True" else {
            return .waiting(
                "Cilium on \(node) does not replace kube-proxy (\(status.replacement?.mode ?? "no mode given"))")
        }
        return .holds
    }

    /// The agent's own words: its state, and whether it replaces kube-proxy; nil where it did not answer.
    static func reading(_ answer: Answer?) -> (state: String, replacesKubeProxy: Bool)? {
        guard let answer, answer.succeeded,
            let status = try? JSONDecoder().decode(Status.self, from: Data(answer.output.utf8))
        else { return nil }
        return (status.cilium?.state ?? "unknown", status.replacement?.mode == "True")
    }

    /// The version that the agent says it is, which it does while it is well; nil where it says none.
    static func version(_ answer: Answer?) -> CiliumVersion? {
        guard let answer, answer.succeeded,
            let status = try? JSONDecoder().decode(Status.self, from: Data(answer.output.utf8)),
            let word = status.cilium?.msg?.split(separator: " ").first
        else { return nil }
        return CiliumVersion(word)
    }

    /// Whether the node's agent pod is ready and, with `values`, was made from the chart values of that digest; one that
    /// somebody else's chart made has none.
    static func pod(_ answer: Answer?, on node: NodeName, values: String? = nil) -> Verdict {
        guard let pods = PodsQuestion(answer) else {
            return .waiting("the cluster cannot be asked for its pods\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        guard let pod = pods[node] else {
            let reason = pods.unscheduled.map { ": \($0.reason.prefix(300))" } ?? ""
            return .waiting("there is no pod of Cilium on \(node) yet\(reason)")
        }
        if let values, pod.values != values {
            return .waiting("Cilium on \(node) still runs with earlier settings")
        }
        if pod.isReady { return .holds }
        let reason = pod.reason.isEmpty ? "" : ": \(pod.reason.prefix(300))"
        return .waiting(
            "the pod of Cilium on \(node) is not ready (\(pod.phase))\(reason)"
        )
    }
}
