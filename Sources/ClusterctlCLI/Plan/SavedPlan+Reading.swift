import Engine
import Foundation

/// Taking a saved plan up again; what keeps it from being carried out is told here.
extension SavedPlan {
    /// The facts of a saved plan that is about to be carried out; nil where it was saved without asking the nodes.
    ///
    /// - Parameter limit: the nodes of `--limit`, which must be those that the plan was saved for.
    /// - Throws: `ExitStatus.planChanged` where the inventory gives another plan, `ExitStatus.wrongUsage` where the file
    ///   is no plan or is for other nodes; the reason has been shown then.
    static func read(_ path: String, for site: Site, limit: Set<NodeName>?) throws -> PlanFacts? {
        let saved = try read(path)
        let differences = saved.differences(from: site.plan)
        guard differences.isEmpty else {
            Standard.error("\(path) does not fit the inventory any more:")
            for difference in differences.prefix(differencesToldAtMost) { Standard.error("  \(difference)") }
            let more = differences.count - differencesToldAtMost
            if more > 0 { Standard.error("  and \(more) more") }
            Standard.error("no node was asked or changed\nfix: make a new plan, or put the inventory back")
            throw ExitStatus.planChanged
        }
        guard let facts = saved.facts else {
            Standard.error("note: \(path) was saved without --live: it says what each phase does, not what is pending")
            return nil
        }
        guard limit == nil || limit == facts.nodes else {
            let nodes = facts.limit.map { $0.map(\.rawValue).joined(separator: ",") }
            Standard.error(
                "\(path) was saved \(nodes.map { "with --limit \($0)" } ?? "for all nodes"), and --limit says otherwise"
            )
            Standard.error("fix: leave --limit out, or make a new plan with it")
            throw ExitStatus.wrongUsage
        }
        return facts
    }

    private static let differencesToldAtMost = 20

    private static func read(_ path: String) throws -> SavedPlan {
        let document: Data
        do {
            document = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            Standard.error("\(path): error: cannot be read: \(error.localizedDescription)")
            throw ExitStatus.wrongUsage
        }
        do {
            return try SavedPlan(document)
        } catch let defect as SavedPlanDefect {
            Standard.error("\(path): error: \(defect.words)\n  fix: make a new one with 'clusterctl plan --live --out'")
            throw defect.exitCode
        }
    }
}
