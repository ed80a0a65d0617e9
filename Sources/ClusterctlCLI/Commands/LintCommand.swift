import ArgumentParser
import Foundation
import Inventory

struct LintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Look for the traps of the field in an inventory, and in other people's YAML; contacts nothing.",
        discussion: """
            With --manifests it reads every .yaml, .yml and .conf below the folder: Kubernetes objects, Helm values of \
            Cilium, K3s and FRR configurations, told apart by what they say. 'explain CODE' tells more of a finding.

            Exit status: 0 when nothing was found or only warnings, 3 with an error. A warning is what may be meant, or \
            breaks only in some networks.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, sarif }

    @Argument(help: "The inventory file.", completion: .file(extensions: ["yaml", "yml"]))
    var inventory: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: "A folder of YAML to look at as well, or instead; may be given again.",
        completion: .directory)
    var manifests: [String] = []

    @Option(name: [.short, .long], help: "text, json or sarif.")
    var output = Format.text

    func validate() throws {
        if inventory == nil && manifests.isEmpty {
            throw ValidationError("name an inventory, or a folder with --manifests, or both")
        }
    }

    func run() throws {
        let files = manifests.flatMap(ManifestFolder.files)
        let found = Lint.run(inventory: try inventory.map(LintCommand.read), manifests: files)
        switch output {
        case .text: Standard.output(LintReport.text(found, files: files.count + (inventory == nil ? 0 : 1)))
        case .json: Standard.output(LintReport.json(found))
        case .sarif: Standard.output(LintReport.sarif(found))
        }
        if !found.errors.isEmpty { throw ExitStatus.invalidInventory }
    }

    private static func read(_ path: String) throws -> (path: String, bytes: [UInt8]) {
        do {
            return (path, Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        } catch {
            Standard.error("\(path): error: cannot be read: \(error.localizedDescription)")
            throw ExitStatus.invalidInventory
        }
    }
}
