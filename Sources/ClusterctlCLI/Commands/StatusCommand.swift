import ArgumentParser
import Engine
import Phases

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the cluster stands: one login and one exec a node. Exits 1 when something is not well.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        let nodes = site.inventory.nodes.map { NodeName($0.name) }
        let (facts, unreachable) = await fleet.ask(
            ClusterStatus.asks(site.inventory), steps: ClusterStatus.steps(site.inventory), nodes: nodes)
        await fleet.close()
        let status = ClusterStatus(site.inventory, facts: facts, unreachable: unreachable.mapValues(\.message))
        Standard.output(
            output == .json ? StatusText.json(status, cluster: site.inventory.name) : StatusText.table(status))
        for node in nodes { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if !status.isWhole { throw ExitStatus.failed }
    }
}

/// The status as a table for people and as JSON (docs/status-format.md).
enum StatusText {
    static func table(_ status: ClusterStatus) -> String {
        let head = ["NODE", "ROLE", "ADDRESS", "READY", "K3S", "ETCD", "CILIUM", "KUBE-PROXY"]
        let rows = status.rows.map { row in
            [
                row.name, row.role, row.address, ready(row), (row.version ?? "-") + (row.differs.isEmpty ? "" : " *"),
                etcd(row), row.cilium ?? "-", kubeProxy(row),
            ]
        }
        var lines = TextTable.lines(head, rows)
        lines += status.rows.filter { !$0.message.isEmpty }.map { "\($0.name): \($0.message)" }
        lines += status.rows.compactMap { row in
            row.kubeProxy.flatMap { found in
                found.isRunning
                    ? "\(row.name): kube-proxy runs there: 'clusterctl kube-proxy disable', or K3s there has to be started anew"
                    : found.isLeft
                        ? "\(row.name): kube-proxy has left \(found.words): 'clusterctl kube-proxy clean'" : nil
            }
        }
        for row in status.rows { lines += row.differs.map { "\(row.name): * \($0)" } }
        lines += status.rows.compactMap(cordon)
        lines.append("etcd: \(status.voters) voting member\(status.voters == 1 ? "" : "s")")
        if let endpoint = status.endpoint {
            let holder =
                endpoint.holders.isEmpty ? "held by nobody" : "held by \(endpoint.holders.joined(separator: " and "))"
            let answer = endpoint.answers ? "the API answers there" : "the API does not answer there"
            let said =
                endpoint.askedFrom.map { "\(answer) (asked from \($0))" } ?? "nobody could ask the API there"
            lines.append("endpoint: \(endpoint.address), \(holder); \(said)")
        }
        if !status.leftAddons.isEmpty {
            lines.append("installed, and no longer in the inventory: \(status.leftAddons.joined(separator: ", "))")
        }
        if !status.strangers.isEmpty {
            let names = status.strangers.map { $0.name + ($0.isMember ? " (a member of etcd)" : "") }
            lines.append("in the cluster, and not in the inventory: \(names.joined(separator: ", "))")
        }
        if status.differs { lines.append("'clusterctl diff' shows what differs from the inventory") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func ready(_ row: ClusterStatus.Row) -> String {
        if row.unreachable != nil { return "no SSH" }
        return (row.isReady ? "yes" : "no") + (row.cordon.map { ", \($0)" } ?? "")
    }

    private static func cordon(_ row: ClusterStatus.Row) -> String? {
        row.cordon == "drained"
            ? "\(row.name): a run of clusterctl has drained it and did not come to its end: run the same command again"
            : nil
    }

    static func json(_ status: ClusterStatus, cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("whole", status.isWhole)
            json.array("nodes") { json in
                for row in status.rows { write(row, to: &json) }
            }
            json.object("etcd") { $0.field("voters", status.voters) }
            json.field("leftAddons", status.leftAddons)
            json.field("differs", status.differs)
            json.array("strangers") { json in
                for stranger in status.strangers {
                    json.object { json in
                        json.field("name", stranger.name)
                        json.field("etcdMember", stranger.isMember)
                    }
                }
            }
            if let endpoint = status.endpoint {
                json.object("endpoint") { json in
                    json.field("address", endpoint.address)
                    if let holder = endpoint.holders.first { json.field("holder", holder) }
                    json.field("holders", endpoint.holders)
                    json.field("answers", endpoint.answers)
                    if let askedFrom = endpoint.askedFrom { json.field("askedFrom", askedFrom) }
                }
            }
        }
        return json.text + "\n"
    }

    private static func write(_ row: ClusterStatus.Row, to json: inout JSONWriter) {
        json.object { json in
            json.field("name", row.name)
            json.field("role", row.role)
            json.field("address", row.address)
            json.field("reachable", row.unreachable == nil)
            json.field("ready", row.isReady)
            if !row.message.isEmpty { json.field("message", row.message) }
            if let version = row.version { json.field("k3s", version) }
            if let isVoter = row.isVoter { json.field("etcdVoter", isVoter) }
            if let isHealthy = row.isEtcdHealthy { json.field("etcdHealthy", isHealthy) }
            if let cilium = row.cilium { json.field("cilium", cilium) }
            json.field("kubeProxyReplacement", row.replacesKubeProxy)
            if let kubeProxy = row.kubeProxy {
                json.object("kubeProxy") { json in
                    json.field("runs", kubeProxy.isRunning)
                    json.field("rules", kubeProxy.rules)
                    json.field("chains", kubeProxy.chains)
                    json.field("others", kubeProxy.others)
                }
            }
            if let cordon = row.cordon { json.field("cordon", cordon) }
            json.field("differs", row.differs)
        }
    }

    private static func kubeProxy(_ row: ClusterStatus.Row) -> String {
        if row.kubeProxy?.isRunning == true { return row.replacesKubeProxy ? "runs, replaced" : "runs" }
        if row.kubeProxy?.isLeft == true { return row.replacesKubeProxy ? "replaced, rules left" : "rules left" }
        return row.replacesKubeProxy ? "replaced" : "-"
    }

    private static func etcd(_ row: ClusterStatus.Row) -> String {
        switch (row.isVoter, row.isEtcdHealthy) {
        case (true, true): "voter"
        case (true, _): "voter, not healthy"
        case (false, _): row.isLearner ? "learner" : "does not answer"
        case (nil, _): "-"
        }
    }
}
