import Engine
import Synchronization
import Testing

@testable import ClusterctlCLI
@testable import SSH

@Suite struct UploadProgressTests {
    private func parcel(_ node: String) -> Parcel {
        let content = Artifacts.Ready(path: "/k3s", sizeBytes: 230 << 20, sha256: "00")
        return Parcel(name: "k3s", content: content, target: "/usr/local/bin/k3s", node: NodeName(node))
    }

    @Test func saysNothingWhereNothingIsSent() async {
        let progress = UploadProgress()
        let entry = await progress.begin(parcel("a"), from: 0, sent: SentBytes())
        #expect(await progress.line(bytesPerSecond: 0) == nil)
        progress.end(entry)
    }

    @Test func tellsHowFarUploadsAreUntilTheyHaveEnded() async throws {
        let said = Mutex<[String]>([])
        let progress = UploadProgress(every: .milliseconds(20)) { line in said.withLock { $0.append(line) } }
        let first = SentBytes()
        first.add(1 << 20)
        let entry = await progress.begin(parcel("a"), from: 100 << 20, sent: first)
        #expect(await progress.line(bytesPerSecond: 42_991_616) == "sending k3s to a: 101 of 230 MiB, 41 MiB/s")
        let other = await progress.begin(parcel("b"), from: 0, sent: first)
        #expect(await progress.line(bytesPerSecond: 0) == "sending k3s to 2 nodes: 102 of 460 MiB, 0 MiB/s")
        for _ in 0..<500 where said.withLock(\.isEmpty) { try await Task.sleep(for: .milliseconds(20)) }
        #expect(said.withLock { $0.first?.hasPrefix("sending k3s to 2 nodes: 102 of 460 MiB") } == true)
        progress.end(entry)
        progress.end(other)
        for _ in 0..<500 {
            if await progress.line(bytesPerSecond: 0) == nil { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(100))
        let count = said.withLock(\.count)
        try await Task.sleep(for: .milliseconds(200))
        #expect(said.withLock(\.count) == count)
    }
}
