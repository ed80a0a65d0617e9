import Foundation

/// Texts that some reader could take for more than a text, made up from a seed: the same seed gives the same texts.
struct HostileText: RandomNumberGenerator {
    /// What failed is tried again with CLUSTERCTL_SEED set to the seed that the failure names.
    static let seed = ProcessInfo.processInfo.environment["CLUSTERCTL_SEED"].flatMap(UInt64.init) ?? 20_261_126

    private var state: UInt64
    init(seed: UInt64 = seed) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A file of this name anywhere means that a text was run.
    static let marker = "injected"

    private static let parts = [
        "'", "\"", "`", "\\", "\n", "\r", "\t", " ", "  ", "$", "$$", "${HOME}", "$(touch \(marker))",
        "`touch \(marker)`", ";touch \(marker);", "\ntouch \(marker)\n", "&&touch \(marker)&&", "|touch \(marker)|",
        ">\(marker)", "*", "?", "[a-z]*", "~", "~root", "-", "--", "-n", "-e", "--help", "#", "!", "!!", "(", ")", "{",
        "}", "<", "<<EOF\n", "EOF\n", "%s", "%n", "%", "\\n", "\\0", "\\c", "'\\''", "'\"'\"'", "{{x}}", "{{{x}}}", "=",
        ":", ": ", " #", ",", "&a ", "*a", "!!str ", "---\n", "- ", "? ", "| ", "> ", "@", "''", "\"\"", "\\\"", "\\'",
        "\\$(", "a", "Z", "0", "007", "1e3", "null", "yes", "true", "}\nclusterctl_program\n", "fi\n", "esac\n",
        // Combined with what stands before it, as one character; from right to left; what looks like nothing.
        "'\u{301}", "\"\u{20d0}", "$\u{301}", "\n\u{301}", "e\u{301}", "\u{202e}", "\u{200f}", "שלום", "\u{feff}",
        "\u{200b}", "é", "日本", "👩‍👩‍👧", "\u{10ffff}", "\u{fffe}", "\u{2028}", "\u{2029}",
        // Controls, and characters whose bytes some shells use for their own ends.
        "\u{1}", "\u{7}", "\u{8}", "\u{b}", "\u{c}", "\u{1b}[2J", "\u{1f}", "\u{7f}", "\u{80}", "\u{85}", "\u{9b}",
        "āĂăĄąĆćĈ", "\u{81}\u{88}",
    ]

    mutating func text() -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...8, using: &self) { text += Self.parts.randomElement(using: &self) ?? "" }
        return text
    }

    /// About 100 KB.
    mutating func longText() -> String {
        let piece = text() + "x"
        return String(repeating: piece, count: 100_000 / piece.utf8.count)
    }

    mutating func texts(_ count: Int) -> [String] { (0..<count).map { _ in text() } }

    /// Different texts that can be names in a directory.
    mutating func names(_ count: Int) -> [String] {
        var names: [String] = []
        var known: Set<[UInt8]> = [Array(".".utf8), Array("..".utf8)]
        while names.count < count {
            let name = text()
            if (1...200).contains(name.utf8.count), !name.utf8.contains(UInt8(ascii: "/")),
                known.insert(Array(name.utf8)).inserted
            {
                names.append(name)
            }
        }
        return names
    }
}
