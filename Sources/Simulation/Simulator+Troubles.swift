import Engine

/// Disks that are slow or full for a while, and clocks that are set.
extension Simulator {
    mutating func disk(_ host: Int) {
        guard !weather.isCalm else { return }
        let until = seconds + weather.between(10, 300)
        if weather.below(2) == 0 {
            if tellsStory { note("the disk of \(fleet.hosts[host].name) is full for \(Int(until - seconds)) s") }
            fleet.hosts[host].disk.fullUntil = until
        } else {
            fleet.hosts[host].disk.slowUntil = until
            fleet.hosts[host].disk.factor = weather.between(2, 20)
            if tellsStory { note("the disk of \(fleet.hosts[host].name) is slow for \(Int(until - seconds)) s") }
        }
    }

    func isDiskFull(_ host: Int) -> Bool { seconds < fleet.hosts[host].disk.fullUntil && !weather.isCalm }

    /// How often longer everything takes on this node.
    func slowness(_ host: Int) -> Double {
        seconds < fleet.hosts[host].disk.slowUntil && !weather.isCalm ? fleet.hosts[host].disk.factor : 1
    }

    /// What a program says on a node whose disk is full.
    static let noSpace = Answer(status: 1, output: "", error: "sh: write error: No space left on device")

    /// NTP, a battery that is empty, or a hand, now and again: from two minutes to a day.
    mutating func setClock(_ host: Int) {
        guard !weather.isCalm else { return }
        let jump = weather.between(120, weather.below(2) == 0 ? 3600 : 86_400) * (weather.below(2) == 0 ? 1 : -1)
        if tellsStory { note("the clock of \(fleet.hosts[host].name) is set by \(Int(jump)) s") }
        fleet.hosts[host].clockAhead += jump
        if weather.below(12) > 0 { schedule(.clockIsSet(host: host), after: weather.between(5, 40)) }
        if flaws.contains(.guardGoesByTheTimeOfDay), let armed = fleet.hosts[host].armed {
            schedule(.clock(host: host, arming: armed.number), after: 0)
        }
    }

    /// What the guard's timer and `fire` go by: seconds since the machine's start, which nobody sets.
    func guardTime(_ host: Int) -> Double {
        seconds + (flaws.contains(.guardGoesByTheTimeOfDay) ? fleet.hosts[host].clockAhead : 0)
    }

    /// What a lease's end is reckoned by: the same.
    func leaseTime(_ host: Int) -> Double {
        seconds + (flaws.contains(.leaseGoesByTheTimeOfDay) ? fleet.hosts[host].clockAhead : 0)
    }
}
