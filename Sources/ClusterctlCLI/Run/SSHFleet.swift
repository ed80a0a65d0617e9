import Engine
import SSH
import Synchronization

/// Real nodes: each request is one shell program on the standard input of one exec.
actor SSHFleet: Fleet {
    /// The guard of each task answers to the nonce of the program that armed it.
    private var guardNonces: [TaskID: String] = [:]
    let pool: SessionPool
    let artifacts: Artifacts
    let uploads = UploadTurns()
    /// Where nodes hand artifacts on to each other.
    let relay: Relay?
    private let secrets: [SecretSource: Secret]
    /// A fleet that can only read refuses to apply: what a live plan is handed.
    private let canWrite: Bool

    /// Seconds that a program may be silent before its connection counts as broken; nodes show life every two.
    private static let silenceSeconds = 10
    static let surveySeconds = 600
    private static let applySeconds = 900
    private static let guardSeconds = 420

    init(
        pool: SessionPool, artifacts: Artifacts, relay: Relay? = nil, secrets: [SecretSource: Secret], canWrite: Bool
    ) {
        self.pool = pool
        self.artifacts = artifacts
        self.relay = relay
        self.secrets = secrets
        self.canWrite = canWrite
    }

    func survey(
        _ node: NodeName, probes: [Probe], steps: [Step]
    ) async throws(LinkFailure) -> (answers: [Probe: Answer], states: [Step: StepState]) {
        let known = await checksums(steps, mustBeKnown: false)
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.survey(
                probes: probes, steps: steps, checksums: try known.get(), secrets: secrets,
                nonce: ShellProgram.makeNonce())
        }
        let frames = try await run(program, on: node, seconds: Self.surveySeconds)
        var answers: [Probe: Answer] = [:]
        var states: [Step: StepState] = [:]
        for frame in frames {
            if let state = frame.stepState, steps.indices.contains(frame.index) {
                states[steps[frame.index]] = state
            } else if frame.kind == .answer, probes.indices.contains(frame.index) {
                answers[probes[frame.index]] = frame.answer
            }
        }
        return (answers, states)
    }

    func apply(_ task: TaskID, steps: [Step]) async throws(LinkFailure) -> [StepResult] {
        guard canWrite else { throw LinkFailure(kind: .refused, message: "this run may only read") }
        if let failure = try await upload(steps, to: task.node) { return failure }
        let sums: [ArtifactSource: String]
        switch await checksums(steps, mustBeKnown: true) {
        case .success(let known): sums = known
        case .failure(let failure): throw LinkFailure(kind: .refused, message: failure.description)
        }
        let all = try await secrets(for: steps)
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.apply(steps: steps, checksums: sums, secrets: all, nonce: ShellProgram.makeNonce())
        }
        guardNonces[task] = program.nonce
        return try await run(program, on: task.node, seconds: Self.applySeconds).compactMap { frame in
            switch frame.kind {
            case .unchanged: .unchanged
            case .changed: .changed
            case .failed: .failed(frame.answer)
            case .answer, .same, .differs, .beat: nil
            }
        }
    }

    func watch(
        _ node: NodeName, probes: [Probe], deadlineSeconds: Int, observe: @escaping @Sendable (Probe, Answer) -> Void
    ) async throws(LinkFailure) {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.watch(
                probes: probes, intervalSeconds: 1, deadlineSeconds: deadlineSeconds, nonce: ShellProgram.makeNonce())
        }
        _ = try await run(program, on: node, seconds: deadlineSeconds + Self.silenceSeconds) { frame in
            if frame.kind == .answer, probes.indices.contains(frame.index) {
                observe(probes[frame.index], frame.answer)
            }
        }
    }

    func guardian(_ task: TaskID, _ verb: Engine.GuardVerb) async throws(LinkFailure) -> GuardState {
        // Without steps sent by this run there is nothing of it to take back.
        guard let nonce = guardNonces[task] else { return .none }
        let words: SSH.GuardVerb =
            switch verb {
            case .extend(let window): .extend(task.phase, windowSeconds: window, nonce: nonce)
            case .confirm: .confirm(task.phase, nonce: nonce)
            case .rollback: .rollback(task.phase)
            }
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.guardVerb(words, nonce: ShellProgram.makeNonce())
        }
        let frames = try await run(program, on: task.node, seconds: Self.guardSeconds, fresh: true)
        guard let answer = frames.first(where: { $0.kind == .answer })?.answer else {
            throw LinkFailure(kind: .garbled, message: "the guard gave no answer")
        }
        let state = GuardState(line: answer.output.isEmpty ? answer.error : answer.output)
        guard case .rolledBack(var rollback) = state else { return state }
        rollback.log = (try? await guardLog(task.node)) ?? []
        return .rolledBack(rollback)
    }

    /// What the guard wrote down last: the story of a rollback.
    private func guardLog(_ node: NodeName) async throws(LinkFailure) -> [String] {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.guardVerb(.report, nonce: ShellProgram.makeNonce())
        }
        let output = try await run(program, on: node, seconds: Self.surveySeconds).first?.output ?? ""
        return output.split(whereSeparator: \.isNewline).dropFirst().suffix(15).map(String.init)
    }

    func close() async {
        await endRelay()
        await pool.closeAll()
    }

    // MARK: Running programs

    /// Runs a program to its end; frames but beats come back in order, and to `each` as they arrive.
    func run(
        _ program: ShellProgram, on node: NodeName, seconds: Int, fresh: Bool = false,
        each: (@Sendable (Frame) -> Void)? = nil
    ) async throws(LinkFailure) -> [Frame] {
        let session = try await pool.session(node, fresh: fresh)
        let reader = FrameReader(nonce: program.nonce, each: each)
        let result: ExecResult
        do {
            result = try await pool.execute(
                "sh -s", on: session, of: node, input: .bytes(Array(program.text.utf8)),
                deadline: .now + .seconds(seconds), silence: .seconds(Self.silenceSeconds), onOutput: reader.take)
        } catch {
            await pool.retire(session)
            throw LinkFailure(error)
        }
        let (frames, hasEnded, error) = reader.outcome
        if let error {
            throw LinkFailure(kind: .garbled, message: "the node answered what no program of ours prints: \(error)")
        }
        guard hasEnded else {
            await pool.retire(session)
            throw SSHFleet.cut(result)
        }
        if fresh {
            await pool.retire(session)
        } else {
            await pool.putBack(session, of: node)
        }
        return frames
    }

    /// A program that did not say its end: killed, or cut.
    private static func cut(_ result: ExecResult) -> LinkFailure {
        let words =
            String(decoding: result.stderr, as: UTF8.self)
            .split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        return LinkFailure(
            kind: .unreachable, message: "the answer was cut" + (words.isEmpty ? "" : ": \(words)"))
    }

    func compile(_ body: () throws(ShellError) -> ShellProgram) throws(LinkFailure) -> ShellProgram {
        do { return try body() } catch { throw LinkFailure(kind: .refused, message: "\(error)") }
    }

    // MARK: Secrets

    /// The content of a file that only root may read.
    func readSecret(_ path: String, on node: NodeName) async throws(LinkFailure) -> Secret {
        let question = try compile { () throws(ShellError) in
            try ShellCompiler.readSecret(path: path, nonce: ShellProgram.makeNonce())
        }
        let answer = try await run(question, on: node, seconds: Self.surveySeconds).first?.answer
        guard let answer, answer.succeeded else {
            throw LinkFailure(
                kind: .refused, message: "\(path) cannot be read on \(node): \(answer?.lastLine ?? "no answer")")
        }
        return Secret(answer.output)
    }

    private func secrets(for steps: [Step]) async throws(LinkFailure) -> [SecretSource: Secret] {
        var all = secrets
        for case .file(_, .secret(.copied(let node, let path)), _) in steps.map(\.operation) {
            let source = SecretSource.copied(from: node, path: path)
            guard all[source] == nil else { continue }
            all[source] = try await readSecret(path, on: node)
        }
        return all
    }
}
