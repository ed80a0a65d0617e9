/// What somebody saw who asked for the same thing again and again: when it was not answered, and how closely he looked.
public struct Outage: Sendable, Equatable {
    /// One request, in milliseconds by the asker's own clock.
    public struct Request: Sendable, Equatable {
        public let begun: Int
        /// When the answer was there; nil: there was none.
        public let answered: Int?
    }

    /// In the order in which they were begun.
    private(set) public var requests: [Request] = []

    public init() {}

    /// Adds lines `BEGUN CODE SECONDS`: hundredths of a second, the status of HTTP (000: none), and how long it took.
    /// Anything else is left out; nothing that a node says can make the count wrong by more than that line.
    public mutating func add(_ text: some StringProtocol) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ")
            guard words.count == 3, let begun = Int(words[0]), (0...(1 << 40)).contains(begun),
                let code = Int(words[1]),
                let took = Double(words[2]), (0...3600).contains(took)
            else { continue }
            let milliseconds = Int((took * 1000).rounded())
            requests.append(Request(begun: begun * 10, answered: code == 200 ? begun * 10 + milliseconds : nil))
        }
        requests.sort { $0.begun < $1.begun }
    }

    public var asked: Int { requests.count }
    public var failed: Int { requests.count { $0.answered == nil } }

    /// The longest time from one answer to the next, where requests failed in between; nil where none failed.
    ///
    /// By answers and not by requests: one that was begun while nobody answered may be answered late.
    public var longestMilliseconds: Int? {
        guard let first = firstFailure else { return nil }
        let answers = requests.compactMap(\.answered).sorted()
        var longest = 0
        for (earlier, later) in zip(answers, answers.dropFirst()) where later - earlier > longest {
            if requests.contains(where: { $0.answered == nil && (earlier..<later).contains($0.begun) }) {
                longest = later - earlier
            }
        }
        // An end that was not seen: nobody has answered since.
        if let last = answers.last, let end = requests.last, end.answered == nil, end.begun >= last {
            longest = max(longest, end.begun - last)
        } else if answers.isEmpty, let end = requests.last {
            longest = end.begun - first
        }
        return longest
    }

    /// From the first request that failed to the last one; nil where none failed.
    public var disturbedMilliseconds: Int? {
        guard let first = firstFailure, let last = requests.last(where: { $0.answered == nil })?.begun else {
            return nil
        }
        return last - first
    }

    /// Whether the last request that is known was answered.
    public var isOver: Bool { requests.last?.answered != nil }

    /// How far apart the requests were begun, in the middle and at most; no finer than the asker's clock.
    public var spacingMilliseconds: (median: Int, most: Int)? {
        let gaps = zip(requests, requests.dropFirst()).map { $1.begun - $0.begun }.sorted()
        guard let most = gaps.last else { return nil }
        return (max(gaps[gaps.count / 2], gaps.first { $0 > 0 } ?? 0), most)
    }

    /// How many have been answered since the last one that failed, and for how long that goes.
    public var answeredSince: (count: Int, milliseconds: Int) {
        let since = requests.suffix(while: { $0.answered != nil })
        guard let first = since.first, let last = since.last else { return (0, 0) }
        return (since.count, last.begun - first.begun)
    }

    private var firstFailure: Int? { requests.first { $0.answered == nil }?.begun }
}

extension Array {
    fileprivate func suffix(while holds: (Element) -> Bool) -> ArraySlice<Element> {
        guard let last = lastIndex(where: { !holds($0) }) else { return self[...] }
        return self[(last + 1)...]
    }
}
