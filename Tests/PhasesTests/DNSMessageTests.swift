import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

struct DNSMessageTests {
    /// An answer for `NAME.cluster.example.org` as CoreDNS gives it, its name by a pointer.
    static func answer(_ name: String, _ address: [UInt8] = [10, 77, 0, 100], status: UInt8 = 0) -> String {
        var bytes: [UInt8] = [0x63, 0x74, 0x84, status, 0, 1, 0, address.isEmpty ? 0 : 1, 0, 0, 0, 0]
        for label in [name, "cluster", "example", "org"] { bytes += [UInt8(label.utf8.count)] + label.utf8 }
        bytes += [0, 0, 1, 0, 1]
        if !address.isEmpty { bytes += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, UInt8(address.count)] + address }
        return bytes.map { String($0, radix: 16).count == 1 ? "0" + String($0, radix: 16) : String($0, radix: 16) }
            .joined()
    }

    @Test func addressesAreReadOutOfAnAnswer() throws {
        let message = try #require(DNSMessage(hexadecimal: Self.answer("api")))
        #expect(message.status == 0 && message.addresses.map(\.description) == ["10.77.0.100"])
        #expect(DNSMessage(hexadecimal: Self.answer("x", [], status: 3))?.status == 3)
    }

    /// Nodes can say anything.
    @Test func whateverIsSaidIsReadOrRefused() {
        let whole = Self.answer("api")
        for end in 0..<whole.count { #expect(DNSMessage(hexadecimal: String(whole.prefix(end))) == nil, "\(end)") }
        var made = HostileText()
        for text in made.texts(300) { _ = DNSMessage(hexadecimal: text) }
        for _ in 0..<1000 {
            var bytes = Array(whole.utf8)
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &made)] =
                    "0123456789abcdef".utf8.randomElement(using: &made) ?? 48
            }
            _ = DNSMessage(hexadecimal: String(decoding: bytes, as: UTF8.self))
        }
        #expect(DNSMessage(hexadecimal: "63748400ffffffff00000000" + String(repeating: "c0", count: 64)) == nil)
        #expect(DNSMessage(hexadecimal: "637404" + whole.dropFirst(6)) == nil, "a question is no answer")
    }

    @Test func theQuestionIsOneForTheNameOverTCP() throws {
        let address = try #require(IPAddress("10.77.0.11"))
        let question = DNSQuestion(name: "api.cluster.example.org", family: .ipv6, server: address)
        guard case .command(let words) = question.probe, let query = words.last else {
            Issue.record("no command")
            return
        }
        let bytes = query.split(separator: "\\").compactMap { UInt8($0, radix: 8) }
        #expect(Int(bytes[1]) == bytes.count - 2 && words.contains("10.77.0.11"))
        #expect(Array(bytes[14..<18]) == [3] + Array("api".utf8) && Array(bytes.suffix(5)) == [0, 0, 28, 0, 1])
    }
}
