import Foundation
import Inventory
import Testing

@testable import ClusterctlCLI

/// Which files of an Ansible inventory are read from the disk, and whose variables they have.
struct AnsibleFolderTests {
    private func folder(_ files: [String]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clusterctl-ansible-\(UUID().uuidString)")
        for file in files {
            let url = folder.appending(path: file)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("x: 1\n".utf8).write(to: url)
        }
        return folder
    }

    private func found(_ folder: URL, _ hosts: String = "hosts.ini", groupVars: [String] = []) throws -> [String] {
        try AnsibleFolder.files(
            hosts: folder.appending(path: hosts).path, groupVars: groupVars.map { folder.appending(path: $0).path }
        ).map { file in "\(file.path.dropFirst(folder.path.count + 1)) \(file.scope)" }
    }

    @Test func readsVariablesBesideTheHosts() throws {
        let folder = try folder([
            "hosts.ini", "group_vars/all.yml", "group_vars/all/x.yaml", "group_vars/all/deep/y", "group_vars/server",
            "group_vars/notes.md", "group_vars/.hidden.yml", "host_vars/a.b.yml", "other/z.yml",
        ])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(
            try found(folder) == [
                "hosts.ini hosts", "group_vars/all/deep/y group(\"all\")", "group_vars/all/x.yaml group(\"all\")",
                "group_vars/all.yml group(\"all\")", "group_vars/server group(\"server\")",
                "host_vars/a.b.yml host(\"a.b\")",
            ])
    }

    @Test func readsOtherFoldersAndDefaultsOfRolesOnce() throws {
        let folder = try folder([
            "inventory/hosts.ini", "group_vars/k3s.yml", "host_vars/a.yml", "roles/x/defaults/main.yml",
        ])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(
            try found(
                folder, "inventory/hosts.ini", groupVars: ["group_vars", "roles/x/defaults/main.yml", "group_vars"])
                == [
                    "inventory/hosts.ini hosts", "group_vars/k3s.yml group(\"k3s\")", "host_vars/a.yml host(\"a\")",
                    "roles/x/defaults/main.yml defaults",
                ])
    }

    @Test func aLinkToAFolderIsFollowedAndALoopRefused() throws {
        let folder = try folder(["hosts.ini", "group_vars/all/x.yml", "common/y.yml"])
        defer { try? FileManager.default.removeItem(at: folder) }
        let manager = FileManager.default
        try manager.createSymbolicLink(
            at: folder.appending(path: "group_vars/web"), withDestinationURL: folder.appending(path: "common"))
        #expect(try found(folder).last == "group_vars/web/y.yml group(\"web\")")
        try manager.createSymbolicLink(
            at: folder.appending(path: "group_vars/all/loop"),
            withDestinationURL: folder.appending(path: "group_vars/all"))
        #expect(throws: AnsibleFolder.Problem.self) { try found(folder) }
    }

    @Test(arguments: ["", "none.yml", "pipe"])
    func refusesWhatIsNoFile(_ name: String) throws {
        let folder = try folder(["hosts.ini"])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(mkfifo(folder.appending(path: "pipe").path, 0o600) == 0)
        #expect(throws: AnsibleFolder.Problem.self) { try found(folder, name) }
    }
}
