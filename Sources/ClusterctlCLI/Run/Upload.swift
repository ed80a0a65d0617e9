import Engine
import SSH

/// Artifacts on their way from the controller to nodes.
extension SSHFleet {
    /// Seconds without a byte taken or a word said until a delivery counts as stalled.
    private static let stallSeconds = 20
    /// Attempts in a row that may bring nothing; longer and longer pauses lie between them.
    private static let fruitlessAttempts = 7
    /// A delivery that gets on has as long as it needs; a day is far beyond that.
    private static let deliverySeconds = 86_400

    func checksums(_ steps: [Step], mustBeKnown: Bool) async -> Result<[ArtifactSource: String], ShellError> {
        var known: [ArtifactSource: String] = [:]
        for case .artifact(_, let source, _) in steps.map(\.operation) where known[source] == nil {
            if let sum = await artifacts.knownChecksum(of: source) {
                known[source] = sum
            } else if mustBeKnown {
                return .failure(.missingChecksum(artifact: source.name))
            }
        }
        return .success(known)
    }

    /// The tasks that would bring artifacts whose checksums cannot be had: of a release that is not there, most likely.
    func missingChecksums(_ review: Review) async -> [Outcome.Blocked] {
        var missing: [Outcome.Blocked] = []
        for item in review.items {
            var problems: [Problem] = []
            for case .artifact(_, let source, _) in item.changes.map(\.step.operation) {
                do throws(LinkFailure) {
                    _ = try await artifacts.checksum(of: source)
                } catch {
                    let problem = Problem(
                        "there is no checksum of \(source.name): \(error.message)",
                        fix: "see that the version exists, and that 'k3s.artifacts' names the place where it is")
                    if !problems.contains(problem) { problems.append(problem) }
                }
            }
            if !problems.isEmpty { missing.append(Outcome.Blocked(task: item.task, problems: problems)) }
        }
        return missing
    }

    /// Sends what the node lacks of the artifacts among these steps. What cannot be had or taken is the failure of its
    /// step, so that it is shown as such; a node that stays out of reach is thrown after several attempts.
    func upload(_ steps: [Step], to node: NodeName) async throws(LinkFailure) -> [StepResult]? {
        func failure(_ index: Int, _ why: String) -> [StepResult] {
            Array(repeating: .unchanged, count: index) + [.failed(Answer(status: 1, output: "", error: why))]
        }
        var checksums: [ArtifactSource: String] = [:]
        for (index, step) in steps.enumerated() {
            guard let source = step.artifactFromController else { continue }
            do throws(LinkFailure) {
                checksums[source] = try await artifacts.checksum(of: source)
            } catch {
                return failure(index, error.message)
            }
        }
        guard !checksums.isEmpty else { return nil }
        for (index, state) in try await partStates(steps, checksums, on: node).sorted(by: { $0.key < $1.key }) {
            guard case .artifact(let path, let source, _) = steps[index].operation else { continue }
            guard case .bytes(let offset) = state else { continue }
            let ready: Artifacts.Ready
            do throws(LinkFailure) {
                ready = try await artifacts.ready(source)
            } catch {
                return failure(index, error.message)
            }
            let parcel = Parcel(name: source.name, content: ready, target: path, node: node)
            if let why = try await bring(parcel, from: offset, of: source) { return failure(index, why) }
        }
        return nil
    }

    /// Brings it by the way that there is, while the controller's own file is looked through: a node that verifies what
    /// arrives need not wait for that, and a file that turns out to be wrong is not sent to its end.
    ///
    /// - Returns: why the node cannot have it; nil when it has.
    private func bring(
        _ parcel: Parcel, from offset: Int64, of source: ArtifactSource
    ) async throws(LinkFailure) -> String? {
        let direct = { @Sendable () async throws(LinkFailure) -> String? in try await self.bring(parcel, from: offset) }
        let (artifacts, relay) = (artifacts, relay)
        let first = await withTaskGroup(of: Result<String?, LinkFailure>?.self) { group in
            group.addTask { await artifacts.defect(of: source).map { .success($0) } }
            group.addTask {
                await attempt { () async throws(LinkFailure) -> String? in
                    guard let relay else { return try await direct() }
                    return try await self.bring(parcel, through: relay, direct: direct)
                }
            }
            for await result in group {
                guard let result else { continue }
                group.cancelAll()
                return result
            }
            return .success(nil)
        }
        guard let why = try first.get() else { return nil }
        return await artifacts.defect(of: source) ?? why
    }

    /// What is there of the artifacts that are not in place, by the index of their steps.
    private func partStates(
        _ steps: [Step], _ checksums: [ArtifactSource: String], on node: NodeName
    ) async throws(LinkFailure) -> [Int: PartState] {
        let question = try compile { () throws(ShellError) in
            try ShellCompiler.artifacts(steps, checksums: checksums, nonce: ShellProgram.makeNonce())
        }
        let frames = try await run(
            question, on: node, seconds: Self.surveySeconds, frames: 2 * steps.count)
        let inPlace = Set(frames.filter { $0.stepState == .same }.map(\.index))
        var states: [Int: PartState] = [:]
        for frame in frames where frame.kind == .answer && !inPlace.contains(frame.index) {
            states[frame.index] = PartState(frame.output) ?? .bytes(0)
        }
        return states
    }

