import Engine

/// What systemd says of a unit.
struct UnitQuestion {
    let properties: [Substring: Substring]

    static func probe(_ unit: String) -> Probe { .unit(unit) }

    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        var properties: [Substring: Substring] = [:]
        for line in answer.output.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            properties[line[..<equals]] = line[line.index(after: equals)...]
        }
        self.properties = properties
    }

    /// Such as `active`, `failed` or `inactive`.
    var state: Substring { properties["ActiveState"] ?? "unknown" }
    var isLoaded: Bool { properties["LoadState"] == "loaded" }
    /// Running or on its way.
    var isActive: Bool { ["active", "activating", "reloading"].contains(properties["ActiveState"]) }
    /// Whether something is queued for it, such as a start anew that has not come to its end.
    var hasJob: Bool { !["", "0"].contains(properties["Job"] ?? "") }
    /// How often systemd has started it anew because it ended.
    var restarts: Int { properties["NRestarts"].flatMap { Int($0) } ?? 0 }
}
