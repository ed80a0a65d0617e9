import Inventory

/// There is an inventory or a reason why not, and each mistake has a place in the text.
enum InventoryFuzz {
    static func take(_ bytes: [UInt8]) throws(Broken) {
        let result = InventoryReader.read(bytes: bytes, file: "folder/f.yaml")
        let found: Diagnostics
        switch result {
        case .success(let read):
            found = read.warnings
            try must(found.errors.isEmpty, "an inventory in spite of errors")
            try must(read.inventory.nodes.count { $0.isPrimary } == 1, "there is not one primary")
            try must(Set(read.inventory.nodes.map(\.name)).count == read.inventory.nodes.count, "a name twice")
        case .failure(let diagnostics):
            found = diagnostics
            try must(!found.errors.isEmpty, "neither an inventory nor an error")
        }
        try check(found, bytes)
        try must(InventoryReader.read(bytes: bytes, file: "folder/f.yaml") == result, "read otherwise the second time")
    }

    static func check(_ found: Diagnostics, _ bytes: [UInt8]) throws(Broken) {
        let places = Places(bytes)
        for diagnostic in found.all {
            try places.check(diagnostic.place.line, diagnostic.place.column, diagnostic.description)
            for text in [diagnostic.message, diagnostic.why, diagnostic.fix] {
                try must(!text.isEmpty, "a diagnostic without words: \(diagnostic)")
                // A terminal would obey it, and another line would look like another mistake.
                try must(
                    text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control },
                    "a control character in a diagnostic: \(text.debugDescription)")
            }
        }
    }
}
