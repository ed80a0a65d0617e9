import Foundation
import Synchronization

/// Carries connections to a server; the first one is cut, both ways, when as many bytes as told have gone one way.
final class CuttingRelay: Sendable {
    enum Way: Sendable { case toServer, toClient }

    private struct State {
        var left: Int
        var carried = 0
        var boundaries: [Int] = []
        var isFirst = true
        var isClosed = false
    }

    private let listener: Listener
    private let way: Way
    private let state: Mutex<State>
    var port: Int { listener.port }

    /// How many bytes went that way on the first connection.
    var carried: Int { state.withLock(\.carried) }

    /// After how many bytes each packet, or those that came together, was through.
    var boundaries: [Int] { state.withLock(\.boundaries) }

    init(to port: Int, cutting way: Way, after bytes: Int) throws {
        listener = try Listener()
        self.way = way
        state = Mutex(State(left: bytes))
        let descriptor = listener.descriptor
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { return }
                if state.withLock(\.isClosed) {
                    close(client)
                    return
                }
                // One that fails says nothing of the next.
                guard let server = try? Listener.connect(to: port) else {
                    close(client)
                    continue
                }
                let isFirst = state.withLock { state in
                    defer { state.isFirst = false }
                    return state.isFirst
                }
                Thread.detachNewThread { self.copy(from: client, to: server, counts: isFirst && way == .toServer) }
                Thread.detachNewThread { self.copy(from: server, to: client, counts: isFirst && way == .toClient) }
            }
        }
    }

    /// Ends the thread that accepts, by one last connection.
    func stop() {
        state.withLock { $0.isClosed = true }
        if let last = try? Listener.connect(to: port) { close(last) }
    }

    private func copy(from source: Int32, to sink: Int32, counts: Bool) {
        var piece = [UInt8](repeating: 0, count: 2048)
        while true {
            var count = recv(source, &piece, piece.count, 0)
            guard count > 0 else { break }
            var isCut = false
            if counts {
                count = state.withLock { state in
                    let taken = min(count, state.left)
                    state.left -= taken
                    state.carried += taken
                    state.boundaries.append(state.carried)
                    isCut = state.left == 0
                    return taken
                }
            }
            var sent = 0
            while sent < count {
                let more = piece[sent..<count].withUnsafeBytes { rest in
                    send(sink, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
                guard more > 0 else { break }
                sent += more
            }
            if isCut { break }
        }
        // Both ends stay open as descriptors until the process ends: a number that is used again would be another's.
        shutdown(sink, Int32(SHUT_RDWR))
        shutdown(source, Int32(SHUT_RDWR))
    }
}
