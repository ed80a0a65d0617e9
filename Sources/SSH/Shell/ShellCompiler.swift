import Engine

/// Turns questions and steps into shell programs: pure, so that the same steps give the same text.
///
/// Each program answers in frames (see `FrameParser`), in the order of its lines, and then says that it ended.
public enum ShellCompiler {
    /// Read-only: an `answer` frame a probe, then a `same` or `differs` frame a step, indexed within each list.
    ///
    /// - Parameters:
    ///   - checksums: SHA-256 of artifacts whose checksum is `.listed`, where the controller knows it already; else the
    ///     node compares with what it noted when it put the artifact in place.
    ///   - secrets: compared with what is there, where given; else only the presence of secret files is looked at.
    public static func survey(
        probes: [Probe], steps: [Step], checksums: [ArtifactSource: String] = [:],
        secrets: [SecretSource: Secret] = [:], nonce: String
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .survey, checksums: checksums, secrets: secrets)
        var lines = ["beats"] + probes.enumerated().map { "ask \($0.offset) \(words.words(of: $0.element))" }
        lines.append("surveying=yes")
        for (index, step) in steps.enumerated() {
            lines += try words.lines(for: step.operation, verb: "state \(index)")
        }
        return try ShellProgram(lines: lines, nonce: nonce)
    }

    /// Applies the steps in order and stops at the first that fails: a frame `unchanged`, `changed` or `failed` each,
    /// and the sign of life between them. The nonce is also the one that confirms a checkpoint of these steps.
    public static func apply(
        steps: [Step], checksums: [ArtifactSource: String] = [:], secrets: [SecretSource: Secret], nonce: String
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .apply, checksums: checksums, secrets: secrets)
        var lines = ["beats"]
        for (index, step) in steps.enumerated() {
            lines += try words.lines(for: step.operation, verb: "step \(index)")
        }
        return try ShellProgram(lines: lines, nonce: nonce)
    }

    /// Asks the probes every `intervalSeconds` until the deadline: an `answer` frame for each first and each changed
    /// answer, a `beat` frame every two seconds. It ends early when nobody listens any more.
    public static func watch(
        probes: [Probe], intervalSeconds: Int, deadlineSeconds: Int, nonce: String
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .survey, checksums: [:], secrets: [:])
        var lines = ["round() {"]
        lines += probes.enumerated().map { "    ask \($0.offset) \(words.words(of: $0.element))" }
        lines += ["    true", "}", "watch \(intervalSeconds) \(deadlineSeconds) round"]
        return try ShellProgram(lines: lines, nonce: nonce)
    }

    /// One request to the guard; the `answer` frame has the guard's exit status and words.
    public static func guardVerb(_ verb: GuardVerb, nonce: String) throws(ShellError) -> ShellProgram {
        try ShellProgram(lines: ["beats", "ask 0 guard \(quoted(verb.arguments))"], nonce: nonce)
    }

    /// Reads a secret file for `.copied`: the `answer` frame's output is its exact content.
    public static func readSecret(path: String, nonce: String) throws(ShellError) -> ShellProgram {
        try ShellProgram(lines: ["ask 0 secret \(quoted(path))"], nonce: nonce)
    }
}

/// What is asked of the guard on a node; the nonce is the one of the `apply` that armed it.
public enum GuardVerb: Sendable, Hashable {
    /// A sign of life: the window starts anew.
    case extend(PhaseID, windowSeconds: Int, nonce: String)
    /// The phase stays; status 3 when the guard has already begun to take it back.
    case confirm(PhaseID, nonce: String)
    /// The phase is taken back now.
    case rollback(PhaseID)
    /// Its state and the last lines of its log.
    case report

    var arguments: [String] {
        switch self {
        case .extend(let phase, let window, let nonce): ["extend", phase.rawValue, String(window), nonce]
        case .confirm(let phase, let nonce): ["confirm", phase.rawValue, nonce]
        case .rollback(let phase): ["rollback", phase.rawValue]
        case .report: ["report"]
        }
    }
}
