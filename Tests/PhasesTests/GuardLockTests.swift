import Foundation
import Testing

@testable import Rendering

/// The lock of both guards: that of nodes and that of routers.
@ShellThread struct GuardLockTests {
    /// The functions by which a guard takes its lock, out of its program.
    private static func functions(_ program: String) throws -> String {
        let start = try #require(program.range(of: "try_lock() {"))
        let end = try #require(
            program.range(of: "\n}\n", range: program.range(of: "is_guard() {")!.upperBound..<program.endIndex))
        return String(program[start.lowerBound..<end.upperBound])
    }

    private static let node = String(decoding: PackageResources.guard_sh, as: UTF8.self)
    private static let router = String(decoding: PackageResources.router_guard_sh, as: UTF8.self)

    @Test func bothGuardsTakeTheirLockInTheSameWay() throws {
        #expect(try Self.functions(Self.node) == Self.functions(Self.router))
    }

    /// Several find a dead guard's lock at the same time, each as slow as another. Whoever takes it keeps it.
    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func ofSeveralWhoFindADeadLockOneAloneGetsIt(_ shell: [String]) throws {
        let stage = try Stage()
        let folder = stage.folder.path
        try stage.write(
            """
            lock=$1/lock
            \(try Self.functions(Self.node))
            readlink() { command readlink "$@"; looked=$?; sleep "0.0$(($$ % 7))"; return "$looked"; }
            rm() { sleep "0.0$(($$ % 5))"; command rm "$@"; }
            try_lock && echo "$$" >>"$1/winners"
            echo "$$" >>"$1/tried"
            # Whoever has it lives until all have tried: an ended one's would be dead again.
            for moment in $(seq 400); do [ "$(grep -c . "$1/tried")" = 4 ] && break || sleep 0.05; done
            """, to: "guard.sh")
        let program = shell.joined(separator: " ") + " '\(folder)/guard.sh' '\(folder)'"
        for round in 1...12 {
            let result = try Shell.run(
                [
                    "sh", "-c",
                    """
                    cd '\(folder)' && rm -rf lock lock.* tried winners && : >winners && ln -s 999999 lock
                    \(program) & \(program) & \(program) & \(program) &
                    wait
                    cat winners
                    """,
                ], commands: stage.commands)
            #expect(result.output.split(separator: "\n").count == 1, "round \(round): \(result.output)\(result.error)")
        }
    }

    /// Who was to break a lock may have been killed in the middle of it.
    @Test func aLockIsBrokenThoughItsBreakerDied() throws {
        let stage = try Stage()
        let folder = stage.folder.path
        try stage.write("lock=$1/lock\n\(try Self.functions(Self.router))\ntry_lock || try_lock", to: "guard.sh")
        let result = try Shell.run(
            ["sh", "-c", "cd '\(folder)' && ln -s 999999 lock && ln -s 999998 lock.broken && sh guard.sh '\(folder)'"],
            commands: stage.commands)
        #expect(result.status == 0, "\(result.error)")
    }
}
