import ArgumentParser

struct RunsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the runs of a cluster, the latest last.")

    @OptionGroup var argument: InventoryArgument

    func run() throws {
        let archive = RunArchive(cluster: try argument.read().name)
        let records = archive.names.compactMap(archive.record)
        guard !records.isEmpty else { return Standard.error("no runs are recorded in \(archive.folder)") }
        Standard.output(RunsListCommand.table(records))
    }

    static func table(_ records: [RunRecord]) -> String {
        let head = ["RUN", "BEGUN", "VERB", "SECONDS", "CHANGED", "OUTCOME"]
        let rows = records.map { record in
            [
                record.name, record.at, record.verb, RunStory.seconds(record.lastMilliseconds),
                "\(record.changedTasks)", record.outcome ?? "no end recorded",
            ]
        }
        return TextTable.text(head, rows)
    }
}
