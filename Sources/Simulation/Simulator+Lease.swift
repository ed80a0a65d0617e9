import Engine

/// What a node remembers of the lease, until it is started anew.
struct HostLease: Sendable {
    /// Whose programs may act here; nil: anybody's.
    var owner: Int?
    /// The highest number that it has heard of.
    var highest = 0
    /// Kept on the keeper: its number, whose it is, and until when.
    var taken: (fence: Int, owner: Int, until: Double)?
}

/// The lease at the nodes, as the shell functions in SSH/Shell/PreludeLease.swift have it.
extension Simulator {
    /// A run that may change something looks: programs of other runs that have not begun here never will. What a run
    /// that was killed has left is ended at once where both ran on one machine.
    mutating func mark(_ life: Int, _ host: Int) {
        if let taken = fleet.hosts[host].lease.taken, taken.until > leaseTime(host), at(taken.owner) == nil,
            let at = at(life), places[taken.owner] == controllers[at].place
        {
            let fence = max(taken.fence, fleet.hosts[host].lease.highest) + 1
            fleet.hosts[host].lease.taken = (fence, life, -.infinity)
            fleet.hosts[host].lease.highest = fence
        }
        if others(life, host).isEmpty { fleet.hosts[host].lease.owner = life }
    }

    func leaseLines(_ life: Int, _ host: Int) -> String {
        let lease = fleet.hosts[host].lease
        let fence = max(lease.highest, lease.taken?.fence ?? 0)
        var lines = ["free fence=\(fence)"]
        let now = leaseTime(host)
        if let taken = lease.taken, taken.until > now {
            lines = [
                "held fence=\(fence) number=\(taken.fence) left=\(Int(taken.until - now) + 1) owner=\(taken.owner)"
            ]
        }
        return (lines + others(life, host).map { "program \($0)" }).joined(separator: "\n")
    }

    /// The runs whose programs are at work here, but for this one.
    private func others(_ life: Int, _ host: Int) -> [Int] {
        if flaws.contains(.programsRunSideBySide) { return [] }
        return fleet.hosts[host].programs.filter { $0.life != life && !$0.hasEnded }.map(\.life)
    }

    /// Whether a program of this run may begin.
    mutating func isAllowed(_ life: Int, _ host: Int) -> Bool {
        if flaws.contains(.leaseIsNotAsked) || flaws.contains(.programsRunSideBySide) { return true }
        let lease = fleet.hosts[host].lease
        let fence = fences[life] ?? 0
        guard lease.owner == nil || lease.owner == life, fence >= lease.highest else { return false }
        own(life, fence, host)
        return true
    }

    private mutating func own(_ life: Int, _ fence: Int, _ host: Int) {
        fleet.hosts[host].lease.owner = life
        fleet.hosts[host].lease.highest = max(fence, fleet.hosts[host].lease.highest)
    }

    mutating func lease(_ verb: LeaseVerb, _ life: Int, _ id: RequestID, on host: Int) {
        let said: LeaseAnswer
        switch verb {
        case .take(let fence, let seen): said = take(fence, seen, life, host)
        case .renew:
            let fence = fences[life] ?? 0
            if fleet.hosts[host].lease.taken == nil { fleet.hosts[host].lease.taken = (fence, life, leaseTime(host)) }
            said = keep(fence, life, host)
        case .claim:
            let fence = fences[life]
            guard fence ?? .max >= fleet.hosts[host].lease.highest else {
                said = .moved
                break
            }
            own(life, fence ?? 0, host)
            endOtherPrograms(life, host)
            said = .ours
        }
        answer(life, id, .leased(id, said))
    }

    private mutating func take(_ fence: Int, _ seen: Int, _ life: Int, _ host: Int) -> LeaseAnswer {
        let taken = fleet.hosts[host].lease.taken
        if flaws.contains(.leaseIsNotAsked) {
            fences[life] = fence
            return .ours
        }
        let heard = max(fleet.hosts[host].lease.highest, taken?.fence ?? 0)
        let now = leaseTime(host)
        if taken?.until ?? -.infinity <= now, heard == seen {
            judgeLease(life, host)
            fleet.hosts[host].lease.taken = (fence, life, now)
            fences[life] = fence
        }
        return keep(fence, life, host)
    }

    /// Prolongs it, where it is this run's.
    private mutating func keep(_ fence: Int, _ life: Int, _ host: Int) -> LeaseAnswer {
        guard let taken = fleet.hosts[host].lease.taken, taken.owner == life, taken.fence == fence else {
            let now = leaseTime(host)
            guard let taken = fleet.hosts[host].lease.taken, taken.until > now else { return .moved }
            let left = Int(taken.until - now) + 1
            return .held(Lease(owner: "\(taken.owner)", fence: taken.fence, leftSeconds: left))
        }
        let until = leaseTime(host) + Double(Lease.seconds)
        fleet.hosts[host].lease.taken?.until = until
        livingLeases[host] = (life, seconds + Double(Lease.seconds))
        own(life, fence, host)
        return .ours
    }

    /// The run has ended, and says so where the keeper can be reached.
    mutating func releaseLease(of life: Int) {
        for host in fleet.hosts.indices where fleet.hosts[host].lease.taken?.owner == life {
            if fleet.hosts[host].isReachable, !weather.strikes(.loss, 0.01) {
                fleet.hosts[host].lease.taken?.until = -.infinity
                livingLeases[host] = nil
            }
        }
    }

    /// Somebody takes the lease: its owner must be gone, or silent for as long as it holds.
    private mutating func judgeLease(_ life: Int, _ host: Int) {
        guard let (owner, until) = livingLeases[host], owner != life, until > seconds, at(owner) != nil else { return }
        violate(
            .livingLeaseHolds, "run \(life) takes the lease of run \(owner), which has \(Int(until - seconds)) s left")
    }

    /// Nothing of two runs is interleaved: once another one has changed something, a run changes nothing more.
    mutating func judgeTurn(of life: Int) {
        guard life != lastToChange else { return }
        if superseded.contains(life) {
            violate(.oneRunAtATime, "run \(life) changes something after run \(lastToChange) has")
        }
        superseded.insert(lastToChange)
        lastToChange = life
    }
}
