/// One thing that is wrong or questionable in an inventory, with why it matters and what to write instead.
public struct Diagnostic: Sendable, Hashable {
    public enum Severity: String, Sendable, Hashable {
        case error
        case warning
    }

    public var severity: Severity
    public var code: DiagnosticCode
    public var place: SourcePlace
    public var message: String
    public var why: String
    public var fix: String
}

extension Diagnostic: CustomStringConvertible {
    /// Three lines: place and message, why, fix.
    public var description: String {
        "\(place): \(severity.rawValue): \(message) [\(code.rawValue)]\n  why: \(why)\n  fix: \(fix)"
    }
}

/// All that was found in an inventory, in the order of the places.
public struct Diagnostics: Error, Sendable, Hashable {
    public let all: [Diagnostic]

    init(_ all: [Diagnostic]) {
        var seen: Set<Diagnostic> = []
        self.all = all.filter { seen.insert($0).inserted }
            .sorted { ($0.place, $0.code.rawValue, $0.message) < ($1.place, $1.code.rawValue, $1.message) }
    }

    public var errors: [Diagnostic] { all.filter { $0.severity == .error } }
    public var warnings: [Diagnostic] { all.filter { $0.severity == .warning } }
    public var isEmpty: Bool { all.isEmpty }
}

extension Diagnostics: CustomStringConvertible {
    public var description: String { all.map(\.description).joined(separator: "\n") }
}

/// What a problem is called and how it is told; the cases hold data, the words stand in files of their own.
protocol InventoryProblem {
    var code: DiagnosticCode { get }
    var words: Words { get }
}

/// The three texts of a diagnostic, none with a full stop.
struct Words {
    var message: String
    var why: String
    var fix: String
}

/// Takes problems while an inventory is read.
struct Findings {
    /// The file that checks of a single one are at.
    var file: String
    private(set) var diagnostics: [Diagnostic] = []
    private var reportedOnce: Set<OnceKey> = []

    private struct OnceKey: Hashable {
        var code: DiagnosticCode
        var place: SourcePlace
    }

    init(file: String) { self.file = file }

    /// Adds a problem unless one of its kind was added here with this method before: a setting that many nodes share is
    /// one mistake.
    mutating func addOnce(_ problem: some InventoryProblem, at place: SourcePlace) {
        if reportedOnce.insert(OnceKey(code: problem.code, place: place)).inserted { add(problem, at: place) }
    }

    mutating func add(_ problem: some InventoryProblem, at place: SourcePlace) {
        let words = problem.words
        diagnostics.append(
            Diagnostic(
                severity: problem.code.severity, code: problem.code, place: place, message: words.message.onOneLine,
                why: words.why.onOneLine, fix: words.fix.onOneLine))
    }
}

extension String {
    /// With `?` for what would begin another line, which would look like another mistake, or what a terminal obeys.
    var onOneLine: String {
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: scalars.append("?")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
