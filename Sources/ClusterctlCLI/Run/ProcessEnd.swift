import ArgumentParser
import Foundation
import SSH

extension Clusterctl {
    /// Runs the command line, says what came of it, and ends the process with its exit status.
    ///
    /// Stands in for ArgumentParser's `main`, which ends the process by exit(3).
    public static func runToEnd(_ arguments: [String]? = nil) async -> Never {
        SSHReactor.saveMemory()
        do {
            var command = try await asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let status = exitCode(for: error)
            let message = fullMessage(for: error)
            if !message.isEmpty {
                if status == .success { Standard.output(message + "\n") } else { Standard.error(message) }
            }
            ProcessEnd.now(status)
        }
        ProcessEnd.now(.success)
    }
}

/// The one way in which a process that speaks SSH ends.
public enum ProcessEnd {
    /// Ends the process at once, without its exit handlers; what was printed is flushed.
    ///
    /// exit(3) runs the handlers of the crypto library, which free its locks and tables while the reactor's thread,
    /// or whichever drops the last reference to a session, may still be using them. What a process leaves behind
    /// is the kernel's to take back, so that no handler is missed.
    public static func now(_ status: ExitCode) -> Never {
        fflush(nil)
        _exit(status.rawValue)
    }
}