    /// Tries until all of it is on the node and verified, and goes on each time where the last attempt stopped.
    ///
    /// - Returns: why it cannot be had on this node; nil when it is there.
    private func bring(_ parcel: Parcel, from start: Int64) async throws(LinkFailure) -> String? {
        var offset: Int64? = start
        var best = start
        var fruitless = 0
        var wasWrong = false
        while true {
            var lost: LinkFailure?
            do throws(LinkFailure) {
                let (result, said) = try await send(parcel, from: offset)
                switch result {
                case .whole: return nil
                case .moved(let bytes): offset = bytes
                case .wrong(let sha256):
                    // A part of an earlier day may have been damaged; what has just been sent was not.
                    guard !wasWrong else { return parcel.wrong(sha256) }
                    wasWrong = true
                    (offset, best) = (0, 0)
                case .full(let place, let needed, let free):
                    return parcel.noRoom(place, neededKiB: needed, freeKiB: free)
                case .failed: return "\(parcel.name) cannot be received: \(said)"
                }
            } catch  where error.kind == .unreachable {
                lost = error
                offset = nil
            }
            fruitless = offset.map { $0 > best } ?? false ? 0 : fruitless + 1
            best = max(best, offset ?? 0)
            guard fruitless < Self.fruitlessAttempts else {
                throw lost ?? LinkFailure(kind: .unreachable, message: "\(parcel.name) was cut again and again")
            }
            guard lost != nil || fruitless > 1 else { continue }
            guard (try? await Task.sleep(for: .seconds(min(15, 1 << (fruitless - 1))))) != nil else {
                throw LinkFailure(kind: .unreachable, message: "stopped")
            }
        }
    }

    /// One attempt. Without an offset nothing is sent: the node says how much it has, or fetches from a peer.
    func send(
        _ parcel: Parcel, from offset: Int64?, peer: String? = nil
    ) async throws(LinkFailure) -> (result: DeliveryResult, said: String) {
        let delivery = ArtifactDelivery(
            artifact: parcel.name, checksum: parcel.content.sha256, sizeBytes: parcel.content.sizeBytes,
            offset: offset, target: parcel.target, run: uploads.run, peer: peer)
        let session = try await pool.session(parcel.node, fresh: false)
        if offset != nil { await uploads.take() }
        defer { if offset != nil { uploads.give() } }
        let reader = DeliveryReader(delivery)
        let sent = SentBytes()
        let input = offset.map { SSHInput.file(path: parcel.content.path, offset: $0, sent: sent) } ?? .none
        let entry = await progress.begin(parcel, from: offset ?? 0, sent: sent)
        defer { progress.end(entry) }
        let result: ExecResult
        do {
            result = try await pool.execute(
                delivery.command, on: session, of: parcel.node, input: input,
                deadline: .now + .seconds(Self.deliverySeconds), silence: .seconds(Self.stallSeconds),
                onOutput: reader.take)
        } catch {
            await pool.retire(session)
            throw LinkFailure(error)
        }
        let said =
            String(decoding: result.stderr, as: UTF8.self)
            .split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        guard let answer = reader.result else {
            await pool.retire(session)
            if result.wasStopped {
                let what = "what the node says to the delivery of \(parcel.name) does not end"
                throw LinkFailure(kind: .garbled, message: what)
            }
            throw LinkFailure(kind: .unreachable, message: "the delivery of \(parcel.name) was cut: \(said)")
        }
        await pool.putBack(session, of: parcel.node)
        return (answer, said)
    }
}

/// An artifact on its way to a node.
struct Parcel {
    let name: String
    let content: Artifacts.Ready
    let target: String
    let node: NodeName

    func wrong(_ sha256: String) -> String {
        "\(name) arrived twice with SHA-256 \(sha256) and should have \(content.sha256): look at the node's memory and disk"
    }

    func noRoom(_ place: String, neededKiB: Int64, freeKiB: Int64) -> String {
        "there is no room for \(name): \(place) has \(words(freeKiB)) free, \(words(neededKiB)) are needed: "
            + "make room there and run this again"
    }

    private func words(_ kiB: Int64) -> String { kiB < 10 << 10 ? "\(kiB) KiB" : "\(kiB >> 10) MiB" }
}

extension Step {
    /// The artifact that the controller sends for this step.
    fileprivate var artifactFromController: ArtifactSource? {
        guard case .artifact(_, let source, _) = operation, !source.isFetchedByNode else { return nil }
        return source
    }
}

/// How many uploads share the controller's line at once, and the name that all of this run have.
actor UploadTurns {
    let run = ShellProgram.makeNonce()
    private var free: Int
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// Each of a few uploads is done soon and can serve others; hundreds at once would all be late together.
    init(atOnce: Int = 16) { free = atOnce }

    func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { queue.append($0) }
        }
    }

    nonisolated func give() { Task { await self.giveBack() } }

    private func giveBack() {
        if queue.isEmpty { free += 1 } else { queue.removeFirst().resume() }
    }
}
