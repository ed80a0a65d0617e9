import YAML

/// An inventory that may be used, with what is questionable in it.
public struct ReadInventory: Sendable, Equatable {
    public var inventory: Inventory
    public var warnings: Diagnostics
}

/// Turns the text of an inventory into a value that has passed every check.
public enum InventoryReader {
    /// The inventory in `text`, or everything that is wrong with it (warnings included).
    ///
    /// - Parameter file: the path of the file, which diagnostics show and relative paths are resolved against; nothing
    ///   is read from the disk.
    public static func read(text: String, file: String) -> Result<ReadInventory, Diagnostics> {
        read(bytes: Array(text.utf8), file: file)
    }

    /// As `read(text:file:)`, for bytes that need not be UTF-8.
    public static func read(bytes: [UInt8], file: String) -> Result<ReadInventory, Diagnostics> {
        let (draft, findings) = examine(bytes: bytes, file: file)
        let diagnostics = Diagnostics(findings.diagnostics)
        guard diagnostics.errors.isEmpty, let inventory = draft?.inventory(directory: Paths.directory(of: file)) else {
            return .failure(diagnostics)
        }
        return .success(ReadInventory(inventory: inventory, warnings: diagnostics))
    }

    /// What could be taken up of a text, nil if that is nothing, with all that every check has found.
    static func examine(bytes: [UInt8], file: String) -> (draft: Draft?, findings: Findings) {
        let (document, problems) = YAMLDocument.read(bytes, file: file)
        var check = SchemaCheck(file: file)
        for problem in problems { check.report(ShapeProblem.yaml(problem), problem.mark) }
        guard let document else { return (nil, check.findings) }

        check.check(document.root, .object(InventoryFields.root), path: "")
        var findings = check.findings
        guard document.root.isNull || document.root.entries != nil else { return (nil, findings) }
        let draft = DraftReader.read(document.root, &findings)
        InventoryChecks.run(draft, &findings)
        return (draft, findings)
    }
}

/// Paths as texts: nothing here asks a file system.
enum Paths {
    /// The folder that a path lies in; `.` for a bare name.
    static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    /// The path as seen from where `directory` is seen from; absolute paths and those under a home stay as they are.
    static func resolve(_ path: String, in directory: String) -> String {
        if path.hasPrefix("/") || path == "~" || path.hasPrefix("~/") || directory == "." { return path }
        return directory.hasSuffix("/") ? directory + path : directory + "/" + path
    }
}
