import Engine
import Rendering

/// What is gathered of a node for somebody who is to help: logs, rules, routes, configurations, how etcd and Cilium are.
public enum GatherQuestion {
    public static let probe = Probe.command(Script.arguments(.gather))
    /// The section with what has to be taken out of all others, and is kept nowhere.
    public static let secrets = "secrets"
    /// The empty section behind all others: without it something was cut.
    public static let end = "end"

    public struct Section: Sendable, Equatable {
        /// Of letters, digits and `-`.
        public let name: String
        public let text: String
    }

    /// What the node printed, by `section LINES NAME`; where that does not fit, the rest is left out, because nobody would
    /// know what in it is secret.
    public static func sections(_ answer: Answer) -> [Section] {
        var sections: [Section] = []
        var lines = answer.output.split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let head = lines.popFirst() {
            let words = head.split(separator: " ")
            guard words.count == 3, words[0] == "section", let count = Int(words[1]), count >= 0, count <= lines.count,
                words[2].utf8.allSatisfy({
                    (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
                })
            else { break }
            sections.append(Section(name: String(words[2]), text: lines.prefix(count).map { $0 + "\n" }.joined()))
            lines = lines.dropFirst(count)
        }
        return sections
    }
}
