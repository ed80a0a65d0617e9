/// What a text may cost to read.
public struct YAMLLimits: Sendable, Hashable {
    public var sizeBytes: Int
    public var depth: Int
    /// How many nodes the document may have with every alias written out.
    public var expandedNodes: Int
    /// How many times as many nodes as the text has; small documents (under 10,000 nodes expanded) are exempt.
    public var expansionRatio: Int

    public init(
        sizeBytes: Int = 16 << 20, depth: Int = 64, expandedNodes: Int = 1_000_000, expansionRatio: Int = 50
    ) {
        self.sizeBytes = sizeBytes
        self.depth = depth
        self.expandedNodes = expandedNodes
        self.expansionRatio = expansionRatio
    }

    public static let standard = YAMLLimits()
}

/// One parsed YAML document whose mappings have distinct keys.
public struct YAMLDocument: Sendable, Hashable {
    public var file: String
    /// An empty document is a null at its start.
    public var root: YAMLNode

    /// The document in `text`, or all that is wrong with it.
    public static func parse(
        _ text: String, file: String, limits: YAMLLimits = .standard
    ) throws(YAMLError) -> YAMLDocument {
        try parse(Array(text.utf8), file: file, limits: limits)
    }

    /// The document in the UTF-8 `bytes`, or all that is wrong with it.
    public static func parse(
        _ bytes: [UInt8], file: String, limits: YAMLLimits = .standard
    ) throws(YAMLError) -> YAMLDocument {
        let (document, problems) = read(bytes, file: file, limits: limits)
        guard problems.isEmpty, let document else { throw YAMLError(file: file, problems: problems) }
        return document
    }

    /// As much of the document as could be read, with what is wrong with it.
    ///
    /// A document comes back if every problem is recoverable: of a duplicate key the first value is kept, what cannot
    /// be used is left out.
    public static func read(
        _ bytes: [UInt8], file: String, limits: YAMLLimits = .standard
    ) -> (document: YAMLDocument?, problems: [YAMLProblem]) {
        if let problem = TextCheck.problem(in: bytes, limits: limits) { return (nil, [problem]) }
        return bytes.withUnsafeBufferPointer { buffer in
            let source = EventSource(buffer)
            defer { source.close() }
            var composer = Composer(source: source, limits: limits)
            do throws(YAMLProblem) {
                let root = try composer.document()
                return (YAMLDocument(file: file, root: root), composer.problems.sorted { $0.mark < $1.mark })
            } catch {
                return (nil, (composer.problems + [error]).sorted { $0.mark < $1.mark })
            }
        }
    }

    /// Every document of a text that may have several, such as Kubernetes objects, with what is wrong with them.
    ///
    /// After a problem that is not recoverable, the documents before it come back.
    public static func readAll(
        _ bytes: [UInt8], file: String, limits: YAMLLimits = .standard
    ) -> (documents: [YAMLDocument], problems: [YAMLProblem]) {
        if let problem = TextCheck.problem(in: bytes, limits: limits) { return ([], [problem]) }
        return bytes.withUnsafeBufferPointer { buffer in
            let source = EventSource(buffer)
            defer { source.close() }
            var composer = Composer(source: source, limits: limits)
            let roots = composer.documents()
            return (
                roots.map { YAMLDocument(file: file, root: $0) }, composer.problems.sorted { $0.mark < $1.mark }
            )
        }
    }
}

/// What can be refused before any parsing.
enum TextCheck {
    static func problem(in bytes: [UInt8], limits: YAMLLimits) -> YAMLProblem? {
        if bytes.count > limits.sizeBytes {
            return YAMLProblem(.tooLarge(bytes: bytes.count, limit: limits.sizeBytes), at: Mark(line: 1, column: 1))
        }
        if String(validating: bytes, as: UTF8.self) == nil {
            return YAMLProblem(.notUTF8, at: mark(atOffset: validPrefix(bytes), in: bytes))
        }
        if let offset = bytes.firstIndex(of: 0) {
            return YAMLProblem(.nulCharacter, at: mark(atOffset: offset, in: bytes))
        }
        return nil
    }

    /// The place of a byte as libyaml counts: columns in Unicode scalars, and all of Unicode's line breaks.
    ///
    /// - Parameter offset: all before it is UTF-8.
    static func mark(atOffset offset: Int, in bytes: some Collection<UInt8>) -> Mark {
        var mark = Mark(line: 1, column: 1)
        var iterator = bytes.prefix(offset).makeIterator()
        var decoder = UTF8()
        var isAfterReturn = false
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            switch scalar {
            case "\n" where isAfterReturn: break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": mark = Mark(line: mark.line + 1, column: 1)
            default: mark.column += 1
            }
            isAfterReturn = scalar == "\r"
        }
        return mark
    }

    private static func validPrefix(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var count = 0
        while case .valid(let scalar) = decoder.parseScalar(from: &iterator) {
            count += scalar.count
        }
        return count
    }
}
