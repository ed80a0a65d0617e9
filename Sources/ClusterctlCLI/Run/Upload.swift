import Engine
import SSH

/// Artifacts on their way to nodes.
extension SSHFleet {
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

    /// Sends what the node lacks of the artifacts among these steps. A failure on the controller's side is the
    /// result of the step, so that it is shown as such.
    func upload(_ steps: [Step], to node: NodeName) async throws(LinkFailure) -> [StepResult]? {
        let wanted = steps.filter { if case .artifact = $0.operation { true } else { false } }
        guard !wanted.isEmpty else { return nil }
        let states = try await survey(node, probes: [], steps: wanted).states
        for (index, step) in steps.enumerated() {
            guard case .artifact(_, let source, _) = step.operation, states[step] != .same else { continue }
            if case .mirror = source.origin { continue }
            let ready: Artifacts.Ready
            do throws(LinkFailure) {
                ready = try await artifacts.ready(source)
            } catch {
                return Array(repeating: .unchanged, count: index)
                    + [.failed(Answer(status: 1, output: "", error: error.message))]
            }
            try await send(ready, of: source, to: node)
        }
        return nil
    }

    /// Goes on where an earlier upload stopped.
    private func send(_ ready: Artifacts.Ready, of source: ArtifactSource, to node: NodeName) async throws(LinkFailure)
    {
        let question = try compile { () throws(ShellError) in
            try ShellCompiler.partSize(artifact: source.name, checksum: ready.sha256, nonce: ShellProgram.makeNonce())
        }
        let answer = try await run(question, on: node, seconds: Self.surveySeconds).first?.output ?? ""
        let offset = Int64(answer.filter(\.isNumber)) ?? 0
        guard offset < ready.sizeBytes else { return }
        let session = try await pool.session(node, fresh: false)
        let command = await pool.prefixed(
            ShellCompiler.receivePart(artifact: source.name, checksum: ready.sha256), on: node)
        do throws(SSHFailure) {
            let result = try await session.execute(
                command, input: .file(path: ready.path, offset: offset),
                deadline: .now + .seconds(60 + ready.sizeBytes / 200_000),
                onOutput: { _ in .goOn })
            guard result.exitStatus == 0 else {
                throw .commandRefused(reason: String(decoding: result.stderr, as: UTF8.self))
            }
            await pool.putBack(session, of: node)
        } catch {
            await pool.retire(session)
            throw LinkFailure(error)
        }
    }
}
