import ArgumentParser
import Inventory

struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Lead a living cluster to another version of K3s, or of Cilium, one node at a time.",
        discussion: """
            First everything is asked, and the new program is brought beside the present one and asked whether it knows \
            every setting; then etcd's snapshot is taken. Servers come one at a time, the one with the endpoint's address \
            last; then workers, drained. A node that does not come back as it should is led back to its earlier program, \
            and the run ends there. The same command goes on where one has ended. With --via the cluster's own controller \
            carries it out, node after node, with the same care. With --cilium it is Cilium that is led to another version, \
            and nothing else.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var roll: RollOptions

    @Option(help: "The version of K3s, such as v1.35.8+k3s1; without it the one that the inventory names.")
    var to: String?

    @Flag(help: "Servers one after another: there is no other way, and saying so changes nothing.")
    var oneAtATime = false

    @OptionGroup var via: ViaOptions

    @Option(help: "The version of Cilium, such as 1.19.5; K3s is left as it is.")
    var cilium: String?

    func validate() throws {
        if let cilium, let problem = CiliumUpgradeRun.problem(cilium, to: to, roll, via) { throw ValidationError(problem) }
        if let to, K3sVersion(to) == nil {
            throw ValidationError("'\(to)' is no version of K3s: write it as in v1.35.8+k3s1")
        }
    }

    func run() async throws {
        if let version = cilium.flatMap({ CiliumVersion($0) }) {
            let run = CiliumUpgradeRun(argument: argument, connection: connection, roll: roll, version: version)
            return try await run.perform()
        }
        var inventory = try argument.read()
        let written = inventory.k3s.version
        if let version = to.flatMap({ K3sVersion($0) }) { inventory.k3s.version = version }
        guard written == inventory.k3s.version || inventory.k3s.checksums.isEmpty else {
            Standard.error(
                "error: the 'k3s.checksums' of \(argument.inventory) are those of \(written): write 'version: "
                    + "\(inventory.k3s.version)' and its checksums there, and run 'upgrade' without --to")
            throw ExitStatus.wrongUsage
        }
        guard let outcome = try await roll.run(inventory, verb: "upgrade", connection, via: via.options) else { return }
        switch outcome {
        case .done, .nothingToDo, .unfinished:
            guard written != inventory.k3s.version else { break }
            Standard.error(
                "note: write 'version: \(inventory.k3s.version)' into \(argument.inventory): the other verbs go by it")
        default: break
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }
}
