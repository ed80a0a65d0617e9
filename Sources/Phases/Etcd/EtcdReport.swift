import Engine
import Foundation
import Inventory
import Rendering

/// The snapshots that lie on the servers, whoever has taken them.
public struct EtcdSnapshots: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        public let name: String
        public let node: NodeName
        public let sizeBytes: Int
        /// Seconds since 1970 by the node's clock.
        public let madeAt: Int
        public let path: String
    }

    public static let probe = Probe.command(Script.arguments(.etcdReport, ["snapshots"]))

    /// The newest first.
    public let rows: [Row]

    public init(_ inventory: Inventory, facts: Facts) {
        var rows: [Row] = []
        for node in inventory.controlPlane.map(\.id) {
            guard let answer = facts[node, EtcdSnapshots.probe], answer.succeeded else { continue }
            for line in answer.lines {
                let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
                guard columns.count == 4, let size = Int(columns[1]), let made = Int(columns[2]) else { continue }
                rows.append(
                    Row(
                        name: String(columns[0]), node: node, sizeBytes: size, madeAt: made, path: String(columns[3])))
            }
        }
        self.rows = rows.sorted { ($0.madeAt, $0.name, $0.node.rawValue) > ($1.madeAt, $1.name, $1.node.rawValue) }
    }

    /// The most bytes that one part of a file has: what base64 makes of it fits into one answer.
    public static let partBytes = 720 << 10

    public static func part(_ number: Int, of row: Row) -> Probe {
        .command(Script.arguments(.etcdReport, ["part", row.path, "\(partBytes)", "\(number)"]))
    }
}

/// The members of etcd as they say themselves, and as the inventory has them: what `etcd members` shows.
public struct EtcdMembers: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        /// The node that it belongs to, by the member's name; for a member that nobody has started yet, by its address.
        public let node: String
        /// The member's own name; empty where it was never started, nil where the node is no member.
        public let member: String?
        public let isInInventory: Bool
        public let isLearner: Bool
        public let isLeader: Bool
        /// Nil: the node was not asked, or said nothing.
        public let isHealthy: Bool?
        /// Why it is not healthy, or why nothing is known of it; empty where all is well.
        public let reason: String
        public let databaseBytes: Int?
        /// How many changes it has still to take over from what it knows of; nil where it does not say.
        public let behind: Int?
        public let alarms: [String]

        public var isVoter: Bool { member != nil && member != "" && !isLearner }
        var isWell: Bool { isVoter && isInInventory && isHealthy == true && alarms.isEmpty }
    }

    public static let probe = Probe.command(Script.arguments(.etcdReport, ["members"]))

    public let rows: [Row]
    public var voters: Int { rows.count(where: \.isVoter) }
    public var healthyVoters: Int { rows.count { $0.isVoter && $0.isHealthy == true } }
    public var quorum: Int { voters / 2 + 1 }
    public var hasQuorum: Bool { voters > 0 && healthyVoters >= quorum }
    public var isWhole: Bool { !rows.isEmpty && rows.allSatisfy(\.isWell) && rows.contains(where: \.isLeader) }

    /// - Parameter unreachable: why a server could not be asked.
    public init(_ inventory: Inventory, facts: Facts, unreachable: [NodeName: String]) {
        let servers = inventory.controlPlane
        let says = Dictionary(uniqueKeysWithValues: servers.map { ($0.name, Saying(facts[$0.id, EtcdMembers.probe])) })
        // Of the one that has taken over most: one that is cut off from the others knows an earlier list.
        let speaker = says.values.filter { $0.members != nil }.max { $0.index < $1.index }
        let listed = speaker?.members ?? []
        let alarms = speaker?.alarms ?? []
        var rows: [Row] = []
        for member in listed {
            let host = member.peer.flatMap { URL(string: $0)?.host }?.trimmingCharacters(in: ["[", "]"])
            let byAddress = servers.first { node in node.addresses.contains { $0.description == host } }?.name
            let byName = member.name.lastIndex(of: "-").map { String(member.name[..<$0]) } ?? member.name
            let node = member.name.isEmpty ? byAddress ?? host ?? "unknown" : byName
            let own = says[node]
            rows.append(
                Row(
                    node: node, member: member.name, isInInventory: own != nil, isLearner: member.isLearner,
                    isLeader: speaker?.leader == member.id, isHealthy: own?.isHealthy,
                    reason: own?.reason ?? "the inventory does not name it", databaseBytes: own?.databaseBytes,
                    behind: own?.behind, alarms: alarms.filter { $0.member == member.id }.map(\.kind)))
        }
        let known = Set(rows.map(\.node))
        for server in servers where !known.contains(server.name) {
            let own = says[server.name]
            let reason =
                listed.isEmpty
                ? own?.reason ?? "" : "it is no member\(own?.hasData == true ? ", though it has data of etcd" : "")"
            rows.append(
                Row(
                    node: server.name, member: nil, isInInventory: true, isLearner: false, isLeader: false,
                    isHealthy: own?.isHealthy, reason: unreachable[server.id] ?? reason,
                    databaseBytes: nil, behind: nil, alarms: []))
        }
        self.rows = rows.map { row in
            guard let why = unreachable[NodeName(row.node)] else { return row }
            return row.silent(because: why)
        }
    }
}

