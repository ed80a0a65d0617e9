/// A table for people: columns as wide as they need to be, two spaces between them, nothing behind the last word.
enum TextTable {
    static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { cells in
            var line = Substring(zip(cells, widths).map { $0.padded(to: $1) }.joined(separator: "  "))
            while line.last == " " { line.removeLast() }
            return String(line)
        }
    }

    static func text(_ head: [String], _ rows: [[String]]) -> String {
        lines(head, rows).map { $0 + "\n" }.joined()
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
