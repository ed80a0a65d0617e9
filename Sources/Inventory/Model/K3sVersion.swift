/// A K3s release such as `v1.35.7+k3s1`.
public struct K3sVersion: Sendable, Hashable {
    public var major: Int
    public var minor: Int
    public var patch: Int
    public var k3sRevision: Int
    /// What stands before `+` for a release candidate, such as `rc1` in `v1.35.7-rc1+k3s1`.
    public var candidate: String?

    public init(major: Int, minor: Int, patch: Int, k3sRevision: Int, candidate: String? = nil) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.k3sRevision = k3sRevision
        self.candidate = candidate
    }

    /// The oldest release that clusterctl installs.
    public static let oldest = K3sVersion(major: 1, minor: 29, patch: 0, k3sRevision: 1)

    /// The release written in `text`, or nil if it has not the form `v1.2.3+k3s1` or `v1.2.3-rc1+k3s1`.
    public init?(_ text: String) {
        let halves = text.split(separator: "+", omittingEmptySubsequences: false)
        guard text.first == "v", halves.count == 2, halves[1].hasPrefix("k3s"),
            let revision = K3sVersion.number(halves[1].dropFirst(3))
        else { return nil }
        let release = halves[0].dropFirst().split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = release[0].split(separator: ".", omittingEmptySubsequences: false).map(K3sVersion.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
            return nil
        }
        self.init(major: major, minor: minor, patch: patch, k3sRevision: revision)
        if release.count == 2 {
            guard release[1].hasPrefix("rc"), K3sVersion.number(release[1].dropFirst(2)) != nil else { return nil }
            candidate = String(release[1])
        }
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.count <= 6, text.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        return text == "0" || text.first != "0" ? Int(text) : nil
    }
}

extension K3sVersion: Comparable, CustomStringConvertible {
    /// By number; a candidate comes before its release.
    public static func < (left: K3sVersion, right: K3sVersion) -> Bool {
        if left.release != right.release { return left.release.lexicographicallyPrecedes(right.release) }
        if (left.candidate == nil) != (right.candidate == nil) { return left.candidate != nil }
        if left.candidateNumber != right.candidateNumber { return left.candidateNumber < right.candidateNumber }
        return left.k3sRevision < right.k3sRevision
    }

    private var release: [Int] { [major, minor, patch] }
    private var candidateNumber: Int { candidate.flatMap { Int($0.dropFirst(2)) } ?? 0 }

    /// Whether it is of a later minor version: whose data the other's programs need not understand.
    public func isMinorAfter(_ other: K3sVersion) -> Bool {
        [other.major, other.minor].lexicographicallyPrecedes([major, minor])
    }

    public var description: String {
        "v\(major).\(minor).\(patch)\(candidate.map { "-" + $0 } ?? "")+k3s\(k3sRevision)"
    }

    /// The tag as it stands in the path of a download address.
    public var releaseTagPercentEncoded: String {
        description.split(separator: "+").joined(separator: "%2B")
    }

    /// The minor release, such as `1.35`.
    public var minorText: String { "\(major).\(minor)" }
}
