/// What is wrong with a text that should be one YAML document.
public struct YAMLProblem: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case tooLarge(bytes: Int, limit: Int)
        case notUTF8
        case nulCharacter
        /// What libyaml did not understand, in its words.
        case syntax(String)
        /// A tab stands where indentation was expected.
        case tab
        case tooDeep(limit: Int)
        /// Aliases stand for more nodes than the limits allow.
        case aliasExpansion(limit: Int)
        case unknownAnchor(String)
        case recursiveAlias(String)
        case duplicateKey(String, first: Mark)
        case keyIsNoText
        case mergeKey
        case unknownTag(String)
        case severalDocuments
    }

    public var kind: Kind
    public var mark: Mark

    public init(_ kind: Kind, at mark: Mark) {
        self.kind = kind
        self.mark = mark
    }

    /// Whether the rest of the document could be read all the same.
    public var isRecoverable: Bool {
        switch kind {
        case .duplicateKey, .keyIsNoText, .mergeKey, .unknownTag, .severalDocuments: true
        case .tooLarge, .notUTF8, .nulCharacter, .syntax, .tab, .tooDeep, .aliasExpansion, .unknownAnchor,
            .recursiveAlias:
            false
        }
    }
}

extension YAMLProblem: CustomStringConvertible {
    /// What is wrong, without the place.
    public var description: String {
        switch kind {
        case .tooLarge(let bytes, let limit): "the text is \(bytes) bytes long, more than the \(limit) allowed"
        case .notUTF8: "the text is not UTF-8 here"
        case .nulCharacter: "the text has a NUL character here"
        case .syntax(let words): "not YAML: \(words)"
        case .tab: "a tab where YAML wants spaces"
        case .tooDeep(let limit): "nested more than \(limit) levels deep"
        case .aliasExpansion(let limit): "the aliases stand for more than \(limit) nodes"
        case .unknownAnchor(let name): "no anchor '&\(name)' stands before this alias"
        case .recursiveAlias(let name): "the alias '*\(name)' contains itself"
        case .duplicateKey(let key, let first):
            "key '\(key)' is already set at line \(first.line), column \(first.column)"
        case .keyIsNoText: "a key that is a list or a map"
        case .mergeKey: "merge key '<<'"
        case .unknownTag(let tag): "tag '\(tag)'"
        case .severalDocuments: "a second document starts here"
        }
    }
}

/// The problems of a document, at least one, in the order of their places.
public struct YAMLError: Error, Sendable, Hashable {
    public var file: String
    public var problems: [YAMLProblem]

    public init(file: String, problems: [YAMLProblem]) {
        self.file = file
        self.problems = problems
    }
}

extension YAMLError: CustomStringConvertible {
    public var description: String {
        problems.map { "\(file):\($0.mark): \($0)" }.joined(separator: "\n")
    }
}
