import Inventory

/// Whatever file somebody has in a folder, each finding has a place in it, and is found again.
enum ManifestsFuzz {
    static func take(_ bytes: [UInt8]) throws(Broken) {
        let files = [ManifestFile(path: "f.yaml", content: .bytes(bytes))]
        let found = Lint.run(manifests: files)
        try InventoryFuzz.check(found, bytes)
        try must(Lint.run(manifests: files) == found, "found otherwise the second time")
        // Lines of FRR end with line feeds alone, so that places are counted otherwise.
        _ = Lint.run(manifests: [ManifestFile(path: "f.conf", content: .bytes(bytes))] + files)
        _ = Lint.run(inventory: ("f.yaml", bytes), manifests: files)
    }
}
