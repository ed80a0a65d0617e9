import Engine
import Synchronization
import Testing

@testable import ClusterctlCLI

/// Who sends to whom, with nodes that only count.
@Suite struct RelayTests {
    private final class Tally: Sendable {
        let counts = Mutex(
            (controller: 0, peers: [NodeName: Int](), busy: [NodeName: Int](), mostAtOnce: 0, notes: [String]()))

        func begin(_ way: Relay.Way) {
            counts.withLock { counts in
                switch way {
                case .controller: counts.controller += 1
                case .peer(let peer):
                    counts.peers[peer.node, default: 0] += 1
                    counts.busy[peer.node, default: 0] += 1
                    counts.mostAtOnce = max(counts.mostAtOnce, counts.busy[peer.node] ?? 0)
                }
            }
        }

        func end(_ way: Relay.Way) {
            guard case .peer(let peer) = way else { return }
            counts.withLock { $0.busy[peer.node, default: 0] -= 1 }
        }
    }

    private func peer(_ number: Int) -> Relay.Peer {
        Relay.Peer(node: NodeName("n\(number)"), url: "http://n\(number)/t", ticket: "t")
    }

    /// Lets so many nodes get the artifact; `works` says whether a way brings it to a node.
    private func spread(
        _ nodes: Int, canServe: Bool = true, works: @escaping @Sendable (Int, Relay.Way) -> Bool
    ) async -> Tally {
        let tally = Tally()
        let relay = Relay(addresses: [:]) { why in tally.counts.withLock { $0.notes.append(why) } }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<nodes {
                group.addTask {
                    let way = await relay.way(to: "sum")
                    tally.begin(way)
                    await Task.yield()
                    let succeeded = works(number, way)
                    tally.end(way)
                    var serving: Relay.Peer?
                    if succeeded, await relay.wantsServer(of: "sum") {
                        if canServe { serving = peer(number) } else { await relay.servingFailed("sum", "n cannot") }
                    }
                    await relay.ended(way, to: "sum", succeeded: succeeded, serving: serving)
                }
            }
        }
        return tally
    }

    @Test func sendsOnceFromTheControllerAndSpreads() async {
        let tally = await spread(40) { _, _ in true }
        tally.counts.withLock { counts in
            #expect(counts.controller == 1)
            #expect(counts.peers.values.reduce(0, +) == 39)
            #expect(counts.mostAtOnce <= 2)
        }
    }

    @Test func takesAnotherSeedWhenTheFirstFails() async {
        let attempts = Mutex(0)
        let tally = await spread(10) { _, _ in
            attempts.withLock { count in
                count += 1
                return count > 1
            }
        }
        tally.counts.withLock { #expect($0.controller == 2) }
    }

    @Test func givesUpWherePeersCannotBeReached() async {
        let tally = await spread(30) { _, way in way == .controller }
        tally.counts.withLock { counts in
            #expect(counts.controller + counts.peers.values.reduce(0, +) == 30)
            #expect(counts.peers.values.reduce(0, +) <= 4)
        }
    }

    @Test func givesUpWhereNobodyCanServe() async {
        let tally = await spread(30, canServe: false) { _, _ in true }
        tally.counts.withLock { counts in
            #expect(counts.controller == 30)
            #expect(counts.notes == ["n cannot: the controller sends it instead"])
        }
    }

    @Test func countsEachArtifactForItself() async {
        let relay = Relay(addresses: [:])
        #expect(await relay.way(to: "one") == .controller)
        #expect(await relay.way(to: "other") == .controller)
        await relay.ended(.controller, to: "one", succeeded: true, serving: peer(1))
        #expect(await relay.way(to: "one") == .peer(peer(1)))
        #expect(await relay.end() == [peer(1)])
    }
}
