import Engine
import Foundation
import Testing

@testable import SSH

/// A node asks again and again; a stand-in for curl answers.
@Suite(.enabled(if: TestShell.canRun, "needs root and a POSIX shell"))
@ShellThread struct RepeatedTests {
    /// With a nonce of its own, as on a node: what a killed program of another test has left below /run is not its.
    private func program(seconds: Int = 2) throws -> ShellProgram {
        try ShellCompiler.repeated(
            url: "https://10.77.0.100:6443/p'ing", seconds: seconds, nonce: ShellProgram.makeNonce())
    }

    private func lines(_ frames: [Frame]) -> [[String]] {
        frames.flatMap { $0.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) } }
    }

    @Test(arguments: TestShell.all) func eachRequestIsALineAndNoneIsLost(shell: TestShell) throws {
        let box = try ShellBox(shell)
        // As curl does: what -w asks for, with its own figures in the place of the variables.
        try box.stub(
            "curl",
            """
            while [ "$1" != -w ]; do shift; done
            echo x >>"$BOX/asked"
            [ "$3" = "https://10.77.0.100:6443/p'ing" ] || exit 1
            echo "${2%% *} 200 0.004321"
            """)
        let frames = try box.frames(program())
        #expect(frames.allSatisfy { $0.kind == .answer && $0.index == 0 && $0.status == 0 })
        #expect(frames.count > 1, "told while it goes on")
        let lines = lines(frames)
        let asked = try #require(box.text("asked")).count / 2
        #expect(lines.count == asked, "a line for each request")
        #expect(lines.count > 20, "for two seconds")
        #expect(lines.allSatisfy { $0.count == 3 && $0[1] == "200" && Int($0[0]) != nil })
        let begun = lines.compactMap { Int($0[0]) }.sorted()
        #expect((begun.last ?? 0) - (begun.first ?? 0) <= 200)
    }

    /// Busybox has a wget of its own, which no stand-in comes before.
    @Test(arguments: TestShell.all.filter { !$0.name.hasPrefix("busybox") })
    func asksWithWgetWhereThereIsNoCurl(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("wget", "[ \"$(cat \"$BOX/down\" 2>/dev/null)\" = yes ] && exit 4; sleep 0.1")
        func ask() throws -> [[String]] {
            let program = try program()
            return lines(try box.frames(of: program, in: box.run(Self.few + program.text)))
        }
        let up = try ask()
        #expect(up.count > 10)
        #expect(up.allSatisfy { $0.count == 3 && $0[1] == "200" && (Double($0[2]) ?? 0) >= 0.09 })
        try "yes".write(toFile: box.path("down"), atomically: true, encoding: .utf8)
        let down = try ask()
        #expect(down.count > 10 && down.allSatisfy { $0.count == 3 && $0[1] == "000" })
    }

    @Test(arguments: TestShell.all) func saysThatThereIsNothingToAskWith(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let program = try program()
        let frames = try box.frames(of: program, in: box.run(Self.few + program.text))
        #expect(frames.map(\.status) == [127])
        #expect(frames.first?.error == "none of curl, wget and fetch is there to ask with\n")
    }

    @Test(arguments: TestShell.all) func endsWhenNobodyListens(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("curl", "true")
        let began = ContinuousClock.now
        _ = try box.start(program(seconds: 600).text, isHeard: false).end()
        #expect(began.duration(to: .now) < .seconds(60))
    }

    /// Only what the box has is there to ask with.
    private static let few = """
        command() { [ -x "$BOX/bin/$2" ]; }

        """
}
