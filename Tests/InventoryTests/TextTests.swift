import Testing

@testable import Inventory

struct TextTests {
    @Test(arguments: [
        ("rack1-[01-03]", ["rack1-01", "rack1-02", "rack1-03"]), ("n[9-11]", ["n9", "n10", "n11"]),
        ("plain", ["plain"]),
        ("r[1-2]-[a,b]", ["r1-a", "r1-b", "r2-a", "r2-b"]), ("n[1-2,7]", ["n1", "n2", "n7"]),
        ("[a, b]x", ["ax", "bx"]),
        ("n[1-1]", ["n1"]), ("n[00-01]", ["n00", "n01"]),
    ])
    func expandsRanges(_ text: String, _ texts: [String]) throws {
        let pattern = try RangePattern(text)
        #expect(pattern.texts == texts)
        #expect(pattern.count == texts.count)
    }

    @Test func countsInHexadecimalForIPv6() throws {
        #expect(try RangePattern("fd00::[9-b]", radix: 16).texts == ["fd00::9", "fd00::a", "fd00::b"])
    }

    @Test(arguments: [
        ("a[1", RangeProblem.unbalanced), ("a1]", .unbalanced), ("a[]", .empty), ("a[1,]", .empty),
        ("a[2-1]", .backwards("2-1")),
        ("a[08-100]", .widthsDiffer("08-100")), ("a[x-z]", .notANumber("x")), ("a[1-]", .notANumber("")),
        ("a[1-20001]", .tooMany(limit: 20_000)), ("a[1-1000][1-1000]", .tooMany(limit: 20_000)),
        ("a[1-9999999999]", .notANumber("9999999999")),
    ])
    func refusesBadRanges(_ text: String, _ problem: RangeProblem) {
        #expect(throws: problem) { try RangePattern(text) }
    }

    @Test(arguments: [
        ("adress", "address"), ("adrdess", "address"), ("ADDRESS", "address"), ("prot", "port"), ("moode", "mode"),
        ("nativeRoutingCIDR", "ipv4NativeRoutingCIDR"), ("banana", nil), ("x", nil),
    ])
    func findsTheNearestKey(_ text: String, _ nearest: String?) {
        let known = ["address", "port", "user", "mode", "ipv4NativeRoutingCIDR", "ipv6NativeRoutingCIDR", "host"]
        #expect(Nearest.match(text, in: known) == nearest)
    }

    @Test func countsASwapOfNeighboursOnce() {
        #expect(Nearest.distance(Array("prot".utf8), Array("port".utf8)) == 1)
        #expect(Nearest.distance(Array("".utf8), Array("port".utf8)) == 4)
        #expect(Nearest.distance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    }

    @Test(arguments: [
        ("20s", Duration.seconds(20)), ("5m", .seconds(300)), ("1h", .seconds(3600)), ("500ms", .milliseconds(500)),
        ("0s", .zero),
    ])
    func readsAndWritesDurations(_ text: String, _ duration: Duration) {
        #expect(DurationText.parse(text) == duration)
        #expect(DurationText.text(duration) == text)
    }

    @Test(arguments: ["", "20", "s", "-5s", "1.5h", "5 m", "5min", "1h30m", "99999999999s"])
    func refusesOtherDurations(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test func roundsSecondsUp() {
        #expect(Duration.milliseconds(1500).wholeSeconds == 2)
        #expect(Duration.seconds(2).wholeSeconds == 2)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    }

    @Test(arguments: ["v1.35.7+k3s1", "v1.29.0+k3s10", "v1.35.7-rc1+k3s1"])
    func writesVersionsAsTheyWereRead(_ text: String) throws {
        #expect(try #require(K3sVersion(text)).description == text)
    }

    @Test(arguments: [
        "1.35.7+k3s1", "v1.35.7", "v1.35+k3s1", "v1.35.07+k3s1", "v1.35.7+k3s", "v1.35.7+rke2r1", "v1.35.7-x+k3s1",
    ])
    func refusesOtherVersions(_ text: String) {
        #expect(K3sVersion(text) == nil)
    }

    @Test func ordersVersions() throws {
        let texts = [
            "v1.29.9+k3s1", "v1.35.7-rc1+k3s1", "v1.35.7-rc2+k3s1", "v1.35.7+k3s1", "v1.35.7+k3s2", "v1.35.10+k3s1",
        ]
        let versions = try texts.map { try #require(K3sVersion($0)) }
        #expect(versions.shuffled().sorted() == versions)
        #expect(versions[3].releaseTagPercentEncoded == "v1.35.7%2Bk3s1")
    }

    @Test(arguments: [
        ("a=b:NoSchedule", Taint(key: "a", value: "b", effect: .noSchedule)),
        ("a:NoExecute", Taint(key: "a", effect: .noExecute)),
        ("x.org/a=:PreferNoSchedule", Taint(key: "x.org/a", value: "", effect: .preferNoSchedule)),
    ])
    func readsTaints(_ text: String, _ taint: Taint) {
        #expect(Taint(text) == taint)
        #expect(taint.description == text)
    }

    /// What reaches a command line can neither be an option nor end it.
    @Test(arguments: [
        TextForm.user, .host, .device, .link, .clusterName, .nodeName, .variable, .operatingSystem, .labelKey,
        .domain, .image,
    ])
    func keepsShellsSafe(_ form: TextForm) {
        for text in [
            "-o", "a;b", "a b;", "$(a)", "`a`", "a'b", "a\"b", "a\nb", "a|b", "a&b", "a>b", "a\\b", "a*", "é", "",
        ] {
            #expect(TextFormCheck.problem(text, form) != nil, "\(form) lets \(text) pass")
        }
    }
}
