import Engine

/// Between controller and nodes: requests on their way, answers on theirs, and what gets lost.
extension Simulator {
    /// - Parameter at: of the controller, among those that live.
    mutating func perform(_ request: Request, of at: Int) {
        let life = controllers[at].life
        switch request {
        case .survey(let id, let node, _, _), .watch(let id, let node, _, _), .lease(let id, let node, _):
            send(request, id, to: node, of: at)
        case .review(let review, _):
            if !review.items.isEmpty { schedule(.event(life: life, .approved), after: 0) }
        case .apply(let id, let task, let node, _, _):
            controllers[at].sent.insert(task)
            if firstApplied == nil { firstApplied = task }
            send(request, id, to: node, of: at)
        case .stop(let id):
            controllers[at].calls[id] = nil
            controllers[at].watches[id] = nil
        case .guardian(let id, let task, _):
            // Without steps sent by this run there is nothing of it on the node.
            guard controllers[at].sent.contains(task) else {
                return schedule(.event(life: life, .guarded(id, .none)), after: 0)
            }
            send(request, id, to: task.node, of: at)
        case .wake(let id, let after): schedule(.event(life: life, .woke(id)), after: Double(after))
        case .tell, .finish: break
        }
    }

    private mutating func send(_ request: Request, _ id: RequestID, to node: NodeName, of at: Int) {
        let host = fleet.index(node)
        controllers[at].calls[id] = Call(host: host)
        schedule(.request(life: controllers[at].life, host: host, sentAt: seconds, request), after: weather.latency())
    }

    /// - Returns: what a machine is to be told, if anything.
    mutating func take(_ occurrence: Occurrence) -> (life: Int, Event)? {
        switch occurrence {
        case .event(let life, let event): return at(life) == nil ? nil : (life, event)
        case .request(let life, let host, let sentAt, let request): arrive(request, of: life, at: host, sentAt: sentAt)
        case .answer(let life, let id, let event): return isOpen(life, id) ? close(life, id, event) : nil
        case .applied(let life, let id, let host, let number): return deliver(life, id, host, number)
        case .observed(let life, let id, let event): return isOpen(life, id) ? (life, event) : nil
        case .lost(let life, let id, let failure):
            guard let at = at(life), controllers[at].calls[id] != nil else { return nil }
            controllers[at].watches[id] = nil
            return close(life, id, .lost(id, failure))
        case .poll(let life, let id): if isOpen(life, id) { poll(life, id) }
        case .step(let host, let program): step(host, program)
        case .clock(let host, let arming): clock(host, arming)
        case .rung(let host, let arming, let number): rung(host, arming, number)
        case .listened(let host, let arming, let number): listened(host, arming, number)
        case .through(let host, let arming): through(host, arming)
        case .cut(let host, let entry, let attempt): cutLater(host, entry, attempt: attempt)
        case .etcd(let host, let start, let change): etcd(host, start, change)
        case .shutDown(let host): shutDown(host)
        case .started(let host): started(host)
        case .disk(let host): disk(host)
        case .clockIsSet(let host): setClock(host)
        }
        return nil
    }

    func isOpen(_ life: Int, _ id: RequestID) -> Bool {
        at(life).map { controllers[$0].calls[id]?.isBroken == false } ?? false
    }

    private mutating func close(_ life: Int, _ id: RequestID, _ event: Event) -> (life: Int, Event) {
        if let at = at(life) { controllers[at].calls[id] = nil }
        return (life, event)
    }

    /// The results of a program have arrived: it is forgotten on its node, and the watch behind it begins.
    private mutating func deliver(
        _ life: Int, _ id: RequestID, _ host: Int, _ number: Int
    ) -> (life: Int, Event)? {
        guard isOpen(life, id), let whose = self.at(life),
            let at = fleet.hosts[host].programs.firstIndex(where: { $0.number == number })
        else { return nil }
        let program = fleet.hosts[host].programs.remove(at: at)
        if let watch = program.watch, program.results.count == program.steps.count,
            !program.results.contains(where: \.isFailure)
        {
            controllers[whose].calls[watch.id] = Call(host: host)
            beginWatch(life, watch.id, host, watch.probes, deadlineSeconds: watch.deadlineSeconds)
        }
        return close(life, id, .applied(id, program.results))
    }

