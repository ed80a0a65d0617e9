import Engine
import SSH

extension SSHFleet {
    /// Lets a host ask for a URL again and again; `each` gets what it tells, about twice a second. Ends when the task is
    /// cancelled, or after these seconds.
    func repeated(
        _ url: String, on host: NodeName, seconds: Int, each: @escaping @Sendable (Answer) -> Void
    ) async throws(LinkFailure) {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.repeated(url: url, seconds: seconds, nonce: ShellProgram.makeNonce())
        }
        do throws(ProgramFailure) {
            _ = try await perform(program, on: host, seconds: seconds + 20, frames: seconds * 4) { frame in
                if frame.kind == .answer { each(frame.answer) }
            }
        } catch {
            throw error.link
        }
    }
}
