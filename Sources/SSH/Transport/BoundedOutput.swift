/// Keeps the beginning and the end of a stream of any length; what was cut out is marked and counted.
struct BoundedOutput: Sendable, Equatable {
    private let headLimit: Int
    private let tailLimit: Int
    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    private(set) var cutBytes = 0

    init(limitBytes: Int) {
        headLimit = limitBytes / 2
        tailLimit = limitBytes - limitBytes / 2
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        let room = headLimit - head.count
        if room > 0 { head += bytes.prefix(room) }
        tail += bytes.dropFirst(max(0, room))
        // Cut in large steps, so that each byte is moved about once.
        if tail.count > 2 * tailLimit { trim() }
    }

    private mutating func trim() {
        let excess = tail.count - tailLimit
        guard excess > 0 else { return }
        tail.removeFirst(excess)
        cutBytes += excess
    }

    /// All of it, or both ends around `[... 123 bytes cut ...]` on a line of its own.
    var bytes: [UInt8] {
        var whole = self
        whole.trim()
        if whole.cutBytes == 0 { return whole.head + whole.tail }
        return whole.head + Array("\n[... \(whole.cutBytes) bytes cut ...]\n".utf8) + whole.tail
    }
}
