import Engine
import Foundation

/// The terminal that clusterctl was started from.
enum Terminal {
    /// The line that somebody types after `prompt`, without being shown; nil where there is no terminal, at the end of
    /// input, and after Ctrl-C, which then interrupts the process as it always does.
    ///
    /// - Parameter device: the terminal.
    static func ask(
        _ prompt: String, on device: String = "/dev/tty",
        interrupt: @escaping @Sendable () -> Void = { kill(getpid(), SIGINT) }
    ) async -> Secret? {
        await withCheckedContinuation { continuation in
            // A person may take long, and must not occupy a thread that others need.
            Thread.detachNewThread {
                let (line, isInterrupted) = read(prompt, device)
                if isInterrupted { interrupt() }
                continuation.resume(returning: line.map(Secret.init))
            }
        }
    }

    private static func read(_ prompt: String, _ device: String) -> (line: String?, isInterrupted: Bool) {
        let terminal = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC)
        var before = termios()
        guard terminal >= 0, tcgetattr(terminal, &before) == 0 else {
            if terminal >= 0 { close(terminal) }
            Standard.error("note: there is no terminal to ask on: \(prompt.trimmingCharacters(in: [" ", ":"]))")
            return (nil, false)
        }
        // Ctrl-C comes as a character, so that nothing can end the process while the terminal shows no typing.
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        tcsetattr(terminal, TCSAFLUSH, &silent)
        defer {
            tcsetattr(terminal, TCSAFLUSH, &before)
            write("\n", terminal)
            close(terminal)
        }
        write(prompt, terminal)
        return line(from: terminal)
    }

    private static func line(from terminal: Int32) -> (line: String?, isInterrupted: Bool) {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = Foundation.read(terminal, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return (nil, false) }
            switch byte {
            case 0x03: return (nil, true)
            case 0x04 where bytes.isEmpty: return (nil, false)
            case 0x0a, 0x0d: return (String(decoding: bytes, as: UTF8.self), false)
            case 0x08, 0x7f: bytes.removeLastCharacter()
            case 0x15: bytes = []
            default: bytes.append(byte)
            }
        }
    }

    private static func write(_ text: String, _ terminal: Int32) {
        _ = text.withCString { Foundation.write(terminal, $0, strlen($0)) }
    }
}

extension [UInt8] {
    /// Takes away the last character of UTF-8 text, all its bytes.
    fileprivate mutating func removeLastCharacter() {
        while let last = popLast(), last & 0xc0 == 0x80 {}
    }
}
