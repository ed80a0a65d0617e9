import Testing
import YAML

struct YAMLEmitterTests {
    @Test func writesBlockStyleInTheOrderOfTheKeys() {
        let value: YAMLValue = [
            "node-ip": "10.0.0.1", "b": [true, 12, 1.5, .null, [:], []],
            "nested": ["list": [["a": 1, "b": ["x"]], ["c": "d"]], "pairs": [[1, 2], [3]]],
            "script": "line one\n  line two\n", "open": "no newline\nat the end", "kept": "two\n\n",
        ]
        #expect(
            value.yamlText() == """
                node-ip: "10.0.0.1"
                b:
                  - true
                  - 12
                  - 1.5
                  - null
                  - {}
                  - []
                nested:
                  list:
                    - a: 1
                      b:
                        - x
                    - c: d
                  pairs:
                    - - 1
                      - 2
                    - - 3
                script: |
                  line one
                    line two
                open: |-
                  no newline
                  at the end
                kept: |+
                  two


                """)
    }

    @Test(arguments: [
        "", "yes", "No", "ON", "off", "y", "true", "null", "~", "12", "012", "0x1f", "1_000", "1:30", "1.5", ".5",
        "1e3",
        ".inf", "2001-01-01", "=", "<<", "- a", "a: b", "a:", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a",
        "`a",
        "'a'", "\"a\"", "{a}", "[a]", " a", "a ", "?", "-", "---", "...", "a\tb", "\u{85}", "\u{feff}a", "\u{2028}",
        "\\",
    ])
    func quotesWhatReadersCouldTakeForSomethingElse(_ text: String) throws {
        let written = YAMLValue.string(text).yamlText()
        #expect(written.hasPrefix("\"") && written.hasSuffix("\"\n"))
        #expect(YAMLValue(try YAMLDocument.parse(written, file: "t").root) == .string(text))
    }

    @Test(arguments: ["k3s", "/var/lib/rancher", "traefik", "a:b", "key=value:NoSchedule", "v1.35.7+k3s1", "a b"])
    func leavesPlainTextPlain(_ text: String) {
        #expect(YAMLValue.string(text).yamlText() == text + "\n")
    }

    /// A generator with a fixed seed (SplitMix64), so that a failure can be replayed.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    static func value(depth: Int, _ random: inout Seeded) -> YAMLValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .int(.random(in: -1000...1000, using: &random))
        case 3: return .double(.random(in: -1e20...1e20, using: &random))
        case 4: return .string(text(&random))
        case 5: return .list((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth: depth - 1, &random) })
        default:
            var map = YAMLMap()
            for _ in 0..<Int.random(in: 0..<4, using: &random) { map[text(&random)] = value(depth: depth - 1, &random) }
            return .map(map)
        }
    }

    static func text(_ random: inout Seeded) -> String {
        let alphabet = Array("ab1: #-\n\t\"'\\|>&*!%@`{}[],?=~é😀\u{1}\r.yn0")
        return String(
            (0..<Int.random(in: 0..<12, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) })
    }

    @Test(arguments: 0..<20)
    func readsBackWhatItWrote(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        for _ in 0..<100 {
            let value = Self.value(depth: 4, &random)
            let written = value.yamlText()
            let read = YAMLValue(try YAMLDocument.parse(written, file: "t").root)
            #expect(read == value, "seed \(seed):\n\(written)")
        }
    }

    @Test func writesKeysThatAreTooLongForSimpleOnes() throws {
        let key = String(repeating: "k", count: 2000)
        let value: YAMLValue = ["a": .map([key: ["b": "c"]])]
        #expect(YAMLValue(try YAMLDocument.parse(value.yamlText(), file: "t").root) == value)
    }

    @Test func mergesMapsDeeplyAndReplacesLists() {
        let base: YAMLValue = ["a": ["b": 1, "c": [1, 2]], "d": 1]
        #expect(base.merging(["a": ["c": [3], "e": 4]]) == ["a": ["b": 1, "c": [3], "e": 4], "d": 1])
    }
}
