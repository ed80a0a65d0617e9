import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What nodes keep of passwords on their disks.
@ShellThread struct BGPPasswordFilesTests {
    private let stage: Stage

    init() throws { stage = try Stage() }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aNodeKeepsNoPasswordThatNothingIsComparedWith(_ shell: [String]) throws {
        func run(_ verb: String, _ routers: [String]) throws -> Int32 {
            try Shell.run(
                shell + ["-c", Template.bgpPasswordFiles.text(), "x", verb, "\(stage.folder.path)/bgp"] + routers
            ).status
        }
        func left() -> Set<String> {
            let path = stage.folder.appending(path: "bgp").path
            return Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
        }
        #expect(try run("none", []) == 0 && run("remove", []) == 0, "there is no such folder")
        for name in ["edge.password", "gone.password", "edge.earlier", ".clusterctl.c0ffee.2"] {
            try stage.write("secret", to: "bgp/\(name)")
        }
        #expect(try run("none", ["aside", "edge"]) == 1)
        #expect(try run("remove", ["aside", "edge"]) == 0)
        #expect(left() == ["edge.password"])
        #expect(try run("none", ["aside", "edge"]) == 0)
        #expect(try run("none", []) == 1 && run("remove", []) == 0)
        #expect(!FileManager.default.fileExists(atPath: stage.folder.appending(path: "bgp").path))
        #expect(try run("none", []) == 0)
    }

    @Test func eachControlPlaneNodeKeepsWhatItComparesWith() throws {
        let words = { (inventory: Inventory, node: NodeName) -> [String]? in
            guard case .command(let command)? = BGPPasswordFiles(inventory).apply(node).first?.operation else {
                return nil
            }
            return command.arguments.suffix(from: 4).map { $0 }
        }
        let folder = "/var/lib/clusterctl/bgp"
        let two = try Example.read(
            Example.passwords.replacing(
                "workers:", with: "  dpu-02: {address: [10.77.0.12, \"fd77::12\"], labels: {bgp: \"yes\"}}\nworkers:"
            ).replacing(
                "dpu-01: {address: [10.77.0.11, \"fd77::11\"], labels: {bgp: \"yes\"}}",
                with: "dpu-01: {address: [10.77.0.11, \"fd77::11\"], primary: true}"))
        #expect(BGPPasswordFiles(two).nodes == ["dpu-01", "dpu-02"] && BGPPasswords(two).nodes == ["dpu-02"])
        #expect(words(two, "dpu-01") == ["remove", folder])
        #expect(words(two, "dpu-02") == ["remove", folder, "aside"])
        #expect(words(try Example.small(), "dpu-01") == ["remove", folder], "what an earlier inventory had")
        let alone = RouterChange.order(for: two).entries.first { $0.phase.id == "bgp-password-files" }
        #expect(alone?.phase.nodes == ["dpu-02"], "nobody else is asked by router apply")
    }
}
