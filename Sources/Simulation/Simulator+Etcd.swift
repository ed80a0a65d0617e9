import Engine

/// K3s with its etcd on the control plane nodes, over time (K3s pkg/etcd; what the guard does to them is in guard.sh).
extension Simulator {
    /// Between two tries to give a learner its vote.
    private static let promotion = 15.0
    /// How long the undo waits for the API, counted from when the guard fired.
    private static let leaving = 90.0
    /// The longest that K3s needs until its etcd answers.
    private static let starting = 60.0

    /// What a checkpoint notes of a node's K3s.
    struct SavedService: Sendable {
        let runs: Bool
        let isEnabled: Bool
        let isKept: Bool
        let hasData: Bool
        let starts: Int
    }

    func savedService(_ host: Int) -> SavedService? {
        etcd?[host].map {
            SavedService(
                runs: $0.runs, isEnabled: $0.isEnabled, isKept: $0.isKept, hasData: $0.hasData, starts: $0.starts)
        }
    }

    var hasQuorum: Bool {
        guard etcd != nil else { return true }
        var voters = 0
        var answering = 0
        for position in 0..<(etcd?.members.count ?? 0) where etcd?.members[position].standing == .voter {
            voters += 1
            if let host = etcd?.members[position].host, isAnswering(host) { answering += 1 }
        }
        return answering >= Etcd.quorum(of: voters)
    }

    private func isAnswering(_ host: Int) -> Bool {
        guard let member = etcd?[host], member.runs, member.hasData, !fleet.hosts[host].isDown else { return false }
        return member.answersSince <= seconds
    }

    /// Whether the API of this node answers; where it is no member, there is another way to it.
    func hasAPI(_ host: Int) -> Bool { hasQuorum && (etcd?[host] == nil || isAnswering(host)) }

    /// Whether what a gate reads of etcd holds: the API answers, and where that is asked, this node's member votes.
    func etcdServes(_ entry: Ledger.EtcdNeed, _ host: Int) -> Bool {
        switch entry {
        case .nothing: true
        case .quorum: hasQuorum
        case .vote:
            hasQuorum && isAnswering(host)
                && (flaws.contains(.gateDoesNotWaitForTheVote) || etcd?[host]?.standing == .voter)
        }
    }

    /// A step of ours starts K3s on this node, or starts it anew.
    mutating func startService(_ host: Int) {
        guard let member = etcd?[host] else { return }
        // Where it was kept a member, K3s takes that over; the seconds in between are not counted.
        if !member.isKept { takeOut(host, "K3s is started on \(fleet.hosts[host].name)") }
        etcd?[host]?.isKept = false
        etcd?[host]?.isEnabled = true
        run(host)
    }

    /// What a restore, or a recovery, does to etcd on a node. What is stopped for it is stopped on purpose: from then on
    /// nothing counts for the quorum before there is a new cluster.
    mutating func perform(_ act: EtcdAct, _ host: Int) {
        guard etcd?[host] != nil else { return }
        switch act {
        case .stop:
            etcd?[host]?.runs = false
            etcd?[host]?.isEnabled = false
            etcd?[host]?.isKept = false
            quorum = Quorum()
        case .reset:
            etcd?.begin(on: host)
            quorum = Quorum()
            quorum.votes(host)
            judgeClusters()
        case .setAside:
            etcd?[host]?.hasData = false
            etcd?[host]?.isTold = true
        case .start:
            etcd?[host]?.isEnabled = true
            if etcd?[host]?.runs == false { run(host) }
        case .startAnew: startService(host)
        case .forget: forget(host)
        case .halt:
            etcd?[host]?.runs = false
            takeOut(host, "K3s is stopped on \(fleet.hosts[host].name)")
        case .rotateToken: etcd?.isUnderNewToken = true
        case .takeToken: etcd?[host]?.hasNewToken = true
        }
    }

    /// Nobody goes on with what another cluster has taken the place of.
    private mutating func judgeClusters() {
        guard let etcd, etcd.newest > 0, let host = etcd.leftBehind.first else { return }
        violate(
            .oneCluster, "\(fleet.hosts[host].name) runs with the data of an earlier cluster, and a new one has begun")
    }

    /// When all is done, all servers are voters of the newest cluster.
    mutating func judgeWholeness() {
        guard let etcd, etcd.awaitsReset, !etcd.isWhole else { return }
        violate(.oneCluster, "the run says that it is done, and not every server votes in the cluster that was begun")
    }

    /// The machine is up, or the guard is through: K3s starts where it is to start with the machine.
    mutating func startServiceAtBoot(_ host: Int) {
        if etcd?[host]?.isEnabled == true || etcd?[host]?.isKept == true { run(host) }
    }

