import ArgumentParser
import Foundation
import Inventory

struct ImportAnsibleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ansible",
        abstract: "Make an inventory of one of Ansible's: k3s-ansible, techno-tim, kubespray, k3s_server groups.",
        discussion: """
            Reads HOSTS in YAML or INI, and group_vars and host_vars beside it. Each value of what comes out says where it \
            is from; what was not mapped is listed at its end and on standard error. Nothing is contacted, templates are \
            evaluated only where they are simple, and secrets are never copied.

            Exit status: 0 when 'validate' takes the inventory, 3 when something has to be filled in first (it is written \
            all the same), or when the files cannot be read.
            """)

    @Argument(help: "The hosts: hosts.yml, hosts.ini or inventory.yml.", completion: .file())
    var hosts: String

    @Option(
        name: .long, parsing: .singleValue,
        help:
            "A folder like group_vars, or a file of variables for all hosts such as a role's defaults; may be given again.",
        completion: .directory)
    var groupVars: [String] = []

    @Option(help: "The name of the cluster.")
    var name: String?

    @Option(help: "The group of the control plane nodes, where it has another name.")
    var controlPlane: String?

    @Option(help: "The group of the workers, where it has another name.")
    var workers: String?

    @Option(help: "The release of K3s, where it is not Ansible's.")
    var k3s: String?

    @Option(help: "The version of Cilium's chart, where Ansible has none.")
    var cilium: String?

    @Option(help: "The file to write, which must not exist yet; standard output without it.")
    var out: String?

    func run() throws {
        let files: [AnsibleFile]
        do {
            files = try AnsibleFolder.files(hosts: hosts, groupVars: groupVars)
        } catch let problem as AnsibleFolder.Problem {
            Standard.error("\(problem.path): error: cannot be read: \(problem.reason)")
            throw ExitStatus.invalidInventory
        }
        let options = AnsibleImport.Options(
            name: name, controlPlane: controlPlane, workers: workers, k3sVersion: k3s, ciliumVersion: cilium)
        let imported: ImportedInventory
        switch AnsibleImport.run(files, options: options) {
        case .success(let result): imported = result
        case .failure(let diagnostics):
            Standard.error(diagnostics.description)
            throw ExitStatus.invalidInventory
        }
        if let out { try NewFile.write(imported.text, to: out) } else { Standard.output(imported.text) }
        for note in imported.notes { Standard.error(note.description) }
        let remaining = AnsibleImport.remaining(imported, file: out ?? "inventory.yaml")
        if !remaining.isEmpty { Standard.error(remaining.description) }
        let place = out.map { "wrote \($0)" } ?? "written"
        let count = remaining.errors.count
        Standard.error(
            "\(place), from \(imported.layout): \(imported.notes.count) notes; "
                + (count == 0 ? "'validate' takes it" : "\(count) place\(count == 1 ? "" : "s") to fill in first"))
        if count > 0 { throw ExitStatus.invalidInventory }
    }
}

/// The files of an Ansible inventory on the disk.
enum AnsibleFolder {
    struct Problem: Error {
        let path: String
        let reason: String
    }

    private static let fileLimit = 2_000
    private static let depthLimit = 8
    /// As the YAML module takes, and one byte more, which it refuses.
    private static let byteLimit = (16 << 20) + 1

    /// The hosts, and every file of `group_vars` and `host_vars` beside them and where `groupVars` names them.
    static func files(hosts: String, groupVars: [String]) throws -> [AnsibleFile] {
        var files = [AnsibleFile(path: hosts, scope: .hosts, bytes: try bytes(hosts))]
        let folder = (hosts as NSString).deletingLastPathComponent
        for kind in ["group_vars", "host_vars"] {
            let path = folder.isEmpty ? kind : "\(folder)/\(kind)"
            if isFolder(path) { files += try variables(in: path, ofHosts: kind == "host_vars") }
        }
        for path in groupVars {
            guard isFolder(path) else {
                files.append(AnsibleFile(path: path, scope: .defaults, bytes: try bytes(path)))
                continue
            }
            files += try variables(in: path, ofHosts: false)
            let beside = "\((path as NSString).deletingLastPathComponent)/host_vars"
            if isFolder(beside), beside != "\(folder)/host_vars" { files += try variables(in: beside, ofHosts: true) }
        }
        var seen: Set<String> = []
        return files.filter { seen.insert(URL(fileURLWithPath: $0.path).standardizedFileURL.path).inserted }
    }

    /// `NAME`, `NAME.yml`, and what is below a folder `NAME`.
    private static func variables(in folder: String, ofHosts isOfHosts: Bool) throws -> [AnsibleFile] {
        var files: [AnsibleFile] = []
        for entry in try entries(folder) {
            let path = "\(folder)/\(entry)"
            let name = isFolder(path) ? entry : (entry as NSString).deletingPathExtension
            let isText = ["", "yml", "yaml", "json"].contains((entry as NSString).pathExtension.lowercased())
            let scope = isOfHosts ? AnsibleFile.Scope.host(isText ? name : entry) : .group(isText ? name : entry)
            let paths = isFolder(path) ? try below(path) : isText ? [path] : []
            for path in paths { files.append(AnsibleFile(path: path, scope: scope, bytes: try bytes(path))) }
            guard files.count <= fileLimit else {
                throw Problem(path: folder, reason: "it has more than \(fileLimit) files")
            }
        }
        return files
    }

    private static func below(_ folder: String, depth: Int = 0) throws -> [String] {
        guard depth < depthLimit else {
            throw Problem(path: folder, reason: "it is more than \(depthLimit) folders deep: does a link lead round?")
        }
        return try entries(folder).flatMap { entry -> [String] in
            let path = "\(folder)/\(entry)"
            if isFolder(path) { return try below(path, depth: depth + 1) }
            return ["", "yml", "yaml", "json"].contains((entry as NSString).pathExtension.lowercased()) ? [path] : []
        }
    }

    private static func entries(_ folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            throw Problem(path: folder, reason: error.localizedDescription)
        }
    }

    /// Links are followed: folders of variables are often shared so.
    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Problem(path: path, reason: String(cString: strerror(errno))) }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw Problem(path: path, reason: "it is a folder; name the file with the hosts in it")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Problem(path: path, reason: "it is no ordinary file") }
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            return Array(try handle.read(upToCount: byteLimit) ?? Data())
        } catch {
            throw Problem(path: path, reason: error.localizedDescription)
        }
    }
}
