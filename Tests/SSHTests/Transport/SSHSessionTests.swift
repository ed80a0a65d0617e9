import Foundation
import Synchronization
import Testing

@testable import SSH

@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct SSHSessionTests {
    // MARK: Commands

    @Test func tellsStatusOutputAndErrors() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let (result, output) = try await session.run("echo out; echo err >&2; exit 3")
        #expect(output == "out\n")
        #expect(result == ExecResult(exitStatus: 3, signal: nil, stderr: Array("err\n".utf8), wasStopped: false))
        let (second, again) = try await session.run("echo again")
        #expect(again == "again\n" && second.exitStatus == 0)
        await session.close()
    }

    @Test func tellsASignalInsteadOfAStatus() async throws {
        let server = try ServerFixture()
        let (result, _) = try await server.connect().run("kill -TERM $$")
        #expect(result.signal == "TERM")
        #expect(result.exitStatus == nil)
    }

    @Test func carriesTenMegabytesThereAndBack() async throws {
        let server = try ServerFixture()
        var random = SystemRandomNumberGenerator()
        let sent = (0..<(10 << 17)).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        let collector = Collector()
        let session = try await server.connect()
        let result = try await session.execute(
            "cat", input: .bytes(sent), deadline: .now + .seconds(60), onOutput: collector.take)
        #expect(result.exitStatus == 0)
        #expect(collector.bytes == sent)
    }

    @Test func losesNothingWhenSendsAreCutShort() async throws {
        let server = try ServerFixture()
        let relay = try SlowRelay(to: server.port)
        var target = try server.target()
        target.port = relay.port
        let sent = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let collector = Collector()
        let session = try await server.connect(target)
        await session.narrowSendBuffer()
        let result = try await session.execute(
            "cat", input: .bytes(sent), deadline: .now + .seconds(60), onOutput: collector.take)
        #expect(result.exitStatus == 0)
        #expect(collector.bytes == sent)
        await session.close()
        withExtendedLifetime(relay) {}
    }

    @Test func endsTheInputWhereverTheSendBufferIsFull() async throws {
        let server = try ServerFixture()
        let relay = try SlowRelay(to: server.port)
        var target = try server.target()
        target.port = relay.port
        let session = try await server.connect(target)
        await session.narrowSendBuffer()
        for length in stride(from: 16_000, to: 160_000, by: 4_001) {
            let (result, output) = try await session.run("wc -c", input: .bytes([UInt8](repeating: 7, count: length)))
            #expect(result.exitStatus == 0 && output == "\(length)\n")
            // What the command leaves unread is ended with its channel.
            let unread = try await session.run("head -c 9 | wc -c", input: .bytes([UInt8](repeating: 7, count: length)))
            #expect(unread.result.exitStatus == 0 && unread.output == "9\n")
        }
        await session.close()
        withExtendedLifetime(relay) {}
    }

    @Test func takesTenMegabytesFromBothStreamsAndBoundsTheErrors() async throws {
        let server = try ServerFixture()
        let collector = Collector()
        let session = try await server.connect()
        let result = try await session.execute(
            "head -c 10000000 /dev/zero >&2; head -c 10000000 /dev/zero; echo end >&2", deadline: .now + .seconds(60),
            onOutput: collector.take)
        #expect(collector.bytes.count == 10_000_000)
        #expect(result.stderr.count < SSHSession.stderrLimitBytes + 100)
        let errors = String(decoding: result.stderr, as: UTF8.self)
        #expect(errors.hasSuffix("end\n"))
        #expect(errors.contains("[... \(10_000_004 - SSHSession.stderrLimitBytes) bytes cut ...]"))
    }

    @Test func sendsAFileFromAnOffset() async throws {
        let server = try ServerFixture()
        let path = "\(server.directory)/input"
        let text = (0..<100_000).map { "\($0) " }.joined()
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let session = try await server.connect()
        let (_, output) = try await session.run("cat", input: .file(path: path, offset: 4))
        #expect(output == text.dropFirst(4))
        await #expect(throws: SSHFailure.inputUnreadable(path: "/nowhere", reason: "No such file or directory")) {
            try await session.run("cat", input: .file(path: "/nowhere", offset: 0))
        }
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    @Test func survivesACommandThatDoesNotReadItsInput() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let input = SSHInput.bytes([UInt8](repeating: 7, count: 8 << 20))
        let (result, output) = try await session.run("echo done; exit 5", input: input)
        #expect(output == "done\n" && result.exitStatus == 5)
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    @Test func stopsWhenTheReaderSaysSo() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let seen = Mutex(0)
        let result = try await session.execute("yes", deadline: .now + .seconds(60)) { bytes in
            seen.withLock { $0 += bytes.count }
            return .stop
        }
        #expect(result.wasStopped && result.exitStatus == nil)
        #expect(seen.withLock { $0 } > 0)
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    @Test func runsCommandsOfOneSessionOneAfterTheOther() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<5 {
                group.addTask { try await session.run("echo \(index)").output == "\(index)\n" }
            }
            for try await right in group { #expect(right) }
        }
    }

    @Test func givesUpAWaitForItsTurnAtTheDeadline() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let begun = AsyncStream<Void>.makeStream()
        let first = Task {
            try await session.execute("echo begun; sleep 3", deadline: .now + .seconds(60)) { _ in
                begun.continuation.yield()
                return .goOn
            }
        }
        for await _ in begun.stream { break }
        await #expect(throws: SSHFailure.deadline(stage: .channel)) {
            try await session.execute("true", deadline: .now + .milliseconds(300)) { _ in .goOn }
        }
        let second = Task { try await session.run("true") }
        second.cancel()
        await #expect(throws: SSHFailure.cancelled(stage: .channel)) { try await second.value }
        #expect(try await first.value.exitStatus == 0)
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    // MARK: Ends

    @Test func meetsTheDeadlineOfACommandAndStaysUsable() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let start = ContinuousClock.now
        await #expect(throws: SSHFailure.deadline(stage: .answer)) {
            try await session.execute("sleep 300", deadline: .now + .seconds(1)) { _ in .goOn }
        }
        #expect(ContinuousClock.now - start < .seconds(300), "before the command's own end")
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    @Test func endsAnEndlessStreamAtItsDeadline() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        await #expect(throws: SSHFailure.deadline(stage: .answer)) {
            try await session.execute("yes", deadline: .now + .seconds(1)) { _ in .goOn }
        }
    }

    @Test func closesTheChannelOfACancelledCommand() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let begun = AsyncStream<Void>.makeStream()
        let command = Task {
            try await session.execute("echo begun; sleep 300", deadline: .now + .seconds(600)) { _ in
                begun.continuation.yield()
                return .goOn
            }
        }
        for await _ in begun.stream { break }
        let start = ContinuousClock.now
        command.cancel()
        await #expect(throws: SSHFailure.cancelled(stage: .answer)) { try await command.value }
        #expect(ContinuousClock.now - start < .seconds(300), "before the command's own end")
        #expect(try await session.run("echo usable").output == "usable\n")
    }

    @Test func tellsAConnectionThatIsCutInTheMiddleOfACommand() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let parent = Mutex<String>("")
        do throws(SSHFailure) {
            _ = try await session.execute("echo $PPID; sleep 30", deadline: .now + .seconds(60)) { bytes in
                let text = parent.withLock { text in
                    text += String(decoding: bytes, as: UTF8.self)
                    return text
                }
                if text.hasSuffix("\n"), let process = pid_t(text.dropLast()) { kill(process, SIGKILL) }
                return .goOn
            }
            Issue.record("the command ended well")
        } catch {
            guard case .connectionLost(.answer, _) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(!error.mayRetry)
        }
        await #expect(throws: SSHFailure.connectionLost(stage: .channel, reason: "the session is closed")) {
            try await session.run("true")
        }
    }

    @Test func aClosedSessionEndsItsCommandAndTakesNoMore() async throws {
        let server = try ServerFixture()
        let session = try await server.connect()
        let begun = AsyncStream<Void>.makeStream()
        let command = Task {
            try await session.execute("echo begun; sleep 300", deadline: .now + .seconds(600)) { _ in
                begun.continuation.yield()
                return .goOn
            }
        }
        for await _ in begun.stream { break }
        await session.close()
        await #expect(throws: SSHFailure.self) { try await command.value }
        await #expect(throws: SSHFailure.connectionLost(stage: .channel, reason: "the session is closed")) {
            try await session.run("true")
        }
    }

    @Test func refusesMoreChannelsThanTheServerAllows() async throws {
        let server = try ServerFixture(options: ["MaxSessions 0"])
        let session = try await server.connect()
        do throws(SSHFailure) {
            _ = try await session.execute("true", deadline: .now + .seconds(60)) { _ in .goOn }
            Issue.record("a channel was opened")
        } catch {
            guard case .channelRefused = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error.mayRetry)
        }
    }

    // MARK: Many

    @Test func holdsTwoHundredSessionsOnOneThread() async throws {
        let server = try ServerFixture()
        let target = try server.target()
        let connector = SSHConnector()
        let answers = await withTaskGroup(of: String.self) { group in
            for index in 0..<200 {
                group.addTask {
                    do {
                        let session = try await connector.connect(to: target, deadline: .now + .seconds(300))
                        let (result, output) = try await session.run("cat", input: .bytes(Array("\(index)".utf8)))
                        await session.close()
                        return result.exitStatus == 0 ? output : "status \(result)"
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(answers == Set((0..<200).map(String.init)))
    }
}

extension SSHSession {
    /// Less than one packet of libssh2 fits, so that its sends are cut short.
    fileprivate func narrowSendBuffer() {
        guard let link else { return }
        var size: Int32 = 4096
        setsockopt(link.descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
}
