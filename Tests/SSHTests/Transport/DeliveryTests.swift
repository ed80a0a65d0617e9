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

        func send(from offset: Int64?, over session: SSHSession) async throws -> DeliveryResult? {
            let delivery = ArtifactDelivery(
                artifact: "k3s", checksum: checksum, sizeBytes: Int64(DeliveryTests.sizeBytes), offset: offset,
                target: "\(state)/bin/k3s", run: "run1")
            let reader = DeliveryReader(delivery)
            let progress = InputProgress()
            _ = try await session.execute(
                "CLUSTERCTL_STATE='\(state)' \(delivery.command)",
                input: offset.map { .file(path: file, offset: $0, progress: progress) } ?? .none,
                deadline: .now + .seconds(60), onOutput: reader.take)
            return reader.result
        }

        /// A session on which bytes go slowly.
        func slowSession() async throws -> SSHSession {
            var target = try server.target()
            target.port = try SlowRelay(to: server.port).port
            return try await server.connect(target)
        }

        func waitForBytes() async throws {
            while partSizeBytes == 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test func goesOnAfterACut() async throws {
        let place = try Delivered()
        let cut = try await place.slowSession()
        let first = Task { try await place.send(from: 0, over: cut) }
        try await place.waitForBytes()
        await cut.close()
        await #expect(throws: SSHFailure.self) { try await first.value }

        let session = try await place.server.connect()
        guard case .moved(let offset) = try await place.send(from: nil, over: session) else {
            Issue.record("the node did not say how far the first came")
            return
        }
        #expect(offset > 0 && offset < Self.sizeBytes)
        #expect(try await place.send(from: offset, over: session) == .whole)
        #expect(place.wholeChecksum == place.checksum)
        await session.close()
    }

    /// What a cut line leaves behind: a writer that may get more bytes at any time.
    @Test func leavesOneWriterOnly() async throws {
        let place = try Delivered()
        let slow = try await place.slowSession()
        let first = Task { try await place.send(from: 0, over: slow) }
        try await place.waitForBytes()

        let session = try await place.server.connect()
        guard case .moved(let offset) = try await place.send(from: nil, over: session) else {
            Issue.record("the first writer was not ended")
            return
        }
        #expect(try await first.value == .moved(toOffset: offset))
        #expect(try await place.send(from: offset, over: session) == .whole)
        #expect(place.wholeChecksum == place.checksum)
        await slow.close()
        await session.close()
    }
}
