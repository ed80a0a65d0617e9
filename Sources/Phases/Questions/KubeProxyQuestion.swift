import Engine
import Inventory
import Rendering

/// Whether kube-proxy runs on a node, and what it has left there: rules that mislead whoever looks for the way of a packet,
/// and catch packets that are nobody's business.
public struct KubeProxyQuestion: Sendable, Equatable {
    /// What is left in one table of one firewall.
    public struct Table: Sendable, Equatable {
        /// Such as `iptables-nft`.
        public let firewall: String
        /// Such as `nat`.
        public let name: String
        /// Those in its chains, and those of built-in chains that lead there.
        public let rules: Int
        public let chains: Int
        /// How many Services have a chain there.
        public let services: Int
        /// Its chains, and all rules: the lines of `FIREWALL-save` that would go.
        public var lines: Int { chains + rules }
        let first: String
    }

    public let isRunning: Bool
    public let tables: [Table]
    /// Tables of nftables, sets and links, such as `nft ip kube-proxy`.
    public let others: [String]
    /// Rules of somebody else that lead to its chains, such as `iptables-nft nat: -A OUTPUT -j KUBE-SERVICES`: while one is
    /// there, nothing of kube-proxy's is removed.
    public let foreign: [String]

    public static let probe = Probe.command(Script.arguments(.kubeProxyRules, ["look"]))

    /// Nil where the node could not say.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        var isRunning = false
        var tables: [Table] = []
        var others: [String] = []
        var foreign: [String] = []
        for line in answer.lines {
            let words = line.split(separator: " ").map(String.init)
            if words == ["running"] {
                isRunning = true
            } else if words.first == "foreign" {
                foreign.append(words.dropFirst().joined(separator: " "))
            } else if words.count == 7, let rules = KubeProxyQuestion.number(words[2], "rules"),
                let chains = KubeProxyQuestion.number(words[3], "chains"),
                let jumps = KubeProxyQuestion.number(words[4], "jumps"),
                let services = KubeProxyQuestion.number(words[5], "services")
            {
                tables.append(
                    Table(
                        firewall: words[0], name: words[1], rules: rules + jumps, chains: chains, services: services,
                        first: words[6]))
            } else {
                others.append(String(line))
            }
        }
        self.isRunning = isRunning
        self.tables = tables
        self.others = others
        self.foreign = foreign
    }

    public var isLeft: Bool { !tables.isEmpty || !others.isEmpty }
    public var isClean: Bool { !isRunning && !isLeft }
    public var rules: Int { tables.reduce(0) { $0 + $1.rules } }
    public var chains: Int { tables.reduce(0) { $0 + $1.chains } }
    /// The most that one firewall has: both families, and both back-ends, may have the same ones.
    public var services: Int { tables.map(\.services).max() ?? 0 }

    /// Such as `8012 rules in 6004 chains of 4 tables (2000 Services)`.
    public var words: String {
        var parts: [String] = []
        if !tables.isEmpty {
            let forServices = services == 0 ? "" : " (\(services) Service\(services == 1 ? "" : "s"))"
            parts.append(
                "\(KubeProxyQuestion.count(rules, "rule")) in \(KubeProxyQuestion.count(chains, "chain")) of "
                    + "\(KubeProxyQuestion.count(tables.count, "table"))\(forServices)")
        }
        return (parts + others).joined(separator: "; ")
    }

    private static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }

    private static func number(_ word: String, _ name: String) -> Int? {
        guard word.hasPrefix(name + "="), let number = Int(word.dropFirst(name.count + 1)),
            (0...10_000_000).contains(number)
        else { return nil }
        return number
    }

    static func isOff(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet whether kube-proxy runs there") }
        return answer.succeeded ? .holds : .waiting("kube-proxy runs on \(node)")
    }

    /// Cheaper than `probe`, for whoever only waits for its end.
    static let off = Probe.command(Script.arguments(.kubeProxyRules, ["is-off"]))

    static func isGone(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet what kube-proxy has left there") }
        guard let found = KubeProxyQuestion(answer) else {
            return .waiting("\(node) cannot say what kube-proxy has left there: \(answer.reason)")
        }
        if found.isRunning { return .waiting("kube-proxy runs on \(node)") }
        return found.isLeft ? .waiting("kube-proxy has left on \(node): \(found.words)") : .holds
    }

    /// What `verify` says of it.
    static func finding(_ answer: Answer) -> Check.Finding {
        if answer.status == 127 { return .notAsked(answer.reason) }
        guard let found = KubeProxyQuestion(answer) else {
            return .notAsked("the rules cannot be read: \(answer.reason)")
        }
        if found.isRunning { return .fails("kube-proxy runs") }
        guard found.isLeft else { return .holds("none") }
        let places = found.tables.map { "\($0.firewall) \($0.name): \($0.first)" } + found.others
        return .fails("left: \(found.words): \(places.joined(separator: "; ").prefix(300))")
    }

    /// The lines of a firewall that would go, so many from one on: a node's answer holds no more.
    public static func lines(of firewall: String, from first: Int, count: Int) -> Probe {
        .command(Script.arguments(.kubeProxyRules, ["show", firewall, "\(first)", "\(count)"]))
    }
}

/// Where it is said on a server whether K3s runs kube-proxy.
struct KubeProxySettingsQuestion {
    /// Read after all others but those whose names are later: K3s takes the last value (K3s pkg/configfilearg).
    static let dropIn = "\(K3sPaths.configDropIns)/90-clusterctl-kube-proxy.yaml"

    static func probe(_ unit: String) -> Probe { .command(Script.arguments(.kubeProxySettings, [unit])) }

    /// Where it would be switched on again behind our own file; nil where nothing does.
    static func overruled(_ answer: Answer?) -> String? {
        guard let answer, answer.succeeded else { return nil }
        let said = answer.lines.compactMap { line -> (value: Substring, place: Substring)? in
            let words = line.split(separator: " ", maxSplits: 1)
            return words.count == 2 ? (words[0], words[1]) : nil
        }
        let later = said.last { $0.place == "unit" || $0.place > dropIn }
        guard let later, !["true", "1", "t"].contains(later.value.lowercased()) else { return nil }
        return later.place == "unit" ? "the command line in its unit" : String(later.place)
    }

    /// Whether K3s would run without it at its next start; nil where nobody says.
    static func isOff(_ answer: Answer?) -> Bool? {
        guard let answer, answer.succeeded else { return nil }
        guard let last = answer.lines.last?.split(separator: " ").first else { return false }
        return ["true", "1", "t"].contains(last.lowercased())
    }
}
