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
    ///   - owner: of the run that asks, where it may write: what no other run has begun there by then it never will.
    public static func survey(
        probes: [Probe], steps: [Step], checksums: [ArtifactSource: String] = [:],
        secrets: [SecretSource: Secret] = [:], nonce: String, owner: String? = nil
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .survey, checksums: checksums, secrets: secrets)
        let isBrief = probes.allSatisfy(\.isBrief) && steps.allSatisfy(\.operation.isBrief)
        var lines = isBrief ? ["look"] : ["look", "beats"]
        if let owner { lines.append("mark \(ownerWord(owner))") }
        lines += StepWords.looks(probes: probes, steps: steps)
        lines += probes.enumerated().map { "ask \($0.offset) \(words.words(of: $0.element))" }
        lines.append("surveying=yes")
        for (index, step) in steps.enumerated() {
            lines += try words.lines(for: step.operation, verb: "state \(index)")
        }
        let slots = probes.indices.map(ExpectedFrames.Slot.answer) + steps.indices.map(ExpectedFrames.Slot.state)
        return try ShellProgram(
            lines: lines, nonce: nonce, expecting: .exactly(slots), showsLife: !isBrief,
            mayBeSeen: !steps.contains(where: \.operation.isAboutSecret))
    }

    /// Applies the steps in order and stops at the first that fails: a frame `unchanged`, `changed` or `failed` each,
    /// and the sign of life between them. The nonce is also the one that confirms a checkpoint of these steps. When all
    /// went well it goes on as `watch` does.
    ///
    /// The program is a run: it goes on when its connection is lost, at most one program of this nonce acts on a node,
    /// and what became of it is asked with `collect`. Where another owner has marked the node, or one with a higher fence
    /// has acted there, nothing is begun and there is one frame, `overtaken`. It waits until programs of other owners
    /// have stopped there.
    /// - Parameters:
    ///   - owner: who all runs of one controller belong to; 8 to 64 letters and digits.
    ///   - fence: the number of its lease; 0 where it has none.
    ///   - collected: nonces of runs on the node whose answers have arrived, and which it may forget.
    public static func apply(
        steps: [Step], then watch: (probes: [Probe], intervalSeconds: Int, deadlineSeconds: Int)? = nil,
        checksums: [ArtifactSource: String] = [:], secrets: [SecretSource: Secret], nonce: String,
        owner: String = "nobody00", fence: Int = 0, collected: [String] = []
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .apply, checksums: checksums, secrets: secrets)
        let isBrief =
            steps.allSatisfy { $0.operation.isBrief && !$0.operation.isCheckpoint }
            && (watch?.probes ?? []).allSatisfy(\.isBrief)
        var lines = [claim(owner, collected)] + (isBrief ? [] : ["beats"]) + ["alone \(fence)"]
        for (index, step) in steps.enumerated() {
            lines += try words.lines(for: step.operation, verb: "step \(index)")
        }
        lines.append("settle")
        if let (probes, interval, deadline) = watch {
            lines.append("rest")
            lines += watching(probes, intervalSeconds: interval, deadlineSeconds: deadline)
        }
        return try ShellProgram(
            lines: lines, nonce: nonce,
            expecting: .applied(steps: steps.count, thenWatched: watch?.probes.count ?? 0), showsLife: !isBrief)
    }

    /// Asks the probes every `intervalSeconds` until the deadline: an `answer` frame for each first and each changed
    /// answer, a `beat` frame every two seconds. It ends early when nobody listens any more.
    public static func watch(
        probes: [Probe], intervalSeconds: Int, deadlineSeconds: Int, nonce: String
    ) throws(ShellError) -> ShellProgram {
        let lines = watching(probes, intervalSeconds: intervalSeconds, deadlineSeconds: deadlineSeconds)
        return try ShellProgram(
            lines: ["look", "beats"] + lines, nonce: nonce, expecting: .watched(probes: probes.count), mayBeSeen: true)
    }

    private static func watching(_ probes: [Probe], intervalSeconds: Int, deadlineSeconds: Int) -> [String] {
        let words = StepWords(purpose: .survey, checksums: [:], secrets: [:])
        return ["round() {"] + probes.enumerated().map { "    ask \($0.offset) \(words.words(of: $0.element))" }
            + ["    true", "}", "watch \(intervalSeconds) \(deadlineSeconds) round"]
    }

    /// Asks for a URL again and again, every hundredth of a second where the node manages that: an `answer` frame twice a
    /// second with a line `BEGUN CODE SECONDS` for each request that has come to its end. Certificates are not checked.
    /// It ends early when nobody listens any more; with status 127 where the node has nothing to ask with.
    public static func repeated(url: String, seconds: Int, nonce: String) throws(ShellError) -> ShellProgram {
        try ShellProgram(
            lines: ["look", "beats", "repeatedly \(quoted(url)) \(seconds)"], nonce: nonce,
            expecting: .watched(probes: 1), mayBeSeen: true)
    }

    /// What became of the run with this nonce: its frames, those to come too while it is still at work, then its end;
    /// or a frame `absent` (it has not begun, and now never will) or `broken` (it was ended from outside with status 1,
    /// or by a new start of the node with status 2, after the frames that came before).
    /// - Parameter ageSeconds: how long ago its program was sent, at least.
    public static func collect(nonce: String, ageSeconds: Int) throws(ShellError) -> ShellProgram {
        try ShellProgram(
            lines: ["look", "beats", "collect \(ageSeconds)"], nonce: nonce, expecting: .collected)
    }

    /// One request to the guard; the `answer` frame has the guard's exit status and words. A rollback is a run, as
    /// the steps of `apply` are; the others may be asked as often as one likes.
    public static func guardVerb(
        _ verb: GuardVerb, nonce: String, owner: String = "nobody00"
    ) throws(ShellError) -> ShellProgram {
        let begin: [String]
        switch verb {
        case .rollback: begin = [claim(owner, []), "beats"]
        case .extend, .confirm, .report: begin = ["look", "beats"]
        }
        return try ShellProgram(
            lines: begin + ["ask 0 guard \(quoted(verb.arguments))"], nonce: nonce, expecting: .exactly([.answer(0)]))
    }

    /// One word to the keeper or another node about the lease; the `answer` frame is as `LeaseState` reads it, with
    /// status 0 where the lease, or the node, is the owner's, and 3 where it is not. May be said as often as one likes.
    public static func leaseVerb(
        _ verb: LeaseVerb, owner: String, nonce: String
    ) throws(ShellError) -> ShellProgram {
        let line: String
        switch verb {
        case .take(let fence, let seen, let seconds, let words):
            line = "take_lease \(ownerWord(owner)) \(fence) \(seen) \(seconds) \(quoted(words))"
        case .renew(let fence, let seconds, let words):
            line = "renew_lease \(ownerWord(owner)) \(fence) \(seconds) \(quoted(words))"
        case .release(let fence): line = "release_lease \(ownerWord(owner)) \(fence)"
        case .end(let fence, let next, let words):
            line = "break_lease \(ownerWord(owner)) \(fence) \(next) \(quoted(words))"
        case .claim(let fence): line = "claim_node \(ownerWord(owner)) \(fence.map(String.init) ?? "")"
        }
        return try ShellProgram(
            lines: ["look", "ask 0 \(line)"], nonce: nonce, expecting: .exactly([.answer(0)]), showsLife: false)
    }

    private static func claim(_ owner: String, _ collected: [String]) -> String {
        "claim \(([owner] + collected).map(ownerWord).joined(separator: " "))"
    }

    private static func ownerWord(_ id: String) -> String {
        precondition(ShellProgram.isNonce(id), "run ids are 8 to 64 letters and digits")
        return id
    }

    /// Reads a secret file for `.copied`: the `answer` frame's output is its exact content.
    public static func readSecret(path: String, nonce: String) throws(ShellError) -> ShellProgram {
        try ShellProgram(
            lines: ["look", "ask 0 secret \(quoted(path))"], nonce: nonce, expecting: .exactly([.answer(0)]))
    }
}

