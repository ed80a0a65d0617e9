import ArgumentParser
import Inventory

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell the story behind a code: what happens, how it looks, what to write instead.",
        discussion:
            "Codes stand in brackets at the end of what 'validate' and 'lint' print. Without one, all are listed.")

    @Argument(
        help: "A code, such as inventory.cilium-devices-auto.",
        completion: .list(DiagnosticCode.allCases.map(\.rawValue)))
    var code: String?

    func run() throws {
        guard let code else { return Standard.output(ExplainCommand.list) }
        guard let known = DiagnosticCode(rawValue: code), let page = Explanation.of(known) else {
            let near = DiagnosticCode.near(code).map(\.rawValue)
            let hint =
                near.isEmpty ? "'clusterctl explain' lists them" : "did you mean \(near.joined(separator: ", "))?"
            throw ValidationError("there is no code '\(code)'; \(hint)")
        }
        Standard.output(page.text)
    }

    static var list: String {
        TextTable.text(
            ["CODE", "SEVERITY", "WHAT IT IS"],
            Explanation.all.map { [$0.code.rawValue, $0.code.severity.rawValue, $0.title] })
    }
}
