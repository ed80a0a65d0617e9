import Engine
import Inventory
import Rendering

/// Asks every node before anything is changed, and refuses the run with all reasons at once.
public struct Preflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Look at every node before anything is changed"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func needs(_ node: NodeName) -> [Probe] {
        let common: [Probe] = [
            .host, .unit(Units.server), .unit(Units.agent), K3sQuestion.version, K3sQuestion.config, EtcdQuestion.data,
            .listeners(ports(of: node)),
        ]
        let member: [Probe] =
            cluster[node].isControlPlane ? [Preflight.latency, Preflight.keptMember, RestoreState.probe] : []
        return common + member + (node == cluster.reference ? [LeftAddonsQuestion.probe] : [])
            + [NodeVLANs.leavingLinks(of: cluster[node])].compactMap(\.self)
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let host = HostFacts(facts[node, .host]) else { return .pending("\(node) has not been asked yet") }
        var problems = machineProblems(node, host) + networkProblems(node, host, facts)
        if cluster[node].management == .full { problems += softwareProblems(node, facts) }
        if node == cluster.primary { problems += secondCluster(facts) }
        problems += RestoreState.problems(node, facts)
        problems += clockProblem(node, facts)
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    /// There where the guard keeps the node a member of etcd in place of K3s, which takes those ports over.
    static let keptMember = Probe.path("\(K3sPaths.state)/guard/member")
    static let latency = Probe.syncLatency(directory: K3sPaths.etcdData)
    static let skewBlocksBeyond = 300
    static let skewNotedBeyond = 30

    private func ports(of node: NodeName) -> [Int] {
        let api = cluster.inventory.network.apiPort.number
        return cluster[node].isControlPlane ? [api, 2379, 2380, 6444, 10250] : [6444, 10250]
    }
}

// MARK: The machine itself

extension Preflight {
    private func machineProblems(_ name: NodeName, _ host: HostFacts) -> [Problem] {
        let node = cluster[name]
        var problems: [Problem] = []
        if let kernel = host.kernelVersion, kernel < (5, 10) {
            problems.append(
                Problem(
                    "the kernel is \(host.kernel ?? "too old"), and Cilium needs 5.10 or newer",
                    fix: "boot a newer kernel"))
        }
        if let machine = host.machine {
            let found: Architecture? = ["x86_64": .amd64, "aarch64": .arm64][machine]
            if found == nil {
                problems.append(
                    Problem(
                        "K3s and Cilium are not published for \(machine)", fix: "use a machine with amd64 or arm64"))
            } else if let found, found != node.architecture {
                problems.append(
                    Problem(
                        "the machine is \(found.rawValue), but the inventory says \(node.architecture.rawValue)",
                        fix: "write 'arch: \(found.rawValue)' for \(name)"))
            }
        }
        if let groups = host.controlGroups, !groups.hasMemory {
            problems.append(
                Problem(
                    "the kernel offers no control group for memory",
                    fix: "add 'cgroup_memory=1 cgroup_enable=memory' to the kernel command line and reboot"))
        }
        let least = node.isControlPlane ? 1_000_000 : 400_000
        if let memory = host.memoryKiB, memory < least {
            problems.append(
                Problem(
                    "it has \(memory / 1024) MiB of memory and needs \(least / 1024)",
                    fix: "use a machine with more memory"))
        }
        guard node.management == .full else { return problems }
        if let free = host.diskFreeKiB, free < 1_000_000 {
            problems.append(
                Problem(
                    "only \(free / 1024) MiB are free below /var/lib, and images alone need more",
                    fix: "make 2 GiB free"))
        }
        if let initSystem = host.initSystem, initSystem != "systemd" {
            problems.append(
                Problem(
                    "process 1 is \(initSystem), and K3s is run as a systemd unit", fix: "use a system with systemd"))
        }
        if host.osID == "nixos" {
            problems.append(
                Problem(
                    "it runs NixOS, whose own configuration would undo every change",
                    fix: "write 'manage: verify' for \(name) and use what 'clusterctl render' writes"))
        }
        return problems
    }

    /// Clocks are read at different moments, so that only what no survey takes is blamed on them.
    private func clockProblem(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let skew = skew(node, facts), skew > Preflight.skewBlocksBeyond else { return [] }
        return [
            Problem(
                "its clock differs from that of \(cluster.reference) by about \(skew) s: certificates would be invalid",
                fix: "set the clock (timedatectl set-ntp true)")
        ]
    }

    /// By how many seconds the node's clock differs from the primary's, the time between both answers included.
    func skew(_ node: NodeName, _ facts: Facts) -> Int? {
        guard let here = HostFacts(facts[node, .host])?.time,
            let there = HostFacts(facts[cluster.reference, .host])?.time
        else { return nil }
        return abs(here - there)
    }
}

// MARK: What runs on it already

