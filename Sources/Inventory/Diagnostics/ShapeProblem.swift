import YAML

/// Keys and types that an inventory does not have.
enum ShapeProblem: InventoryProblem {
    case yaml(YAMLProblem)
    case unknownKey(String, owner: String, nearest: String?, known: [String])
    case missingKey(String, owner: String, example: String?)
    case missingAddress(node: String, kind: NodeKind, isPrimary: Bool)
    case wrongType(what: String, wanted: String, found: String)
    case notABoolean(what: String, text: String, isQuoted: Bool)
    case octalNumber(what: String, text: String)
    /// - `mayBeBoolean`: a boolean could stand here just as well.
    case ambiguousText(what: String, text: String, YAMLScalar.Surprise?, mayBeBoolean: Bool = false)
    case chooseOne(owner: String, choices: [String], found: [String])
    case outOfRange(what: String, text: String, wanted: String)
    case badChoice(what: String, text: String, choices: [String], nearest: String?)
    case unsupportedVersion(String)

    var code: DiagnosticCode {
        switch self {
        case .yaml(let problem): problem.kind.code
        case .unknownKey: .unknownKey
        case .missingKey: .missingKey
        case .missingAddress: .missingAddress
        case .wrongType: .wrongType
        case .notABoolean: .notABoolean
        case .octalNumber: .octalNumber
        case .ambiguousText: .ambiguousText
        case .chooseOne: .chooseOne
        case .outOfRange: .outOfRange
        case .badChoice: .badChoice
        case .unsupportedVersion: .unsupportedVersion
        }
    }
}

extension YAMLProblem.Kind {
    var code: DiagnosticCode {
        switch self {
        case .notUTF8, .nulCharacter: .notText
        case .syntax, .tab: .syntax
        case .tooLarge, .tooDeep, .aliasExpansion: .limit
        case .unknownAnchor, .recursiveAlias: .alias
        case .duplicateKey: .duplicateKey
        case .keyIsNoText: .keyIsNoText
        case .mergeKey: .mergeKey
        case .unknownTag: .unknownTag
        case .severalDocuments: .severalDocuments
        }
    }
}
