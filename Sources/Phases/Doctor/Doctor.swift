import Engine
import Inventory

/// Everything that can be asked of a living cluster, and what is wrong, ranked: what costs quorum or SSH comes first.
///
/// It asks what `verify` asks, and more: clocks, disks, memory, etcd's disk, certificates that are about to end, units that
/// start again and again, the lease, what nobody knows of, and what K3s reads, held against the rules of `lint`.
public struct Doctor: Sendable {
    public enum Severity: String, Sendable, Comparable {
        case error, warning, note

        private var position: Int { self == .error ? 0 : self == .warning ? 1 : 2 }
        public static func < (one: Severity, other: Severity) -> Bool { one.position < other.position }
    }

    /// What a finding endangers; findings are shown in this order.
    public enum Area: String, Sendable, CaseIterable {
        /// Whether the machine is reached.
        case access
        /// Whether etcd has its quorum, and keeps it.
        case quorum
        case api, nodes, network, machine, inventory
    }

    public struct Finding: Sendable, Equatable {
        public let severity: Severity
        public let area: Area
        /// A node, or `cluster`.
        public let place: String
        /// What was looked at, such as `etcd-healthy`, or the code of a rule of lint.
        public let check: String
        public let what: String
        public let why: String
        /// What to do, or what to look at next.
        public let fix: String

        public init(
            _ severity: Severity, _ area: Area, on place: String, _ check: String, what: String, why: String,
            fix: String
        ) {
            self.severity = severity
            self.area = area
            self.place = place
            self.check = check
            self.what = what
            self.why = why
            self.fix = fix
        }
    }

    /// The worst first.
    public let findings: [Finding]
    /// How many checks there were.
    public let checks: Int

    public var hasErrors: Bool { findings.contains { $0.severity == .error } }

    // MARK: Asking

    /// What the nodes are asked, all of it in one exec a node.
    ///
    /// - Parameter keeper: where the lease is kept
    public static func asks(_ inventory: Inventory, keeper: NodeName?) -> [Ask] {
        let cluster = Cluster(inventory)
        // Clocks first: behind questions to an API that hangs they would seem to be wrong.
        var asks = cluster.all.map { Ask($0, .host) } + Verification.asks(inventory) + Drift.extras(inventory)
        asks += cluster.all.flatMap { node in
            [HealthQuestion.probe, CertsFacts.probe, ManifestsQuestion.probe, .unit(cluster[node].unit)].map {
                Ask(node, $0)
            }
        }
        for node in cluster.controlPlane {
            asks += [Preflight.latency, SchedulingQuestion.probe, ManifestsQuestion.charts].map { Ask(node, $0) }
        }
        if let keeper { asks.append(Ask(keeper, .lease)) }
        var known: Set<Ask> = []
        return asks.filter { known.insert($0).inserted }
    }

    /// How these files stand is asked in the same exec.
    public static func steps(_ inventory: Inventory) -> [NodeName: [Step]] { ClusterStatus.steps(inventory) }

    /// What K3s reads on the nodes, and the charts in the cluster, for the rules of `lint`. The path says on which node.
    public static func manifests(_ inventory: Inventory, _ facts: Facts) -> [ManifestFile] {
        let cluster = Cluster(inventory)
        var seen: Set<String> = []
        var files: [ManifestFile] = []
        for node in cluster.all {
            for (path, text) in ManifestsQuestion.files(facts[node, ManifestsQuestion.probe]) {
                // Manifests are the same on all servers; of configurations each counts, and its path tells its role.
                let isManifest = path.contains("/manifests/")
                guard !isManifest || seen.insert(path + text).inserted else { continue }
                let role = cluster[node].isControlPlane ? "server" : "agent"
                files.append(ManifestFile(path: "\(node)/\(role)\(path)", content: .bytes(Array(text.utf8))))
            }
        }
        if let answer = facts.first(of: cluster.controlPlane, ManifestsQuestion.charts), answer.succeeded {
            files.append(ManifestFile(path: "cluster/helmcharts.yaml", content: .bytes(Array(answer.output.utf8))))
        }
        return files
    }

    // MARK: Concluding

    /// - Parameters:
    ///   - unreachable: the nodes that could not be asked, each with the reason
    ///   - lint: what `lint` says of the inventory and of `manifests`
    public init(
        _ inventory: Inventory, order: Order, facts: Facts, unreachable: [NodeName: String], keeper: NodeName?,
        lint: Diagnostics
    ) {
        let lost = Set(unreachable.keys)
        let verification = Verification(inventory, facts: facts, unreachable: lost)
        var findings = inventory.hosts.compactMap { host in
            unreachable[NodeName(host.name)].map { DoctorWords.unreachable(host.name, $0) }
        }
        findings += verification.rows.compactMap(DoctorWords.finding)
        let machines = DoctorMachines(inventory, facts, lost, keeper: keeper)
        findings += machines.findings
        findings += Drift.beside(inventory, order: order, facts: facts, unreachable: lost)
            .filter { $0.kind != .leftover && $0.kind != .version }.map(DoctorWords.finding)
        var files = 0
        for (node, steps) in Doctor.steps(inventory) { files += steps.count { facts[node, $0] != nil } }
        findings += Cluster(inventory).managed.flatMap { node in
            facts.differing(of: node).filter(\.isShownFile)
                .map { DoctorWords.differing($0.operation.touchedPaths.joined(), on: node) }
        }
        findings += lint.all.map(DoctorWords.finding)
        let areas = Dictionary(uniqueKeysWithValues: zip(Area.allCases, 0...))
        self.findings = findings.enumerated().sorted { one, other in
            (one.element.severity, areas[one.element.area] ?? 0, one.offset)
                < (other.element.severity, areas[other.element.area] ?? 0, other.offset)
        }.map(\.element)
        checks = verification.rows.count + machines.checks + files
    }
}
