import OrderedCollections
import YAML

// What a checked document holds, as typed values; nil where nothing stands or what stands there was reported.
extension YAMLNode {
    /// The text of any scalar but null.
    func text(_ form: TextForm) -> String? {
        guard let scalar, scalar.kind != .null, TextFormCheck.problem(scalar.text, form) == nil else { return nil }
        return scalar.text
    }

    var boolean: Bool? { scalar?.bool }
    var number: Int? { scalar?.int }
    var duration: Duration? { scalar.flatMap { DurationText.parse($0.text) } }
    var address: Located<IPAddress>? {
        scalar.flatMap { IPAddress($0.text) }.map { Located(value: $0, mark: mark) }
    }
    var network: Located<CIDR>? { scalar.flatMap { CIDR($0.text) }.map { Located(value: $0, mark: mark) } }

    /// The elements of a list, or this node alone if it is none.
    var oneOrMore: [YAMLNode] { list ?? [self] }

    func texts(_ form: TextForm) -> [String] { oneOrMore.compactMap { $0.text(form) } }

    func choice<T: RawRepresentable<String>>(_: T.Type) -> T? { scalar.flatMap { T(rawValue: $0.text) } }

    var taints: [Taint] { (list ?? []).compactMap { $0.scalar.flatMap { Taint($0.text) } } }

    var labels: OrderedDictionary<String, String> {
        var result: OrderedDictionary<String, String> = [:]
        for entry in entries ?? [] { result[entry.key] = entry.value.scalar?.text }
        return result
    }

    var freeForm: OrderedDictionary<String, YAMLValue> {
        var result: OrderedDictionary<String, YAMLValue> = [:]
        for entry in entries ?? [] { result[entry.key] = YAMLValue(entry.value) }
        return result
    }
}

extension NodeSettings {
    /// What the map of a node, or of defaults, says.
    init(_ node: YAMLNode) {
        for entry in node.entries ?? [] {
            let value = entry.value
            marks[entry.key] = value.mark
            switch entry.key {
            case "ssh": ssh = SSHSettings(value)
            case "manage": management = value.choice(Management.self)
            case "os": os = value.text(.operatingSystem).map(OperatingSystemHint.init)
            case "arch": architecture = value.choice(Architecture.self)
            case "ephemeral": ephemeral = value.boolean
            case "labels": labels = value.labels
            case "taints": taints = value.taints
            case "k3s": k3s = value.freeForm
            case "profile": profile = value.choice(ProfileName.self)
            case "guard": takeGuard(value)
            case "excludedDevices": excludedDevices = value.texts(.device)
            case "hostFirewall": hostFirewall = value.boolean
            case "deadlineFactor": deadlineFactor = value.scalar?.double
            case "outOfBand": outOfBand = OutOfBand(value)
            case "interfaces": interfaces = OrderedDictionary(value)
            default: break
            }
        }
    }

    private mutating func takeGuard(_ value: YAMLNode) {
        if let isOn = value.boolean {
            guardChoice = isOn ? .on : .off
        } else if value.entries != nil {
            guardChoice = .on
            takeGuardSettings(value)
        }
    }

    mutating func takeGuardSettings(_ value: YAMLNode?) {
        guardWindow = value?["window"]?.duration ?? guardWindow
        guardReboot = value?["reboot"]?.boolean ?? guardReboot
    }
}
