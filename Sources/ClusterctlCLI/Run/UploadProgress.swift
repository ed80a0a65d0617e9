import Engine
import SSH

/// Tells people how far uploads are, every few seconds while there are any; short ones are not worth a word.
actor UploadProgress {
    private struct Entry {
        let name: String
        let node: NodeName
        let offset: Int64
        let sizeBytes: Int64
        let sent: SentBytes
    }

    private let interval: Duration
    private let say: @Sendable (String) -> Void
    private var entries: [Int: Entry] = [:]
    private var last = 0
    private var teller: Task<Void, Never>?

    init(
        every interval: Duration = .seconds(10), say: @escaping @Sendable (String) -> Void = { Standard.error($0) }
    ) {
        self.interval = interval
        self.say = say
    }

    /// - Returns: what `end` is to be told.
    func begin(_ parcel: Parcel, from offset: Int64, sent: SentBytes) -> Int {
        last += 1
        entries[last] = Entry(
            name: parcel.name, node: parcel.node, offset: offset, sizeBytes: parcel.content.sizeBytes, sent: sent)
        if teller == nil { teller = Task { await self.tell() } }
        return last
    }

    nonisolated func end(_ entry: Int) { Task { await self.remove(entry) } }

    private func remove(_ entry: Int) {
        entries[entry] = nil
        guard entries.isEmpty else { return }
        teller?.cancel()
        teller = nil
    }

    private func tell() async {
        var before = sentBytes
        while (try? await Task.sleep(for: interval)) != nil, !entries.isEmpty {
            let now = sentBytes
            // What has ended meanwhile is no longer counted.
            let rate = Double(max(0, now - before)) / interval.inSeconds
            before = now
            line(bytesPerSecond: rate).map(say)
        }
    }

    private var sentBytes: Int64 { entries.values.reduce(0) { $0 + $1.sent.count } }

    /// "sending k3s to 3 nodes: 120 of 230 MiB, 41 MiB/s"; nil where nothing goes over the controller's own line.
    func line(bytesPerSecond: Double) -> String? {
        let moving = entries.sorted { $0.key < $1.key }.map(\.value).filter { $0.sent.count > 0 }
        guard !moving.isEmpty else { return nil }
        var names: [String] = []
        for entry in moving where !names.contains(entry.name) { names.append(entry.name) }
        let there = moving.reduce(0) { $0 + $1.offset + $1.sent.count } >> 20
        let whole = moving.reduce(0) { $0 + $1.sizeBytes } >> 20
        let nodes = moving.count == 1 ? moving[0].node.rawValue : "\(moving.count) nodes"
        return "sending \(names.joined(separator: ", ")) to \(nodes): \(there) of \(whole) MiB, "
            + "\(Int(bytesPerSecond) >> 20) MiB/s"
    }
}
