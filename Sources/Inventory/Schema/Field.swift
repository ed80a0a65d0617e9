/// One key of the inventory: the reader, the JSON Schema and the reference page are all made from it.
struct Field: Sendable {
    var name: String
    var type: FieldType
    /// One sentence, without the full stop.
    var summary: String
    var isRequired = false
    /// A missing key is reported by a check that knows more than the description.
    var isMissedElsewhere = false
    /// What holds if the key is left out, in words or as YAML.
    var standard: String?
    var example: String?

    init(
        _ name: String, _ type: FieldType, _ summary: String, required: Bool = false, missedElsewhere: Bool = false,
        standard: String? = nil, example: String? = nil
    ) {
        self.name = name
        self.type = type
        self.summary = summary
        isRequired = required
        isMissedElsewhere = missedElsewhere
        self.standard = standard
        self.example = example
    }
}

/// What a key may hold.
indirect enum FieldType: Sendable {
    case text(TextForm)
    case boolean
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case duration(ClosedRange<Duration>)
    case choice([String])
    case list(FieldType)
    /// A list with at least one element.
    case nonEmptyList(FieldType)
    /// One value, or a list of such values.
    case oneOrMore(FieldType)
    case object(ObjectType)
    /// The user's own keys.
    case map(keys: TextForm, values: FieldType)
    case free(FreeForm)
    /// Alternatives that are told apart by their shape: boolean, other scalar, list or map.
    case either([FieldType])
    /// Where a secret comes from, which itself must not stand there.
    case secret(SecretKind)
}

/// A map with a fixed set of keys.
struct ObjectType: Sendable {
    /// How diagnostics and the reference call it, such as `ssh settings`.
    var name: String
    var fields: [Field]
    /// Exactly one of the fields must be there.
    var isChoice = false
    /// Groups of fields of which at most one may be there.
    var exclusive: [[String]] = []

    init(_ name: String, choice: Bool = false, exclusive: [[String]] = [], _ fields: [Field]) {
        self.name = name
        self.fields = fields
        isChoice = choice
        self.exclusive = exclusive
    }

    func field(_ name: String) -> Field? { fields.first { $0.name == name } }
}

/// What a secret opens.
enum SecretKind: Sendable, Hashable {
    case token, password, passphrase, becomePassword, bgpPassword

    /// What stands in place of a reference where a person is to be asked.
    static let asked = "ask"

    /// Token and BGP password outlive the run, and nobody knows them by heart.
    var mayBeAsked: Bool { self != .token && self != .bgpPassword }
}

/// A part whose keys belong to other software.
enum FreeForm: Sendable, Hashable {
    case k3sServer
    case k3sAgent
    case ciliumValues
    case chartValues
}

extension FieldType {
    /// What diagnostics say is wanted, with its article.
    var wanted: String {
        switch self {
        case .text(let form): form.wanted
        case .boolean: "true or false"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .duration: "a duration such as 20s, 5m or 1h"
        case .choice(let choices): "one of " + choices.joined(separator: ", ")
        case .list: "a list"
        case .nonEmptyList: "a list that is not empty"
        case .oneOrMore(let type): type.wanted + ", or a list of those"
        case .object(let object): "a map (\(object.name))"
        case .map, .free: "a map"
        case .either(let types): types.map(\.wanted).joined(separator: ", or ")
        case .secret(let kind): (kind.mayBeAsked ? "ask, or " : "") + "a map (\(InventoryFields.secret.name))"
        }
    }
}
