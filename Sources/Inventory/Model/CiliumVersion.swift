/// A release of Cilium such as `1.19.4`, or `1.20.0-rc.1`.
public struct CiliumVersion: Sendable, Hashable {
    public let major: Int
    public let minor: Int
    public let patch: Int
    /// What stands behind the numbers, such as `rc.1`; empty for a release.
    public let suffix: String

    /// The release written in `text`, with or without a leading `v`; nil where that is none.
    public init?(_ text: some StringProtocol) {
        let plain = text.hasPrefix("v") ? String(text.dropFirst()) : String(text)
        let parts = plain.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(CiliumVersion.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2],
            parts.count == 1 || CiliumVersion.isSuffix(parts[1])
        else { return nil }
        (self.major, self.minor, self.patch) = (major, minor, patch)
        suffix = parts.count == 2 ? String(parts[1]) : ""
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.count <= 6, text.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        return Int(text)
    }

    private static func isSuffix(_ text: Substring) -> Bool {
        (1...20).contains(text.count) && text.first != "."
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") }
    }

    /// Whether both are of one minor release.
    public func isSameMinor(as other: CiliumVersion) -> Bool { major == other.major && minor == other.minor }

    /// The minor release, such as `1.19`.
    public var minorText: String { "\(major).\(minor)" }
}

extension CiliumVersion: Comparable, CustomStringConvertible {
    /// By number; what has a suffix comes before its release, and suffixes by their letters.
    public static func < (left: CiliumVersion, right: CiliumVersion) -> Bool {
        if left.numbers != right.numbers { return left.numbers.lexicographicallyPrecedes(right.numbers) }
        if left.suffix.isEmpty != right.suffix.isEmpty { return !left.suffix.isEmpty }
        return left.suffix < right.suffix
    }

    private var numbers: [Int] { [major, minor, patch] }

    public var description: String { "\(major).\(minor).\(patch)\(suffix.isEmpty ? "" : "-" + suffix)" }
}
