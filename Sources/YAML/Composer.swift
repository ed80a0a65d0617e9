/// Builds nodes from events within limits, and collects what it can go on after.
struct Composer {
    private let source: EventSource
    private let limits: YAMLLimits
    private var anchors: [String: YAMLNode] = [:]
    private var openAnchors: Set<String> = []
    /// Nodes that the text spells out.
    private var writtenNodes = 0
    /// Nodes that aliases stand for.
    private var aliasedNodes = 0
    private(set) var problems: [YAMLProblem] = []

    init(source: EventSource, limits: YAMLLimits) {
        self.source = source
        self.limits = limits
    }

    mutating func document() throws(YAMLProblem) -> YAMLNode {
        _ = try source.next()
        var event = try source.next()
        guard case .documentStart = event.kind else {
            return YAMLNode(content: .scalar(YAMLScalar(text: "", style: .plain)), mark: event.mark)
        }
        let root = try node(try source.next(), depth: 1)
        _ = try source.next()
        event = try source.next()
        if case .documentStart = event.kind { problems.append(YAMLProblem(.severalDocuments, at: event.mark)) }
        return root
    }

    /// Every document up to the end, or up to a problem that ends reading, which then is among the problems.
    mutating func documents() -> [YAMLNode] {
        var roots: [YAMLNode] = []
        do throws(YAMLProblem) {
            _ = try source.next()
            while case .documentStart = try source.next().kind {
                anchors = [:]
                roots.append(try node(try source.next(), depth: 1))
                _ = try source.next()
            }
        } catch {
            problems.append(error)
        }
        return roots
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLProblem) -> YAMLNode {
        if depth > limits.depth { throw YAMLProblem(.tooDeep(limit: limits.depth), at: event.mark) }
        writtenNodes += 1
        switch event.kind {
        case .scalar(let scalar, let anchor, let tag):
            check(tag, at: event.mark)
            return keep(YAMLNode(content: .scalar(scalar), mark: event.mark), as: anchor)
        case .alias(let name):
            return try aliased(name, at: event.mark)
        case .listStart(let anchor, let tag):
            check(tag, at: event.mark)
            let list = try open(anchor) { (composer) throws(YAMLProblem) in try composer.elements(depth: depth) }
            return keep(YAMLNode(content: .list(list), mark: event.mark), as: anchor)
        case .mapStart(let anchor, let tag):
            check(tag, at: event.mark)
            let entries = try open(anchor) { (composer) throws(YAMLProblem) in try composer.entries(depth: depth) }
            return keep(YAMLNode(content: .map(entries), mark: event.mark), as: anchor)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .listEnd, .mapEnd:
            throw YAMLProblem(.syntax("the document ends too early"), at: event.mark)
        }
    }

    private mutating func elements(depth: Int) throws(YAMLProblem) -> [YAMLNode] {
        var result: [YAMLNode] = []
        while true {
            let event = try source.next()
            if case .listEnd = event.kind { return result }
            result.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func entries(depth: Int) throws(YAMLProblem) -> [YAMLEntry] {
        var result: [YAMLEntry] = []
        var places: [String: Mark] = [:]
        while true {
            let event = try source.next()
            if case .mapEnd = event.kind { return result }
            let key = try node(event, depth: depth + 1)
            let value = try node(try source.next(), depth: depth + 1)
            guard case .scalar(let scalar) = key.content else {
                problems.append(YAMLProblem(.keyIsNoText, at: event.mark))
                continue
            }
            if scalar.text == "<<", scalar.style == .plain {
                problems.append(YAMLProblem(.mergeKey, at: event.mark))
            } else if let first = places[scalar.text] {
                problems.append(YAMLProblem(.duplicateKey(scalar.text, first: first), at: event.mark))
            } else {
                places[scalar.text] = event.mark
                result.append(YAMLEntry(key: scalar.text, mark: event.mark, value: value))
            }
        }
    }

    private mutating func open<T>(
        _ anchor: String?, _ body: (inout Composer) throws(YAMLProblem) -> T
    ) throws(YAMLProblem) -> T {
        guard let anchor else { return try body(&self) }
        openAnchors.insert(anchor)
        let result = try body(&self)
        openAnchors.remove(anchor)
        return result
    }

    private mutating func keep(_ node: YAMLNode, as anchor: String?) -> YAMLNode {
        if let anchor { anchors[anchor] = node }
        return node
    }

    private mutating func aliased(_ name: String, at mark: Mark) throws(YAMLProblem) -> YAMLNode {
        if openAnchors.contains(name) { throw YAMLProblem(.recursiveAlias(name), at: mark) }
        guard let node = anchors[name] else { throw YAMLProblem(.unknownAnchor(name), at: mark) }
        aliasedNodes += node.weight
        let total = writtenNodes + aliasedNodes
        let limit = min(limits.expandedNodes, max(10_000, limits.expansionRatio * writtenNodes))
        if total > limit { throw YAMLProblem(.aliasExpansion(limit: limit), at: mark) }
        return node
    }

    private mutating func check(_ tag: String?, at mark: Mark) {
        guard let tag else { return }
        let known = ["str", "int", "float", "bool", "null", "map", "seq"].map { "tag:yaml.org,2002:" + $0 }
        if !known.contains(tag) { problems.append(YAMLProblem(.unknownTag(tag), at: mark)) }
    }
}
