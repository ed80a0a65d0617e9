/// Divides what a command on a terminal wrote into its output and, after a marker, its errors.
struct TerminalOutput: Sendable {
    private let marker: [UInt8]
    /// The beginning of what may be the marker.
    private var held: [UInt8] = []
    private var isAtErrors = false
    private(set) var errors: BoundedOutput

    init(marker: String, errorLimitBytes: Int) {
        self.marker = Array("\n\(marker)\n".utf8)
        errors = BoundedOutput(limitBytes: errorLimitBytes)
    }

    /// Keeps the errors among the next bytes and gives the rest.
    mutating func take(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if isAtErrors {
            errors.append(bytes)
            return []
        }
        let all = held + bytes
        held = []
        var start = all.startIndex
        while let newline = all[start...].firstIndex(of: 10) {
            let rest = all[newline...]
            if rest.starts(with: marker) {
                isAtErrors = true
                errors.append(rest.dropFirst(marker.count))
                return all[..<newline]
            }
            if marker.starts(with: rest) {
                held = Array(rest)
                return all[..<newline]
            }
            start = newline + 1
        }
        return all[...]
    }

    /// What was held back, when nothing follows any more.
    mutating func end() -> ArraySlice<UInt8> {
        defer { held = [] }
        return held[...]
    }
}
