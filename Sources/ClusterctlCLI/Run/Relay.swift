import Engine
import SSH

/// Who hands an artifact on to whom, so that it crosses the controller's line once.
///
/// The first node gets each file from the controller; whoever has it serves a few others, which then serve in turn. What
/// fails falls back to the controller, for that node; where serving fails again and again, for all of them.
actor Relay {
    /// A node that serves one artifact.
    struct Peer: Sendable, Equatable {
        let node: NodeName
        let url: String
        let ticket: String
    }

    enum Way: Sendable, Equatable {
        case controller
        case peer(Peer)
    }

    private struct Server {
        let peer: Peer
        /// How many may still fetch from it at the same time.
        var free: Int
    }

    private struct Spread {
        var isSeeding = false
        var servers: [Server] = []
        /// Fetches under way.
        var fetching = 0
        var failures = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Where each node is reached by the others.
    let addresses: [NodeName: String]
    private let atOncePerServer: Int
    private var spreads: [String: Spread] = [:]

    private static let failureLimit = 3
    /// Told once of each kind of trouble, as the advantage is gone and nothing else.
    private let note: @Sendable (String) -> Void
    private var noted: Set<Trouble> = []

    private enum Trouble { case serving, fetching }

    init(
        addresses: [NodeName: String], atOncePerServer: Int = 2,
        note: @escaping @Sendable (String) -> Void = { Standard.error("note: \($0)") }
    ) {
        self.addresses = addresses
        self.atOncePerServer = atOncePerServer
        self.note = note
    }

    /// Where a node gets the artifact of this checksum, perhaps after a wait; its outcome is to be told with `ended`.
    func way(to checksum: String) async -> Way {
        while true {
            var spread = spreads[checksum, default: Spread()]
            if spread.failures >= Self.failureLimit { return .controller }
            if let index = spread.servers.firstIndex(where: { $0.free > 0 }) {
                spread.servers[index].free -= 1
                spread.fetching += 1
                spreads[checksum] = spread
                return .peer(spread.servers[index].peer)
            }
            if !spread.isSeeding && spread.fetching == 0 {
                spread.isSeeding = true
                spreads[checksum] = spread
                return .controller
            }
            await withCheckedContinuation { continuation in
                spread.waiting.append(continuation)
                spreads[checksum] = spread
            }
        }
    }

    /// Whether a node that has the artifact should serve it: somebody waits, or nobody serves yet.
    func wantsServer(of checksum: String) -> Bool {
        guard let spread = spreads[checksum], spread.failures < Self.failureLimit else { return false }
        return !spread.waiting.isEmpty || spread.servers.isEmpty
    }

    /// How a way ended, and by which peer this node serves from now on.
    func ended(_ way: Way, to checksum: String, succeeded: Bool, serving: Peer?) {
        guard var spread = spreads[checksum] else { return }
        switch way {
        case .controller: spread.isSeeding = false
        case .peer(let peer):
            spread.fetching -= 1
            if !succeeded {
                // Its place is not given to another.
                spread.failures += 1
            } else if let index = spread.servers.firstIndex(where: { $0.peer == peer }) {
                spread.servers[index].free += 1
            }
        }
        if let serving { spread.servers.append(Server(peer: serving, free: atOncePerServer)) }
        wake(&spread, checksum)
    }

    /// A node that has the artifact cannot serve it.
    func servingFailed(_ checksum: String, _ why: String) {
        spreads[checksum]?.failures += 1
        tell(.serving, why)
    }

    /// A node could not fetch from another one; `ended` says so too.
    func fetchingFailed(_ why: String) { tell(.fetching, why) }

    private func tell(_ trouble: Trouble, _ why: String) {
        if noted.insert(trouble).inserted { note("\(why): the controller sends it instead") }
    }

    /// All that serve; nobody is sent to them any more.
    func end() -> [Peer] {
        let peers = spreads.values.flatMap { $0.servers.map(\.peer) }
        for checksum in spreads.keys { spreads[checksum]?.servers = [] }
        return peers
    }

    private func wake(_ spread: inout Spread, _ checksum: String) {
        let waiting = spread.waiting
        spread.waiting = []
        spreads[checksum] = spread
        for continuation in waiting { continuation.resume() }
    }
}

extension SSHFleet {
    private static let servingSeconds = 1800

    /// Brings a parcel by the way that the relay says; nil when that failed and the controller is to send it.
    ///
    /// - Returns: what `direct` returns, or nil in it when a peer had it.
    func bring(
        _ parcel: Parcel, through relay: Relay, direct: () async throws(LinkFailure) -> String?
    ) async throws(LinkFailure) -> String? {
        let checksum = parcel.content.sha256
        let way = await relay.way(to: checksum)
        if case .peer(let peer) = way {
            guard let trouble = await fetch(parcel, from: peer) else {
                await relay.ended(way, to: checksum, succeeded: true, serving: await serve(parcel, relay))
                return nil
            }
            await relay.fetchingFailed("\(parcel.node) cannot fetch \(parcel.name) from \(peer.node) (\(trouble))")
            await relay.ended(way, to: checksum, succeeded: false, serving: nil)
            return try await direct()
        }
        let why: String?
        do throws(LinkFailure) {
            why = try await direct()
        } catch {
            await relay.ended(way, to: checksum, succeeded: false, serving: nil)
            throw error
        }
        let serving = why == nil ? await serve(parcel, relay) : nil
        await relay.ended(way, to: checksum, succeeded: why == nil, serving: serving)
        return why
    }

    /// Why the node cannot have it from this peer; nil when it has.
    private func fetch(_ parcel: Parcel, from peer: Relay.Peer) async -> String? {
        do throws(LinkFailure) {
            let (result, said) = try await send(parcel, from: nil, peer: peer.url)
            return result == .whole ? nil : said.isEmpty ? "it came in part" : said
        } catch {
            return error.message
        }
    }

    /// Lets the node that has just got the parcel hand it on, where that is of use and possible.
    private func serve(_ parcel: Parcel, _ relay: Relay) async -> Relay.Peer? {
        let checksum = parcel.content.sha256
        guard let address = relay.addresses[parcel.node], await relay.wantsServer(of: checksum) else { return nil }
        let ticket = ShellProgram.makeNonce()
        let why: String
        do throws(LinkFailure) {
            let program = try compile { () throws(ShellError) in
                try ShellCompiler.serve(
                    artifact: parcel.name, checksum: checksum, address: address, ticket: ticket,
                    seconds: Self.servingSeconds, nonce: ShellProgram.makeNonce())
            }
            let answer = try await run(program, on: parcel.node, seconds: 60, frames: 1)
                .first { $0.kind == .answer }?.answer
            if let answer, answer.succeeded, let port = UInt16(answer.output.prefix { $0.isNumber }) {
                let host = address.contains(":") ? "[\(address)]" : address
                return Relay.Peer(node: parcel.node, url: "http://\(host):\(port)/\(ticket)", ticket: ticket)
            }
            why = answer?.lastLine ?? "no answer"
        } catch {
            why = error.message
        }
        await relay.servingFailed(checksum, "\(parcel.node) cannot hand \(parcel.name) on (\(why))")
        return nil
    }

    /// Ends what nodes still serve; what cannot be reached ends by itself.
    func endRelay() async {
        guard let peers = await relay?.end(), !peers.isEmpty else { return }
        await withTaskGroup(of: Void.self) { group in
            for peer in peers {
                group.addTask {
                    guard let program = try? ShellCompiler.unserve(ticket: peer.ticket, nonce: ShellProgram.makeNonce())
                    else { return }
                    _ = try? await self.run(program, on: peer.node, seconds: 15, frames: 1)
                }
            }
        }
    }
}
