import Engine

/// At the nodes: questions, programs and their steps, and machines that start anew.
extension Simulator {
    mutating func arrive(_ request: Request, of life: Int, at host: Int, sentAt: Double) {
        switch request {
        case .survey(let id, _, let probes, let steps):
            guard at(life) != nil, connects(life, id, host, fresh: false) else { return }
            if probes.contains(.lease) { mark(life, host) }
            let contents = fleet.hosts[host].contents
            var states: [Step: StepState] = [:]
            states.reserveCapacity(steps.count)
            for step in steps { states[step] = contents.isDone(step.operation) ? .same : .differs(current: "") }
            var answers: [Probe: Answer] = [:]
            answers.reserveCapacity(probes.count)
            for probe in probes { answers[probe] = reply(to: probe, on: host, of: life).0 }
            answer(life, id, .surveyed(id, answers: answers, states: states))
        case .apply(let id, let task, _, let steps, let watch):
            // What a controller that was killed had sent may be long on its way, but not across a new start.
            guard at(life) != nil || fleet.hosts[host].upSince < sentAt else { return }
            if connects(life, id, host, fresh: false) { apply(life, id, task, steps, watch, on: host) }
        case .watch(let id, _, let probes, let deadline):
            guard at(life) != nil, connects(life, id, host, fresh: false) else { return }
            beginWatch(life, id, host, probes, deadlineSeconds: deadline)
        case .lease(let id, _, let verb):
            if connects(life, id, host, fresh: false) { lease(verb, life, id, on: host) }
        case .guardian(let id, let task, let verb):
            if connects(life, id, host, fresh: true) { talk(verb, life, id, task, on: host) }
        case .review, .stop, .wake, .tell, .finish: break
        }
    }

    /// What the node answers, and when that may change; nil where that is not known.
    mutating func reply(to probe: Probe, on host: Int, of life: Int) -> (Answer, changesAt: Double?) {
        if case .guardState = probe { return (Answer(status: 0, output: fleet.hosts[host].guardLine), nil) }
        if case .lease = probe { return (Answer(status: 0, output: leaseLines(life, host)), nil) }
        if case .sshBanner(let name, _) = probe { return (hears(NodeName(name), from: host), nil) }
        guard let entry = ledger?.gates[probe] else {
            return (fleet.answer(fleet.hosts[host].name, probe, fleet.hosts[host]), nil)
        }
        return gate(entry, askedOn: host)
    }

    /// What an SSH server on a node says to another node.
    private func hears(_ name: NodeName, from host: Int) -> Answer {
        let other = fleet[name]
        return other.isDown || other.cut != nil
            ? Answer(status: 1, output: "", error: "no SSH server was heard")
            : Answer(status: 0, output: "SSH-2.0-model")
    }

    /// A program that is known is asked what became of it; otherwise these steps begin.
    private mutating func apply(
        _ life: Int, _ id: RequestID, _ task: TaskID, _ steps: [Step], _ watch: GateWatch?, on host: Int
    ) {
        if let at = fleet.hosts[host].programs.firstIndex(where: { $0.life == life && $0.task == task }) {
            fleet.hosts[host].programs[at].request = id
            fleet.hosts[host].programs[at].watch = watch
            if fleet.hosts[host].programs[at].hasEnded { tellEnd(host, at) }
            return
        }
        guard isAllowed(life, host) else { return answer(life, id, .overtaken(id)) }
        let begins = endOtherPrograms(life, host)
        lastProgram += 1
        let entry = ledger?.index[task]
        var program = Program(
            number: lastProgram, life: life, task: task, entry: entry, steps: steps, busyUntil: begins, request: id,
            watch: watch)
        if let entry, ledger?.entries[entry].isRisky == true, weather.strikes(.cut, 0.15) {
            program.cutBefore = 1 + weather.below(steps.count)
        }
        fleet.hosts[host].programs.append(program)
        schedule(.step(host: host, program: program.number), at: begins)
    }

    /// Programs of other controllers stop before their next change.
    /// - Returns: when the last of them does.
    @discardableResult
    mutating func endOtherPrograms(_ life: Int, _ host: Int) -> Double {
        var last = seconds
        let living = controllers.map(\.life)
        fleet.hosts[host].programs.removeAll { $0.hasEnded && !living.contains($0.life) }
        if flaws.contains(.programsRunSideBySide) { return last }
        for at in fleet.hosts[host].programs.indices where fleet.hosts[host].programs[at].life != life {
            fleet.hosts[host].programs[at].isStopped = true
            // Whoever waits for its end looks once a second.
            last = max(last, fleet.hosts[host].programs[at].busyUntil + weather.between(0.01, 1))
        }
        return last
    }

