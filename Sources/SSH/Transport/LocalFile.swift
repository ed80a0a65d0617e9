import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Small files of the controller, read whole; they are local and short, so the reactor may read them.
enum LocalFile {
    enum Contents: Equatable {
        case bytes([UInt8])
        case missing
        case unreadable(reason: String)
    }

    /// Larger than any key or known_hosts file; a longer one is refused.
    private static let sizeBytesAtMost = 64 << 20

    static func read(_ path: String) -> Contents {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(reason: systemMessage(errno))
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            switch readChunk(descriptor, at: Int64(bytes.count), upTo: 64 << 10) {
            case .success(let chunk) where chunk.isEmpty: return .bytes(bytes)
            case .success(let chunk): bytes += chunk
            case .failure(let code): return .unreadable(reason: systemMessage(code.code))
            }
            if bytes.count > sizeBytesAtMost { return .unreadable(reason: "larger than 64 MiB") }
        }
    }

    /// What changes with a file's content; written to and replaced files get another one.
    struct Stamp: Sendable, Equatable {
        var device: UInt64
        var inode: UInt64
        var sizeBytes: Int64
        var modifiedSeconds: Int
        var modifiedNanoseconds: Int
    }

    /// nil when there is no such file, or it cannot be looked at.
    static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Darwin)
            let modified = status.st_mtimespec
        #else
            let modified = status.st_mtim
        #endif
        return Stamp(
            device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(status.st_ino),
            sizeBytes: Int64(status.st_size), modifiedSeconds: modified.tv_sec, modifiedNanoseconds: modified.tv_nsec)
    }

    struct SystemError: Error { var code: Int32 }

    /// At most `count` bytes from `offset`; empty at the end of the file.
    static func readChunk(_ descriptor: Int32, at offset: Int64, upTo count: Int) -> Result<[UInt8], SystemError> {
        var code: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var length: Int
            repeat {
                length = pread(descriptor, buffer.baseAddress, count, off_t(offset))
            } while length < 0 && errno == EINTR
            if length < 0 { code = errno }
            filled = max(0, length)
        }
        return code == 0 ? .success(chunk) : .failure(SystemError(code: code))
    }

    /// The files that a pattern of the shell stands for, sorted; none if there are none.
    static func matching(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in paths[index].map { String(cString: $0) } }
    }

    /// `~/` becomes the home directory; every other path stays.
    static func expandHome(_ path: String) -> String {
        guard path.hasPrefix("~/") else { return path }
        if let home = getenv("HOME") { return String(cString: home) + path.dropFirst() }
        guard let entry = getpwuid(getuid()), let home = entry.pointee.pw_dir else { return path }
        return String(cString: home) + path.dropFirst()
    }

    /// Appends one line, whole or not at all; creates file (0600) and directory (0700).
    ///
    /// One write with O_APPEND is what OpenSSH does too, and the kernel lets no two of them overlap, so nothing that
    /// anybody adds at the same time is lost; a copy that is renamed over the file would lose it. The lock keeps
    /// our own from adding an end of line twice.
    static func appendLine(_ line: String, to path: String) -> Result<Void, SystemError> {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            _ = mkdir(String(path[..<slash]), 0o700)
        }
        let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX) == 0 else { return .failure(SystemError(code: errno)) }
        var bytes = Array((line + "\n").utf8)
        let size = lseek(descriptor, 0, SEEK_END)
        if size > 0, case .success(let last) = readChunk(descriptor, at: Int64(size) - 1, upTo: 1), last != [10] {
            bytes.insert(10, at: 0)
        }
        let written = write(descriptor, bytes, bytes.count)
        guard written == bytes.count else {
            let code = written < 0 ? errno : ENOSPC
            // Part of a line would make the next one unreadable.
            if written > 0 { _ = ftruncate(descriptor, size) }
            return .failure(SystemError(code: code))
        }
        return fsync(descriptor) == 0 ? .success(()) : .failure(SystemError(code: errno))
    }
}
