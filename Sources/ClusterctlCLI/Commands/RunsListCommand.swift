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
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        return ([head] + rows).map { cells in
            let line = zip(cells, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
