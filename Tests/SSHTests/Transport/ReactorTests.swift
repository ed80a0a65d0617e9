import Foundation
import Testing

@testable import SSH

struct ReactorTests {
    /// Two connected sockets; closed with this.
    private final class Pair: Sendable {
        let near: Int32
        let far: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            (near, far) = (ends[0], ends[1])
        }

        deinit {
            close(near)
            close(far)
        }

        func speak() { _ = send(far, "x", 1, Int32(MSG_NOSIGNAL)) }
    }

    private let reactor = SSHReactor()

    @Test func tellsReadinessAndDeadlines() async throws {
        let pair = try Pair()
        let deadline = ContinuousClock.now + .milliseconds(20)
        #expect(await reactor.wait(for: .readable, on: pair.near, until: deadline) == .deadline)
        #expect(deadline <= .now)
        #expect(await reactor.wait(for: .writable, on: pair.near, until: nil) == .ready)
        pair.speak()
        #expect(await reactor.wait(for: .readable, on: pair.near, until: nil) == .ready)
        #expect(await reactor.wait(for: .readable, on: pair.near, until: nil) == .ready, "it was not read yet")
    }

    @Test func anEarlierDeadlineEndsFirst() async throws {
        let order = Collector()
        await withTaskGroup(of: Void.self) { group in
            for tenths in [3, 1, 2] as [UInt8] {
                group.addTask { [reactor] in
                    _ = await reactor.wait(for: [], on: -1, until: .now + .milliseconds(100) * Int(tenths))
                    _ = order.take([tenths])
                }
            }
        }
        #expect(order.bytes == [1, 2, 3])
    }

    @Test func tellsTheReadyOneOfSeveral() async throws {
        let pairs = try (0..<3).map { _ in try Pair() }
        pairs[1].speak()
        #expect(await reactor.wait(for: .readable, onAny: pairs.map(\.near), until: nil) == .ready)
        let soon = ContinuousClock.now + .milliseconds(10)
        #expect(await reactor.wait(for: .readable, onAny: [pairs[0].near, pairs[2].near], until: soon) == .deadline)
        withExtendedLifetime(pairs) {}
    }

    @Test func knowsADescriptorWhoseNumberIsUsedAgain() async throws {
        var first: Pair? = try Pair()
        let number = first?.near ?? -1
        _ = await reactor.wait(for: .readable, on: number, until: .now + .milliseconds(5))
        first = nil
        // Others of this process may take the number first.
        let pairs = try (0..<20).map { _ in try Pair() }
        for pair in pairs {
            pair.speak()
            #expect(await reactor.wait(for: .readable, on: pair.near, until: .now + .seconds(30)) == .ready)
        }
    }

    @Test func aDescriptorThatCannotBeWaitedForIsReadyAtOnce() async {
        #expect(await reactor.wait(for: .readable, on: 1_000_000, until: .now + .seconds(30)) == .ready)
    }

    @Test func endsAWaitThatIsCancelled() async {
        let begun = AsyncStream<Void>.makeStream()
        let task = Task { [reactor] in
            await reactor.wait(for: [], on: -1, until: nil) { _ in begun.continuation.yield() }
        }
        for await _ in begun.stream { break }
        task.cancel()
        #expect(await task.value == .cancelled)
    }
}
