import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What a command reads on its standard input.
public enum SSHInput: Sendable {
    case none
    case bytes([UInt8])
    /// A local file from `offset` (bytes) to its end. Read in small pieces on the reactor's thread: a local disk.
    case file(path: String, offset: Int64, sent: SentBytes? = nil)

    /// How much it is now.
    func sizeBytes() throws(SSHFailure) -> Int64 {
        switch self {
        case .none: return 0
        case .bytes(let bytes): return Int64(bytes.count)
        case .file(let path, let offset, _):
            var status = stat()
            guard stat(LocalFile.expandHome(path), &status) == 0 else {
                throw .inputUnreadable(path: path, reason: systemMessage(errno))
            }
            return max(0, Int64(status.st_size) - offset)
        }
    }
}

/// How many bytes of an input have been handed to the connection so far.
public final class SentBytes: Sendable {
    private let bytes = Atomic<Int64>(0)
    public init() {}
    public var count: Int64 { bytes.load(ordering: .relaxed) }
    func add(_ count: Int) { bytes.add(Int64(count), ordering: .relaxed) }
}

/// Hands out an input piece by piece; a piece stays where it is in memory until all of it was sent.
final class SSHInputReader {
    private enum Rest {
        case nothing
        case file(descriptor: Int32, path: String, offset: Int64)
    }

    private static let pieceSizeBytes = 256 << 10

    private var piece: [UInt8] = []
    private var sent = 0
    private var rest: Rest = .nothing
    private var meter: SentBytes?

    init(_ input: SSHInput) throws(SSHFailure) {
        switch input {
        case .none: break
        case .bytes(let bytes): piece = bytes
        case .file(let path, let offset, let meter):
            self.meter = meter
            let descriptor = open(LocalFile.expandHome(path), O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .inputUnreadable(path: path, reason: systemMessage(errno)) }
            rest = .file(descriptor: descriptor, path: path, offset: offset)
        }
    }

    deinit {
        if case .file(let descriptor, _, _) = rest { close(descriptor) }
    }

    /// Whether bytes are at hand; reads the next piece when the last one was sent.
    func fill() throws(SSHFailure) -> Bool {
        if sent < piece.count { return true }
        piece = []
        sent = 0
        guard case .file(let descriptor, let path, let offset) = rest else { return false }
        switch LocalFile.readChunk(descriptor, at: offset, upTo: Self.pieceSizeBytes) {
        case .failure(let error): throw .inputUnreadable(path: path, reason: systemMessage(error.code))
        case .success(let chunk):
            piece = chunk
            rest = .file(descriptor: descriptor, path: path, offset: offset + Int64(chunk.count))
            return !chunk.isEmpty
        }
    }

    func withUnsent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        piece.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    }

    func advance(_ count: Int) {
        sent += count
        meter?.add(count)
    }
}
