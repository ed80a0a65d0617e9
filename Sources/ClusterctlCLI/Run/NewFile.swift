import Foundation

/// Files that are written only where there is none, so that nobody's work is lost.
enum NewFile {
    /// - Throws: `ExitStatus.failed`, with the reason on standard error.
    static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
        try write(Data(text.utf8), to: path, mode: mode)
    }

    static func write(_ data: Data, to path: String, mode: mode_t = 0o644) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            Standard.error("\(path): \(String(cString: strerror(errno))); nothing was written")
            throw ExitStatus.failed
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: data)
    }
}
