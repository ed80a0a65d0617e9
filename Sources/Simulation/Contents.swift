import Engine

/// What steps have made of one node; abstract, but whole: what is saved and put back is exactly this.
public struct Contents: Sendable, Equatable {
    public var files: [String: String] = [:]
    public var links: [String: String] = [:]
    public var directories: Set<String> = []
    public var modules: Set<String> = []
    public var settings: [String: String] = [:]
    public var units: [String: UnitState] = [:]
    public var objects: [String: String] = [:]
    public var commandsRun: [String] = []

    /// What a secret file holds in a simulation; no request may ever show it.
    public static let secretText = "the-secret-of-the-model"

    public init() {}

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
        case .file(let path, .secret, _): files[path] = Self.secretText
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
        case .checkpoint: break
        }
    }

    /// Puts back what this operation may have touched, as it is in `before`.
    mutating func restore(_ operation: Operation, from before: Contents) {
        switch operation {
        case .directory(let path, _), .file(let path, _, _), .link(let path, _), .absent(let path),
            .artifact(let path, _, _):
            files[path] = before.files[path]
            links[path] = before.links[path]
            if before.directories.contains(path) { directories.insert(path) } else { directories.remove(path) }
        case .module(let name): if !before.modules.contains(name) { modules.remove(name) }
        case .sysctl(let key, _): settings[key] = before.settings[key]
        case .unit(let unit): units[unit.name] = before.units[unit.name]
        case .object(let object): objects[object.name] = before.objects[object.name]
        case .command(let command): if !before.commandsRun.contains(command.name) { forget(command) }
        case .checkpoint: break
        }
    }

    private mutating func forget(_ command: Command) { commandsRun.removeAll { $0 == command.name } }
}
