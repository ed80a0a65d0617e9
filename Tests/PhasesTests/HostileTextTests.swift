import Foundation
import Testing
import YAML

@testable import Rendering

/// Made-up texts go into a template of each language, and are read back as what they were.
@ShellThread struct HostileTextTests {
    private static let hint = "CLUSTERCTL_SEED=\(HostileText.seed)"
    private static let texts: [String] = {
        var made = HostileText()
        return made.texts(300) + [made.longText()]
    }()

    private func fill(_ source: String, _ name: String) -> String {
        Template.fill(source, name: name, ["texts": .list(Self.texts)])
    }

    @Test func yamlReadsBackExactlyTheTexts() throws {
        let text = fill("a:\n{{#texts}}\n- {{.}}\n{{/texts}}\nb: 1\n", "t.yaml.mustache")
        let root = try YAMLDocument.parse(text, file: Self.hint).root
        let found = root["a"]?.list?.map { $0.scalar?.text ?? "" } ?? []
        #expect(found.map { Array($0.utf8) } == Self.texts.map { Array($0.utf8) }, "\(Self.hint)")
        #expect(root["a"]?.list?.allSatisfy { $0.scalar?.kind == .string } == true, "\(Self.hint)")
        #expect(root["b"]?.scalar?.int == 1)
    }

    @Test func yamlTakesThemForKeysToo() throws {
        // libyaml looks for the colon of a key within 1024 characters only.
        for value in Self.texts.dropLast() {
            let text = Template.fill("{{value}}: {{value}}\n", name: "t.yaml.mustache", ["value": .text(value)])
            let entries = try YAMLDocument.parse(text, file: Self.hint).root.entries ?? []
            #expect(entries.map { Array($0.key.utf8) } == [Array(value.utf8)], "\(Self.hint)")
        }
    }

    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func shellReadsBackExactlyTheTexts(_ shell: [String]) throws {
        let stage = try Stage()
        try stage.write(fill("{{#texts}}\nprintf '%s\\0' {{.}} || exit\n{{/texts}}\n", "t.sh.mustache"), to: "program")
        try stage.write("", to: "here/nothing")
        let folder = stage.folder.path
        let run = try Shell.run(
            ["sh", "-c", "cd \"$1/here\" && shift && exec \"$@\"", "sh", folder] + shell + ["\(folder)/program"])
        guard run.status != 127 else { return }
        let wanted = Self.texts.map { $0 + "\0" }.joined()
        #expect(Array(run.output.utf8) == Array(wanted.utf8) && run.status == 0, "\(run.error), \(Self.hint)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/here") == ["nothing"], "\(Self.hint)")
    }

    /// Undone by hand as systemd.syntax(7) and systemd.service(5) say, because systemd itself is not at hand.
    @Test func unitReadsBackExactlyTheTexts() {
        let lines = fill("{{#texts}}\nExecStart=/bin/x {{.}}\n{{/texts}}\n", "t.service.mustache")
            .utf8.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == Self.texts.count, "\(Self.hint)")
        for (line, text) in zip(lines, Self.texts) {
            let word = String(decoding: line.dropFirst("ExecStart=/bin/x ".utf8.count), as: UTF8.self)
            #expect(Self.unitWord(word).map { Array($0.utf8) } == Array(text.utf8), "\(Self.hint)")
        }
    }

    private static func unitWord(_ written: String) -> String? {
        var scalars = written.unicodeScalars[...]
        guard scalars.first == "\"" else {
            return scalars.contains { "\"'\\ %$".unicodeScalars.contains($0) } ? nil : written
        }
        scalars.removeFirst()
        guard scalars.popLast() == "\"" else { return nil }
        var text = ""
        while let scalar = scalars.popFirst() {
            switch (scalar, scalars.first) {
            case ("%", "%"), ("$", "$"): text.unicodeScalars.append(scalars.removeFirst())
            case ("\\", "\""), ("\\", "\\"): text.unicodeScalars.append(scalars.removeFirst())
            case ("\\", "u"):
                let digits = String(scalars.dropFirst().prefix(4))
                guard let code = UInt32(digits, radix: 16), let found = Unicode.Scalar(code) else { return nil }
                text.unicodeScalars.append(found)
                scalars = scalars.dropFirst(5)
            case ("%", _), ("$", _), ("\\", _), ("\"", _): return nil
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    @Test func linesKeepAllButControlCharacters() {
        let found = fill("{{#texts}}\nkey = {{.}}\n{{/texts}}\n", "t.conf.mustache").utf8
            .split(separator: UInt8(ascii: "\n")).map { Array($0.dropFirst("key = ".utf8.count)) }
        let wanted = Self.texts.map { text in
            var scalars = String.UnicodeScalarView()
            for scalar in text.unicodeScalars {
                scalars.append(scalar.properties.generalCategory == .control ? " " : scalar)
            }
            return Array(String(scalars).utf8)
        }
        #expect(found == wanted, "\(Self.hint)")
    }

    @Test(.enabled(if: Nix.isThere, "\(Nix.missing)")) func nixReadsBackExactlyTheTexts() throws {
        let text = fill("[\n{{#texts}}\n{{.}}\n{{/texts}}\n]\n", "t.nix.mustache")
        let found = try JSONDecoder().decode([String].self, from: Nix.evaluate(text))
        #expect(found.map { Array($0.utf8) } == Self.texts.map { Array($0.utf8) }, "\(Self.hint)")
    }
}
