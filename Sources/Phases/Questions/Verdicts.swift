import Engine

extension Verdict {
    /// What does not hold first; a failure comes before all that is only awaited.
    static func all(_ verdicts: [Verdict]) -> Verdict {
        if let failure = verdicts.first(where: { if case .failed = $0 { true } else { false } }) { return failure }
        return verdicts.first { $0 != .holds } ?? .holds
    }

    static func all(_ verdicts: Verdict...) -> Verdict { all(verdicts) }
}

extension Answer {
    /// The lines of the output without empty ones.
    var lines: [Substring] { output.split(whereSeparator: \.isNewline) }

    /// The status code of an answer to `Probe.http`, and the body.
    var http: (code: Int, body: Substring)? {
        guard succeeded else { return nil }
        let end = output.firstIndex(where: \.isNewline) ?? output.endIndex
        guard let code = Int(output[..<end]) else { return nil }
        return (code, end == output.endIndex ? "" : output[output.index(after: end)...])
    }

    /// What the node said, short enough for one line.
    var reason: String { String(lastLine.prefix(300)) }
}
