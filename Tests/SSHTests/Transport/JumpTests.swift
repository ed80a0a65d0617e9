import Foundation
import Synchronization
import Testing

@testable import SSH

/// Sessions through jump hosts; every jump host is an sshd of its own.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct JumpTests {
    private func target(_ node: ServerFixture, by jump: SSHTarget) throws -> SSHTarget {
        var target = try node.target()
        target.route = .jump(jump)
        return target
    }

    /// Runs `cat` in `count` sessions at once; what went wrong.
    private func echoes(_ count: Int, _ target: SSHTarget, by connector: SSHConnector) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for index in 0..<count {
                group.addTask {
                    do {
                        let session = try await connector.connect(to: target, deadline: .now + .seconds(60))
                        let (_, output) = try await session.run("cat", input: .bytes(Array("\(index)".utf8)))
                        await session.close()
                        return output == "\(index)" ? nil : "\(index) came back as \(output)"
                    } catch {
                        return "\(index): \(error)"
                    }
                }
            }
            return await group.reduce(into: []) { all, one in if let one { all.append(one) } }
        }
    }

    @Test func goesByTwoJumpHosts() async throws {
        let (first, second, node) = (try ServerFixture(), try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let route = try target(node, by: target(second, by: first.target()))
        let session = try await connector.connect(to: route, deadline: .now + .seconds(60))
        #expect(try await session.run("echo $SSH_CONNECTION").output.hasSuffix(" \(node.port)\n"))
        let sent = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let collector = Collector()
        _ = try await session.execute(
            "cat", input: .bytes(sent), deadline: .now + .seconds(60), onOutput: collector.take)
        #expect(collector.bytes == sent)
        await session.close()
        await connector.close()
        for server in [first, second, node] { #expect(try server.logins == 1) }
    }

    @Test func sharesOneSessionAmongAllNodes() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        // However busy the machine is, it is not taken for a dead host that holds up the others.
        let connector = SSHConnector(patience: .seconds(60))
        #expect(await echoes(30, try target(node, by: jump.target()), by: connector) == [])
        #expect(try jump.logins == 1)
        #expect(try node.logins == 30)
        await connector.close()
    }

    @Test func carriesManyMegabytesForSeveralAtOnce() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        let sent = (0..<(2 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let session = try await connector.connect(to: target, deadline: .now + .seconds(60))
                    let collector = Collector()
                    _ = try await session.execute(
                        "cat", input: .bytes(sent), deadline: .now + .seconds(60), onOutput: collector.take)
                    await session.close()
                    return collector.bytes == sent
                }
            }
            for try await right in group { #expect(right) }
        }
        await connector.close()
    }

    @Test func opensAFurtherSessionWhenOneIsFull() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        var sessions: [SSHSession] = []
        for _ in 0..<65 { sessions.append(try await connector.connect(to: target, deadline: .now + .seconds(60))) }
        #expect(try jump.logins == 2)
        for session in sessions { await session.close() }
        await connector.close()
    }

    @Test func comesThroughAJumpHostThatTurnsLoginsAway() async throws {
        let jump = try ServerFixture(options: ["MaxSessions 2", "MaxStartups 3:30:10"])
        let node = try ServerFixture(options: ["MaxStartups 3:30:10"])
        let connector = SSHConnector()
        #expect(await echoes(50, try target(node, by: jump.target()), by: connector) == [])
        await connector.close()
    }

    // MARK: Refusals

    @Test func tellsWhatTheJumpHostDoesNotAllow() async throws {
        let (jump, node) = (try ServerFixture(options: ["AllowTcpForwarding no"]), try ServerFixture())
        #expect(
            await connectFailure(try target(node, by: jump.target()))
                == .forwardingRefused(jump: "127.0.0.1", host: "127.0.0.1", port: node.port, .prohibited))
    }

    @Test func tellsWhereTheJumpHostCannotConnect() async throws {
        let jump = try ServerFixture()
        var target = try target(jump, by: jump.target())
        target.port = try ServerFixture.freePort()
        #expect(
            await connectFailure(target)
                == .forwardingRefused(jump: "127.0.0.1", host: "127.0.0.1", port: target.port, .connectFailed))
    }

    @Test func marksWhatIsTheJumpHostsOwnFailure() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let unknown = HostKeyPolicy(knownHostsFiles: ["\(jump.directory)/nothing"])
        let failure = await connectFailure(try target(node, by: jump.target(hostKeys: unknown)))
        guard case .jump("127.0.0.1", .hostKeyUnknown) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        var gone = try jump.target()
        gone.port = try ServerFixture.freePort()
        #expect(
            await connectFailure(try target(node, by: target(jump, by: gone)))
                == .jump(host: "127.0.0.1", .refused(host: "127.0.0.1", port: gone.port)))
    }

    @Test func aDeadNodeDoesNotHoldUpTheOthers() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let dead = try DeafListener()
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        var deadTarget = target
        deadTarget.port = dead.port
        let first = try await connector.connect(to: target, deadline: .now + .seconds(60))
        let stuck = Task { [deadTarget] in try await connector.connect(to: deadTarget, deadline: .now + .seconds(300)) }
        // Asked for later on the same session, so it comes after the one that is stuck.
        await Task.yield()
        #expect(await echoes(12, target, by: connector) == [])
        #expect(try await first.run("echo usable").output == "usable\n")
        stuck.cancel()
        await #expect(throws: SSHFailure.self) { try await stuck.value }
        await first.close()
        await connector.close()
    }

    // MARK: Ends

    @Test func namesTheJumpHostThatBrokeOff() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        let session = try await connector.connect(to: target, deadline: .now + .seconds(60))
        do throws(SSHFailure) {
            _ = try await session.execute("echo begun; sleep 300", deadline: .now + .seconds(600)) { _ in
                jump.cutConnections()
                return .goOn
            }
            Issue.record("the command ended well")
        } catch {
            guard case .connectionLost(.answer, let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.hasPrefix("the connection to the jump host 127.0.0.1 is gone, "))
        }
        // The next one gets a new session to the jump host.
        let again = try await connector.connect(to: target, deadline: .now + .seconds(60))
        #expect(try await again.run("echo usable").output == "usable\n")
        #expect(try jump.logins == 2)
        await again.close()
        await connector.close()
    }

    @Test func replacesASessionThatBrokeWhileNobodyUsedIt() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        await (try await connector.connect(to: target, deadline: .now + .seconds(60))).close()
        jump.cutConnections()
        #expect(await echoes(3, target, by: connector) == [])
        #expect(try jump.logins == 2)
        await connector.close()
    }

    @Test func aClosedTunnelLeavesNoConnectionBehind() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        let connector = SSHConnector()
        let target = try target(node, by: jump.target())
        for _ in 0..<3 {
            let session = try await connector.connect(to: target, deadline: .now + .seconds(60))
            #expect(try await session.run("cat", input: .bytes([1, 2, 3])).output.utf8.count == 3)
            await session.close()
        }
        while !node.connectionProcesses.isEmpty { usleep(10_000) }
        #expect(jump.connectionProcesses.count == 1)
        await connector.close()
        while !jump.connectionProcesses.isEmpty { usleep(10_000) }
    }
}
