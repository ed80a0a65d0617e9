import Engine

/// Commands that must succeed; there is nothing to change.
struct Asking: Phase {
    let id: PhaseID
    let title = "Ask every host"
    let nodes: [NodeName]
    let commands: [[String]]

    func needs(_ node: NodeName) -> [Probe] { commands.map { .command($0) } }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let problems = needs(node).compactMap { probe in
            facts[node, probe]?.succeeded == true ? nil : Problem("\(probe) failed", fix: "look at the host")
        }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    func apply(_ node: NodeName) -> [Step] { [] }
}

/// Directories and files, then checks as the gate.
struct Converging: Phase {
    let id: PhaseID = "converge"
    let title = "Bring every host to the wanted state"
    let nodes: [NodeName]
    let specification: Specification

    func apply(_ node: NodeName) -> [Step] {
        guard let root = specification.workDirectories[node] else { return [] }
        return specification.directories.map { entry in
            Step(.directory(path: "\(root)/\(entry.path)", mode: entry.mode), because: "the work says so")
        }
            + specification.files.map { entry in
                Step(
                    .file(path: "\(root)/\(entry.path)", content: .text(entry.content), mode: entry.mode),
                    because: "the work says so")
            }
    }

    func gate(_ node: NodeName) -> Gate? {
        guard let root = specification.workDirectories[node] else { return nil }
        let checks = specification.checks.map { $0.below(root) }
        return Gate(
            waitingFor: "the checks to hold", asks: checks.map { Ask(node, $0.probe) }, deadlineSeconds: 30,
            lookAt: "the host"
        ) { facts in
            for check in checks {
                guard let answer = facts[node, check.probe] else { return .waiting("no answer yet") }
                guard check.holds(answer) else { return .waiting("\(check.probe) says: \(answer.lastLine)") }
            }
            return .holds
        }
    }
}

/// One large file, brought by the controller and verified on the host.
struct Pushing: Phase {
    let id: PhaseID = "push"
    let title = "Bring every host one large file"
    let nodes: [NodeName]
    let specification: Specification

    func apply(_ node: NodeName) -> [Step] {
        guard let root = specification.workDirectories[node] else { return [] }
        let binary = specification.binary
        let source = ArtifactSource(
            name: "k3s", origin: .localFile(path: binary.source), checksum: .pinned(binary.sha256))
        return [
            Step(
                .artifact(path: "\(root)/\(binary.path)", source: source, mode: binary.mode),
                because: "the work says so")
        ]
    }
}
