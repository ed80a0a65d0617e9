import Engine
import Phases

/// What a failover test has shown.
struct FailoverReport: Sendable {
    let failover: Failover
    /// Each host that asked, what it saw, and why it stopped asking.
    let seen: [(host: NodeName, outage: Outage, problem: String?)]
    /// Whether the endpoint answered steadily while K3s was down; nil: that was not seen to the end.
    let answeredMeanwhile: Bool?
    let downSeconds: Double
    /// Whether the controller has started K3s; else the node does.
    let isStartedByUs: Bool
    /// As everything is afterwards.
    let verification: Verification
    /// The nodes that have the endpoint's address afterwards.
    let holders: [NodeName]
    let wasInterrupted: Bool

    var isGood: Bool { answeredMeanwhile == true && isStartedByUs && verification.holds }

    var text: String {
        let rows = seen.map { host, outage, problem -> [String] in
            let spacing = outage.spacingMilliseconds
            return [
                host.rawValue, "\(outage.failed) of \(outage.asked)",
                spacing.map { "\($0.median) ms (at most \($0.most))" } ?? "-",
                outage.longestMilliseconds.map { "\($0) ms" } ?? "none",
                outage.disturbedMilliseconds.map { "\($0) ms" } ?? "-",
                problem ?? (outage.isOver ? "yes" : "no"),
            ]
        }
        return TextTable.text(["ASKED FROM", "FAILED", "EVERY", "OUTAGE", "DISTURBED FOR", "ANSWERS NOW"], rows)
            + lines.map { $0 + "\n" }.joined()
    }

    private var lines: [String] {
        let down = Int(downSeconds.rounded())
        let meanwhile =
            switch answeredMeanwhile {
            case true?: "\(failover.url) answered again while K3s on \(failover.node) was down, for \(down) s in all"
            case false?: "\(failover.url) did not answer steadily while K3s on \(failover.node) was down, for \(down) s"
            case nil:
                "whether \(failover.url) answers while K3s on \(failover.node) is down was not seen to the end (\(down) s)"
            }
        let holder =
            holders.isEmpty ? nil : "the address is now on \(holders.map(\.rawValue).joined(separator: " and "))"
        return [meanwhile] + [holder].compactMap(\.self) + ["afterwards: \(VerificationText.summary(verification))"]
    }

    func write(to json: inout JSONWriter) {
        json.object("failover") { json in
            json.field("node", failover.node.rawValue)
            json.field("url", failover.url)
            if let answeredMeanwhile { json.field("answeredMeanwhile", answeredMeanwhile) }
            json.field("downMilliseconds", Int((downSeconds * 1000).rounded()))
            json.field("holders", holders.map(\.rawValue))
            json.array("seen") { json in
                for (host, outage, problem) in seen {
                    json.object { json in
                        json.field("from", host.rawValue)
                        json.field("asked", outage.asked)
                        json.field("failed", outage.failed)
                        if let spacing = outage.spacingMilliseconds {
                            json.field("everyMilliseconds", spacing.median)
                            json.field("atMostMilliseconds", spacing.most)
                        }
                        if let longest = outage.longestMilliseconds { json.field("outageMilliseconds", longest) }
                        if let disturbed = outage.disturbedMilliseconds {
                            json.field("disturbedMilliseconds", disturbed)
                        }
                        json.field("answersNow", outage.isOver)
                        if let problem { json.field("problem", problem) }
                    }
                }
            }
        }
    }
}
