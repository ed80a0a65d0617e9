import Inventory

/// Whatever an inventory of Ansible says, in YAML or INI, what is made of it is YAML that the reader of inventories takes
/// apart, and is made again.
enum AnsibleFuzz {
    private static let hosts = "server: {hosts: {a: {ansible_host: 192.0.2.1}}}\n"

    static func take(_ bytes: [UInt8]) throws(Broken) {
        try check([AnsibleFile(path: "f.yml", scope: .hosts, bytes: bytes)], bytes)
        // Lines of INI end at every line break of Swift's, so that places are counted otherwise.
        try check([AnsibleFile(path: "f.ini", scope: .hosts, bytes: bytes)], nil)
        let known = AnsibleFile(path: "h.yml", scope: .hosts, bytes: Array(hosts.utf8))
        try check([known, AnsibleFile(path: "f.yml", scope: .group("server"), bytes: bytes)], nil)
    }

    private static func check(_ files: [AnsibleFile], _ bytes: [UInt8]?) throws(Broken) {
        let result = AnsibleImport.run(files)
        try must(AnsibleImport.run(files) == result, "made otherwise the second time")
        switch result {
        case .success(let imported):
            let remaining = AnsibleImport.remaining(imported, file: "f.yaml")
            try must(
                !remaining.all.contains { $0.code.rawValue.hasPrefix("yaml.") },
                "what was made is no YAML: \(remaining)\n\(imported.text)")
        case .failure(let found):
            try must(!found.errors.isEmpty, "neither an inventory nor an error")
            if let bytes { try InventoryFuzz.check(found, bytes) }
        }
    }
}
