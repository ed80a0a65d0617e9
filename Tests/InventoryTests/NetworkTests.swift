import Testing

@testable import Inventory

struct NetworkTests {
    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
        ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8::0:1", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("0:0:1::", "0:0:1::"), ("fe80::A", "fe80::a"),
        ("::ffff:10.0.0.1", "10.0.0.1"), ("::ffff:a00:1", "10.0.0.1"), ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:10.0.0.1", "1:2:3:4:5:6:a00:1"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
    func printsTheOneCanonicalForm(_ text: String, _ canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(arguments: [
        "", "10.0.0", "10.0.0.0.1", "10.0.0.01", "010.0.0.1", "10.0.0.256", "10.0.0.-1", "10..0.1", "10.0.0.1 ",
        "0x0a.0.0.1",
        "٣.0.0.1", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7::8", "fe80::1%eth0",
        "[::1]", "12345::", "g::", "::1:", ":1::", "10.0.0.1::", "::10.0.0.1:1", "::1/64", "localhost",
    ])
    func refusesLooseForms(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.142.0.0/16", "10.142.0.0/16"), ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"),
        ("fd00:42:0::/56", "fd00:42::/56"),
        ("10.0.0.1/32", "10.0.0.1/32"), ("FD00::1/128", "fd00::1/128"),
    ])
    func readsNetworks(_ text: String, _ canonical: String) throws {
        #expect(try #require(CIDR(text)).description == canonical)
    }

    @Test(arguments: [
        "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "a/8",
    ])
    func refusesWhatIsNoNetwork(_ text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test(arguments: [("10.142.1.0/16", "10.142.0.0/16"), ("fd00::1/64", "fd00::/64"), ("10.0.0.1/0", "0.0.0.0/0")])
    func namesTheRightNetworkForHostBits(_ text: String, _ right: String) throws {
        #expect(CIDR.parse(text) == .failure(.hostBits(right: try #require(CIDR(right)))))
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.0.0/16", true), ("10.1.0.0/16", "10.0.0.0/8", true), ("10.0.0.0/16", "10.1.0.0/16", false),
        ("0.0.0.0/0", "8000::/1", false), ("fd00::/56", "fd00:0:0:ff::/64", true),
        ("fd00::/56", "fd00:0:0:100::/64", false),
        ("::/0", "fd00::/8", true),
    ])
    func tellsWhetherNetworksOverlap(_ left: String, _ right: String, _ overlap: Bool) throws {
        #expect(try #require(CIDR(left)).overlaps(try #require(CIDR(right))) == overlap)
    }

    @Test func countsAddressesOnlyWithinTheNetwork() throws {
        let small = try #require(CIDR("10.143.0.0/28"))
        #expect(small.address(at: 10)?.description == "10.143.0.10")
        #expect(small.address(at: 15)?.description == "10.143.0.15")
        #expect(small.address(at: 16) == nil)
        #expect(try #require(CIDR("fd00:43::/112")).address(at: 10)?.description == "fd00:43::a")
        #expect(try #require(CIDR("::/0")).address(at: .max)?.description == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        #expect(try #require(CIDR("10.0.0.0/16")).subnetCount(ofLength: 24) == 256)
        #expect(try #require(CIDR("10.0.0.0/25")).subnetCount(ofLength: 24) == 0)
        #expect(try #require(CIDR("::/0")).subnetCount(ofLength: 64) == nil)
    }

    @Test func bracketsAddressesInURLs() throws {
        #expect(try #require(IPAddress("fd00::1")).inURL == "[fd00::1]")
        #expect(try #require(IPAddress("10.0.0.1")).inURL == "10.0.0.1")
    }

    @Test func refusesPortsOutOfRange() {
        #expect([0, 65536, -1].allSatisfy { Port($0) == nil })
        #expect(Port(65535)?.number == 65535)
    }

    @Test(arguments: [
        ("192.0.2.240/29", "192.0.2.240", "192.0.2.247", ["192.0.2.240/29"]),
        ("192.0.2.1-192.0.2.1", "192.0.2.1", "192.0.2.1", ["192.0.2.1/32"]),
        (
            "192.0.2.1-192.0.2.6", "192.0.2.1", "192.0.2.6",
            ["192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6/32"]
        ),
        ("0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
        ("2001:db8::10-2001:db8::21", "2001:db8::10", "2001:db8::21", ["2001:db8::10/124", "2001:db8::20/127"]),
        ("::1:0:0:0/97", "::1:0:0:0", "::1:0:7fff:ffff", ["::1:0:0:0/97"]),
    ])
    func readsBlocks(_ text: String, _ first: String, _ last: String, _ networks: [String]) throws {
        let block = try #require(AddressBlock(text))
        #expect(block.first.description == first)
        #expect(block.last.description == last)
        #expect(block.networks.map(\.description) == networks)
        #expect(block.description == text)
    }

    @Test(arguments: [
        "", "192.0.2.1", "192.0.2.2-192.0.2.1", "192.0.2.1-::1", "192.0.2.1-", "192.0.2.1/24", "a-b",
        "::/0", "::/80", "::fffe:0:0/95", "::fffe:ffff:ffff-::1:0:0:0", "::-ffff::",
    ])
    func refusesLooseBlocks(_ text: String) { #expect(AddressBlock(text) == nil) }

    @Test(arguments: [
        ("192.0.2.0/28", "192.0.2.15-192.0.2.20", true), ("192.0.2.0/28", "192.0.2.16-192.0.2.20", false),
        ("192.0.2.16-192.0.2.20", "192.0.2.0/24", true), ("0.0.0.0/0", "8000::/1", false),
    ])
    func seesWhatBlocksHaveInCommon(_ one: String, _ other: String, _ overlaps: Bool) throws {
        let (one, other) = (try #require(AddressBlock(one)), try #require(AddressBlock(other)))
        #expect(one.overlaps(other) == overlaps)
        #expect(other.overlaps(one) == overlaps)
        #expect(one.contains(other.first) == (overlaps && one.first.bits <= other.first.bits))
    }
}
