import Engine

/// Where the plan that an inventory gives is not the one that was saved.
enum PlanDifference: Sendable, Equatable, CustomStringConvertible {
    enum Change: Sendable, Equatable {
        case added
        case removed
        /// The fields that are otherwise, by their names in docs/plan-format.md.
        case changed([String])
    }

    case cluster(was: String, now: String)
    case order(was: String, now: String)
    case phase(String, Change)
    /// A whole node, added to the phase or removed from it.
    case node(phase: String, node: String, Change)
    case operation(phase: String, node: String, name: String, Change)

    var description: String {
        switch self {
        case .cluster(let was, let now): "the plan is for \(was), the inventory is of \(now)"
        case .order(let was, let now): "the plan is of the order \(was), not \(now)"
        case .phase(let phase, let change): "\(phase): \(change.words)"
        case .node(let phase, let node, let change): "\(phase) on \(node): \(change.words)"
        case .operation(let phase, let node, let name, let change): "\(phase) on \(node), \(name): \(change.words)"
        }
    }
}

extension PlanDifference.Change {
    fileprivate var words: String {
        switch self {
        case .added: "is new"
        case .removed: "is gone"
        case .changed(let fields): "differs in \(fields.joined(separator: ", "))"
        }
    }
}

extension PlanDifference {
    /// Compares the parts `phases` of two documents; empty only where they are the same.
    static func between(_ was: [JSONValue], _ now: [JSONValue]) -> [PlanDifference] {
        let old = Dictionary(was.map { (id($0), $0) }) { first, _ in first }
        var all: [PlanDifference] = []
        for phase in now {
            guard let old = old[id(phase)] else {
                all.append(.phase(id(phase), .added))
                continue
            }
            if old != phase { all += between(old, phase) }
        }
        let present = Set(now.map(id))
        all += was.map(id).filter { !present.contains($0) }.map { .phase($0, .removed) }
        if all.isEmpty, was != now { all = now.map { .phase(id($0), .changed(["place in the order"])) } }
        return all
    }

    private static func between(_ was: JSONValue, _ now: JSONValue) -> [PlanDifference] {
        let phase = id(now)
        let (old, new) = (texts(was["nodes"]), texts(now["nodes"]))
        let nodes =
            new.filter { !old.contains($0) }.map { PlanDifference.node(phase: phase, node: $0, .added) }
            + old.filter { !new.contains($0) }.map { .node(phase: phase, node: $0, .removed) }
        let both = Set(old).intersection(new)
        let operations = operations(of: phase, was, now).filter { $0.node.map(both.contains) ?? true }
        var fields = changedFields(was, now)
        // What is told of nodes and operations one by one; where no single operation differs their order does.
        if !nodes.isEmpty { fields.removeAll { ["nodes", "atOnce", "operations"].contains($0) } }
        if !operations.isEmpty { fields.removeAll { $0 == "operations" } }
        return (fields.isEmpty ? [] : [.phase(phase, .changed(fields))]) + nodes + operations
    }

    private var node: String? { if case .operation(_, let node, _, _) = self { node } else { nil } }

    private static func texts(_ value: JSONValue?) -> [String] { value?.list.compactMap(\.text) ?? [] }

    /// An operation is known by its node, its kind and what it is about; where that stands twice, by which of them it is.
    private struct OperationID: Hashable {
        let node: String
        let name: String
        let number: Int
    }

    private static func operations(of phase: String, _ was: JSONValue, _ now: JSONValue) -> [PlanDifference] {
        let (was, now) = (was["operations"]?.list ?? [], now["operations"]?.list ?? [])
        let (ids, newIDs) = (operationIDs(was), operationIDs(now))
        let old = Dictionary(zip(ids, was)) { first, _ in first }
        let present = Set(newIDs)
        func difference(_ id: OperationID, _ change: Change) -> PlanDifference {
            .operation(phase: phase, node: id.node, name: id.name, change)
        }
        var all: [PlanDifference] = []
        for (id, operation) in zip(newIDs, now) {
            guard let old = old[id] else {
                all.append(difference(id, .added))
                continue
            }
            if old != operation { all.append(difference(id, .changed(changedFields(old, operation)))) }
        }
        all += ids.filter { !present.contains($0) }.map { difference($0, .removed) }
        return all
    }

    private static func operationIDs(_ operations: [JSONValue]) -> [OperationID] {
        var counts: [OperationID: Int] = [:]
        return operations.map { operation in
            func text(_ key: String) -> String? { operation[key]?.text }
            let name = "\(text("kind") ?? "") \(text("path") ?? text("name") ?? "")"
            let id = OperationID(node: text("node") ?? "", name: name, number: 0)
            counts[id, default: 0] += 1
            return OperationID(node: id.node, name: name, number: counts[id, default: 1])
        }
    }

    private static func id(_ phase: JSONValue) -> String { phase["id"]?.text ?? "" }

    private static func changedFields(_ was: JSONValue, _ now: JSONValue) -> [String] {
        let keys = Set(was.object.keys).union(now.object.keys)
        return keys.filter { was[$0] != now[$0] }.sorted()
    }
}
