import ArgumentParser
import Engine
import Foundation
import Inventory
import Phases

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Ask a living cluster everything, and rank what is wrong; changes nothing. Exits 1 with an error.",
        discussion: """
            One login and one exec a node. What costs quorum or SSH comes first. With --bundle logs and configurations of all \
            nodes are gathered in a file, with secrets taken out; look through it before you give it away.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    @Option(help: "Gather what helps others to help in this file (.tar.gz), which must not exist yet.")
    var bundle: String?

    func run() async throws {
        let inventory = try argument.read()
        if let bundle, FileManager.default.fileExists(atPath: bundle) {
            Standard.error("\(bundle): it is there already; nothing was asked")
            throw ExitStatus.failed
        }
        let site = try Site(inventory, orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        var asks = Doctor.asks(inventory, keeper: site.keeper)
        if bundle != nil { asks += inventory.nodes.map { Ask(NodeName($0.name), GatherQuestion.probe) } }
        let (facts, unreachable) = await fleet.ask(asks, steps: Doctor.steps(inventory), nodes: site.nodes)
        await fleet.close()
        let bytes = (try? Data(contentsOf: URL(fileURLWithPath: argument.inventory))).map(Array.init) ?? []
        let lint = Lint.run(inventory: (argument.inventory, bytes), manifests: Doctor.manifests(inventory, facts))
        let doctor = Doctor(
            inventory, order: site.order, facts: facts, unreachable: unreachable.mapValues(\.message),
            keeper: site.keeper,
            lint: lint)
        let json = DoctorText.json(doctor, cluster: inventory.name)
        Standard.output(output == .json ? json : DoctorText.text(doctor, cluster: inventory.name))
        if let bundle {
            try await write(bundle, site, facts, json: json, inventory: String(decoding: bytes, as: UTF8.self))
        }
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if doctor.hasErrors { throw ExitStatus.failed }
    }

    private func write(_ path: String, _ site: Site, _ facts: Facts, json: String, inventory: String) async throws {
        let gathered = site.nodes.compactMap { node in
            facts[node, GatherQuestion.probe].map { (node: node, answer: $0) }
        }
        // A secret that cannot be read now is known by the nodes all the same.
        var secrets: [String] = []
        var seen: Set<String> = []
        for provided in ProvidedSecret.all(site.inventory) where seen.insert(provided.key).inserted {
            // Also one that is not of the right form is a secret.
            let secret = try? await Secrets.read(provided.reference, key: provided.key)
            secret.map { secrets.append($0.reveal()) }
        }
        var bundle = SupportBundle(cluster: site.inventory.name, gathered: gathered, secrets: secrets)
        bundle.add("doctor.json", json)
        bundle.add("inventory.yaml", inventory)
        for file in RenderedTree(site.plan, for: site.inventory).files {
            bundle.add("rendered/\(file.path)", file.text)
        }
        bundle.addJournals(
            in: Journal.folder(directory: FileManager.default.currentDirectoryPath, cluster: site.inventory.name))
        try NewFile.write(bundle.archive.data, to: path, mode: 0o600)
        let missing = site.inventory.nodes.map { NodeName($0.name) }.filter { node in
            !gathered.contains { $0.node == node }
        }
        let note = missing.isEmpty ? "" : "; without \(missing.map(\.rawValue).joined(separator: ", "))"
        Standard.error(
            "wrote \(path), for you alone to read\(note): known secrets, and what looks like one, are \(SecretFilter.mark); look "
                + "through it before you give it away")
    }
}

/// Findings for people and as JSON (docs/doctor-format.md).
enum DoctorText {
    static func text(_ doctor: Doctor, cluster: String) -> String {
        var lines = doctor.findings.flatMap { finding in
            [
                "\(finding.severity.rawValue): \(finding.place): \(finding.what) [\(finding.check)]",
                "  why: \(finding.why)", "  fix: \(finding.fix)",
            ]
        }
        let counts = [Doctor.Severity.error, .warning, .note].map { severity in
            let count = doctor.findings.count { $0.severity == severity }
            return "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }
        lines.append("\(cluster): \(doctor.checks) checks: \(counts.joined(separator: ", "))")
        return lines.joined(separator: "\n") + "\n"
    }

    static func json(_ doctor: Doctor, cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("checks", doctor.checks)
            json.field("errors", doctor.findings.count { $0.severity == .error })
            json.field("warnings", doctor.findings.count { $0.severity == .warning })
            json.array("findings") { json in
                for finding in doctor.findings {
                    json.object { json in
                        json.field("severity", finding.severity.rawValue)
                        json.field("area", finding.area.rawValue)
                        json.field("place", finding.place)
                        json.field("check", finding.check)
                        json.field("what", finding.what)
                        json.field("why", finding.why)
                        json.field("fix", finding.fix)
                    }
                }
            }
        }
        return json.text + "\n"
    }
}
