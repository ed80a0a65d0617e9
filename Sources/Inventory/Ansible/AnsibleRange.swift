/// Names of hosts with Ansible's ranges: `node[01:20]`, `db-[a:f].example.org`, `n[1:9:2]`.
enum AnsibleRange {
    /// The names that the pattern stands for; nil where it is none, or stands for more than `limit`.
    static func names(_ pattern: String, limit: Int = AnsibleInventory.limit) -> [String]? {
        var names = [""]
        var rest = pattern[...]
        while let open = rest.firstIndex(of: "[") {
            let literal = rest[..<open]
            guard !literal.contains("]"), let close = rest[open...].firstIndex(of: "]"),
                let choices = choices(rest[rest.index(after: open)..<close], limit: limit),
                names.count * choices.count <= limit
            else { return nil }
            names = names.flatMap { name in choices.map { name + literal + $0 } }
            rest = rest[rest.index(after: close)...]
        }
        guard !rest.contains("]") else { return nil }
        return names.map { $0 + rest }
    }

    private static func choices(_ text: Substring, limit: Int) -> [String]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count) else { return nil }
        let step = parts.count == 3 ? Int(parts[2]) ?? 0 : 1
        guard step > 0, step < 1 << 20 else { return nil }
        if let first = letter(parts[0]), let last = letter(parts[1]), first <= last {
            return stride(from: first, through: last, by: step).map { String(UnicodeScalar($0)) }
        }
        // An empty beginning is 0.
        let low = parts[0].isEmpty ? "0" : parts[0]
        guard low.count <= 9, parts[1].count <= 9, let first = number(low), let last = number(parts[1]), first <= last,
            (last - first) / step < limit
        else { return nil }
        let isPadded = low.count > 1 && low.first == "0"
        guard !isPadded || low.count == parts[1].count else { return nil }
        return stride(from: first, through: last, by: step).map { number in
            let digits = String(number)
            return isPadded ? String(repeating: "0", count: max(0, low.count - digits.count)) + digits : digits
        }
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
    }

    private static func letter(_ text: Substring) -> UInt8? {
        guard text.utf8.count == 1, let byte = text.utf8.first else { return nil }
        return (97...122).contains(byte) || (65...90).contains(byte) ? byte : nil
    }
}
