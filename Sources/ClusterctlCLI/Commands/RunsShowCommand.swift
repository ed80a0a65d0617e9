import ArgumentParser
import Foundation

struct RunsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tell the story of one run, in the terminal or as one self-contained HTML page.")

    @OptionGroup var argument: InventoryArgument

    @Argument(help: "The run, as 'runs' lists it, or the beginning of its name; the last one unless told.")
    var name: String?

    @Option(help: "Write the report to this file instead; '-' for standard output.", completion: .file())
    var html: String?

    func run() throws {
        let archive = RunArchive(cluster: try argument.read().name)
        let record = try find(in: archive)
        guard let html else { return Standard.output(RunStory.lines(record).joined(separator: "\n") + "\n") }
        let page = RunPage.html(record)
        if html == "-" { return Standard.output(page) }
        do {
            try Data(page.utf8).write(to: URL(fileURLWithPath: html), options: .atomic)
        } catch {
            Standard.error("\(html): error: cannot be written: \(error.localizedDescription)")
            throw ExitStatus.failed
        }
    }

    private func find(in archive: RunArchive) throws -> RunRecord {
        let names = archive.names
        let found = name.map { start in names.filter { $0 == start || $0.hasPrefix(start) } } ?? names.suffix(1)
        let exact = found.first { $0 == name }
        guard let chosen = exact ?? (found.count == 1 ? found[0] : nil) else {
            let why =
                switch (names.isEmpty, found.isEmpty) {
                case (true, _): "no runs are recorded in \(archive.folder)"
                case (_, true): "no run's name begins with '\(name ?? "")'; 'clusterctl runs' lists them"
                default: "several runs' names begin with '\(name ?? "")': \(found.joined(separator: ", "))"
                }
            Standard.error("error: \(why)")
            throw ExitStatus.failed
        }
        guard let record = archive.record(chosen) else {
            let path = "\(archive.folder)/\(chosen).jsonl"
            Standard.error("error: \(path) is not the journal of a run that this version can read")
            throw ExitStatus.failed
        }
        return record
    }
}
