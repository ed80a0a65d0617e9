import Engine

/// A fleet in memory: nodes that keep what steps do to them, and answer probes by rules that a test gives.
///
/// It performs the run machine's requests at once and in order, with a clock of its own that jumps to the next timer
/// when nothing else is left to do. Seeds, faults and invariant checkers are built on this seam.
public struct MemoryFleet: Sendable {
    /// What is on one node.
    public struct Host: Sendable, Equatable {
        public var files: [String: String] = [:]
        public var links: [String: String] = [:]
        public var directories: Set<String> = []
        public var modules: Set<String> = []
        public var settings: [String: String] = [:]
        public var units: [String: UnitState] = [:]
        public var objects: [String: String] = [:]
        public var commandsRun: [String] = []
        public var guardState = GuardState.none
        /// What a rollback puts back: the host as it was when the guard was armed.
        var saved: [Host] = []
        /// Whether new connections reach it.
        public var isReachable = true

        public init() {}
    }

    public var hosts: [NodeName: Host]
    /// How probes are answered; by what is on the node.
    public var answer: @Sendable (NodeName, Probe, Host) -> Answer
    /// Called after a step was performed: what a fault does.
    public var afterStep: @Sendable (NodeName, Step, inout Host) -> Void
    /// Steps that fail, with what they say.
    public var failing: @Sendable (NodeName, Step) -> Answer?

    public init(
        _ nodes: [NodeName], answer: @escaping @Sendable (NodeName, Probe, Host) -> Answer,
        afterStep: @escaping @Sendable (NodeName, Step, inout Host) -> Void = { _, _, _ in },
        failing: @escaping @Sendable (NodeName, Step) -> Answer? = { _, _ in nil }
    ) {
        hosts = Dictionary(uniqueKeysWithValues: nodes.map { ($0, Host()) })
        self.answer = answer
        self.afterStep = afterStep
        self.failing = failing
    }
}

extension MemoryFleet.Host {
    /// Whether the step would change nothing.
    func isDone(_ operation: Operation) -> Bool {
        switch operation {
        case .directory(let path, _): directories.contains(path)
        case .file(let path, .text(let text), _): files[path] == text
        case .file(let path, .secret, _): files[path] != nil
        case .link(let path, let target): links[path] == target
        case .absent(let path): files[path] == nil && links[path] == nil && !directories.contains(path)
        case .artifact(let path, let source, _): files[path] == source.name
        case .module(let name): modules.contains(name)
        case .sysctl(let key, let value): settings[key] == value
        case .unit(let unit): units[unit.name] == unit
        case .object(let object): objects[object.name] == object.digest
        case .command(let command): command.unless != nil && commandsRun.contains(command.name)
        case .checkpoint: true
        }
    }

    mutating func perform(_ operation: Operation) {
        switch operation {
        case .directory(let path, _): directories.insert(path)
        case .file(let path, .text(let text), _): files[path] = text
        case .file(let path, .secret, _): files[path] = "(secret)"
        case .link(let path, let target): links[path] = target
        case .absent(let path):
            files[path] = nil
            links[path] = nil
            directories.remove(path)
        case .artifact(let path, let source, _): files[path] = source.name
        case .module(let name): modules.insert(name)
        case .sysctl(let key, let value): settings[key] = value
        case .unit(let unit): units[unit.name] = unit
        case .object(let object): objects[object.name] = object.digest
        case .command(let command): commandsRun.append(command.name)
        case .checkpoint(let checkpoint): arm(checkpoint)
        }
    }

    private mutating func arm(_ checkpoint: Checkpoint) {
        if saved.isEmpty { saved = [self] }
        guardState = .armed(phase: checkpoint.phase)
    }

    /// Everything is as it was at the checkpoint; what was saved is gone with it.
    mutating func rollBack() {
        guard var before = saved.first else { return }
        guard case .armed(let phase) = guardState else { return }
        before.guardState = .rolledBack(Rollback(phase: phase, because: "deadline"))
        self = before
    }
}
