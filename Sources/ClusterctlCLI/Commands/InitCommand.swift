import ArgumentParser
import Foundation
import Inventory

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented inventory to start from.")

    @Argument(help: "The file to write; it must not exist yet.")
    var file = "inventory.yaml"

    func run() throws {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            Standard.error("\(file): \(String(cString: strerror(errno))); nothing was written")
            throw ExitStatus.failed
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(StarterInventory.text.utf8))
        Standard.error("wrote \(file); edit the addresses, then: clusterctl validate \(file)")
    }
}
