import CLibSSH2
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// One address to connect to, ready for connect(2).
struct Endpoint: Sendable, Hashable {
    var family: Int32
    /// The bytes of the `sockaddr`.
    var address: [UInt8]

    func withAddress<Result>(_ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result) -> Result {
        address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress, socklen_t(bytes.count)) }
        }
    }

    /// The address in digits, link-local ones with their scope.
    var text: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            guard let text = buffer.baseAddress else { return "?" }
            let status = withAddress { getnameinfo($0, $1, text, socklen_t(NI_MAXHOST), nil, 0, NI_NUMERICHOST) }
            return status == 0 ? String(cString: text) : "?"
        }
    }
}

/// Turns names into addresses on a few threads of its own, because getaddrinfo(3) blocks and cannot be cancelled.
final class Resolver: Sendable {
    static let shared = Resolver()
    private static let threadsAtMost = 8

    enum Answer: Sendable, Equatable {
        case found([Endpoint])
        case failed(reason: String, temporary: Bool)
    }

    private struct State {
        var questions: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Mutex(State())

    /// The addresses of a literal at once, those of a name when the system's resolver has answered.
    nonisolated(nonsending) func resolve(
        _ host: String, port: Int, family: SSHTarget.AddressFamily = .any, on reactor: SSHReactor,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> [Endpoint] {
        let found = try await resolve(host, port: port, on: reactor, until: deadline)
        let wanted: (code: Int32, name: String)
        switch family {
        case .any: return found
        case .ipv4: wanted = (AF_INET, "IPv4")
        case .ipv6: wanted = (AF_INET6, "IPv6")
        }
        let endpoints = found.filter { $0.family == wanted.code }
        if endpoints.isEmpty {
            throw .nameNotFound(host: host, reason: "none of its addresses is an \(wanted.name) one", temporary: false)
        }
        return endpoints
    }

    nonisolated(nonsending) private func resolve(
        _ host: String, port: Int, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> [Endpoint] {
        if case .found(let endpoints) = Self.ask(host, port: port, numericOnly: true) { return endpoints }
        let box = AnswerBox()
        let outcome = await reactor.wait(for: [], on: -1, until: deadline) { id in
            self.submit {
                box.answer.withLock { $0 = Self.ask(host, port: port, numericOnly: false) }
                reactor.finish(id, .ready)
            }
        }
        switch (outcome, box.answer.withLock { $0 }) {
        case (.ready, .found(let endpoints)?): return endpoints
        case (.ready, .failed(let reason, let temporary)?):
            throw .nameNotFound(host: host, reason: reason, temporary: temporary)
        case (.cancelled, _): throw .cancelled(stage: .resolve)
        case (.deadline, _), (.ready, nil): throw .deadline(stage: .resolve)
        }
    }

    private final class AnswerBox: Sendable {
        let answer = Mutex<Answer?>(nil)
    }

    private func submit(_ question: @escaping @Sendable () -> Void) {
        let start = state.withLock { state in
            state.questions.append(question)
            guard state.threads < Self.threadsAtMost else { return false }
            state.threads += 1
            return true
        }
        if start { DetachedThread.start(named: "ssh-resolver") { self.work() } }
    }

    private func work() {
        while let question = state.withLock({ state -> (@Sendable () -> Void)? in
            guard state.questions.isEmpty else { return state.questions.removeFirst() }
            state.threads -= 1
            return nil
        }) {
            question()
        }
    }

    static func ask(_ host: String, port: Int, numericOnly: Bool) -> Answer {
        var list: UnsafeMutablePointer<addrinfo>?
        let status = clusterctl_resolve(host, String(port), numericOnly ? 1 : 0, &list)
        guard status == 0 else {
            return .failed(reason: String(cString: gai_strerror(status)), temporary: status == EAI_AGAIN)
        }
        defer { freeaddrinfo(list) }
        var endpoints: [Endpoint] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
                endpoints.append(Endpoint(family: entry.ai_family, address: Array(bytes)))
            }
            next = entry.ai_next
        }
        return endpoints.isEmpty ? .failed(reason: "no addresses", temporary: false) : .found(endpoints)
    }
}
