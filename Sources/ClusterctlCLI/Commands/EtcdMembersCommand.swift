import ArgumentParser
import Engine
import Foundation
import Phases

struct EtcdMembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "Show etcd's members: who votes, who leads, who is healthy. Exits 1 when something is not well.",
        discussion: """
            One login and one exec a server. Members that the inventory does not name are shown, and servers that are no \
            members.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let (facts, unreachable) = try await ServerAnswers.ask(site, [EtcdMembers.probe], connection: connection)
        let members = EtcdMembers(site.inventory, facts: facts, unreachable: unreachable.mapValues(\.message))
        Standard.output(
            output == .json ? MembersText.json(members, cluster: site.inventory.name) : MembersText.table(members))
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if !members.isWhole { throw ExitStatus.failed }
    }
}

/// The members as a table for people and as JSON (docs/etcd.md).
enum MembersText {
    static func table(_ members: EtcdMembers) -> String {
        var lines = TextTable.lines(
            ["NODE", "MEMBER", "ROLE", "HEALTH", "DATABASE", "BEHIND", "ALARMS"],
            members.rows.map { row in
                [
                    row.node, row.member.map { $0.isEmpty ? "(not started)" : $0 } ?? "-", role(row),
                    row.isHealthy.map { $0 ? "healthy" : "not healthy" } ?? "not known",
                    row.databaseBytes.map(size) ?? "-", row.behind.map(String.init) ?? "-",
                    row.alarms.isEmpty ? "-" : row.alarms.joined(separator: ","),
                ]
            })
        lines += members.rows.filter { !$0.reason.isEmpty }.map { "\($0.node): \($0.reason)" }
        if members.voters > 0 {
            lines.append(
                "\(members.voters) voting member\(members.voters == 1 ? "" : "s"), \(members.healthyVoters) healthy; "
                    + "\(members.quorum) are needed: \(members.hasQuorum ? "there is" : "there is no") quorum")
        } else {
            lines.append("nobody says who the members are: there is no quorum, or K3s runs nowhere")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func json(_ members: EtcdMembers, cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("whole", members.isWhole)
            json.field("voters", members.voters)
            json.field("healthyVoters", members.healthyVoters)
            json.field("quorum", members.hasQuorum)
            json.array("members") { json in
                for row in members.rows { write(row, to: &json) }
            }
        }
        return json.text + "\n"
    }

    private static func write(_ row: EtcdMembers.Row, to json: inout JSONWriter) {
        json.object { json in
            json.field("node", row.node)
            if let member = row.member { json.field("member", member) }
            json.field("inInventory", row.isInInventory)
            json.field("voter", row.isVoter)
            json.field("learner", row.isLearner)
            json.field("leader", row.isLeader)
            if let isHealthy = row.isHealthy { json.field("healthy", isHealthy) }
            if !row.reason.isEmpty { json.field("reason", row.reason) }
            if let bytes = row.databaseBytes { json.field("databaseBytes", bytes) }
            if let behind = row.behind { json.field("behind", behind) }
            json.field("alarms", row.alarms)
        }
    }

    private static func role(_ row: EtcdMembers.Row) -> String {
        guard row.member != nil else { return "no member" }
        return (row.isLearner ? "learner" : row.isVoter ? "voter" : "-") + (row.isLeader ? ", leader" : "")
    }

    private static func size(_ bytes: Int) -> String { "\((bytes + 512 << 10) >> 20) MiB" }
}