extension Preflight {
    private func softwareProblems(_ name: NodeName, _ facts: Facts) -> [Problem] {
        let units = [Units.server, Units.agent].compactMap { UnitQuestion(facts[name, .unit($0)]) }
        let text = K3sQuestion.text(facts[name, K3sQuestion.config])
        let isOurs = text.map(K3sQuestion.isOurs) ?? false
        var problems: [Problem] = []
        if !isOurs, text != nil || units.contains(where: \.isLoaded) {
            problems.append(
                Problem(
                    "there is a K3s which clusterctl did not set up",
                    fix: "remove it (k3s-uninstall.sh or k3s-agent-uninstall.sh), or leave the node out"))
        } else if !isOurs, EtcdQuestion.hasData(facts[name, EtcdQuestion.data]) == true {
            problems.append(
                Problem(
                    "there are etcd data of an earlier cluster in \(K3sPaths.etcdData)",
                    fix: "if nobody needs them: mv /var/lib/rancher/k3s/server /var/lib/rancher/k3s/server.old"))
        }
        if isOurs, let text {
            problems += CriticalSettings.problems(cluster, name, text)
            problems += TokenProblem.problemsOfMember(cluster, name, facts)
        }
        let isRunning = units.contains(where: \.isActive)
        if isOurs, isRunning, let version = K3sQuestion.version(facts[name, K3sQuestion.version]),
            version != cluster.inventory.k3s.version.description
        {
            problems.append(
                Problem(
                    "K3s \(version) runs there, and the inventory says \(cluster.inventory.k3s.version)",
                    fix: "write that version into the inventory; an upgrade is done node by node, never by bootstrap"))
        }
        let isKept = facts[name, Preflight.keptMember].map { !$0.output.hasPrefix("absent") } ?? false
        if !isRunning, !isKept { problems += takenPorts(name, facts) }
        return problems
    }

    private func takenPorts(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let answer = facts[node, .listeners(ports(of: node))], answer.succeeded else { return [] }
        return answer.lines.map { line in
            let words = line.split(separator: " ")
            let program = words.count > 2 ? " by \(words[2])" : ""
            return Problem("port \(words.first ?? "?") is taken\(program)", fix: "stop what listens there")
        }
    }

    /// A primary without data beside a member with data would start a second cluster of the same name. Where another server
    /// speaks for the cluster, it is told to join that one.
    private func secondCluster(_ facts: Facts) -> [Problem] {
        guard cluster.reference == cluster.primary,
            EtcdQuestion.hasData(facts[cluster.primary, EtcdQuestion.data]) == false
        else { return [] }
        let others = cluster.replicas.filter { EtcdQuestion.hasData(facts[$0, EtcdQuestion.data]) == true }
        guard let other = others.first else { return [] }
        return [
            Problem(
                "\(cluster.primary) has no etcd data, but \(other) has: a second cluster would be started",
                fix: "let it join the others: 'clusterctl node replace INVENTORY \(cluster.primary)'")
        ]
    }
}

// MARK: Notes

extension Preflight {
    /// What a person may want to know before the run and what does not stop it.
    public func notes(_ name: NodeName, _ facts: Facts) -> [String] {
        guard let host = HostFacts(facts[name, .host]) else { return [] }
        let node = cluster[name]
        var notes: [String] = []
        if node.kind == .dpu {
            notes.append(
                host.dpuRelease.map { "recognised as a DPU: \($0)" }
                    ?? "has no mark of a BlueField image (/etc/mlnx-release), and is treated as one all the same")
        } else if let release = host.dpuRelease {
            notes.append("looks like a DPU (\(release)), but is not among the DPUs and has no guard by default")
        }
        if node.isControlPlane, let memory = host.memoryKiB, memory < 2_000_000 {
            notes.append("has \(memory / 1024) MiB of memory; K3s recommends 2 GiB for a server")
        }
        if let skew = skew(name, facts), skew > Preflight.skewNotedBeyond {
            notes.append("its clock may differ from that of \(cluster.reference) by up to \(skew) s")
        }
        if let note = NodeVLANs(node, cluster.inventory, host, facts).note { notes.append(note) }
        if let note = latencyNote(facts[name, Preflight.latency]) { notes.append(note) }
        return notes
    }

    /// etcd's own advice is that 99 of 100 flushes take less than 10 ms.
    private func latencyNote(_ answer: Answer?) -> String? {
        guard let (slowest, median) = Preflight.sync(answer) else { return nil }
        let verdict =
            slowest > 10_000 ? "; etcd wants less than 10 ms, so expect slow or lost elections under load" : ""
        return "flushing 4 KiB takes \(milliseconds(median)) ms, at worst \(milliseconds(slowest)) ms\(verdict)"
    }

    /// The slowest and the median flush, in microseconds.
    static func sync(_ answer: Answer?) -> (slowest: Int, median: Int)? {
        guard let answer, answer.succeeded else { return nil }
        var values: [Substring: Int] = [:]
        for word in answer.output.split(whereSeparator: \.isWhitespace) {
            let parts = word.split(separator: "=")
            if parts.count == 2, let number = Int(parts[1]) { values[parts[0]] = number }
        }
        guard let slowest = values["slowest"], let median = values["median"] else { return nil }
        return (slowest, median)
    }

    private func milliseconds(_ microseconds: Int) -> String {
        "\(microseconds / 1000).\((microseconds % 1000) / 100)"
    }
}
