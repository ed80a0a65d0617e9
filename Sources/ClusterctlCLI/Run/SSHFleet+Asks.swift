import Engine

extension SSHFleet {
    /// Asks these nodes at once, each in one exec; one that cannot be asked does not keep the others from being heard.
    func ask(_ asks: [Ask], nodes: [NodeName]) async -> (facts: Facts, unreachable: [NodeName: LinkFailure]) {
        let probes = Dictionary(grouping: asks, by: \.node).mapValues { $0.map(\.probe) }
        var facts = Facts()
        var unreachable: [NodeName: LinkFailure] = [:]
        await withTaskGroup(of: (NodeName, Result<[Probe: Answer], LinkFailure>).self) { group in
            for node in nodes {
                group.addTask {
                    do throws(LinkFailure) {
                        return (
                            node, .success(try await self.survey(node, probes: probes[node] ?? [], steps: []).answers)
                        )
                    } catch {
                        return (node, .failure(error))
                    }
                }
            }
            for await (node, result) in group {
                switch result {
                case .success(let answers): for (probe, answer) in answers { facts[node, probe] = answer }
                case .failure(let failure): unreachable[node] = failure
                }
            }
        }
        return (facts, unreachable)
    }
}
