import Engine
import SSH
import Synchronization

/// Real nodes: each request is one shell program on the standard input of one exec.
actor SSHFleet: Fleet {
    /// The guard of each task answers to the nonce of the program that armed it.
    private var guardNonces: [TaskID: [String]] = [:]
    /// Steps that were sent, or are being sent, and whose results have not come.
    private var applications: [TaskID: Application] = [:]
    private var rollbacks: [TaskID: Application.Run] = [:]
    /// Runs on each node whose answers have come, and which it may forget.
    private var collected: [NodeName: [String]] = [:]
    /// Whose runs these are: a node lets those of an earlier controller change nothing more.
    let owner = ShellProgram.makeNonce()
    /// Where this run has taken the lease, and with which number.
    var lease: (keeper: NodeName, fence: Int)?
    let pool: SessionPool
    let artifacts: Artifacts
    let uploads = UploadTurns()
    let progress = UploadProgress()
    /// Where nodes hand artifacts on to each other.
    let relay: Relay?
    private let secrets: [SecretSource: Secret]
    /// A fleet that can only read refuses to apply: what a live plan is handed.
    private let canWrite: Bool

    /// How long a program may be silent before its connection counts as broken; nodes show life every two seconds.
    static func silence(of program: ShellProgram) -> Duration { .seconds(program.showsLife ? 15 : 45) }
    static let surveySeconds = 600
    static let applySeconds = 900
    private static let guardSeconds = 420

    /// What the steps may take at most, commands by their own words.
    private static func seconds(for steps: [Step]) -> Int {
        steps.reduce(applySeconds) { sum, step in
            if case .command(let command) = step.operation { sum + command.timeoutSeconds } else { sum }
        }
    }

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
        let marks = canWrite && probes.contains(.lease)
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.survey(
                probes: probes, steps: steps, checksums: try known.get(), secrets: secrets,
                nonce: ShellProgram.makeNonce(), owner: marks ? owner : nil)
        }
        let frames = try await run(
            program, on: node, seconds: Self.surveySeconds, frames: probes.count + steps.count)
        var answers: [Probe: Answer] = [:]
        var states: [Step: StepState] = [:]
        for frame in frames {
            if let state = frame.stepState, steps.indices.contains(frame.index) {
                states[steps[frame.index]] = state
            } else if frame.kind == .answer, probes.indices.contains(frame.index) {
                answers[probes[frame.index]] = frame.answer
            }
        }
        let state = answers[.lease].map { LeaseState($0.output) }
        if marks, let state, let holder = state.holder, try await endLeaseOfTheDead(holder, state, on: node) {
            return try await survey(node, probes: probes, steps: steps)
        }
        return (answers, states)
    }

    func apply(
        _ task: TaskID, on node: NodeName, steps: [Step], then watch: GateWatch?,
        tell: @escaping @Sendable (Progress) -> Void
    ) async throws(LinkFailure) {
        guard canWrite else { throw LinkFailure(kind: .refused, message: "this run may only read") }
        var application = applications[task] ?? Application(steps, on: node)
        while true {
            if application.run == nil {
                if let failure = try await upload(steps, to: node) { return tell(.applied(failure)) }
                if try await send(&application, of: task, then: watch, tell) { return }
            } else if let results = try await ask(&application, of: task) {
                applications[task] = nil
                tell(.applied(results))
                guard let watch, results.isComplete(steps) else { return }
                return try await self.watch(
                    node, probes: watch.probes, deadlineSeconds: watch.deadlineSeconds
                ) { tell(.observed($0, $1)) }
            }
        }
    }

    /// What became of the program under way; nil when the steps have to be sent (again).
    private func ask(_ application: inout Application, of task: TaskID) async throws(LinkFailure) -> [StepResult]? {
        defer { applications[task] = application }
        guard let run = application.run else { return nil }
        let node = application.node
        switch try await collect(run, on: node) {
        case .ended(let frames):
            collected[node, default: []].append(run.nonce)
            guard frames.last?.kind != .overtaken else {
                application.overtaken(frames)
                return nil
            }
            return application.results(frames, of: run.positions)
        case .neverBegan:
            application.run = nil
            return nil
        case .died(let frames, let hasRestarted):
            collected[node, default: []].append(run.nonce)
            return application.died(frames, hasRestarted: hasRestarted)
        }
    }

    /// Sends the steps that are left to do, and the watch behind them.
    ///
    /// - Returns: whether all is told, and the watch through; otherwise this throws.
    private func send(
        _ application: inout Application, of task: TaskID, then watch: GateWatch?,
        _ tell: @escaping @Sendable (Progress) -> Void
    ) async throws(LinkFailure) -> Bool {
        let node = application.node
        let positions = application.positionsToSend
        let steps = positions.map { application.steps[$0] }
        let sums: [ArtifactSource: String]
        switch await checksums(steps, mustBeKnown: true) {
        case .success(let known): sums = known
        case .failure(let failure): throw LinkFailure(kind: .refused, message: failure.description)
        }
        let all = try await secrets(for: steps)
        let forgotten = collected.removeValue(forKey: node) ?? []
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.apply(
                steps: steps, then: watch.map { ($0.probes, 1, $0.deadlineSeconds) }, checksums: sums, secrets: all,
                nonce: ShellProgram.makeNonce(), owner: owner, fence: lease?.fence ?? 0, collected: forgotten)
        }
        guardNonces[task, default: []].append(program.nonce)
        application.run = Application.Run(nonce: program.nonce, sentAt: .now, positions: positions)
        // The actor answers signs of life of the same task meanwhile: what was sent is known before it is sent.
        applications[task] = application
        let answer = StepAnswer(application, positions: positions, probes: watch?.probes ?? [], tell)
        let watching = watch?.deadlineSeconds ?? 0
        do throws(ProgramFailure) {
            _ = try await perform(
                program, on: node, seconds: Self.seconds(for: steps) + watching,
                frames: steps.count + ((watch?.probes.count ?? 0) + 1) * (watching + 10), each: answer.take)
        } catch {
            if answer.isOvertaken { return overtaken(&application, answer.received, program, of: task) }
            guard answer.isComplete else {
                application.run?.received = answer.received
                if !error.mayHaveBegun { application.run = nil }
                applications[task] = application
                throw error.link
            }
            applications[task] = nil
            collected[node, default: []].append(program.nonce)
            if watch == nil { return true }
            throw error.link
        }
        if answer.isOvertaken { return overtaken(&application, answer.received, program, of: task) }
        applications[task] = nil
        collected[node, default: []].append(program.nonce)
        answer.end()
        return true
    }

    /// What is left of its steps is to be sent again, if the lease is still ours.
    private func overtaken(
        _ application: inout Application, _ received: [Frame], _ program: ShellProgram, of task: TaskID
    ) -> Bool {
        application.overtaken(received)
        applications[task] = application
        collected[application.node, default: []].append(program.nonce)
        return true
    }

    func watch(
        _ node: NodeName, probes: [Probe], deadlineSeconds: Int, observe: @escaping @Sendable (Probe, Answer) -> Void
    ) async throws(LinkFailure) {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.watch(
                probes: probes, intervalSeconds: 1, deadlineSeconds: deadlineSeconds, nonce: ShellProgram.makeNonce())
        }
        do throws(ProgramFailure) {
            _ = try await perform(
                program, on: node, seconds: deadlineSeconds + 10, frames: (probes.count + 1) * (deadlineSeconds + 10)
            ) { frame in
                if frame.kind == .answer, probes.indices.contains(frame.index) {
                    observe(probes[frame.index], frame.answer)
                }
            }
        } catch {
            throw error.link
        }
    }

    func guardian(_ task: TaskID, _ verb: Engine.GuardVerb) async throws(LinkFailure) -> GuardState {
        // Without steps sent by this run there is nothing of it to take back.
        guard let nonce = guardNonces[task]?.last else { return .none }
        let state: GuardState
        switch verb {
        case .extend(let window):
            state = try await tell(.extend(task.phase, windowSeconds: window, nonce: nonce), on: task.node)
        case .confirm: state = try await tell(.confirm(task.phase, nonce: nonce), on: task.node)
        case .rollback: state = try await rollBack(task)
        }
        guard case .rolledBack(var rollback) = state else { return state }
        rollback.log = (try? await guardLog(task.node)) ?? []
        return .rolledBack(rollback)
    }

    /// What the guard says to a word that is said once, over a connection made for this alone.
    func tell(_ verb: SSH.GuardVerb, on node: NodeName) async throws(LinkFailure) -> GuardState {
        try GuardState(try await ask(verb, on: node))
    }

    /// Over a connection made for this alone, and not again: the machine decides when.
    func ask(_ verb: SSH.GuardVerb, on node: NodeName) async throws(LinkFailure) -> [Frame] {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.guardVerb(verb, nonce: ShellProgram.makeNonce())
        }
        do throws(ProgramFailure) {
            return try await perform(program, on: node, seconds: Self.guardSeconds, frames: 1, fresh: true)
        } catch {
            throw error.link
        }
    }

    /// A rollback that was begun is followed to its end when this is called again after its connection broke.
    func rollBack(_ task: TaskID) async throws(LinkFailure) -> GuardState {
        if let run = rollbacks[task], case .ended(let frames) = try await collect(run, on: task.node) {
            rollbacks[task] = nil
            return try GuardState(frames)
        }
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.guardVerb(
                .rollback(task.phase, nonces: guardNonces[task] ?? []), nonce: ShellProgram.makeNonce(), owner: owner)
        }
        rollbacks[task] = Application.Run(nonce: program.nonce, sentAt: .now, positions: [0])
        let frames: [Frame]
        do throws(ProgramFailure) {
            frames = try await perform(program, on: task.node, seconds: Self.guardSeconds, frames: 1, fresh: true)
        } catch {
            if !error.mayHaveBegun { rollbacks[task] = nil }
            throw error.link
        }
        rollbacks[task] = nil
        return try GuardState(frames)
    }

    /// What the guard wrote down last: the story of a rollback.
    private func guardLog(_ node: NodeName) async throws(LinkFailure) -> [String] {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.guardVerb(.report, nonce: ShellProgram.makeNonce())
        }
        let output = try await run(program, on: node, seconds: Self.surveySeconds, frames: 1).first?.output ?? ""
        return output.split(whereSeparator: \.isNewline).dropFirst().suffix(24).map(String.init)
    }

    func close() async {
        await endRelay()
        await releaseLease()
        await pool.closeAll()
    }

    // MARK: Secrets

    /// The content of a file that only root may read.
    func readSecret(_ path: String, on node: NodeName) async throws(LinkFailure) -> Secret {
        let question = try compile { () throws(ShellError) in
            try ShellCompiler.readSecret(path: path, nonce: ShellProgram.makeNonce())
        }
        let answer = try await run(question, on: node, seconds: Self.surveySeconds, frames: 1).first?.answer
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
