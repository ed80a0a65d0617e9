import Foundation
import Testing

/// Carries one connection to a server through a narrow pipe, so that the client's sends are often cut short; after
/// `limitBytes` from the client it cuts the line.
final class SlowRelay: Sendable {
    private let listener: Listener
    var port: Int { listener.port }

    init(to port: Int, limitBytes: Int = .max) throws {
        listener = try Listener()
        var size: Int32 = 4096
        setsockopt(listener.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        let descriptor = listener.descriptor
        let server = try Listener.connect(to: port)
        Thread.detachNewThread {
            let client = accept(descriptor, nil, nil)
            Thread.detachNewThread { Self.copy(from: server, to: client, pause: 0) }
            Self.copy(from: client, to: server, pause: 20, limitBytes: limitBytes)
            if limitBytes < .max { shutdown(client, Int32(SHUT_RDWR)) }
        }
    }

    /// Copies until the source ends; `pause` in microseconds after each piece.
    private static func copy(from source: Int32, to sink: Int32, pause: UInt32, limitBytes: Int = .max) {
        var piece = [UInt8](repeating: 0, count: 8192)
        var left = limitBytes
        while left > 0 {
            let count = recv(source, &piece, piece.count, 0)
            guard count > 0 else { break }
            left -= count
            var sent = 0
            while sent < count {
                let more = piece[sent..<count].withUnsafeBytes { rest in
                    send(sink, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break }
                sent += more
            }
            if pause > 0 { usleep(pause) }
        }
        shutdown(sink, Int32(SHUT_WR))
    }
}

/// A port whose queue of connections is full, so that further ones get no answer at all.
final class DeafListener: Sendable {
    private let listener: Listener
    private let fillers: [Int32]
    var port: Int { listener.port }

    init() throws {
        listener = try Listener(backlog: 0)
        let port = listener.port
        fillers = (0..<8).compactMap { _ in try? Listener.connect(to: port, waiting: false) }
    }

    deinit { for filler in fillers { close(filler) } }
}
