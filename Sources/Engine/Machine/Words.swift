extension Operation {
    /// A few words that name the operation, for progress and errors.
    public var summary: String {
        switch self {
        case .directory, .file, .link, .absent, .artifact, .unit, .object, .command: subject
        case .module(let name): "module \(name)"
        case .sysctl(let key, _): "sysctl \(key)"
        case .checkpoint(let checkpoint): checkpoint.windowSeconds == nil ? "checkpoint" : "guard"
        }
    }

    /// What it is about: a path, or a name.
    var subject: String {
        switch self {
        case .directory(let path, _), .file(let path, _, _), .link(let path, _), .absent(let path),
            .artifact(let path, _, _):
            path
        case .module(let name): name
        case .sysctl(let key, _): key
        case .unit(let unit): unit.name
        case .object(let object): object.name
        case .command(let command): command.name
        case .checkpoint(let checkpoint): checkpoint.phase.rawValue
        }
    }
}

extension [TaskID] {
    /// A few of them by name, and how many more.
    public var words: String {
        let named = prefix(4).map(\.description).joined(separator: ", ")
        return count > 4 ? "\(named) and \(count - 4) more" : named
    }
}

extension GuardState {
    /// Reads the line that the guard program prints; see templates/guard/guard.sh.
    ///
    /// `none`, `armed phase=P ...`, `firing phase=P ...`, `held phase=P ... rung=N ...`, `confirmed phase=P`, or
    /// `rolled-back phase=P at=EPOCH because=WORD left=none|WORDS`, each perhaps behind a refusal such as `too late: `.
    public init(line: String) {
        if line == "none" {
            self = .none
            return
        }
        let text = line.lines.last.map(String.init) ?? ""
        let all = text.words
        let words = all.drop { !["none", "armed", "firing", "held", "confirmed", "rolled-back"].contains($0) }
        func value(_ key: String) -> String? {
            let start = key.utf8.count
            return words.first { $0.utf8.starts(with: key.utf8) && $0.utf8.dropFirst(start).first == UInt8(ascii: "=") }
                .map { String($0.utf8.dropFirst(start + 1)) ?? "" }
        }
        let phase = PhaseID(value("phase") ?? "")
        switch words.first {
        case "none": self = .none
        case "armed" where text.hasPrefix("armed otherwise"):
            let other = all.last { $0.hasPrefix("phase=") }.map { String($0.dropFirst(6)) }
            self = .armedOtherwise(phase: PhaseID(other ?? ""))
        case "armed": self = .armed(phase: phase)
        case "firing": self = .firing(phase: phase)
        case "held": self = .held(phase: phase, rung: value("rung").flatMap { Int($0) } ?? 0)
        case "confirmed": self = .confirmed(phase: phase)
        case "rolled-back":
            let last = words.first { $0.hasPrefix("left=") }
            let left = last.map { text[$0.startIndex...].dropFirst(5) } ?? "nobody knows what"
            self = .rolledBack(
                Rollback(
                    phase: phase, atEpochSeconds: value("at").flatMap(Int.init), because: value("because") ?? "unknown",
                    left: left == "none" ? "" : String(left)))
        default: self = .failed(text.isEmpty ? "the guard did not answer" : text)
        }
    }
}

extension StringProtocol where SubSequence == Substring {
    /// By bytes: what a guard or a keeper prints is ASCII, and is read at every look at every node.
    var lines: [Substring] {
        utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.map { self[$0.startIndex..<$0.endIndex] }
    }
    var words: [Substring] { utf8.split(separator: UInt8(ascii: " ")).map { self[$0.startIndex..<$0.endIndex] } }
}
