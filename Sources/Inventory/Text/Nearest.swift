/// Finds what somebody may have meant who wrote something unknown.
enum Nearest {
    /// The candidate that is closest to `text`, or nil if none is close enough to be suggested.
    ///
    /// Upper and lower case count as equal; a candidate that ends in `text` is taken where none is a typo away.
    static func match(_ text: String, in candidates: some Collection<String>) -> String? {
        let wanted = Array(text.lowercased().utf8.prefix(64))
        let allowed = max(1, min(3, wanted.count / 3))
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let letters = Array(candidate.lowercased().utf8)
            guard abs(letters.count - wanted.count) <= allowed else { continue }
            let distance = distance(wanted, letters)
            if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
        }
        if let best { return best.candidate }
        guard wanted.count >= 4 else { return nil }
        let endings = candidates.filter { $0.lowercased().hasSuffix(text.lowercased()) }
        return endings.min { ($0.count, $0) < ($1.count, $1) }
    }

    /// The Damerau-Levenshtein distance in its restricted form: a swap of neighbours counts once.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 0..<left.count {
            var row = [i + 1]
            row.reserveCapacity(right.count + 1)
            for j in 0..<right.count {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[right.count]
    }
}