    /// Whether a request gets to its node and is heard there; a connection that stands is used again unless `fresh`.
    mutating func connects(_ life: Int, _ id: RequestID, _ host: Int, fresh: Bool) -> Bool {
        let at = at(life)
        if at != nil, !isOpen(life, id) { return false }
        let stands = !fresh && at.map { controllers[$0].sessions[host] == fleet.hosts[host].links } ?? false
        let isCut = fleet.hosts[host].cut.map { $0 == .allConnections || !stands } ?? false
        if fleet.hosts[host].isDown || isCut {
            noteReach(host)
            lose(life, id, "no route to \(fleet.hosts[host].name)", after: weather.refusal())
            return false
        }
        if weather.strikes(.loss, 0.01) {
            lose(life, id, "nothing was heard", after: weather.silence())
            return false
        }
        guard let at else { return true }
        if !fresh, !stands { controllers[at].sessions[host] = fleet.hosts[host].links }
        if weather.strikes(.loss, 0.01) { controllers[at].calls[id]?.isMute = true }
        return true
    }

    mutating func lose(
        _ life: Int, _ id: RequestID, _ message: String, kind: LinkFailure.Kind = .unreachable, after: Double
    ) {
        guard let at = at(life), controllers[at].calls[id]?.isBroken == false else { return }
        controllers[at].calls[id]?.isBroken = true
        schedule(.lost(life: life, id, LinkFailure(kind: kind, message: message)), after: after)
    }

    /// Whether an answer to this request can be given; where it gets lost on its way, that is told later.
    mutating func canAnswer(_ life: Int, _ id: RequestID) -> Bool {
        guard isOpen(life, id) else { return false }
        if let at = at(life), controllers[at].calls[id]?.isMute == true {
            lose(life, id, "the answer was cut", after: weather.silence())
        } else if weather.strikes(.loss, 0.001) {
            lose(life, id, "an answer that no program of ours prints", kind: .garbled, after: weather.latency())
        } else {
            return true
        }
        return false
    }

    mutating func answer(_ life: Int, _ id: RequestID, _ event: Event) {
        guard canAnswer(life, id) else { return }
        let latency = weather.latency()
        schedule(.answer(life: life, id, event), after: latency)
        if weather.strikes(.loss, 0.02) { schedule(.event(life: life, event), after: latency + weather.latency()) }
    }

    /// All connections to this node break; the controller notices when it has been silent long enough.
    mutating func breakLinks(_ host: Int) {
        fleet.hosts[host].links += 1
        for controller in controllers {
            for id in controller.calls.filter({ $0.value.host == host }).keys.sorted() {
                lose(controller.life, id, "the connection broke", after: weather.silence())
            }
        }
    }

    // MARK: Watches

    mutating func beginWatch(
        _ life: Int, _ id: RequestID, _ host: Int, _ probes: [Probe], deadlineSeconds: Int
    ) {
        guard let at = at(life) else { return }
        controllers[at].watches[id] = Watching(
            host: host, probes: probes, told: Array(repeating: nil, count: probes.count), latency: weather.latency(),
            until: seconds + Double(deadlineSeconds))
        schedule(.poll(life: life, id), after: 0)
        if weather.strikes(.loss, 0.02) { lose(life, id, "the connection broke", after: weather.between(15, 40)) }
    }

    /// First and changed answers are told, in the order in which they were seen.
    private mutating func poll(_ life: Int, _ id: RequestID) {
        guard let at = at(life), var watch = controllers[at].watches[id] else { return }
        guard seconds < watch.until else {
            controllers[at].watches[id] = nil
            return answer(life, id, .watchEnded(id))
        }
        var pause = 15.0
        for (position, probe) in watch.probes.enumerated() {
            let (said, changesAt) = reply(to: probe, on: watch.host, of: life)
            pause = min(pause, max(0.5, (changesAt ?? seconds + 1) - seconds))
            guard watch.told[position] != said else { continue }
            watch.told[position] = said
            schedule(.observed(life: life, id, .observed(id, probe, said)), after: watch.latency)
        }
        controllers[at].watches[id] = watch
        schedule(.poll(life: life, id), after: pause)
    }
}