    /// Each step looks first whether it is needed, and then whether it still may.
    mutating func step(_ host: Int, _ number: Int) {
        guard let at = fleet.hosts[host].programs.firstIndex(where: { $0.number == number }) else { return }
        while fleet.hosts[host].programs[at].results.count < fleet.hosts[host].programs[at].steps.count {
            let program = fleet.hosts[host].programs[at]
            let position = program.results.count
            let step = program.steps[position]
            let result: StepResult
            if program.isStopped { return giveWay(host, at) }
            judgeTurn(program, position, host)
            if case .checkpoint(let checkpoint) = step.operation {
                guard let armed = checkpointed(checkpoint, program, host) else {
                    return schedule(.step(host: host, program: number), after: 1)
                }
                result = armed
                fleet.hosts[host].programs[at].isGuarded =
                    !armed.isFailure && !(flaws.contains(.guardNeedsNoSpace) && isDiskFull(host))
                fleet.hosts[host].programs[at].attempt = program.entry.flatMap { ledger?.entries[$0].takenBack } ?? 0
            } else if let said = fleet.failing(program.task.node, step) {
                result = .failed(said)
            } else if fleet.hosts[host].contents.isDone(step.operation) {
                result = .unchanged
            } else if let refusal = refusal(program, step, host) {
                result = .failed(refusal)
            } else {
                change(host, at, position, step)
                return schedule(.step(host: host, program: number), at: fleet.hosts[host].programs[at].busyUntil)
            }
            fleet.hosts[host].programs[at].results.append(result)
            if result.isFailure { break }
            if step.operation.isCheckpoint, case let factor = slowness(host), factor > 1 {
                // All that is saved has to be on the disk before the next step.
                fleet.hosts[host].programs[at].busyUntil = seconds + weather.step() * factor
                return schedule(.step(host: host, program: number), at: fleet.hosts[host].programs[at].busyUntil)
            }
        }
        end(host, at)
    }

    private mutating func refusal(_ program: Program, _ step: Step, _ host: Int) -> Answer? {
        func say(_ words: String) -> Answer { Answer(status: 1, output: "", error: words) }
        if program.isGuarded, !fleet.hosts[host].isGuarding(program.task.phase, owner: program.life) {
            return say("the guard is no longer armed for this program")
        }
        if isDiskFull(host), !flaws.contains(.guardNeedsNoSpace) { return Self.noSpace }
        // A control plane node that is no member yet has nothing to ask: the real phase does not concern it.
        let asksAPI =
            switch step.operation {
            case .command: true
            // Whoever comes later finds that it has been done, as the real phase does.
            default:
                switch ControlPlane.Effect(step) {
                case .acts(.forget): true
                case .acts(.rotateToken): etcd?.isUnderNewToken == false
                default: false
                }
            }
        if asksAPI, let entry = program.entry, ledger?.entries[entry].etcd != .nothing,
            etcd?[host]?.hasData != false, !hasAPI(host)
        {
            return say("The connection to the server 127.0.0.1:6444 was refused")
        }
        return weather.strikes(.fail, 0.004) ? say("the step failed") : nil
    }

    private mutating func change(_ host: Int, _ at: Int, _ position: Int, _ step: Step) {
        let program = fleet.hosts[host].programs[at]
        judge(program, position, host)
        let wasReachable = fleet.hosts[host].isReachable
        if fleet.hosts[host].armed?.phase == program.task.phase {
            fleet.hosts[host].armed?.touched.append(step.operation)
        }
        fleet.hosts[host].contents.perform(step.operation)
        if let entry = program.entry, let ending = ledger?.entries[entry].endedBy { beginAnew(ending, on: host) }
        fleet.afterStep(program.task.node, step, &fleet.hosts[host])
        switch ControlPlane.Effect(step) {
        case .starts(let founds):
            if !founds { etcd?[host]?.isTold = true }
            startService(host)
        case .stops: stopService(host)
        case .acts(.forget): forget(fleet.index(program.task.node))
        case .acts(let act): perform(act, host)
        case nil: break
        }
        fleet.hosts[host].programs[at].results.append(.changed)
        fleet.hosts[host].programs[at].busyUntil = seconds + weather.step() * slowness(host)
        if wasReachable, fleet.hosts[host].cut == .allConnections { breakLinks(host) }
        if program.cutBefore == position { cut(host) }
        noteReach(host)
    }

