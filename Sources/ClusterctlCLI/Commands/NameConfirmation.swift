import ArgumentParser
import Engine
import Foundation

/// How verbs are agreed to after which nothing is as it was: by the cluster's name, typed at the question or given along.
struct NameConfirmation: ParsableArguments {
    @Option(help: ArgumentHelp("The cluster's name, instead of typing it at the question.", valueName: "name"))
    var confirm: String?

    /// Whether the user agrees to what a run would do. A name that is given along and is another one is no agreement.
    ///
    /// - Parameter look: the verb that shows the same without doing it.
    func isGiven(for cluster: String, to review: Review, look: String) -> Bool {
        let count = review.items.count
        Standard.error("\(count) task\(count == 1 ? "" : "s") pending:")
        for item in review.items { Standard.error("  \(item.task): \(item.reason)") }
        if let confirm {
            if confirm == cluster { return true }
            Standard.error("not agreed to: --confirm says '\(confirm)', and the cluster is '\(cluster)'")
            return false
        }
        guard isatty(STDIN_FILENO) == 1 else {
            Standard.error(
                "not asked for agreement: standard input is no terminal; use --confirm \(cluster), or '\(look)' to look")
            return false
        }
        if Standard.line("Type the cluster's name, \(cluster), to go on:") == cluster { return true }
        Standard.error("not agreed to: that is not the cluster's name")
        return false
    }
}