/// What is asked of the guard on a node; the nonce is the one of the `apply` that armed it.
public enum GuardVerb: Sendable, Hashable {
    /// A sign of life: the window starts anew.
    case extend(PhaseID, windowSeconds: Int, nonce: String)
    /// The phase stays; status 3 when the guard has already begun to take it back. A held guard is confirmed only by who
    /// names the rung at which it stopped.
    case confirm(PhaseID, nonce: String, rung: Int? = nil)
    /// The phase is taken back now.
    /// With nonces only what one of these programs has armed.
    case rollback(PhaseID, nonces: [String] = [])
    /// Its state and the last lines of its log.
    case report

    var arguments: [String] {
        switch self {
        case .extend(let phase, let window, let nonce): ["extend", phase.rawValue, String(window), nonce]
        case .confirm(let phase, let nonce, let rung):
            ["confirm", phase.rawValue, nonce] + (rung.map { [String($0)] } ?? [])
        case .rollback(let phase, let nonces): ["rollback", phase.rawValue] + nonces.suffix(7)
        case .report: ["report"]
        }
    }
}

/// What is said about the lease. A fence is the lease's number; words are `KEY=VALUE`, for people, and no secret.
public enum LeaseVerb: Sendable, Hashable {
    /// - Parameter seen: the highest number that the node had heard of when it was asked.
    case take(fence: Int, seen: Int, seconds: Int, words: [String])
    case renew(fence: Int, seconds: Int, words: [String])
    case release(fence: Int)
    /// Ends another owner's lease, if it has this number still; what follows gets the next number.
    case end(fence: Int, next: Int, words: [String])
    /// Programs of other owners stop on this node before their next change.
    case claim(fence: Int?)
}

extension Probe {
    /// Whether a node answers it within half a minute or not at all, so that it need not show life meanwhile.
    fileprivate var isBrief: Bool {
        switch self {
        case .host, .path, .journal, .command, .http, .sshBanner, .guardState, .lease: true
        case .unit, .listeners, .syncLatency: false
        }
    }
}

extension Operation {
    /// Whether a survey of it may hold something of a secret, be it a checksum.
    fileprivate var isAboutSecret: Bool {
        if case .file(_, .secret, _) = self { true } else { false }
    }

    /// Whether looking at it takes a node no time to speak of.
    fileprivate var isBrief: Bool {
        switch self {
        case .directory, .file, .link, .absent, .sysctl, .module, .checkpoint: true
        case .artifact, .unit, .object, .command: false
        }
    }
}
