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
        var options = connection
        // New keys are written down, so the file's form counts.
        options.acceptNewHostKeys = connection.acceptNewHostKeys || pin
        let (targets, connector) = try await Connections.open(inventory, options: options)
        let nodes = inventory.nodes.compactMap { node -> (name: NodeName, target: SSHTarget)? in
            let name = NodeName(node.name)
            guard chosen?.contains(name) ?? true, let target = targets[name] else { return nil }
            return (name, target)
        }
        let scan = await HostKeyScan.run(nodes, by: connector)
        var pinned: [String] = []
        if pin {
            for row in scan.rows {
                guard case .success(let keys) = row.result else { continue }
                if let (file, count) = try await connector.remember(keys, of: row.target) {
                    pinned.append("\(row.name): \(count) key\(count == 1 ? "" : "s") added to \(file)")
                }
            }
        }
        await connector.close()
        Standard.output(output == .json ? scan.json(cluster: inventory.name) : scan.table())
        for line in scan.problems + pinned { Standard.error(line) }
        if !scan.isWell { throw ExitStatus.unreachable }
    }
}

/// What a scan found: rows in the order of the inventory.
struct HostKeyScan {
    struct Row: Sendable {
        let name: NodeName
        let target: SSHTarget
        let result: Result<[ScannedHostKey], SSHFailure>
    }

    var rows: [Row]

    /// Scans the nodes, so many at once.
    static func run(
        _ nodes: [(name: NodeName, target: SSHTarget)], by connector: SSHConnector, atOnce: Int = 64
    ) async -> HostKeyScan {
        var found: [NodeName: Row] = [:]
        await withTaskGroup(of: Row.self) { group in
            for (index, node) in nodes.enumerated() {
                if index >= atOnce, let row = await group.next() { found[row.name] = row }
                group.addTask {
                    do throws(SSHFailure) {
                        // A connection for each of five kinds of keys.
                        let deadline = ContinuousClock.now + node.target.connectTimeout * 15
                        let keys = try await connector.scan(node.target, deadline: deadline)
                        return Row(name: node.name, target: node.target, result: .success(keys))
                    } catch {
                        return Row(name: node.name, target: node.target, result: .failure(error))
                    }
                }
            }
            for await row in group { found[row.name] = row }
        }
        return HostKeyScan(rows: nodes.compactMap { found[$0.name] })
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
            case .failure(let failure): return "\(row.name): error: \(failure)"
            case .success(let keys) where keys.contains { [.changed, .revoked].contains($0.standing) }:
                return "\(row.name): error: the host key is not the known one\n"
                    + "if \(row.target.host) was installed anew, remove the old key; otherwise somebody is in between"
            case .success(let keys) where keys.isEmpty:
                return "\(row.name): error: the server has no host key that this libssh2 can check"
            case .success: return nil
            }
        }
    }

    func table() -> String {
        let head = ["NODE", "TYPE", "FINGERPRINT", "STANDING"]
        let lines = rows.flatMap { row -> [[String]] in
            guard case .success(let keys) = row.result else { return [[row.name.rawValue, "-", "-", "not reached"]] }
            return keys.map { [row.name.rawValue, $0.type, $0.fingerprint, $0.standing.words] }
        }
        let widths = head.indices.map { column in ([head] + lines).map { $0[column].count }.max() ?? 0 }
        return ([head] + lines).map { cells in
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return padded.dropLast().joined(separator: "  ") + "  " + (cells.last ?? "") + "\n"
        }.joined()
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
            json.field("name", row.name.rawValue)
            json.field("host", row.target.host)
            json.field("port", row.target.port)
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
