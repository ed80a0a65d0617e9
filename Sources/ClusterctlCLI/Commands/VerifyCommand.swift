import ArgumentParser
import Engine
import Foundation
import Phases

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that the cluster is as the inventory has it. Exits 1 when something is not, or was not asked.",
        discussion: """
            One login and one exec a node; nothing is changed. With --failover K3s is stopped on the node that serves the \
            endpoint, and started again: how long the API did not answer is measured from a node and from the routers.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    @Flag(help: "Stop K3s where the endpoint is, measure the outage, and start K3s again.")
    var failover = false

    @Option(help: "With --failover: after so many seconds the node starts K3s by itself, 60 to 900.")
    var backAfter = 120

    @Flag(name: [.short, .long], help: "With --failover: do not ask before stopping anything.")
    var yes = false

    func validate() throws {
        guard (60...900).contains(backAfter) else { throw ValidationError("--back-after takes 60 to 900 seconds") }
        guard failover || !yes else {
            throw ValidationError("--yes goes with --failover; nothing else changes anything")
        }
    }

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: failover, readsSecrets: false)
        do {
            if failover { try await test(site, fleet) } else { try await verify(site, fleet) }
        } catch {
            await fleet.close()
            throw error
        }
        await fleet.close()
    }

    private func verify(_ site: Site, _ fleet: SSHFleet) async throws {
        let (_, verification, unreachable) = await ask(site, fleet)
        Standard.output(
            output == .json
                ? VerificationText.json(verification, cluster: site.inventory.name)
                : VerificationText.table(verification))
        try tell(unreachable, in: site)
        if !verification.holds { throw ExitStatus.failed }
    }

    private func ask(
        _ site: Site, _ fleet: SSHFleet, besides more: [Ask] = []
    ) async -> (facts: Facts, Verification, unreachable: [NodeName: LinkFailure]) {
        let (facts, unreachable) = await fleet.ask(Verification.asks(site.inventory) + more, nodes: site.nodes)
        let verification = Verification(site.inventory, facts: facts, unreachable: Set(unreachable.keys))
        return (facts, verification, unreachable)
    }

    private func tell(_ unreachable: [NodeName: LinkFailure], in site: Site) throws {
        for node in site.nodes { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
    }

    // MARK: --failover

    private func test(_ site: Site, _ fleet: SSHFleet) async throws {
        let first = try await failover(site, fleet)
        for line in first.words { Standard.error(line) }
        guard yes || Standard.asks("Stop \(first.unit) on \(first.node)?") else {
            Standard.error("nothing was changed: not agreed to; '--yes' does not ask")
            throw ExitStatus.failed
        }
        try await takeLease(site, fleet, for: first.node)
        // It may have taken the user long to agree.
        let agreed = try await failover(site, fleet)
        guard agreed == first else {
            Standard.error("nothing was changed: since this was agreed to, \(agreed.because)")
            throw ExitStatus.failed
        }
        let test = try FailoverTest(site: site, fleet: fleet, failover: agreed)
        let report: FailoverReport
        do {
            report = try await test.run(interrupts: Interrupts.stream())
        } catch FailoverTest.NotBegun.interrupted {
            Standard.error("interrupted: nothing was stopped")
            throw ExitStatus.interrupted
        } catch FailoverTest.NotBegun.because(let why) {
            Standard.error("nothing was stopped: \(why)")
            throw ExitStatus.failed
        }
        Standard.output(
            output == .json
                ? VerificationText.json(report.verification, cluster: site.inventory.name, failover: report)
                : report.text)
        if report.wasInterrupted { throw ExitStatus.interrupted }
        if !report.isGood { throw ExitStatus.failed }
    }

    /// What would be done now; where it would be unsafe, the command ends with the reasons.
    private func failover(_ site: Site, _ fleet: SSHFleet) async throws -> Failover {
        let (facts, verification, unreachable) = await ask(site, fleet, besides: Failover.asks(site.inventory))
        try tell(unreachable, in: site)
        do throws(Failover.Refusal) {
            return try Failover(site.inventory, facts, verification, backAfterSeconds: backAfter)
        } catch {
            Standard.error("nothing was changed, because it would not be safe:")
            for reason in error.reasons { Standard.error("  \(reason)") }
            throw ExitStatus.failed
        }
    }

    private func takeLease(_ site: Site, _ fleet: SSHFleet, for node: NodeName) async throws {
        let refusal: Outcome.Refusal?
        do throws(LinkFailure) {
            refusal = try await fleet.takeLease(keeper: site.keeper ?? node, for: node)
        } catch {
            Standard.error("\(node): error: \(error.message)")
            throw ExitStatus.unreachable
        }
        guard let refusal else { return }
        OutcomeText.refused(refusal, name: site.inventory.name).forEach(Standard.error)
        throw ExitStatus.leaseHeld
    }
}
