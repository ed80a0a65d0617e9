import ArgumentParser
import Crypto
import Engine
import Foundation
import Inventory
import Phases
import Rendering
import Simulation

extension Site {
    /// A restore of any snapshot, on the primary, for the model.
    static func restore(_ inventory: Inventory) throws -> Site {
        let restore = Restore(attempt: "model", source: .named("model"), server: NodeName(inventory.primary.name))
        return try Site.part(
            of: inventory, inventory, order: EtcdRestore.order(for: inventory, restore),
            nodes: inventory.nodes.map { NodeName($0.name) })
    }

    /// What the steps of orders do to etcd, for the model.
    static let etcdActs: [String: EtcdAct] = [
        StopServers.step: .stop, ResetEtcd.step: .reset, SetDataAside.step: .setAside, StartServers.step: .start,
    ]
    static let renewalActs: [String: EtcdAct] = [
        RotateToken.step: .rotateToken, K3sPaths.token: .takeToken, RenewServers.step: .halt,
    ]
}

struct EtcdRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a snapshot into the place of etcd's data: what came after it is lost.",
        discussion: """
            K3s stops on all servers; one begins the cluster anew with the snapshot's data, the others join it one at a time, \
            and workers look at it anew. What was there before is kept aside. The same command goes on where one has ended. \
            Nothing is stopped before the snapshot is seen whole, and to be of a cluster with this token.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var confirmation: NameConfirmation
    @OptionGroup var lost: WithoutOptions

    @Argument(help: "The name of a snapshot on a server, as 'etcd list' has it.")
    var snapshot: String?

    @Option(help: "A snapshot on this machine instead.", completion: .file())
    var from: String?

    @Option(help: "The server that begins the cluster anew; without it the primary, or who has the snapshot.")
    var on: String?

    @Flag(help: "With --confirm: also where a restore of this snapshot has ended before.")
    var again = false

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    func validate() throws {
        guard (snapshot == nil) != (from == nil) else {
            throw ValidationError("name a snapshot on a server, or a file of this machine with --from")
        }
        if let snapshot {
            let isName = snapshot.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard isName, !snapshot.isEmpty, !snapshot.hasPrefix(".") else {
                throw ValidationError(
                    "'\(snapshot)' is no name of a snapshot: 'etcd list' shows them; a file is said with --from")
            }
        }
    }

    func run() async throws {
        let inventory = try argument.read()
        let part = try lost.part(of: inventory)
        if let on, part.node(named: on)?.isControlPlane != true {
            throw ValidationError("--on \(on) is no server of this inventory that takes part")
        }
        let source = try self.source()
        if dryRun {
            let server = NodeName(on ?? part.primary.name)
            let restore = Restore(
                attempt: "new", source: source, server: server, leftOut: Self.leftOut(inventory, part))
            return PlanCommand.write(try site(inventory, part, restore).plan, as: output)
        }
        let restore = try await found(source, part, leftOut: Self.leftOut(inventory, part))
        let site = try site(inventory, part, restore)
        let connections = try await Connections(inventory, options: connection)
        let outcome = try await Run(site: site, limit: nil, verb: "etcd restore").perform(by: connections) {
            review, _ in
            Standard.error(
                "what the cluster \(inventory.name) was told after \(snapshot ?? from ?? "") was taken is lost; its API is away "
                    + "until \(restore.server) has the snapshot's data")
            return confirmation.isGiven(for: inventory.name, to: review, look: "etcd restore --dry-run")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
        await tell(restore, site, connections)
    }

    /// The URLs of the servers of the inventory that do not take part.
    static func leftOut(_ inventory: Inventory, _ part: Inventory) -> [String] {
        inventory.controlPlane.filter { part.node(named: $0.name) == nil }
            .map { K3sConfiguration.serverURL($0, inventory) }
    }

    private func source() throws -> Restore.Source {
        guard let from else { return .named(snapshot ?? "") }
        guard let bytes = FileManager.default.contents(atPath: from) else {
            Standard.error("error: \(from) cannot be read")
            throw ExitStatus.failed
        }
        if let problem = SnapshotFile.problem(with: bytes) {
            Standard.error("error: \(from) cannot be restored: \(problem)")
            throw ExitStatus.failed
        }
        let digest = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
        return .file(path: URL(fileURLWithPath: from).standardizedFileURL.path, digest: digest)
    }

    private func site(_ inventory: Inventory, _ part: Inventory, _ restore: Restore) throws -> Site {
        try Site.part(
            of: inventory, part, order: EtcdRestore.order(for: part, restore),
            nodes: part.nodes.map { NodeName($0.name) })
    }

    /// What is under way already, or where the snapshot is: asked of the servers before there is a plan.
    private func found(_ source: Restore.Source, _ part: Inventory, leftOut: [String]) async throws -> Restore {
        let servers = part.controlPlane.map { NodeName($0.name) }
        let asking = try Site(part, orders: .current)
        let (facts, unreachable) = try await ServerAnswers.ask(
            asking, [EtcdSnapshots.probe, RestoreState.probe], connection: connection)
        guard unreachable.isEmpty else {
            Standard.error(
                "nothing was changed: a server that is not stopped could go on with the earlier data; one that is lost for good "
                    + "is left out with --without")
            throw ExitStatus.unreachable
        }
        let underWay = RestoreState.underWay(facts, servers)
        let wanted = Restore.snapshot(source)
        if let state = underWay?.state, state.snapshot != wanted {
            Standard.error(
                "error: a restore of \(state.snapshot) is under way on \(underWay?.server.rawValue ?? ""): it has to be led to its "
                    + "end first\(state.isBeyondReturn ? "" : ", or given up with 'clusterctl recover'")")
            throw ExitStatus.failed
        }
        let begun = underWay.flatMap { RestoreState.beginner(of: $0.state.attempt, facts, servers) }
        // Whoever had the new data is lost: where others' made way for them, another server begins, and that is another restore.
        let isOrphan = underWay?.state.isBeyondReturn == true && begun == nil
        if underWay == nil || isOrphan { try refuseSecond(wanted, facts, servers) }
        let new = String(format: "%08x", UInt32.random(in: 1...UInt32.max))
        let attempt = isOrphan ? new : underWay?.state.attempt ?? new
        if let begun, let on, begun.rawValue != on {
            Standard.error("error: this restore was begun with --on \(begun)")
            throw ExitStatus.failed
        }
        if isOrphan {
            Standard.error(
                "note: the server that has the data of an earlier run's restore is not here: another one begins it anew"
            )
        } else if underWay != nil {
            Standard.error("note: going on with the restore that an earlier run has begun")
        }
        let server = try begun ?? place(source, EtcdSnapshots(part, facts: facts), part)
        return Restore(
            attempt: attempt, source: source, server: server, leftOut: leftOut,
            replaced: isOrphan ? underWay?.state.attempt : nil)
    }

    /// Whoever repeats a command that has done its work loses what came after it: so a program has to say that it is meant.
    private func refuseSecond(_ snapshot: String, _ facts: Facts, _ servers: [NodeName]) throws {
        guard let ended = RestoreState.lastEnd(of: snapshot, facts, servers) else { return }
        let time = Date(timeIntervalSince1970: Double(ended)).formatted(.iso8601)
        Standard.error("note: a restore of this snapshot ended at \(time); with another one all since then is lost")
        guard confirmation.confirm != nil, !again else { return }
        Standard.error("error: with --confirm a snapshot is restored a second time only with --again")
        throw ExitStatus.failed
    }

    private func place(_ source: Restore.Source, _ snapshots: EtcdSnapshots, _ part: Inventory) throws -> NodeName {
        let primary = NodeName(part.primary.name)
        guard case .named(let name) = source else { return on.map { NodeName($0) } ?? primary }
        let having = snapshots.rows.filter { $0.name == name }.map(\.node)
        if let on {
            if having.contains(NodeName(on)) { return NodeName(on) }
        } else if let first = having.first {
            return having.contains(primary) ? primary : first
        }
        Standard.error("error: there is no snapshot \(name)\(on.map { " on \($0)" } ?? ""); these are there:")
        Standard.error(SnapshotsText.table(snapshots))
        throw ExitStatus.failed
    }

    /// What was proven, and what is left behind. The restore is through: nothing here makes it less so.
    private func tell(_ restore: Restore, _ site: Site, _ connections: Connections) async {
        do {
            let fleet = try await connections.fleet(site, canWrite: false, readsSecrets: false)
            let (facts, _) = await fleet.ask([Ask(restore.server, ProveData.proof)], nodes: [restore.server])
            await fleet.close()
            if let answer = facts[restore.server, ProveData.proof], answer.succeeded {
                Standard.output(ProveData.words(answer))
            }
        } catch {
            Standard.error("note: the restore has ended; \(restore.server) could not be asked what was proven")
        }
        Standard.error(
            "note: what the servers had before is kept as \(restore.keptData) on each that had something; remove it when it is "
                + "not wanted any more")
        for name in lost.names where site.inventory.node(named: name) == nil {
            Standard.error(
                "note: \(name) was left out: it must not come back with its data; clear /var/lib/rancher/k3s/server/db there "
                    + "before it is started, and delete its node where it is gone for good")
        }
    }
}
