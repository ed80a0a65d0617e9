import ArgumentParser
import Foundation
import Phases

struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Write every file that would be put on every machine, in a tree by node.")

    @OptionGroup var argument: InventoryArgument

    @Option(help: "The folder to write to; it is made, and must be empty if it is there.")
    var to: String

    func run() throws {
        let site = try Site(try argument.read(), orders: .current)
        let manager = FileManager.default
        if let entries = try? manager.contentsOfDirectory(atPath: to), !entries.isEmpty {
            Standard.error("\(to) is not empty; nothing was written")
            throw ExitStatus.failed
        }
        let files = RenderedTree(site.plan, for: site.inventory).files
        for file in files {
            let path = "\(to)/\(file.path)"
            try manager.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: URL(fileURLWithPath: path))
            try manager.setAttributes([.posixPermissions: Int(file.mode.bits)], ofItemAtPath: path)
        }
        Standard.error("wrote \(files.count) files for \(site.inventory.nodes.count) nodes to \(to)")
    }
}
