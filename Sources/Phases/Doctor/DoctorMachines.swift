import Engine
import Inventory

/// How the machines are: what `verify` does not judge because a cluster works all the same, for now.
struct DoctorMachines {
    private(set) var findings: [Doctor.Finding] = []
    private(set) var checks = 0

    static let diskWarnsAtPercent = 85
    static let diskFailsAtPercent = 95
    static let memoryWarnsBelowPercent = 5
    static let syncWarnsAboveMicroseconds = 10_000
    static let restartsNotedFrom = 3
    static let certificateWarnsBelowDays = 30

    init(_ inventory: Inventory, _ facts: Facts, _ lost: Set<NodeName>, keeper: NodeName?) {
        let cluster = Cluster(inventory)
        let preflight = Preflight(inventory)
        for node in cluster.all where !lost.contains(node) {
            health(node, HealthQuestion(facts[node, HealthQuestion.probe]))
            certificates(node, CertsFacts(facts[node, CertsFacts.probe]))
            restarts(node, cluster[node].unit, UnitQuestion(facts[node, .unit(cluster[node].unit)]))
            checks += 1
            if let skew = preflight.skew(node, facts), skew > Preflight.skewNotedBeyond {
                let severity: Doctor.Severity = skew > Preflight.skewBlocksBeyond ? .error : .warning
                add(
                    severity, .quorum, node, "clock",
                    "its clock differs from that of \(cluster.primary) by about \(skew) s",
                    "certificates and leases are judged by the clock", "timedatectl set-ntp true, on \(node)")
            }
            if cluster[node].isControlPlane { latency(node, facts[node, Preflight.latency]) }
        }
        let scheduling = cluster.controlPlane.lazy
            .compactMap { SchedulingQuestion(facts[$0, SchedulingQuestion.probe]) }.first
        for node in cluster.all { cordon(node, scheduling?[node]) }
        if let keeper, let answer = facts[keeper, .lease], answer.succeeded { lease(keeper, LeaseState(answer.output)) }
    }

    private mutating func add(
        _ severity: Doctor.Severity, _ area: Doctor.Area, _ node: NodeName, _ check: String, _ what: String,
        _ why: String, _ fix: String
    ) {
        findings.append(.init(severity, area, on: node.rawValue, check, what: what, why: why, fix: fix))
    }

    private mutating func health(_ node: NodeName, _ health: HealthQuestion?) {
        checks += 2
        guard let health else {
            return add(
                .warning, .machine, node, "health", "disks and memory could not be asked",
                "nobody knows of them", "ssh \(node), and df -h")
        }
        for disk in health.disks where disk.usedPercent >= Self.diskWarnsAtPercent {
            let severity: Doctor.Severity = disk.usedPercent >= Self.diskFailsAtPercent ? .error : .warning
            add(
                severity, .machine, node, "disk",
                "\(disk.mount) is \(disk.usedPercent) % full, \(disk.freeKiB / 1024) MiB are free",
                "the kubelet throws pods out at 85 to 90 %, and etcd stops where it cannot write",
                "k3s crictl rmi --prune, and journalctl --vacuum-size=200M, on \(node)")
        }
        if let memory = health.memory, memory.freeKiB * 100 / memory.totalKiB < Self.memoryWarnsBelowPercent {
            add(
                .warning, .machine, node, "memory",
                "\(memory.freeKiB / 1024) of \(memory.totalKiB / 1024) MiB of memory are free",
                "the kernel ends programs when there is none",
                "k3s kubectl top pods -A, or ps aux --sort=-rss, on \(node)")
        }
    }

    private mutating func certificates(_ node: NodeName, _ said: CertsFacts?) {
        checks += 1
        guard let said else {
            return add(
                .note, .machine, node, "certificate-end", "when certificates end could not be asked",
                "nobody knows whether they end soon", "clusterctl certs check")
        }
        for entry in said.entries {
            guard let left = entry.certificate.map({ $0.notAfter - said.now }),
                left < Self.certificateWarnsBelowDays * 86400
            else { continue }
            let isAuthority = entry.kind == .authority
            add(
                left < 0 ? .error : .warning, .api, node, "certificate-end",
                "\(entry.path) \(left < 0 ? "has ended" : "ends in \(left / 86400) days")",
                isAuthority
                    ? "nothing that it signs is valid then, and K3s does not renew it"
                    : "K3s renews certificates only when it starts, within 120 days of their end (90 before May 2025)",
                isAuthority ? "k3s certificate rotate-ca, as K3s' documentation says" : "clusterctl certs rotate")
        }
    }

    private mutating func restarts(_ node: NodeName, _ unit: String, _ question: UnitQuestion?) {
        checks += 1
        guard let question, question.restarts >= Self.restartsNotedFrom else { return }
        add(
            .warning, .nodes, node, "restarts",
            "systemd has started \(unit) anew \(question.restarts) times, because it ended",
            "whatever ends it does so again", "journalctl -u \(unit) -n 200, on \(node)")
    }

    private mutating func latency(_ node: NodeName, _ answer: Answer?) {
        checks += 1
        guard let (slowest, _) = Preflight.sync(answer), slowest > Self.syncWarnsAboveMicroseconds else { return }
        add(
            .warning, .quorum, node, "etcd-disk", "flushing 4 KiB takes up to \(slowest / 1000) ms",
            "etcd wants less than 10 ms: elections are slow or lost under load",
            "see what else writes there: iotop, or k3s kubectl top pods -A, on \(node)")
    }

    private mutating func cordon(_ node: NodeName, _ cordon: SchedulingQuestion.Cordon?) {
        checks += 1
        switch cordon {
        case .drained:
            add(
                .warning, .nodes, node, "drained", "a run of clusterctl has drained it and did not come to its end",
                "no pods come to it", "run the same command again, or k3s kubectl uncordon \(node)")
        case .cordoned:
            add(
                .note, .nodes, node, "cordoned", "somebody has cordoned it", "no pods come to it",
                "k3s kubectl uncordon \(node)")
        case nil: break
        }
    }

    private mutating func lease(_ node: NodeName, _ state: LeaseState) {
        checks += 1
        guard let holder = state.holder else { return }
        add(
            .note, .access, node, "lease",
            "a run has the lease: \(holder.words["by"] ?? String(holder.owner.prefix(8)))",
            "it may be changing nodes just now, so that what is seen here passes",
            "wait for it; clusterctl unlock, where it is known to be dead")
    }
}
