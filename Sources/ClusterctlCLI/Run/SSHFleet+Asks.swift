import Engine

extension SSHFleet {
    /// Asks these nodes at once, each in one exec, also how these steps of theirs stand; one that cannot be asked does not
    /// keep the others from being heard.
    func ask(_ asks: [Ask], steps: [NodeName: [Step]] = [:], nodes: [NodeName]) async -> (
        facts: Facts, unreachable: [NodeName: LinkFailure]
    ) {
        typealias Found = (answers: [Probe: Answer], states: [Step: StepState])
        let probes = Dictionary(grouping: asks, by: \.node).mapValues { $0.map(\.probe) }
        var facts = Facts()
        var unreachable: [NodeName: LinkFailure] = [:]
        await withTaskGroup(of: (NodeName, Result<Found, LinkFailure>).self) { group in
            for node in nodes {
                group.addTask {
                    let found = await attempt { () async throws(LinkFailure) -> Found in
                        try await self.survey(node, probes: probes[node] ?? [], steps: steps[node] ?? [])
                    }
                    return (node, found)
                }
            }
            for await (node, result) in group {
                switch result {
                case .success(let found):
                    for (probe, answer) in found.answers { facts[node, probe] = answer }
                    for (step, state) in found.states { facts[node, step] = state }
                case .failure(let failure): unreachable[node] = failure
                }
            }
        }
        return (facts, unreachable)
    }
}
