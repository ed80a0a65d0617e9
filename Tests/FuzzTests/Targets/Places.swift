import YAML

/// The places that a text has, counted as libyaml counts: in Unicode scalars, and with all of Unicode's line breaks.
struct Places {
    /// How many characters each line has.
    private var lengths = [0]

    init(_ bytes: [UInt8]) {
        var wasReturn = false
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x0a where wasReturn: break
            case 0x0a, 0x0d, 0x85, 0x2028, 0x2029: lengths.append(0)
            default: lengths[lengths.count - 1] += 1
            }
            wasReturn = scalar == "\r"
        }
    }

    /// A place may be just behind the end of a line, or of the text.
    func check(_ line: Int, _ column: Int, _ what: @autoclosure () -> String) throws(Broken) {
        try must(
            lengths.indices.contains(line - 1) && (1...(lengths[line - 1] + 1)).contains(column),
            "\(line):\(column) is no place in a text of \(lengths.count) lines: \(what())")
    }
}
