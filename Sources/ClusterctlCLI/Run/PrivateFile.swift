import Foundation

/// Files that only their owner may read, replaced as a whole.
enum PrivateFile {
    /// Writes beside the file, flushes and renames, mode 0600; a link is followed, so that what it points to is replaced.
    static func replace(_ path: String, _ write: (FileHandle) throws -> Void) throws {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let temporary = "\(target).clusterctl-\(ProcessInfo.processInfo.processIdentifier)"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw PrivateFileError(path: target, reason: errno) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try write(handle)
            try handle.synchronize()
            guard rename(temporary, target) == 0 else { throw PrivateFileError(path: target, reason: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
    }
}

struct PrivateFileError: Error, CustomStringConvertible {
    let path: String
    let reason: Int32
    var description: String { "\(path) cannot be written: \(String(cString: strerror(reason)))" }
}