extension EtcdMembers.Row {
    fileprivate func silent(because why: String) -> EtcdMembers.Row {
        EtcdMembers.Row(
            node: node, member: member, isInInventory: isInInventory, isLearner: isLearner, isLeader: isLeader,
            isHealthy: nil, reason: why, databaseBytes: nil, behind: nil, alarms: alarms)
    }
}

/// What one server says of etcd: lines of a key and a value, some of them in the JSON of etcd's gateway, which has 64-bit
/// numbers as texts (etcd api/etcdserverpb/rpc.proto).
private struct Saying {
    struct Member: Decodable {
        let id: String
        let name: String
        let peer: String?
        let isLearner: Bool

        private enum Keys: String, CodingKey { case id = "ID", name, peerURLs, isLearner }
        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Keys.self)
            id = try fields.decode(String.self, forKey: .id)
            name = try fields.decodeIfPresent(String.self, forKey: .name) ?? ""
            peer = try fields.decodeIfPresent([String].self, forKey: .peerURLs)?.first
            isLearner = try fields.decodeIfPresent(Bool.self, forKey: .isLearner) ?? false
        }
    }
    struct Alarm: Decodable {
        let member: String
        let kind: String
        private enum CodingKeys: String, CodingKey {
            case member = "memberID"
            case kind = "alarm"
        }
    }
    private struct Members: Decodable { let members: [Member]? }
    private struct Alarms: Decodable { let alarms: [Alarm]? }
    private struct Health: Decodable {
        let health: String
        let reason: String?
    }
    private struct Status: Decodable {
        let dbSize: String?
        let leader: String?
        let raftIndex: String?
        let raftAppliedIndex: String?
    }

    let members: [Member]?
    let alarms: [Alarm]
    let leader: String?
    let index: Int
    let isHealthy: Bool?
    let reason: String
    let hasData: Bool
    let databaseBytes: Int?
    let behind: Int?

    init(_ answer: Answer?) {
        var values: [Substring: Substring] = [:]
        for line in answer?.succeeded == true ? answer?.lines ?? [] : [] {
            let columns = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            if columns.count == 2 { values[columns[0]] = columns[1] }
        }
        func read<Value: Decodable>(_ key: Substring, _ type: Value.Type) -> Value? {
            values[key].flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
        }
        let status = read("status", Status.self)
        let health = read("health", Health.self)
        members = read("members", Members.self)?.members
        alarms = read("alarms", Alarms.self)?.alarms ?? []
        leader = status?.leader.flatMap { $0 == "0" ? nil : $0 }
        index = status?.raftIndex.flatMap { Int($0) } ?? 0
        databaseBytes = status?.dbSize.flatMap { Int($0) }
        behind = status?.raftAppliedIndex.flatMap { Int($0) }.map { [index] in max(0, index - $0) }
        hasData = values["data"] == "yes"
        isHealthy = answer == nil ? nil : health?.health == "true"
        if let missing = values["missing"] {
            reason = String(missing)
        } else if let health {
            reason = health.health == "true" ? "" : health.reason ?? "it is not healthy"
        } else if let unit = values["unit"] {
            reason = "its etcd does not answer; k3s.service is \(unit)\(hasData ? "" : ", and it has no data of etcd")"
        } else {
            reason = answer.map(\.reason) ?? "it did not say"
        }
    }
}
