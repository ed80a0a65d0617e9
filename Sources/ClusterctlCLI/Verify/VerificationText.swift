import Phases

/// What `verify` found, as a table for people and as JSON (docs/verify-format.md).
enum VerificationText {
    /// Nodes of which the same was seen share a line; where all is well, many of them are a number.
    static func table(_ verification: Verification) -> String {
        var lines: [(row: Verification.Row, places: [String])] = []
        var known: [[String]: Int] = [:]
        for row in verification.rows {
            let key = [row.check, row.result.rawValue, row.seen]
            if let same = known[key] {
                lines[same].places.append(row.place)
            } else {
                known[key] = lines.count
                lines.append((row, [row.place]))
            }
        }
        return TextTable.text(
            ["CHECK", "WHERE", "RESULT", "SEEN"],
            lines.map { row, places in
                let isMany = row.result == .holds && places.count > 3
                return [
                    row.check, isMany ? "\(places.count) nodes" : places.joined(separator: ", "), row.result.rawValue,
                    row.seen,
                ]
            }) + summary(verification) + "\n"
    }

    static func summary(_ verification: Verification) -> String {
        func count(_ result: Verification.Result) -> Int { verification.rows.count { $0.result == result } }
        let parts = [(count(.fails), "failed"), (count(.notAsked), "not asked")].filter { $0.0 > 0 }
        let all = verification.rows.count
        return parts.isEmpty
            ? "all \(all) checks hold" : "of \(all) checks " + parts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }

    static func json(_ verification: Verification, cluster: String, failover: FailoverReport? = nil) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("holds", verification.holds)
            json.array("checks") { json in
                for row in verification.rows {
                    json.object { json in
                        json.field("check", row.check)
                        json.field("where", row.place)
                        json.field("result", row.result == .notAsked ? "not-asked" : row.result.rawValue)
                        json.field("seen", row.seen)
                    }
                }
            }
            if let failover { failover.write(to: &json) }
        }
        return json.text + "\n"
    }
}
