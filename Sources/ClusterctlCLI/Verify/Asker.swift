import Engine
import Phases
import Synchronization

/// One host that asks the endpoint all the time, and what it has seen.
final class Asker: Sendable {
    let host: NodeName
    private let seconds: Int
    private let state = Mutex((outage: Outage(), problem: String?.none))

    init(_ host: NodeName, seconds: Int) {
        self.host = host
        self.seconds = seconds
    }

    var outage: Outage { state.withLock(\.outage) }
    /// Why it cannot ask any more.
    var problem: String? { state.withLock(\.problem) }

    /// In how many requests something failed so far.
    var words: String {
        let outage = outage
        return "\(outage.failed) of \(outage.asked) requests failed"
            + (outage.failed > 0 && outage.isOver ? ", answered again for \(outage.answeredSince.milliseconds) ms" : "")
    }

    func isSteady(seconds: Int) -> Bool { outage.answeredSince.milliseconds >= seconds * 1000 }

    func ask(_ url: String, by fleet: SSHFleet) async {
        do throws(LinkFailure) {
            try await fleet.repeated(url, on: host, seconds: seconds) { answer in
                self.state.withLock { state in
                    if answer.succeeded { state.outage.add(answer.output) } else { state.problem = answer.lastLine }
                }
            }
        } catch {
            if !Task.isCancelled { state.withLock { $0.problem = error.message } }
        }
    }
}
