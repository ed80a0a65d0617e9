/// Why a text with brackets is no pattern of names or addresses.
enum RangeProblem: Error, Sendable, Hashable {
    case unbalanced
    case empty
    case backwards(String)
    case widthsDiffer(String)
    case notANumber(String)
    case tooMany(limit: Int)
}

/// A text with ranges and lists in brackets, such as `rack[1-2]-[01-20]` or `10.0.0.[1,7,9]`.
struct RangePattern: Sendable, Hashable {
    enum Piece: Sendable, Hashable {
        case literal(String)
        case choices([String])
    }

    /// How many texts a pattern may stand for.
    static let limit = 20_000

    private(set) var pieces: [Piece] = []
    let count: Int

    /// - Parameter radix: of the numbers in ranges, 16 for IPv6 addresses.
    init(_ text: String, radix: Int = 10) throws(RangeProblem) {
        var rest = text[...]
        var count = 1
        while let open = rest.firstIndex(of: "[") {
            let literal = rest[..<open]
            guard let close = rest[open...].firstIndex(of: "]"), !literal.contains("]") else { throw .unbalanced }
            if !literal.isEmpty { pieces.append(.literal(String(literal))) }
            let choices = try Self.choices(rest[rest.index(after: open)..<close], radix: radix)
            count *= choices.count
            guard count <= Self.limit else { throw .tooMany(limit: Self.limit) }
            pieces.append(.choices(choices))
            rest = rest[rest.index(after: close)...]
        }
        guard !rest.contains("]") else { throw .unbalanced }
        if !rest.isEmpty { pieces.append(.literal(String(rest))) }
        self.count = count
    }

    /// Every text that the pattern stands for; what stands rightmost changes fastest.
    var texts: [String] {
        pieces.reduce([""]) { texts, piece in
            switch piece {
            case .literal(let literal): texts.map { $0 + literal }
            case .choices(let choices): texts.flatMap { text in choices.map { text + $0 } }
            }
        }
    }

    private static func choices(_ text: Substring, radix: Int) throws(RangeProblem) -> [String] {
        var result: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let part = part.drop { $0 == " " }
            guard !part.isEmpty else { throw .empty }
            let bounds = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            if bounds.count == 1 {
                result.append(String(part))
            } else {
                result += try range(bounds[0], bounds[1], radix: radix)
            }
            guard result.count <= limit else { throw .tooMany(limit: limit) }
        }
        return result
    }

    private static func range(_ low: Substring, _ high: Substring, radix: Int) throws(RangeProblem) -> [String] {
        func number(_ text: Substring) throws(RangeProblem) -> Int {
            guard text.count <= 9, text.allSatisfy({ $0.isASCII && $0.isHexDigit }),
                let number = Int(text, radix: radix)
            else { throw .notANumber(String(text)) }
            return number
        }
        let (first, last) = (try number(low), try number(high))
        guard first <= last else { throw .backwards("\(low)-\(high)") }
        guard last - first < limit else { throw .tooMany(limit: limit) }
        let isPadded = low.count > 1 && low.first == "0" || high.count > 1 && high.first == "0"
        guard !isPadded || low.count == high.count else { throw .widthsDiffer("\(low)-\(high)") }
        return (first...last).map { number in
            let digits = String(number, radix: radix)
            return isPadded ? String(repeating: "0", count: low.count - digits.count) + digits : digits
        }
    }
}