    private mutating func run(_ host: Int) {
        guard var member = etcd?[host] else { return }
        member.runs = true
        member.starts += 1
        member.answersSince = .infinity
        etcd?[host] = member
        judgeClusters()
        schedule(
            .etcd(host: host, start: member.starts, .starts),
            after: min(Self.starting, weather.service() * slowness(host)))
    }

    mutating func etcd(_ host: Int, _ start: Int, _ change: EtcdChange) {
        guard let member = etcd?[host], member.starts == start, member.runs, !fleet.hosts[host].isDown else { return }
        switch change {
        case .starts: starts(host, member)
        case .promotes: promote(host, member)
        }
    }

    private mutating func starts(_ host: Int, _ member: Etcd.Member) {
        guard member.hasData else { return join(host, member) }
        // Data of a member that the others have removed start nothing, nor do those that are under another token.
        guard member.standing != .none, member.hasNewToken == etcd?.isUnderNewToken else {
            return tryAgain(host, member)
        }
        serve(host)
        if member.standing == .learner {
            schedule(.etcd(host: host, start: member.starts, .promotes), after: Self.promotion)
        }
    }

    /// Without data one that is told nowhere to join begins a cluster, and all others join one: when it has a quorum, the
    /// server through which they do answers, and nobody else is a learner.
    private mutating func join(_ host: Int, _ member: Etcd.Member) {
        guard let etcd else { return }
        let others = etcd.members.filter { $0.host != host && $0.standing != .none }
        if !member.isTold {
            if !others.isEmpty {
                violate(.oneCluster, "\(fleet.hosts[host].name) begins a second cluster beside the others'")
            }
            self.etcd?[host]?.standing = .voter
            quorum.votes(host)
        } else {
            guard hasQuorum, isAnswering(etcd.primary), !others.contains(where: { $0.standing == .learner }) else {
                return tryAgain(host, member)
            }
            // A member of the same name, whose data are gone, is removed first.
            self.etcd?[host]?.standing = .learner
            quorum.leaves(host)
            schedule(.etcd(host: host, start: member.starts, .promotes), after: weather.between(1, Self.promotion))
        }
        self.etcd?[host]?.hasData = true
        self.etcd?[host]?.cluster = etcd.newest
        serve(host)
    }

    private mutating func tryAgain(_ host: Int, _ member: Etcd.Member) {
        schedule(.etcd(host: host, start: member.starts, .starts), after: weather.between(2, 10))
    }

    private mutating func serve(_ host: Int) {
        etcd?[host]?.answersSince = seconds
        if etcd?[host]?.standing == .voter { quorum.isBack(host) }
    }

    private mutating func promote(_ host: Int, _ member: Etcd.Member) {
        guard member.standing == .learner else { return }
        guard hasQuorum, isAnswering(host), weather.below(3) > 0 else {
            return schedule(.etcd(host: host, start: member.starts, .promotes), after: Self.promotion)
        }
        if tellsStory { note("the etcd member on \(fleet.hosts[host].name) votes") }
        etcd?[host]?.standing = .voter
        quorum.votes(host)
        quorum.isBack(host)
    }

    // MARK: What the guard does

    /// After a new start K3s waits for the guard, and the undo needs an API: a member runs without an agent meanwhile.
    mutating func startMemberForUndo(_ host: Int) {
        guard fleet.hosts[host].armed?.hasUndo == true, !flaws.contains(.guardForgetsTheVoteAtBoot),
            etcd?[host]?.hasData == true
        else { return }
        run(host)
    }

    /// - Returns: what could not be put back, in the guard's words.
    mutating func putBackService(_ host: Int, _ armed: Armed) -> String {
        guard let saved = armed.service else { return "" }
        let mustLeave = mayLeave(host, armed)
        if mustLeave { leave(host) }
        guard let member = etcd?[host] else { return "" }
        // After a new start nothing takes away the Cilium of a first installation without an agent. An earlier chart is
        // put back by the API, and the other servers take it up.
        let canPutBack = etcd?.hadNetwork == true && hasQuorum
        let isStuck =
            armed.hasUndo && armed.isFromEarlierBoot && saved.isEnabled && member.isEnabled && !canPutBack
        etcd?[host]?.mustLeave = mustLeave && member.standing != .none
        if etcd?[host]?.mustLeave == true || isStuck { return keepMember(host, armed) }
        if saved.isKept, member.isEnabled, member.hasData {
            // It was a member without an agent, and takes over again; the seconds in between are not counted here either.
            etcd?[host]?.runs = false
            etcd?[host]?.isEnabled = false
        } else if member.runs && !saved.runs || member.isEnabled && !saved.isEnabled {
            stopService(host)
        } else if member.runs ? member.starts != saved.starts : saved.runs {
            // After a new start a member without an agent ran for the undo, and K3s takes that over.
            if armed.isFromEarlierBoot, armed.hasUndo { etcd?[host]?.isKept = true }
            startService(host)
        }
        if member.hasData, !saved.hasData || mustLeave { moveDataAside(host) }
        if etcd?[host]?.standing == Etcd.Standing.none { quorum.isBack(host) }
        if saved.isKept, etcd?[host]?.runs == false, etcd?[host]?.hasData == true {
            etcd?[host]?.isKept = true
            run(host)
        }
        return ""
    }

