import Engine
import Foundation
import Testing

@testable import SSH

/// One node asks whether SSH on another one answers it: a real sshd, by what the node has to ask with.
@Suite(.enabled(if: TestShell.canRun && ServerFixture.missing == nil, "needs root, sshd and a shell of a node"))
@ShellThread struct BannerTests {
    private func ask(_ box: ShellBox, _ address: String, _ port: Int) throws -> Frame {
        try #require(try box.ask([.sshBanner(address: address, port: port)]).first)
    }

    @Test(arguments: TestShell.all) func isTheFirstLineOfTheServer(shell: TestShell) throws {
        let server = try ServerFixture()
        let answer = try ask(ShellBox(shell), "127.0.0.1", server.port).answer
        #expect(answer.status == 0)
        #expect(answer.output.hasPrefix("SSH-2.0-OpenSSH"))
        #expect(!answer.output.contains("\r"))
    }

    @Test(arguments: TestShell.all) func saysWhyNothingWasHeard(shell: TestShell) throws {
        let closed = try ServerFixture.freePort()
        let answer = try ask(ShellBox(shell), "127.0.0.1", closed).answer
        #expect(answer.status == 1)
        #expect(answer.error.contains("no SSH server was heard at 127.0.0.1 port \(closed)"))
        #expect(answer.error.contains("refused"))
    }

    @Test(arguments: TestShell.all) func somethingElseThatListensIsNoSSHServer(shell: TestShell) throws {
        let silent = try Listener()
        let answer = try ask(ShellBox(shell), "127.0.0.1", silent.port).answer
        #expect(answer.status == 1)
        #expect(answer.error.contains("nothing in 3 s"))
    }

    /// With a directory of few programs instead of the machine's own.
    @Test(arguments: TestShell.all) func anotherProgramIsAskedWithWhereThereIsNoBash(shell: TestShell) throws {
        let netcat = try #require(
            ["/usr/bin/busybox", "/bin/busybox"].first { FileManager.default.isExecutableFile(atPath: $0) })
        let server = try ServerFixture()
        let box = try ShellBox(shell)
        let program = try ShellCompiler.survey(
            probes: [.sshBanner(address: "127.0.0.1", port: server.port)], steps: [], nonce: ShellBox.nonce)
        let few =
            "few=$BOX/few; mkdir $few; for program in $(\(netcat) --list); do ln -s \(netcat) $few/$program; done; "
        let text = "\(few) rm -f $few/bash; PATH=$few\n\(program.text)"
        let answer = try #require(try box.frames(of: program, in: box.run(text)).first).answer
        #expect(answer.output.hasPrefix("SSH-2.0-OpenSSH"), "\(answer)")
    }
}
