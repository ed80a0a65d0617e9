import Engine
import Foundation
import Testing

@testable import SSH

/// Artifacts brought to a real server, over lines that are cut.
@Suite(.enabled(if: ServerFixture.missing == nil, "needs sshd and root")) struct DeliveryTests {
    private static let sizeBytes = 6 << 20

    /// A server with a file for it, and where the file gathers.
    private struct Delivered {
        let server: ServerFixture
        let checksum: String
        let file: String
        let state: String

        init() throws {
            server = try ServerFixture()
            file = "\(server.directory)/artifact"
            state = "\(server.directory)/state"
            let content = Data((0..<DeliveryTests.sizeBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) })
            try content.write(to: URL(fileURLWithPath: file))
            checksum = try Self.checksum(file)
        }

        static func checksum(_ path: String) throws -> String {
            String(try ServerFixture.run("/usr/bin/sha256sum", [path]).prefix(64))
        }

        var wholeChecksum: String? { try? Self.checksum("\(state)/artifacts/k3s.\(checksum).whole") }

        var partSizeBytes: Int {
            let attributes = try? FileManager.default.attributesOfItem(
                atPath: "\(state)/artifacts/k3s.\(checksum).part")
            return (attributes?[.size] as? NSNumber)?.intValue ?? 0
        }

        func delivery(from offset: Int64?) -> ArtifactDelivery {
            ArtifactDelivery(
                artifact: "k3s", checksum: checksum, sizeBytes: Int64(DeliveryTests.sizeBytes), offset: offset,
                target: "\(state)/bin/k3s", run: "run1")
        }

        func send(from offset: Int64?, over session: SSHSession) async throws -> DeliveryResult? {
            let delivery = delivery(from: offset)
            let reader = DeliveryReader(delivery)
            _ = try await session.execute(
                "CLUSTERCTL_STATE='\(state)' \(delivery.command)",
                input: offset.map { .file(path: file, offset: $0) } ?? .none,
                deadline: .now + .seconds(60), onOutput: reader.take)
            return reader.result
        }

        /// A delivery whose input stops after 100,000 bytes and does not end.
        func stall(over session: SSHSession) async throws -> DeliveryResult? {
            let delivery = delivery(from: 0)
            let reader = DeliveryReader(delivery)
            _ = try await session.execute(
                """
                mkfifo '\(server.directory)/fifo'
                head -c 100000 '\(file)' >'\(server.directory)/fifo' &
                CLUSTERCTL_STATE='\(state)' \(delivery.command) <>'\(server.directory)/fifo'
                """, deadline: .now + .seconds(60), onOutput: reader.take)
            return reader.result
        }
    }

    @Test func goesOnAfterACut() async throws {
        let place = try Delivered()
        let relay = try SlowRelay(to: place.server.port, limitBytes: 2 << 20)
        var target = try place.server.target()
        target.port = relay.port
        let cut = try await place.server.connect(target)
        await #expect(throws: SSHFailure.self) { try await place.send(from: 0, over: cut) }
        await cut.close()

        let session = try await place.server.connect()
        guard case .moved(let offset) = try await place.send(from: nil, over: session) else {
            Issue.record("the node did not say how far the first came")
            return
        }
        #expect(offset > 0 && offset < 2 << 20)
        #expect(try await place.send(from: offset, over: session) == .whole)
        #expect(place.wholeChecksum == place.checksum)
        await session.close()
    }

    /// What a cut line leaves behind: a writer that may get more bytes at any time.
    @Test func leavesOneWriterOnly() async throws {
        let place = try Delivered()
        let old = try await place.server.connect()
        let session = try await place.server.connect()
        let first = Task { try await place.stall(over: old) }
        while place.partSizeBytes < 100_000 { try await Task.sleep(for: .milliseconds(5)) }

        #expect(try await place.send(from: nil, over: session) == .moved(toOffset: 100_000))
        #expect(try await first.value == .moved(toOffset: 100_000))
        #expect(try await place.send(from: 100_000, over: session) == .whole)
        #expect(place.wholeChecksum == place.checksum)
        await old.close()
        await session.close()
    }
}
