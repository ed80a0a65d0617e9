import Foundation
import Testing

@testable import SSH

struct KnownHostsTests {
    private static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIEYVR6io+TCP/stGhvM1O7l1+TXchhCJgue6lpfBXgEW"

    struct Row: Sendable, CustomTestStringConvertible {
        var id: String
        var names: String
        var host = "node.example.org"
        var port = 22
        var found: Bool
        var testDescription: String { id }
    }

    @Test(arguments: [
        Row(id: "plain", names: "node.example.org", found: true),
        Row(id: "letters-without-case", names: "Node.Example.ORG", host: "NODE.example.org", found: true),
        Row(id: "one-of-several", names: "other,node.example.org,10.0.0.1", found: true),
        Row(id: "other-name", names: "node.example.com", found: false),
        Row(id: "prefix-is-no-match", names: "node", found: false),
        Row(id: "star", names: "*.example.org", found: true),
        Row(id: "star-in-the-middle", names: "no*ple.o*g", found: true),
        Row(id: "question-mark", names: "n?de.example.org", found: true),
        Row(id: "negated", names: "*.example.org,!node.example.org", found: false),
        Row(id: "negated-alone", names: "!other.example.org", found: false),
        Row(id: "port", names: "[node.example.org]:2222", port: 2222, found: true),
        Row(id: "other-port", names: "[node.example.org]:2222", port: 2223, found: false),
        Row(id: "port-is-not-22", names: "[node.example.org]:2222", found: false),
        Row(
            // ssh-keygen -H of "[127.0.0.1]:2222"
            id: "hashed", names: "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|" + hash("[127.0.0.1]:2222"), host: "127.0.0.1",
            port: 2222, found: true),
        Row(
            id: "hashed-other", names: "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|" + hash("[127.0.0.1]:2222"),
            host: "127.0.0.2", port: 2222, found: false),
    ])
    func findsTheHost(_ row: Row) {
        var known = KnownHosts()
        let text = Array("# comment\n\(row.names) ssh-ed25519 \(Self.key) a comment\n".utf8)
        known.add(KnownHostsFile(text), path: "/k", host: row.host, port: row.port)
        #expect(known.entries.map(\.source) == (row.found ? ["/k:2"] : []))
    }

    private static func hash(_ name: String) -> String {
        Base64.encode(SaltedSHA1(key: (0..<20).map { $0 }).digest(Array(name.utf8)))
    }

    @Test func skipsLinesThatItCannotRead() {
        var known = KnownHosts()
        let right = "n ssh-ed25519 \(Self.key)"
        let text = "n ssh-ed25519\nn ssh-ed25519 ***\n@nonsense \(right)\n\n|1|x n\n\(right)"
        known.add(KnownHostsFile(Array(text.utf8)), path: "/k", host: "n", port: 22)
        #expect(known.entries.map(\.source) == ["/k:6"])
    }

    @Test func takesAMatchOfTheBareNameForAnotherPortAndNoMismatch() throws {
        var known = KnownHosts()
        known.add(KnownHostsFile(Array("n ssh-ed25519 \(Self.key)".utf8)), path: "/k", host: "n", port: 2222)
        #expect(known.entries.isEmpty && known.entriesWithoutPort.count == 1)
    }

    @Test func listsKeysInTheOrderOfTheFileEachOnce() {
        var known = KnownHosts()
        let text = "n? ssh-ed25519 \(Self.key)\nn1,n1,n2 ssh-ed25519 \(Self.key)\n[n1]:24 ssh-ed25519 \(Self.key)\n"
        known.add(KnownHostsFile(Array(text.utf8)), path: "/k", host: "n1", port: 22)
        #expect(known.entries.map(\.source) == ["/k:1", "/k:2"])
    }

    @Test func aFileThatChangedIsReadAgain() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("known-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let cache = KnownHostsCache()
        func found(_ host: String) throws -> Int {
            try KnownHosts.read([path], host: host, port: 22, cache: cache).entries.count
        }
        #expect(try found("n1") == 0, "the file is not there yet")
        try "n1 ssh-ed25519 \(Self.key)\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try found("n1") == 1)
        // The same size and within the same tick, but another file.
        try "n2 ssh-ed25519 \(Self.key)\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try found("n1") == 0)
        #expect(try found("n2") == 1)
        #expect(throws: Never.self) { try LocalFile.appendLine("n3 ssh-ed25519 \(Self.key)", to: path).get() }
        #expect(try found("n3") == 1)
    }

    // MARK: Digests, against published values

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func sha256MatchesFIPS180(text: String, expected: String) {
        #expect(hexadecimal(Digests.sha256(Array(text.utf8))) == expected)
    }

    @Test func sha1AndItsHMACMatchTheRFCs() {
        #expect(hexadecimal(SHA1.digest(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(hexadecimal(SHA1.digest(million)) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
        // RFC 2202, cases 2 and 6 (a key longer than a block).
        let short = SaltedSHA1(key: Array("Jefe".utf8)).digest(Array("what do ya want for nothing?".utf8))
        #expect(hexadecimal(short) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        let long = SaltedSHA1(key: [UInt8](repeating: 0xaa, count: 80))
            .digest(Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
        #expect(hexadecimal(long) == "aa4ae5e15272d00e95705637ce8a3b55ed402112")
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64RoundTrips(text: String) {
        let bytes = Array(text.utf8)
        #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        #expect(Base64.decode(Base64.encode(bytes, padded: false).utf8) == bytes)
    }

    @Test(arguments: ["A", "AA=A", "A A=", "AA*=", "===="])
    func base64RefusesWhatIsNone(text: String) { #expect(Base64.decode(text.utf8) == nil) }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

struct BoundedOutputTests {
    @Test func keepsAllThatFits() {
        var output = BoundedOutput(limitBytes: 10)
        output.append(Array("01234".utf8))
        output.append(Array("56789".utf8))
        #expect(output.bytes == Array("0123456789".utf8) && output.cutBytes == 0)
    }

    @Test func cutsTheMiddleAndSaysHowMuch() {
        var output = BoundedOutput(limitBytes: 4)
        for digit in 0..<10 { output.append(Array("\(digit)".utf8)) }
        #expect(String(decoding: output.bytes, as: UTF8.self) == "01\n[... 6 bytes cut ...]\n89")
    }
}
