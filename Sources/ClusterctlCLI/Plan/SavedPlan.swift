import ArgumentParser
import Engine
import Foundation

/// A plan in a file: the document of `plan -o json`, and what the nodes were like where they were asked.
struct SavedPlan: Sendable {
    let cluster: String
    let order: String
    let phases: [JSONValue]
    /// Nil where it was saved without asking the nodes.
    let facts: PlanFacts?

    /// Replaces the file as a whole, so that there is never half a plan in it.
    static func write(_ plan: Plan, facts: PlanFacts?, to path: String) throws {
        try PrivateFile.replace(path) { handle in
            var failure: (any Error)?
            PlanJSON.write(plan, facts: facts) { text in
                guard failure == nil else { return }
                do { try handle.write(contentsOf: Data(text.utf8)) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    /// - Throws: `SavedPlanDefect`
    init(_ document: Data) throws {
        do {
            self = try JSONDecoder().decode(SavedPlan.self, from: document)
        } catch let defect as SavedPlanDefect {
            throw defect
        } catch {
            throw SavedPlanDefect.noPlan
        }
    }

    /// Where the inventory gives another plan now; empty where it gives the same.
    func differences(from plan: Plan) -> [PlanDifference] {
        if cluster != plan.cluster { return [.cluster(was: cluster, now: plan.cluster)] }
        if order != plan.order { return [.order(was: order, now: plan.order)] }
        var text = ""
        PlanJSON.write(plan) { text += $0 }
        guard let now = try? SavedPlan(Data(text.utf8)) else { preconditionFailure("a plan cannot be read back") }
        return PlanDifference.between(phases, now.phases)
    }
}

extension SavedPlan: Decodable {
    private enum Key: String, CodingKey { case version, cluster, order, phases, facts }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let version = try fields.decode(Int.self, forKey: .version)
        guard version == PlanJSON.version else { throw SavedPlanDefect.otherFormat("version \(version)") }
        cluster = try fields.decode(String.self, forKey: .cluster)
        order = try fields.decode(String.self, forKey: .order)
        phases = try fields.decode([JSONValue].self, forKey: .phases)
        facts = try fields.decodeIfPresent(PlanFacts.self, forKey: .facts)
    }
}

/// Why a file cannot be taken for a saved plan.
enum SavedPlanDefect: Error, Equatable {
    case noPlan
    /// Written by a clusterctl with another format; what it has instead.
    case otherFormat(String)
    /// The facts are not those that the digest was made of.
    case wrongDigest

    var words: String {
        switch self {
        case .noPlan: "is no saved plan, or not all of one"
        case .otherFormat(let found): "was saved by another clusterctl (\(found)), and this one cannot read it"
        case .wrongDigest: "was changed after it was saved: its facts are not those of their digest"
        }
    }

    var exitCode: ExitCode {
        switch self {
        case .noPlan, .wrongDigest: ExitStatus.wrongUsage
        case .otherFormat: ExitStatus.planChanged
        }
    }
}
