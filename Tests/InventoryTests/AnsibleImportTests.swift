import Foundation
import Testing

@testable import Inventory

/// Every folder of `Cases/ansible` gives exactly the inventory and the notes in `expected.yaml` and `expected.notes`, and
/// `remaining` is what `validate` says of it. Every file of `Cases/ansible-bad` gives the mistakes in the `.expected` beside
/// it. Run with UPDATE_CASES=1 to rewrite these, and read the difference.
struct AnsibleImportTests {
    static let folder = Repository.tests.appending(path: "Cases/ansible")
    static let badFolder = Repository.tests.appending(path: "Cases/ansible-bad")

    static var cases: [String] { names(in: folder) }
    static var badCases: [String] { names(in: badFolder).filter { !$0.hasSuffix(".expected") } }

    private static func names(in folder: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    private static func files(_ name: String) throws -> [AnsibleFile] {
        let folder = folder.appending(path: name)
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted().compactMap { path in
            let parts = path.split(separator: "/").map(String.init)
            let scope: AnsibleFile.Scope
            let owner = parts.count > 1 ? String(parts[1].split(separator: ".")[0]) : ""
            switch parts[0] {
            case "group_vars" where parts.count > 1: scope = .group(owner)
            case "host_vars" where parts.count > 1: scope = .host(owner)
            case "defaults.yml": scope = .defaults
            case _ where parts[0].hasPrefix("hosts") && parts.count == 1: scope = .hosts
            default: return nil
            }
            let url = folder.appending(path: path)
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { return nil }
            return AnsibleFile(path: path, scope: scope, bytes: Array(try Data(contentsOf: url)))
        }
    }

    private static func options(_ name: String) -> AnsibleImport.Options {
        name == "own-groups"
            ? .init(name: "own", controlPlane: "controllers", workers: "compute", ciliumVersion: "1.19.4") : .init()
    }

    private func compare(_ text: String, with url: URL) throws {
        if Repository.updatesCases { try Data(text.utf8).write(to: url) }
        #expect(try text == String(contentsOf: url, encoding: .utf8))
    }

    @Test(arguments: cases)
    func makesExactlyThisInventory(_ name: String) throws {
        let imported = try AnsibleImport.run(try Self.files(name), options: Self.options(name)).get()
        let folder = Self.folder.appending(path: name)
        try compare(imported.text, with: folder.appending(path: "expected.yaml"))
        let notes = imported.notes.map { "\($0)\n" }.joined()
        let remaining = AnsibleImport.remaining(imported, file: "expected.yaml")
        try compare(
            "\(imported.layout)\n\(notes)\nvalidate:\n\(remaining.description)\n",
            with: folder.appending(path: "expected.notes"))
    }

    @Test(arguments: cases)
    func leavesSecretsWhereTheyAre(_ name: String) throws {
        let files = try Self.files(name)
        let imported = try AnsibleImport.run(files, options: Self.options(name)).get()
        let all = imported.text + imported.notes.map(\.description).joined()
        for secret in ["planted", "33363431", "not-for-an-inventory", "user:word", "K10"] {
            #expect(!all.contains(secret), "\(secret)")
        }
    }

    @Test func hasSecretsToLeave() throws {
        let bytes = try Self.cases.flatMap(Self.files).flatMap(\.bytes)
        let all = String(decoding: bytes, as: UTF8.self)
        for secret in [
            "planted-token", "planted-password", "planted \\\"", "33363431", "not-for-an-inventory", "user:word", "K10",
        ] {
            #expect(all.contains(secret), "\(secret)")
        }
    }

    /// Only what Ansible cannot know may be missing.
    @Test(arguments: cases)
    func lacksOnlyWhatAnsibleDoesNotHave(_ name: String) throws {
        let imported = try AnsibleImport.run(try Self.files(name), options: Self.options(name)).get()
        let text = imported.text.split(separator: "\n", omittingEmptySubsequences: false)
        for mistake in AnsibleImport.remaining(imported, file: "f").errors {
            let line = text[mistake.place.line - 1]
            #expect(line.contains("FILL-IN"), "\(mistake)")
        }
    }

    @Test(arguments: badCases)
    func saysAllThatIsWrong(_ name: String) throws {
        let url = Self.badFolder.appending(path: name)
        let file = AnsibleFile(path: name, scope: .hosts, bytes: Array(try Data(contentsOf: url)))
        guard case .failure(let found) = AnsibleImport.run([file]) else {
            Issue.record("it was taken")
            return
        }
        try compare(found.description + "\n", with: url.appendingPathExtension("expected"))
    }

    @Test func showsEveryCodeInSomeCase() throws {
        var missing = Set(DiagnosticCode.allCases.filter(\.isOfImportAlone).map(\.rawValue))
        for name in Self.badCases {
            let text = try String(
                contentsOf: Self.badFolder.appending(path: name + ".expected"), encoding: .utf8)
            missing = missing.filter { !text.contains("[\($0)]") }
        }
        #expect(missing.isEmpty, "no case shows \(missing.sorted())")
    }

    private func imported(_ variables: String) throws -> ImportedInventory {
        let text = "server: {hosts: {a: {ansible_host: 192.0.2.1}}, vars: {k3s_version: v1.35.7+k3s1}}"
        return try AnsibleImport.run([
            AnsibleFile(path: "h", scope: .hosts, bytes: Array(text.utf8)),
            AnsibleFile(path: "v", scope: .group("server"), bytes: Array(variables.utf8)),
        ]).get()
    }

    struct Odd: Sendable, CustomTestStringConvertible {
        let variables: String
        /// What the inventory has of it, or nothing.
        var text = ""
        /// What a note says of it, or nothing.
        var note = ""
        var testDescription: String { variables }
    }

    /// Secrets in places where nobody looks for them, and settings that are not lost without a word.
    @Test(arguments: [
        Odd(variables: "extra_server_args: -t planted", text: "env: K3S_TOKEN"),
        Odd(variables: "extra_server_args: -token planted", text: "env: K3S_TOKEN"),
        Odd(variables: "extra_server_args: --token -planted", text: "env: K3S_TOKEN"),
        Odd(variables: "extra_server_args: K3S_TOKEN=planted", text: "env: K3S_TOKEN"),
        Odd(variables: "extra_server_args: ['--token', 'planted secret planted']", text: "env: K3S_TOKEN"),
        Odd(
            variables: "extra_server_args: ['--token planted', planted]", text: "env: K3S_TOKEN", note: "an argument of"
        ),
        Odd(variables: "extra_server_args: planted", note: "an argument of 'extra_server_args' was not mapped"),
        Odd(variables: "extra_server_args: \"'--secret planted'\"", note: "an argument of"),
        Odd(variables: "extra_server_args: -planted1", note: "an argument of"),
        Odd(variables: "extra_server_args: --nothing planted", note: "--nothing of"),
        Odd(variables: "extra_server_args: --token {{ nothing }}", text: "env: K3S_TOKEN"),
        Odd(variables: "extra_server_args: ['--node-label a=b']", text: "a: b"),
        Odd(variables: "k3s_server: {etcd-s3-proxy: 'http://u:planted@proxy'}", note: "--etcd-s3-proxy of"),
        Odd(variables: "k3s_server: {etcd-s3-endpoint: 'u:planted@s3.example.org'}", note: "--etcd-s3-endpoint of"),
        Odd(variables: "k3s_server: {kube-apiserver-arg: ['a=https://u:planted@x']}", note: "--kube-apiserver-arg of"),
        Odd(variables: "k3s_server: {token: '{{ planted }}', debug: true}", text: "env: K3S_TOKEN"),
        Odd(variables: "k3s_server: {etcd-snapshot-retention: '{{ planted }}'}", note: "--etcd-snapshot-retention of"),
        Odd(
            variables: "ansible_ssh_common_args: -o ProxyCommand=\"ncat --proxy-auth u:planted %h %p\"",
            note: "of ssh's options"),
        Odd(variables: "ansible_ssh_common_args: -o ProxyCommand=\"sh -c 'planted'\"", note: "of ssh's options"),
        Odd(variables: "ansible_ssh_common_args: -J u:planted@gate", note: "of ssh's options"),
        Odd(variables: "ansible_ssh_common_args: -o ProxyCommand=\"nc -x gate %h %p\"", text: "nc -x gate"),
        Odd(variables: "k3s_disable: []", text: "disable: []"),
        Odd(
            variables: "k3s_disable: [traefik, nothing]", text: "disable: [traefik]",
            note: "'nothing' of what is disabled"),
        Odd(
            variables: "k3s_tls_sans: ['*.example.org', api.example.org]", text: "[api.example.org]",
            note: "'*.example.org' of"),
    ])
    func losesNothingAndShowsNoSecret(_ row: Odd) throws {
        let imported = try imported(row.variables)
        let notes = imported.notes.map(\.description).joined(separator: "\n")
        #expect(!imported.text.contains("planted") && !notes.contains("planted"), "\(imported.text)\(notes)")
        #expect(row.text.isEmpty || imported.text.contains(row.text), "\(imported.text)")
        #expect(row.note.isEmpty || notes.contains(row.note), "\(notes)")
    }

    @Test func aPasswordWithABlankIsNotShown() {
        let text = "[server]\na ansible_password=my planted\n"
        guard
            case .failure(let found) = AnsibleImport.run([
                AnsibleFile(path: "h.ini", scope: .hosts, bytes: Array(text.utf8))
            ])
        else { return #expect(Bool(false), "it was taken") }
        #expect(!found.description.contains("planted") && found.description.contains("word 3"))
    }

    // MARK: Templates

    private func evaluate(_ template: String) throws -> AnsibleValue {
        var findings = Findings(file: "h")
        var inventory = AnsibleInventory()
        let text = """
            g: {hosts: {a: {ip: 192.0.2.1}, b: {ip: 192.0.2.2}}, vars: {x: 1, loop: '{{ loop }}', s: text, off: no}}
            """
        AnsibleYAMLReader.inventory(
            AnsibleFile(path: "h", scope: .hosts, bytes: Array(text.utf8)), &inventory, &findings)
        var scratch: Findings = Findings(file: "v")
        let file = AnsibleFile(path: "v", scope: .hosts, bytes: Array("t: \(template)".utf8))
        let variable = try #require(AnsibleYAMLReader.variables(file, &scratch).variables.first)
        return AnsibleEvaluation(inventory, all: inventory.variables(), host: "a").value(of: variable)
    }

    @Test(arguments: [
        ("'{{ x }}'", AnsibleValue.number(1)), ("'{{ ip }}'", .text("192.0.2.1")), ("'a{{x}}b'", .text("a1b")),
        ("'{{ nothing | default(''d'') }}'", .text("d")), ("'{{ x if off else s }}'", .text("text")),
        ("'{{ groups[''g''][1] }}'", .text("b")), ("'{{ hostvars[''b''].ip }}'", .text("192.0.2.2")),
        ("'{{ hostvars[groups[''g''][0]][''none''] | default(groups[''g''][0]) }}'", .text("a")),
        ("'{{ groups[''g''] | map(''extract'', hostvars, ''ip'') | join('','') }}'", .text("192.0.2.1,192.0.2.2")),
        ("'{% if off %}1{% elif x == 1 %}2{% else %}3{% endif %}'", .text("2")),
        ("'{% if off or nothing is defined %}1{% else %}3{% endif %}'", .text("3")),
        ("'{{ (groups[''g''] | length) >= 2 and not off }}'", .bool(true)),
        ("'{{ [s] + [''u''] }}'", .list([.text("text"), .text("u")])),
        // What only the machines know, what is not set, what has no end, and what is not evaluated.
        ("'{{ ansible_facts.x }}'", .unknown), ("'{{ nothing }}'", .undefined), ("'{{ loop }}'", .unknown),
        ("'{{ lookup(''env'', ''HOME'') }}'", .unknown), ("'{{ x | regex_replace(''a'', ''b'') }}'", .unknown),
        ("'a {{ nothing }} b'", .text("a \u{FFFC} b")), ("'{% for i in x %}{{ i }}{% endfor %}'", .unknown),
        ("'{% if nothing2 is odd %}1{% else %}2{% endif %}'", .text("\u{FFFC}")),
        ("'{{ x '", .unknown), ("'{% endif %}'", .unknown), ("!unsafe '{{ x }}'", .text("{{ x }}")),
    ])
    func evaluatesWhatIsSimple(_ template: String, _ value: AnsibleValue) throws {
        #expect(try evaluate(template) == value)
    }

    @Test func templatesThatGrowWithoutEndAreNotFollowed() {
        let doubling = (1...60).map { "v\($0): '{{ v\($0 + 1) }}{{ v\($0 + 1) }}'" }.joined(separator: ", ")
        let text = "server: {hosts: {a: {}}, vars: {\(doubling), v61: x, k3s_version: '{{ v1 }}'}}"
        let file = AnsibleFile(path: "h", scope: .hosts, bytes: Array(text.utf8))
        guard case .success(let imported) = AnsibleImport.run([file]) else {
            Issue.record("it was refused")
            return
        }
        #expect(imported.notes.contains { $0.what.contains("k3s_version") })
    }

    // MARK: Small things

    @Test(arguments: [
        ("n[1:3]", ["n1", "n2", "n3"]), ("n[01:03]x", ["n01x", "n02x", "n03x"]), ("n[1:9:4]", ["n1", "n5", "n9"]),
        ("[a:c]", ["a", "b", "c"]), ("x", ["x"]), ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
    ])
    func expandsRanges(_ pattern: String, _ names: [String]) {
        #expect(AnsibleRange.names(pattern) == names)
    }

    @Test(arguments: ["n[1-3]", "n[3:1]", "n[1:2", "n]1[", "n[]", "n[1:2:0]", "n[0:99999999]", "n[01:100]"])
    func refusesWhatIsNoRange(_ pattern: String) {
        #expect(AnsibleRange.names(pattern) == nil)
    }

    @Test func oneWinsOverAnotherAsInAnsible() throws {
        let hosts = """
            all: {vars: {a: all, b: all, c: all, d: all, e: all, f: all}}
            outer: {children: {server: }, vars: {b: outer, c: outer, d: outer, e: outer, f: outer}}
            server: {hosts: {n: {e: host, f: host}}, vars: {c: inner, d: inner, e: inner, f: inner}}
            """
        let files = [
            AnsibleFile(path: "d", scope: .defaults, bytes: Array("{a: defaults, g: defaults}".utf8)),
            AnsibleFile(path: "h", scope: .hosts, bytes: Array(hosts.utf8)),
            AnsibleFile(path: "g", scope: .group("all"), bytes: Array("{d: file, e: file, f: file}".utf8)),
            AnsibleFile(path: "v", scope: .host("n"), bytes: Array("{f: hostfile}".utf8)),
        ]
        var inventory = AnsibleInventory()
        var findings = Findings(file: "h")
        AnsibleYAMLReader.inventory(files[1], &inventory, &findings)
        for file in files where file.scope != .hosts {
            inventory.add(AnsibleYAMLReader.variables(file, &findings).variables, of: file.scope)
        }
        let values = try #require(inventory.variables()["n"]).mapValues { $0.node.scalar?.text ?? "" }
        #expect(
            values == [
                "a": "all", "b": "outer", "c": "inner", "d": "file", "e": "host", "f": "hostfile", "g": "defaults",
            ])
    }
}
