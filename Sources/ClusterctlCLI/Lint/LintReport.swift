import Foundation
import Inventory

/// What `lint` found: for people, as JSON and as SARIF 2.1.0 (docs/lint.md).
enum LintReport {
    static func text(_ found: Diagnostics, files: Int) -> String {
        let (errors, warnings) = (found.errors.count, found.warnings.count)
        let looked = "\(files) file\(files == 1 ? "" : "s") looked at"
        if found.isEmpty { return "\(looked), nothing found\n" }
        let counts = "\(errors) error\(errors == 1 ? "" : "s"), \(warnings) warning\(warnings == 1 ? "" : "s")"
        return "\(found.description)\n\(looked): \(counts); 'clusterctl explain CODE' tells more\n"
    }

    static func json(_ found: Diagnostics) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("errors", found.errors.count)
            json.field("warnings", found.warnings.count)
            json.array("findings") { json in
                for finding in found.all { write(finding, to: &json) }
            }
        }
        return json.text + "\n"
    }

    private static func write(_ finding: Diagnostic, to json: inout JSONWriter) {
        json.object { json in
            json.field("code", finding.code.rawValue)
            json.field("severity", finding.severity.rawValue)
            json.field("file", finding.place.file)
            json.field("line", finding.place.line)
            json.field("column", finding.place.column)
            json.field("message", finding.message)
            json.field("why", finding.why)
            json.field("fix", finding.fix)
        }
    }

    static func sarif(_ found: Diagnostics) -> String {
        let rules = DiagnosticCode.allCases.filter { code in found.all.contains { $0.code == code } }
        var json = JSONWriter()
        json.object { json in
            json.field("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
            json.field("version", "2.1.0")
            json.array("runs") { json in
                json.object { json in
                    json.object("tool") { json in
                        json.object("driver") { json in
                            json.field("name", "clusterctl")
                            json.field("version", Clusterctl.configuration.version)
                            json.array("rules") { json in
                                for rule in rules { write(rule, to: &json) }
                            }
                        }
                    }
                    json.field("columnKind", "unicodeCodePoints")
                    json.array("results") { json in
                        for finding in found.all { write(finding, rules: rules, to: &json) }
                    }
                }
            }
        }
        return json.text + "\n"
    }

    private static func write(_ rule: DiagnosticCode, to json: inout JSONWriter) {
        guard let page = Explanation.of(rule) else { return }
        json.object { json in
            json.field("id", rule.rawValue)
            json.object("shortDescription") { $0.field("text", page.title) }
            json.object("fullDescription") { $0.field("text", page.happens) }
            json.object("help") { $0.field("text", page.text) }
            json.object("defaultConfiguration") { $0.field("level", rule.severity.rawValue) }
        }
    }

    private static func write(_ finding: Diagnostic, rules: [DiagnosticCode], to json: inout JSONWriter) {
        json.object { json in
            json.field("ruleId", finding.code.rawValue)
            if let index = rules.firstIndex(of: finding.code) { json.field("ruleIndex", index) }
            json.field("level", finding.severity.rawValue)
            json.object("message") { $0.field("text", "\(finding.message): \(finding.why). \(finding.fix)") }
            json.array("locations") { json in
                json.object { json in
                    json.object("physicalLocation") { json in
                        json.object("artifactLocation") { $0.field("uri", uri(finding.place.file)) }
                        json.object("region") { json in
                            json.field("startLine", finding.place.line)
                            json.field("startColumn", finding.place.column)
                        }
                    }
                }
            }
        }
    }

    /// A reference as RFC 3986 has it: relative paths stay relative.
    private static func uri(_ path: String) -> String {
        let plain = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: ":"))
        let escaped = plain.addingPercentEncoding(withAllowedCharacters: allowed) ?? plain
        return path.hasPrefix("/") ? "file://" + escaped : escaped
    }
}
