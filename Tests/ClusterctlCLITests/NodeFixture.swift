import Engine
import Foundation
import SSH
import Synchronization
import Testing

@testable import ClusterctlCLI

/// One node behind a relay, with its runs and its state below a directory of the test.
struct NodeFixture {
    let server: ServerFixture
    let relay: CuttingRelay
    let fleet: SSHFleet

    init(options: [String] = [], cutting way: CuttingRelay.Way = .toServer, after bytes: Int = .max) throws {
        let directory = try ServerFixture.makeDirectory()
        server = try ServerFixture(
            options: options + ["SetEnv SHLVL=2 CLUSTERCTL_RUN=\(directory)/run CLUSTERCTL_STATE=\(directory)/state"])
        relay = try CuttingRelay(to: server.port, cutting: way, after: bytes)
        self.directory = directory
        var target = try server.target()
        target.port = relay.port
        fleet = Self.fleet(at: target, cache: "\(directory)/cache")
    }

    func fleet(at target: SSHTarget) -> SSHFleet { Self.fleet(at: target, cache: path("cache")) }

    private static func fleet(at target: SSHTarget, cache: String) -> SSHFleet {
        SSHFleet(
            pool: SessionPool(access: ["n": .init(target: target, root: nil)], connector: SSHConnector()),
            artifacts: Artifacts(cache: cache), secrets: [:], canWrite: true)
    }

    /// A guard that is this shell text.
    func placeGuard(_ text: String) throws {
        try FileManager.default.createDirectory(atPath: path("state/guard"), withIntermediateDirectories: true)
        try text.write(toFile: path("state/guard/guard.sh"), atomically: true, encoding: .utf8)
    }

    let rolledBack = "echo rolled-back phase=p nonce=n because=asked left=none"

    private let directory: String

    func close() async {
        await fleet.close()
        relay.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// A step that cannot be asked and so would leave two marks when it is done twice.
    func mark(_ name: String, then: String = "") -> Step {
        let text = "echo \(name) >>\(path("marks"))" + (then.isEmpty ? "" : "; \(then)")
        return Step(.command(Command(name: name, arguments: ["sh", "-c", text])), because: "a test")
    }

    func fails() -> Step {
        Step(.command(Command(name: "fails", arguments: ["sh", "-c", "echo why >&2; exit 9"])), because: "a test")
    }

    /// Sets `p` to the nearest ancestor with this command line.
    static func climb(_ ancestor: String) -> String {
        "until tr '\\0' ' ' </proc/$p/cmdline | grep -q '^\(ancestor)'; do read -r s </proc/$p/stat; "
            + "s=${s##*) }; s=${s#* }; p=${s%% *}; done"
    }

    /// Kills the nearest ancestor with this command line, the first time.
    func killOnce(_ ancestor: String) -> String {
        "if mkdir \(path("killed")); then p=$PPID; \(Self.climb(ancestor)); kill -9 $p; fi 2>/dev/null"
    }

    /// As the run machine does: again while the node cannot be reached. Also how often the link was lost.
    func apply(_ steps: [Step]) async throws -> (results: [StepResult], losses: Int) {
        for losses in 0..<10 {
            do {
                let told = Mutex<[StepResult]>([])
                try await fleet.apply(TaskID(phase: "p", node: "n"), on: "n", steps: steps, then: nil) { progress in
                    if case .applied(let results) = progress { told.withLock { $0 = results } }
                }
                return (told.withLock(\.self), losses)
            } catch {
                try #require(error.kind == .unreachable, "\(error.message)")
            }
        }
        throw LinkFailure(kind: .unreachable, message: "never came through")
    }

    var marks: [String] {
        let text = (try? String(contentsOfFile: path("marks"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}
