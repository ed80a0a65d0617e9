import Engine
import Inventory
import Rendering

/// The certificates that K3s has on a node, as the node sends them.
public struct CertsFacts: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// K3s makes it anew when it is about to end, and when it is told to.
        case leaf
        /// That of the port at which servers are reached.
        case listener
        /// It signs the others, and nobody makes it anew by itself.
        case authority
    }

    public struct Entry: Sendable, Equatable {
        public let kind: Kind
        public let path: String
        /// Nil where it cannot be read.
        public let certificate: Certificate?
        /// Tells two certificates apart.
        let text: String
    }

    /// The node's clock, in seconds since 1970.
    public let now: Int
    public let entries: [Entry]
    /// The leaves that a renewal replaces, or has replaced; nil where none is under way here.
    let noted: [Entry]?
    /// Whether none of them is there any more, and others are.
    let isRenewed: Bool

    public static let probe = Probe.command(CertsTask.program(["look"]))

    /// Nil where the node did not say.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        var now: Int?
        var entries: [Entry] = []
        var noted: [Entry] = []
        var isBegun = false
        var isRenewed = false
        for line in answer.lines {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "now" { now = Int(words[1]) }
            if words == ["begun"] { isBegun = true }
            if words == ["renewed"] { isRenewed = true }
            guard words.count == 3 else { continue }
            if words[0] == "noted" { noted.append(CertsFacts.entry(.leaf, words)) }
            if let kind = Kind(rawValue: String(words[0])) { entries.append(CertsFacts.entry(kind, words)) }
        }
        guard let now else { return nil }
        self.now = now
        self.entries = entries
        self.noted = isBegun ? noted : nil
        self.isRenewed = isRenewed
    }

    private static func entry(_ kind: Kind, _ words: [Substring]) -> Entry {
        let certificate =
            kind == .listener ? Certificate(base64OfPEM: words[2]) : Certificate(base64: words[2])
        return Entry(kind: kind, path: String(words[1].prefix(300)), certificate: certificate, text: String(words[2]))
    }

    /// Seconds that are left to the leaf that ends first; nil where there is none.
    func shortestLeaf() -> Int? {
        entries.filter { $0.kind == .leaf }.compactMap { $0.certificate.map { $0.notAfter - now } }.min()
    }

    /// Whether each leaf that was noted has another in its place, which has not ended. It may end sooner than the one before,
    /// where K3s has been told to make them for a shorter time.
    func verdict(on node: NodeName) -> Verdict {
        guard let noted, !noted.isEmpty else { return .waiting("\(node) has noted no certificate") }
        for old in noted {
            guard let new = entries.first(where: { $0.path == old.path }) else {
                return .waiting("\(old.path) is not there yet on \(node)")
            }
            guard new.text != old.text else { return .waiting("\(new.path) on \(node) is still the earlier one") }
            guard let ends = new.certificate?.notAfter else {
                return .waiting("\(new.path) on \(node) is no certificate")
            }
            guard ends > now else { return .failed("\(new.path) on \(node) has ended already, by the clock there") }
        }
        return .holds
    }
}

/// A task of `templates/k3s/certs.sh`.
enum CertsTask {
    static func program(_ arguments: [String]) -> [String] { Script.arguments(.certs, arguments) }

    static func step(
        _ name: String, _ words: [String], unless question: [String], timeoutSeconds: Int = 60, because: String
    ) -> Step {
        Step(
            .command(
                Command(
                    name: name, arguments: program(words), unless: program(question), timeoutSeconds: timeoutSeconds)),
            because: because)
    }
}

/// What `certs check` shows: what ends first, first.
public struct CertsReport: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        public let node: NodeName
        public let kind: CertsFacts.Kind
        public let path: String
        public let subject: String
        /// Seconds since 1970; nil where it cannot be read.
        public let notAfter: Int?
        /// Seconds that are left by the node's clock, below 0 where it has ended.
        public let left: Int?
        public let endsSoon: Bool
        /// The nodes that have the same one, this one among them.
        public let nodes: [NodeName]
    }

    public let rows: [Row]
    /// Nodes that did not say, or have none, with the reason.
    public let silent: [(node: NodeName, why: String)]

    public static func == (one: CertsReport, other: CertsReport) -> Bool {
        one.rows == other.rows && one.silent.map(\.node) == other.silent.map(\.node)
    }

    public var endsSoon: [Row] { rows.filter(\.endsSoon) }

    /// - Parameter within: seconds; what has less left than that ends soon.
    public init(_ inventory: Inventory, facts: Facts, within seconds: Int) {
        var rows: [Row] = []
        var silent: [(NodeName, String)] = []
        var authorities: [String: Int] = [:]
        for node in inventory.nodes.map(\.id) {
            guard let answer = facts[node, CertsFacts.probe] else { continue }
            guard let said = CertsFacts(answer) else {
                silent.append((node, answer.reason))
                continue
            }
            if said.entries.isEmpty { silent.append((node, "there are no certificates of K3s' there")) }
            for entry in said.entries {
                // Servers share their authorities, and agents have copies of two of them.
                if entry.kind == .authority, let known = authorities[entry.text] {
                    let row = rows[known]
                    rows[known] = Row(
                        node: row.node, kind: row.kind, path: row.path, subject: row.subject, notAfter: row.notAfter,
                        left: row.left, endsSoon: row.endsSoon,
                        nodes: row.nodes.contains(node) ? row.nodes : row.nodes + [node])
                    continue
                }
                let left = entry.certificate.map { $0.notAfter - said.now }
                if entry.kind == .authority { authorities[entry.text] = rows.count }
                rows.append(
                    Row(
                        node: node, kind: entry.kind, path: entry.path,
                        subject: entry.certificate?.subject ?? "cannot be read",
                        notAfter: entry.certificate?.notAfter, left: left, endsSoon: left.map { $0 < seconds } ?? true,
                        nodes: [node]))
            }
        }
        self.rows = rows.enumerated().sorted {
            ($0.element.notAfter ?? 0, $0.offset) < ($1.element.notAfter ?? 0, $1.offset)
        }.map(\.element)
        self.silent = silent
    }
}