    /// What ends the effect of a step that was just done is no longer so.
    private mutating func beginAnew(_ ending: Int, on host: Int) {
        for operation in ledger?.entries[ending].operations ?? [] {
            fleet.hosts[host].contents.restore(operation, from: Contents())
        }
        ledger?.beginAnew(ending)
    }

    /// The node is another run's: its owner is told that these steps were not done to their end.
    private mutating func giveWay(_ host: Int, _ at: Int) {
        let program = fleet.hosts[host].programs.remove(at: at)
        answer(program.life, program.request, .overtaken(program.request))
    }

    private mutating func end(_ host: Int, _ at: Int) {
        fleet.hosts[host].programs[at].hasEnded = true
        let program = fleet.hosts[host].programs[at]
        if let entry = program.entry, let deadline = ledger?.entries[entry].gateDeadline,
            !program.results.contains(where: \.isFailure)
        {
            let wait = weather.gate(deadline: deadline)
            ledger?.ripen(entry, at: seconds + wait)
            if program.cutBefore == program.steps.count {
                schedule(.cut(host: host, entry: entry, attempt: program.attempt), after: weather.between(0, wait))
            }
        }
        tellEnd(host, at)
    }

    private mutating func tellEnd(_ host: Int, _ at: Int) {
        let program = fleet.hosts[host].programs[at]
        guard canAnswer(program.life, program.request) else { return }
        schedule(
            .applied(life: program.life, program.request, host: host, program: program.number),
            after: weather.latency())
    }

    // MARK: What cuts a node off

    private mutating func cut(_ host: Int) {
        guard fleet.hosts[host].cut == nil, !fleet.hosts[host].isDown else { return }
        if tellsStory { note("SSH to \(fleet.hosts[host].name) is cut") }
        fleet.hosts[host].cut = weather.below(2) == 0 ? .newConnections : .allConnections
        let yieldsTo = 1 + weather.below(4)
        // What the guard has done before the cut does not help against it.
        let isDone = fleet.hosts[host].armed?.rung.map { yieldsTo <= $0 } ?? (fleet.hosts[host].armed?.firing != nil)
        fleet.hosts[host].cutYieldsTo = isDone ? 4 : yieldsTo
        if fleet.hosts[host].cut == .allConnections { breakLinks(host) }
        noteReach(host)
    }

    /// A cut while the gate is waited for: only where the change is still there and has not proved itself.
    mutating func cutLater(_ host: Int, _ entry: Int, attempt: Int) {
        guard !weather.isCalm, let task = ledger?.entries[entry], task.takenBack == attempt, !task.isHeld else {
            return
        }
        cut(host)
    }

    /// What was running is gone, and what was written is not; rules that cut SSH are of the running kernel.
    mutating func shutDown(_ host: Int) {
        guard !weather.isCalm, !fleet.hosts[host].isDown else { return }
        if tellsStory { note("\(fleet.hosts[host].name) is started anew") }
        fleet.hosts[host].isDown = true
        fleet.hosts[host].programs = []
        fleet.hosts[host].rollbackWaiter = nil
        fleet.hosts[host].lease = HostLease()
        livingLeases[host] = nil
        fleet.hosts[host].armed?.isFromEarlierBoot = true
        etcd?[host]?.runs = false
        breakLinks(host)
        noteReach(host)
        schedule(.started(host: host), after: weather.boot())
    }

    mutating func started(_ host: Int) {
        fleet.hosts[host].isDown = false
        fleet.hosts[host].cut = nil
        fleet.hosts[host].upSince = seconds
        if tellsStory { note("\(fleet.hosts[host].name) is up") }
        if let armed = fleet.hosts[host].armed, armed.windowSeconds != nil || armed.firing != nil {
            // K3s is ordered after the guard.
            fire(host, because: armed.firing ?? "boot")
        } else {
            startServiceAtBoot(host)
        }
        noteReach(host)
    }
}
