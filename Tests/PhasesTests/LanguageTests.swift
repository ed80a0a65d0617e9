import Foundation
import Testing
import YAML

@testable import Rendering

/// Values that would leave their place in some language if they were put in as they are.
private let hostile = [
    "plain", "", "with space", "it's", "say \"x\"", "back\\slash", "two\nlines", "tab\there",
    "$(touch /tmp/x) `id` ${HOME}",
    "%n %% %", "# not a comment", ": colon", "- dash", "yes", "0123", "null", "{{name}}", "{a: b}", "&anchor *alias",
    "ünïcode \u{2028}",
    "]]'''\"\"\"", "trailing ", " leading", "\u{1}\u{7f}",
]

@ShellThread struct LanguageTests {
    @Test(arguments: hostile) func yamlReadsBackExactlyTheValue(_ value: String) throws {
        let text = Template.fill("a: {{value}}\nb: 1\n", name: "t.yaml.mustache", ["value": .text(value)])
        let document = try YAMLDocument.parse(text, file: "t.yaml")
        #expect(YAMLValue(document.root) == ["a": .string(value), "b": 1])
    }

    @Test(arguments: hostile.filter { !$0.isEmpty }) func shellReadsBackExactlyTheValue(_ value: String) throws {
        let text = Template.fill("printf '<%s>' {{value}}", name: "t.sh.mustache", ["value": .text(value)])
        #expect(try run(text) == "<\(value)>")
    }

    @Test(arguments: hostile) func unitValueStaysOnItsLine(_ value: String) {
        let text = Template.fill(
            "[Service]\nExecStart=/bin/x {{value}}\nUser=a\n", name: "t.service.mustache", ["value": .text(value)])
        #expect(text.split(separator: "\n").count == 3)
        #expect(!text.replacing("%%", with: "").replacing("$$", with: "").contains { "%$".contains($0) })
    }

    @Test(arguments: hostile) func lineValueStaysOnItsLine(_ value: String) {
        let text = Template.fill("key = {{value}}\nother = 1\n", name: "t.conf.mustache", ["value": .text(value)])
        #expect(text.unicodeScalars.count { $0 == "\n" } == 2)
    }

    @Test(.enabled(if: Nix.isThere, "\(Nix.missing)")) func nixReadsBackExactlyTheValues() throws {
        let text = Template.fill(
            "[\n{{#list}}\n{{.}}\n{{/list}}\n]\n", name: "t.nix.mustache", ["list": .list(hostile)])
        #expect(try JSONDecoder().decode([String].self, from: Nix.evaluate(text)) == hostile)
    }

    @Test func valuesInListsAndRecordsAreEscapedToo() {
        let source = "a:\n{{#list}}\n- {{.}}\n{{/list}}\nb:\n{{#records}}\n- {{key}}: {{value}}\n{{/records}}\n"
        let text = Template.fill(
            source, name: "t.yaml.mustache",
            ["list": .list(["a\"b"]), "records": .records([["key": "x: y", "value": "1"]])])
        #expect(text == "a:\n- \"a\\\"b\"\nb:\n- \"x: y\": \"1\"\n")
    }

    @Test func everyTemplateHasALanguage() {
        for template in Template.allCases {
            #expect(Language(templateName: template.rawValue) != nil, "\(template.rawValue)")
            #expect(!template.source.contains("{{{"), "\(template.rawValue) has an unescaped value")
            #expect(!template.source.contains("{{&"), "\(template.rawValue) has an unescaped value")
        }
    }

    @Test func compiledInTemplatesAreThoseOfTheRepository() throws {
        for template in Template.allCases {
            let file = Repository.root.appending(path: "templates/\(template.rawValue)")
            #expect(try Repository.text(file) == template.source)
        }
    }

    private func run(_ program: String) throws -> String { try Shell.run(["sh", "-c", program]).output }
}
