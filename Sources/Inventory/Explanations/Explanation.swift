/// The page behind a code: what `explain` prints, and what SARIF carries as help. The pages stand in the files beside
/// this one, by area.
public struct Explanation: Sendable {
    public let code: DiagnosticCode
    /// A line without a full stop.
    public let title: String
    public let happens: String
    /// How it shows where nobody was told.
    public let looks: String
    public let instead: String
    /// Upstream project and file or page.
    public let source: String

    init(
        _ code: DiagnosticCode, _ title: String, happens: String, looks: String, instead: String, source: String
    ) {
        self.code = code
        self.title = title
        self.happens = happens
        self.looks = looks
        self.instead = instead
        self.source = source
    }

    /// Every page, in the order of the codes.
    public static let all: [Explanation] = {
        let pages =
            yaml + inventory + nodes + interfaces + network + datapath + dns + k3s + cilium + addons + bgp + routes
            + ansible
        return DiagnosticCode.allCases.compactMap { code in pages.first { $0.code == code } }
    }()

    /// A test holds that every code has a page.
    public static func of(_ code: DiagnosticCode) -> Explanation? { all.first { $0.code == code } }
}

extension Explanation {
    /// The page as plain text, a dozen lines.
    public var text: String {
        let parts = [
            ("What happens", happens), ("How it looks", looks), ("What to write instead", instead), ("Source", source),
        ]
        let head = "\(code.rawValue) (\(code.severity.rawValue)): \(title)\n"
        return parts.reduce(head) { $0 + "\n\($1.0)\n" + Explanation.wrapped($1.1, indent: "  ") }
    }

    private static func wrapped(_ text: String, indent: String, width: Int = 100) -> String {
        var lines = [indent]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count >= width { lines.append(indent) }
            let isFirst = lines[lines.count - 1] == indent
            lines[lines.count - 1] += (isFirst ? "" : " ") + word
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Every code with a line, as a table of Markdown: a part of docs/lint.md.
    public static var markdownTable: String {
        let rows = all.map { page in
            let title = page.title.replacing("|", with: "\\|").replacing("<", with: "\\<")
            return "| `\(page.code.rawValue)` | \(page.code.severity.rawValue) | \(title) |\n"
        }
        return "| code | severity | what it is |\n| --- | --- | --- |\n" + rows.joined()
    }
}

extension DiagnosticCode {
    /// The codes that somebody may have meant who wrote something else: near in letters, or with the word in them.
    public static func near(_ text: String) -> [DiagnosticCode] {
        let wanted = text.lowercased()
        let names = allCases.map(\.rawValue)
        let nearest = Nearest.match(wanted, in: names) ?? Nearest.match(wanted, in: names.map(\.withoutArea))
        let others = names.filter { wanted.count >= 3 && $0.contains(wanted) }
        let found = names.filter { $0 == nearest || $0.withoutArea == nearest || others.contains($0) }
        return found.prefix(8).compactMap(DiagnosticCode.init)
    }
}

extension String {
    fileprivate var withoutArea: String { String(split(separator: ".", maxSplits: 1).last ?? "") }
}
