import ArgumentParser
import Engine
import Inventory
import SSH

struct HostKeysScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Show every host key of every node, to be compared out of band; logs in to jump hosts alone.",
        discussion: """
            Exits 4 when a node cannot be reached, or shows a key that is not the known one. With --pin, the keys of \
            nodes that nothing is known about are added to the first known_hosts file ('ssh.knownHosts' names it); keys \
            that are known or pinned already are never replaced.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(help: "Only these nodes; names separated by commas.")
    var limit: String?

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    @Flag(help: "Add the keys of nodes that nothing is known about to the known_hosts file.")
    var pin = false

    func run() async throws {
        let inventory = try argument.read()
        let chosen = try inventory.nodes(limit: limit)
        let connections = try await Connections(inventory, options: connection, writesHostKeys: pin)
        let connector = SSHConnector(secrets: connections.secrets)
        let names = inventory.hosts.map { NodeName($0.name) }.filter { chosen?.contains($0) ?? true }
        func items(_ targets: [NodeName: SSHTarget]) -> [HostKeyScan.Item] {
            names.compactMap { name in targets[name].map { HostKeyScan.Item(name: name.rawValue, target: $0) } }
        }
        let nodes = items(connections.targets)
        // A rescue path must be trusted before it is needed; at its end is the node's own key.
        let rescues = items(try await Connections.told { try await connections.rescueTargets(names) })
        var scan = HostKeyScan(rows: [])
        var pinned: [String] = []
        // What lies on the way comes first: where that is pinned, the next can be reached.
        for batch in HostKeyScan.jumpHosts(before: nodes + rescues) + [nodes] {
            let rows = await HostKeyScan.scan(batch, by: connector)
            if pin { pinned += try await remember(rows, connector) }
            scan.rows += rows
        }
        await connector.close()
        Standard.output(output == .json ? scan.json(cluster: inventory.name) : scan.table())
        for line in scan.problems + pinned { Standard.error(line) }
        if !scan.isWell { throw ExitStatus.unreachable }
    }

    private func remember(_ rows: [HostKeyScan.Row], _ connector: SSHConnector) async throws -> [String] {
        var lines: [String] = []
        for row in rows {
            guard case .success(let keys) = row.result,
                let (file, count) = try await connector.remember(keys, of: row.item.target)
            else { continue }
            lines.append("\(row.item.label): \(count) key\(count == 1 ? "" : "s") added to \(file)")
        }
        return lines
    }
}

/// What a scan found: the jump hosts, then the nodes in the order of the inventory.
struct HostKeyScan {
    struct Item: Sendable {
        var name: String
        var target: SSHTarget
        var isJumpHost = false

        var label: String { isJumpHost ? "\(name) (jump host)" : name }
    }

    struct Row: Sendable {
        var item: Item
        var result: Result<[ScannedHostKey], SSHFailure>
    }

    var rows: [Row]

    /// The jump hosts on the ways to these nodes, each once: first those that are reached directly, then those behind
    /// them, and so on.
    static func jumpHosts(before nodes: [Item]) -> [[Item]] {
        var batches: [[Item]] = []
        var seen: Set<SSHTarget> = []
        func add(_ target: SSHTarget) -> Int {
            guard case .jump(let jump) = target.route else { return 0 }
            let depth = add(jump)
            if seen.insert(jump).inserted {
                if batches.count == depth { batches.append([]) }
                batches[depth].append(Item(name: jump.host, target: jump, isJumpHost: true))
            }
            return depth + 1
        }
        for node in nodes { _ = add(node.target) }
        return batches
    }

    /// Scans so many at once; the rows are in the order of the items.
    static func scan(_ items: [Item], by connector: SSHConnector, atOnce: Int = 64) async -> [Row] {
        var found: [Int: Row] = [:]
        await withTaskGroup(of: (Int, Row).self) { group in
            for (index, item) in items.enumerated() {
                if index >= atOnce, let (index, row) = await group.next() { found[index] = row }
                group.addTask {
                    // A connection for each of five kinds of keys.
                    let deadline = ContinuousClock.now + item.target.connectTimeout * 15
                    let keys = await attempt { () async throws(SSHFailure) in
                        try await connector.scan(item.target, deadline: deadline)
                    }
                    return (index, Row(item: item, result: keys))
                }
            }
            for await (index, row) in group { found[index] = row }
        }
        return items.indices.compactMap { found[$0] }
    }

    /// Whether every node was reached and shows no key that is not the known one.
    var isWell: Bool {
        rows.allSatisfy { row in
            guard case .success(let keys) = row.result else { return false }
            return !keys.isEmpty && keys.allSatisfy { ![.changed, .revoked].contains($0.standing) }
        }
    }

    /// What is wrong, a line or more a node.
    var problems: [String] {
        rows.compactMap { row in
            switch row.result {
            case .failure(let failure): return "\(row.item.label): error: \(failure)"
            case .success(let keys) where keys.contains { [.changed, .revoked].contains($0.standing) }:
                return "\(row.item.label): error: the host key is not the known one\n"
                    + "if \(row.item.target.host) was installed anew, remove the old key; otherwise somebody is in between"
            case .success(let keys) where keys.isEmpty:
                return "\(row.item.label): error: the server has no host key that this libssh2 can check"
            case .success: return nil
            }
        }
    }

    func table() -> String {
        let head = ["NODE", "TYPE", "FINGERPRINT", "STANDING"]
        let lines = rows.flatMap { row -> [[String]] in
            guard case .success(let keys) = row.result else { return [[row.item.label, "-", "-", "not reached"]] }
            return keys.map { [row.item.label, $0.type, $0.fingerprint, $0.standing.words] }
        }
        return TextTable.text(head, lines)
    }

    /// docs/ssh.md describes it.
    func json(cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.array("nodes") { json in
                for row in rows { Self.write(row, to: &json) }
            }
        }
        return json.text + "\n"
    }

    private static func write(_ row: Row, to json: inout JSONWriter) {
        json.object { json in
            json.field("name", row.item.name)
            json.field("isJumpHost", row.item.isJumpHost)
            json.field("host", row.item.target.host)
            json.field("port", row.item.target.port)
            switch row.result {
            case .failure(let failure): json.field("error", failure.description)
            case .success(let keys):
                json.array("keys") { json in
                    for key in keys {
                        json.object { json in
                            json.field("type", key.type)
                            json.field("fingerprint", key.fingerprint)
                            json.field("key", key.publicKey)
                            json.field("standing", key.standing.rawValue)
                        }
                    }
                }
            }
        }
    }
}

extension ScannedHostKey.Standing {
    fileprivate var words: String {
        switch self {
        case .known: "known"
        case .unknown: "unknown"
        case .otherType: "known by other types only"
        case .changed: "CHANGED"
        case .revoked: "REVOKED"
        }
    }
}
