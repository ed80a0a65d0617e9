import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// Orders of a change of the token that must not be run.
@Suite struct TokenPlanTests {
    private func violations(_ change: (Order.Entry) -> Order.Entry?) throws -> [String] {
        let inventory = try TokenTests.inventory()
        let entries = TokenRotate.order(for: inventory).entries.compactMap(change)
        return OrderRules.violations(Plan(cluster: "x", order: Order(name: "x", entries)), for: inventory)
    }

    @Test func theOrderKeepsEveryRule() throws { #expect(try violations { $0 } == []) }

    @Test(
        arguments: [
            ("rotate-token", "stage-token"), ("token-servers", "rotate-token"), ("restart-servers", "token-servers"),
            ("token-workers", "restart-servers"), ("restart-workers", "token-workers"),
            ("end-token", "restart-workers"),
        ] as [(PhaseID, PhaseID)])
    func eachPhaseWaitsForTheOneBeforeIt(later: PhaseID, earlier: PhaseID) throws {
        let found = try violations { entry in
            guard entry.phase.id == later else { return entry }
            return .init(entry.phase, after: [.all("preflight"), .all("host-prep")])
        }
        #expect(
            found.contains("order.token-in-turn: \(later) may start before \(earlier) has passed on all nodes"),
            "\(found)")
    }

    @Test func nobodyIsForgottenAndNoGuardPutsTheEarlierTokenBack() throws {
        let inventory = try TokenTests.inventory()
        func without(_ id: PhaseID) -> (Order.Entry) -> Order.Entry? {
            { $0.phase.id == id ? nil : .init($0.phase, after: $0.after.filter { $0.phase != id }) }
        }
        let withoutWorkers = try violations(without("token-workers"))
        #expect(withoutWorkers.contains("order.token-in-turn: worker-01 does not get the new token"))
        let goingOn = try violations(without("restart-workers"))
        #expect(goingOn.contains("order.token-in-turn: K3s on worker-01 goes on with the earlier token"))
        let guarded = try violations { entry in
            entry.phase.id == "token-servers"
                ? .init(Guarded(base: entry.phase, cluster: Cluster(inventory)), after: entry.after) : entry
        }
        #expect(
            guarded.contains {
                $0.hasPrefix("order.token-in-turn: taking token-servers back on dpu-01 would put the earlier token")
            }, "\(guarded)")
    }

    private struct Guarded: Phase {
        let base: any Phase
        let cluster: Cluster
        var id: PhaseID { base.id }
        var title: String { base.title }
        var nodes: [NodeName] { base.nodes }
        func apply(_ node: NodeName) -> [Step] { base.apply(node) }
        func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
    }
}
