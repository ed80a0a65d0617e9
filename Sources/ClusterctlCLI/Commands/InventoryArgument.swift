import ArgumentParser
import Engine
import Foundation
import Inventory

/// The inventory that every verb takes, read with all its mistakes reported at once.
struct InventoryArgument: ParsableArguments {
    @Argument(help: "The inventory file.", completion: .file(extensions: ["yaml", "yml"]))
    var inventory: String

    /// Reads the inventory; mistakes go to standard error and end the command with status 3, warnings are shown.
    func read() throws -> Inventory {
        let text: Data
        do {
            text = try Data(contentsOf: URL(fileURLWithPath: inventory))
        } catch {
            Standard.error("\(inventory): error: cannot be read: \(error.localizedDescription)")
            throw ExitStatus.invalidInventory
        }
        switch InventoryReader.read(bytes: Array(text), file: inventory) {
        case .success(let read):
            if !read.warnings.isEmpty { Standard.error(read.warnings.description) }
            return read.inventory
        case .failure(let diagnostics):
            Standard.error(diagnostics.description)
            throw ExitStatus.invalidInventory
        }
    }
}

extension Inventory {
    /// The nodes that `--limit` names; nil for all of them.
    func nodes(limit: String?) throws -> Set<NodeName>? {
        guard let limit else { return nil }
        let names = limit.split(separator: ",").map { NodeName($0.trimmingCharacters(in: .whitespaces)) }
        let unknown = names.filter { host(named: $0.rawValue) == nil }
        guard unknown.isEmpty, !names.isEmpty else {
            throw ValidationError(
                "--limit names no node of this inventory: \(unknown.map(\.rawValue).joined(separator: ", "))")
        }
        return Set(names)
    }
}

/// The two streams: results to standard output, progress and errors to standard error.
enum Standard {
    static func output(_ text: String) { FileHandle.standardOutput.write(Data(text.forTerminal.utf8)) }
    static func error(_ text: String) { FileHandle.standardError.write(Data((text.forTerminal + "\n").utf8)) }

    /// Whether a person at the terminal says yes; without a terminal nobody does.
    static func asks(_ question: String) -> Bool { line("\(question) [y/N]")?.lowercased().hasPrefix("y") == true }

    /// What a person at the terminal types; nil without a terminal.
    static func line(_ question: String) -> String? {
        guard isatty(STDIN_FILENO) == 1 else { return nil }
        FileHandle.standardError.write(Data("\(question) ".utf8))
        // Nothing has been changed yet, so Ctrl-C may end the process here.
        let before = Interrupts.signals.map { signal($0, SIG_DFL) }
        defer { for (number, handler) in zip(Interrupts.signals, before) { signal(number, handler) } }
        return readLine()
    }
}