    /// The undo has failed: K3s does not run on, its data stay, and a member stays one, without an agent.
    private mutating func keepMember(_ host: Int, _ armed: Armed) -> String {
        // Whoever asked for it got in while K3s ran.
        if armed.firing == "asked", !armed.isFromEarlierBoot, armed.rung == nil, etcd?[host]?.runs == true {
            return "undo:not-done"
        }
        if !armed.isFromEarlierBoot {
            takeOut(host, "K3s gives way to a member without an agent on \(fleet.hosts[host].name)")
        }
        etcd?[host]?.isEnabled = false
        if etcd?[host]?.hasData == true {
            etcd?[host]?.isKept = true
            run(host)
        } else {
            stopService(host)
        }
        if let start = ledger?.serviceIsOff(fleet.hosts[host].name) {
            fleet.hosts[host].contents.restore(start, from: Contents())
        }
        return "undo:not-done,unit:k3s.service:kept-stopped"
    }

    /// Whether the phase's own undo is tried again: it waits for the API, without which nobody can leave.
    func waitsToLeave(_ host: Int, _ armed: Armed) -> Bool {
        mayLeave(host, armed) && !canLeave
            && seconds < armed.firingSince + Self.leaving
    }

    /// A node that was no member before leaves, while K3s runs, or its member without an agent.
    private func mayLeave(_ host: Int, _ armed: Armed) -> Bool {
        guard armed.hasUndo, !(armed.isFromEarlierBoot && flaws.contains(.guardForgetsTheVoteAtBoot)), let etcd,
            let member = etcd[host], host != etcd.primary
        else { return false }
        return armed.service?.hasData == false || member.mustLeave ? member.hasData && member.standing != .none : false
    }

    private var canLeave: Bool { hasQuorum && etcd.map { isAnswering($0.primary) } ?? false }

    private mutating func leave(_ host: Int) {
        guard canLeave else { return }
        etcd?[host]?.standing = .none
        quorum.leaves(host)
    }

    private mutating func moveDataAside(_ host: Int) {
        etcd?[host]?.hasData = false
        etcd?[host]?.movedAside += 1
        takeOut(host, "the data of etcd on \(fleet.hosts[host].name) are moved aside")
        guard host == etcd?.primary else { return }
        // Nobody else is left to know of it.
        etcd?[host]?.standing = .none
        quorum.leaves(host)
    }

    /// The cluster is told to forget this member, and does.
    mutating func forget(_ host: Int) {
        guard let member = etcd?[host], member.standing != .none else { return }
        if isAnswering(host) {
            violate(.oneServerOut, "\(fleet.hosts[host].name) is removed from etcd while it serves")
        }
        if let (left, needed) = quorum.forgets(host) {
            violate(
                .quorumIsKept,
                "\(fleet.hosts[host].name) is removed from etcd: \(left) voters are left, and \(needed) are needed")
        }
        if tellsStory { note("the cluster forgets \(fleet.hosts[host].name)") }
        etcd?[host]?.standing = .none
        quorum.leaves(host)
        quorum.isBack(host)
    }

    mutating func stopService(_ host: Int) {
        etcd?[host]?.runs = false
        etcd?[host]?.isEnabled = false
        takeOut(host, "K3s is stopped on \(fleet.hosts[host].name)")
    }

    /// Whether all other voters serve, or are out because of us. Where one is out by itself, a node that is taken back cannot
    /// leave etcd, and whoever watches over its SSH does not wait for that.
    private func othersServe(_ host: Int) -> Bool {
        (etcd?.voters ?? []).allSatisfy { $0 == host || isAnswering($0) || quorum.out.contains($0) }
    }

    var isQuorumLost: Bool { etcd?.isLost ?? false }

    private mutating func takeOut(_ host: Int, _ words: String) {
        if let (left, needed) = quorum.takesOut(host), othersServe(host) {
            violate(.quorumIsKept, "\(words): \(left) voters are left, and \(needed) are needed")
        }
        if quorum.out.count > 1 {
            let names = quorum.out.map { fleet.hosts[$0].name }.sorted().map(\.rawValue)
            violate(.oneServerOut, "\(words): \(names.joined(separator: " and ")) are out at once")
        }
    }
}

/// What comes of a start of K3s.
enum EtcdChange: Sendable {
    /// It has come so far that its etcd begins, or joins.
    case starts
    /// A learner may get its vote.
    case promotes
}
