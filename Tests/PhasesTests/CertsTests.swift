import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// Certificates as openssl has made them, by the programs of this machine.
enum Made {
    /// An authority of ten years, from 2026-11-27T07:26:53Z to 2036-11-24T07:26:53Z.
    static let authority = """
        MIIBmzCCAUGgAwIBAgIUGMmwP2VN73T6a+DypnpYfViu/FEwCgYIKoZIzj0EAwIwIzEhMB8GA1UEAwwYazNzLXNlcnZlci1jYUAx\
        NzQ5NDY0MjExMB4XDTI2MTEyNzA3MjY1M1oXDTM2MTEyNDA3MjY1M1owIzEhMB8GA1UEAwwYazNzLXNlcnZlci1jYUAxNzQ5NDY0\
        MjExMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEe23q2/NjBfMyPHhu7Rkvbwpf0awnaziawkQhrXEnN9aiGq4LhiKS92f9IZQk\
        6GrLA15Mxve7I3QHFz2e/Cfi3qNTMFEwHQYDVR0OBBYEFBc2cCBGJkD0KpeC+PJjWEqg1ZHfMB8GA1UdIwQYMBaAFBc2cCBGJkD0\
        KpeC+PJjWEqg1ZHfMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAO1dAWrOgAZK3qj7B8OhRt1ZZejElVk9IQJM\
        h2zYYtCJAiBi/LV+1zVj/BCpT7dxupaqIVPKcT4l9zm7QeVowqB4uQ==
        """
    static let authorityEnds = 2_111_124_413
}

@Suite struct CertificateTests {
    @Test func whoseItIsAndUntilWhen() throws {
        let found = try #require(Certificate(base64: Made.authority))
        #expect(found.subject == "k3s-server-ca@1749464211")
        #expect(found.notAfter == Made.authorityEnds)
        #expect(found.notBefore == 1_795_764_413)
    }

    /// A certificate with these times and this name, with nothing in it that is not read.
    static func made(
        _ from: String = "260101000000Z", to: String, name: String = "system:admin", tag: UInt8 = 0x17
    ) -> String {
        func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            content.count < 128
                ? [tag, UInt8(content.count)] + content
                : [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
        }
        let subject = der(
            0x30,
            der(0x31, der(0x30, der(0x06, [0x55, 0x04, 0x0a]) + der(0x0c, Array("system:masters".utf8))))
                + der(0x31, der(0x30, der(0x06, [0x55, 0x04, 0x03]) + der(0x0c, Array(name.utf8)))))
        let body =
            der(0xa0, der(0x02, [2])) + der(0x02, [1]) + der(0x30, []) + der(0x30, [])
            + der(0x30, der(0x17, Array(from.utf8)) + der(tag, Array(to.utf8))) + subject
        return Data(der(0x30, der(0x30, body))).base64EncodedString()
    }

    @Test(
        arguments: [
            ("700101000000Z", 0x17, 0), ("491231235959Z", 0x17, 2_524_607_999), ("500101000000Z", 0x17, -631_152_000),
            ("20000229120000Z", 0x18, 951_825_600), ("99991231235959Z", 0x18, 253_402_300_799),
            ("260230000000Z", 0x17, 1_772_409_600),
        ] as [(String, UInt8, Int)])
    func timesOfBothKinds(text: String, tag: UInt8, seconds: Int) {
        #expect(Certificate(base64: Self.made(to: text, tag: tag))?.notAfter == seconds)
    }

    @Test(
        arguments: ["", "2612310000Z", "261331000000Z", "261231000000", "261231000000+0100", "26123100000aZ"])
    func whatIsNoTimeMakesNoCertificate(text: String) {
        #expect(Certificate(base64: Self.made(to: text)) == nil)
    }

    @Test func namesAreMadePrintable() {
        #expect(Certificate(base64: Self.made(to: "270101000000Z", name: "a\u{1b}[31mb\nü"))?.subject == "a?[31mb???")
    }

    @Test func theListenersOneIsInPEMInBase64() {
        let pem =
            "-----BEGIN CERTIFICATE-----\n\(Self.made(to: "270101000000Z", name: "k3s"))\n-----END CERTIFICATE-----\n"
        let text = Data((pem + pem).utf8).base64EncodedString()
        #expect(Certificate(base64OfPEM: text)?.subject == "k3s")
        #expect(Certificate(base64OfPEM: Data(pem.utf8.prefix(60)).base64EncodedString()) == nil)
        #expect(Certificate(base64OfPEM: "%") == nil)
    }

    /// Whatever a node sends, the reader comes to an end and does not trap.
    @Test func bytesThatAreNoCertificateAreRefused() throws {
        let whole = Array(try #require(Data(base64Encoded: Made.authority)))
        var random = Seeded(seed: 7)
        for count in 0..<whole.count { _ = Certificate(der: Array(whole.prefix(count))) }
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<(1 + Int(random.next() % 4)) {
                bytes[Int(random.next() % UInt64(min(bytes.count, 160)))] = UInt8(truncatingIfNeeded: random.next())
            }
            if let found = Certificate(der: bytes) {
                #expect(found.subject.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
            }
        }
        #expect(Certificate(der: [0x30, 0x84, 0xff, 0xff, 0xff, 0xff]) == nil)
    }

    private struct Seeded {
        var seed: UInt64
        mutating func next() -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return seed >> 33
        }
    }
}

/// What the renewal of certificates concludes, and what their list shows.
@Suite struct CertsTests {
    private static let now = 1_800_000_000
    private static let managed = (UpgradeFixture.servers + ["worker-01", "pxe-01"]).map { NodeName($0) }
    private static let path = "/var/lib/rancher/k3s/server/tls/client-admin.crt"
    private static let old = CertificateTests.made(to: "270801000000Z")
    private static let new = CertificateTests.made(to: "280115000000Z")

    private static func look(_ lines: [String]) -> Answer {
        Answer(status: 0, output: (["now \(now)"] + lines).map { $0 + "\n" }.joined())
    }

    enum Stand {
        case plain
        case noted
        /// K3s was stopped, and has made none yet.
        case stopped
        case renewed
        case ended

        var answer: Answer {
            switch self {
            case .plain: look(["leaf \(path) \(old)"])
            case .noted: look(["leaf \(path) \(old)", "begun", "noted \(path) \(old)"])
            case .stopped: look(["begun", "noted \(path) \(old)"])
            case .renewed: look(["leaf \(path) \(new)", "begun", "noted \(path) \(old)", "renewed"])
            case .ended: look(["leaf \(path) \(new)"])
            }
        }
    }

    private static func facts(_ inventory: Inventory, _ stands: [NodeName: Stand]) -> Facts {
        var facts = UpgradeFixture.facts(inventory)
        for node in managed {
            facts[node, CertsFacts.probe] = (stands[node] ?? .plain).answer
            facts[node, .guardState] = Answer(status: 0, output: "none")
        }
        return facts
    }

    private static func all(_ stand: Stand, _ others: [NodeName: Stand] = [:]) -> [NodeName: Stand] {
        Dictionary(uniqueKeysWithValues: managed.map { ($0, others[$0] ?? stand) })
    }

    struct State: Sendable, CustomTestStringConvertible {
        let id: String
        let nodes: [NodeName: Stand]
        let notes: [NodeName]
        /// Who is stopped.
        let renews: [NodeName]
        let ends: [NodeName]
        var testDescription: String { id }
    }

    static let states = [
        State(id: "nothing has been done", nodes: all(.plain), notes: managed, renews: managed, ends: managed),
        State(
            id: "some have noted", nodes: all(.plain, ["dpu-01": .noted]), notes: Array(managed.dropFirst()),
            renews: managed, ends: managed),
        State(id: "all have noted", nodes: all(.noted), notes: [], renews: managed, ends: managed),
        State(
            id: "one was stopped", nodes: all(.noted, ["dpu-01": .stopped]), notes: [], renews: managed, ends: managed),
        State(
            id: "half have new ones", nodes: all(.noted, ["dpu-01": .renewed, "dpu-02": .renewed]), notes: [],
            renews: Array(managed.dropFirst(2)), ends: Array(managed.dropFirst(2))),
        State(id: "all have new ones", nodes: all(.renewed), notes: [], renews: [], ends: []),
        State(
            id: "some have forgotten", nodes: all(.renewed, ["dpu-01": .ended, "worker-01": .ended]), notes: [],
            renews: [], ends: []),
    ]

    @Test(arguments: states) func whatAnEarlierRunHasLeftIsLedOn(state: State) throws {
        let inventory = try UpgradeFixture.inventory()
        let scope = CertsScope(inventory, endingWithinSeconds: nil)
        let facts = Self.facts(inventory, state.nodes)
        func pending(_ phases: any Phase...) -> [NodeName] {
            phases.flatMap { phase in
                phase.nodes.filter { if case .pending = phase.check($0, facts) { true } else { false } }
            }
        }
        for node in inventory.nodes.map(\.id) {
            #expect(UpgradeFixture.words(CertsPreflight(scope).check(node, facts)) == [], "\(node)")
        }
        #expect(pending(NoteCerts(scope)) == state.notes)
        #expect(pending(RenewServers(scope), RenewWorkers(scope, atOnce: .number(1))) == state.renews)
        #expect(pending(EndCerts(scope)) == state.ends)
    }

    @Test func onlyWhatEndsSoonIsRenewedWhereThatIsAskedFor() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Self.facts(inventory, Self.all(.ended, ["dpu-02": .plain]))
        // 2027-08-01 is 197 days from then, 2028-01-15 364.
        let scope = CertsScope(inventory, endingWithinSeconds: 200 * 86400)
        #expect(scope.turn("dpu-02", facts) == .renewed(isNoted: false))
        #expect(scope.turn("dpu-01", facts) == .left("its certificates are good for 364 days"))
        #expect(NoteCerts(scope).check("dpu-01", facts) == .notApplicable("its certificates are good for 364 days"))
        #expect(RenewServers(scope).check("dpu-01", facts) == .notApplicable("its certificates are good for 364 days"))
        facts[NodeName("dpu-02"), CertsFacts.probe] = Stand.stopped.answer
        #expect(scope.turn("dpu-02", facts) == .renewed(isNoted: true), "what was begun goes on")
    }

    @Test func theTurnIsOverWhenEveryCertificateHasAnotherInItsPlace() throws {
        let facts = try #require(CertsFacts(Stand.renewed.answer))
        #expect(facts.verdict(on: "a") == .holds)
        #expect(
            try #require(CertsFacts(Stand.noted.answer)).verdict(on: "a")
                == .waiting("\(Self.path) on a is still the earlier one"))
        #expect(
            try #require(CertsFacts(Stand.stopped.answer)).verdict(on: "a")
                == .waiting("\(Self.path) is not there yet on a"))
        let ended = Self.look([
            "leaf \(Self.path) \(CertificateTests.made(to: "270101000000Z"))", "begun",
            "noted \(Self.path) \(Self.old)",
        ])
        #expect(
            try #require(CertsFacts(ended)).verdict(on: "a")
                == .failed("\(Self.path) on a has ended already, by the clock there"))
        let sooner = Self.look([
            "leaf \(Self.path) \(CertificateTests.made(to: "270701000000Z"))", "begun",
            "noted \(Self.path) \(Self.old)",
        ])
        #expect(try #require(CertsFacts(sooner)).verdict(on: "a") == .holds, "K3s may make them for a shorter time")
        #expect(CertsFacts(Answer(status: 0, output: "leaf a b\n")) == nil, "without its clock")
    }

    @Test func whatCannotBeIsRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        let scope = CertsScope(inventory, endingWithinSeconds: nil)
        var facts = Self.facts(inventory, Self.all(.plain))
        let past = CertificateTests.made(to: "260701000000Z")
        facts["dpu-01", CertsFacts.probe] = Self.look([
            "leaf \(Self.path) \(Self.old)", "authority /var/lib/rancher/k3s/server/tls/client-ca.crt \(past)",
        ])
        facts["dpu-02", CertsFacts.probe] = Self.look([])
        facts["worker-01", CertsFacts.probe] = Answer(status: 1, output: "", error: "no awk")
        func says(_ node: NodeName) -> [String] { UpgradeFixture.words(CertsPreflight(scope).check(node, facts)) }
        #expect(
            says("dpu-01") == [
                "the authority /var/lib/rancher/k3s/server/tls/client-ca.crt has ended, and nothing that it signs is valid"
            ])
        #expect(says("dpu-02") == ["there are no certificates of K3s' there"])
        #expect(says("worker-01") == ["it does not say which certificates it has: no awk"])
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 1, output: "", error: "x509: expired")
        }
        #expect(says("dpu-01") == ["the cluster cannot be asked for its nodes: x509: expired"])
    }

    @Test func authoritiesThatEndAreSaidBeforeAnythingIsAgreedTo() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Self.facts(inventory, Self.all(.plain))
        let scope = CertsScope(inventory, endingWithinSeconds: nil)
        #expect(CertsPreflight(scope).notes(facts) == [])
        facts["dpu-02", CertsFacts.probe] = Self.look(["authority /x \(Self.old)"])
        #expect(CertsPreflight(scope).notes(facts).first?.hasPrefix("an authority ends in 197 days") == true)
    }

    @Test func theListHasWhatEndsFirstFirstAndEachAuthorityOnce() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Facts()
        let authority = "authority /var/lib/rancher/k3s/server/tls/server-ca.crt \(Made.authority)"
        facts["dpu-01", CertsFacts.probe] = Self.look(["leaf /b \(Self.new)", authority])
        facts["dpu-02", CertsFacts.probe] = Self.look(["leaf /a \(Self.old)", authority, "leaf /c %"])
        facts["worker-01", CertsFacts.probe] = Answer(status: 1, output: "", error: "no awk")
        let report = CertsReport(inventory, facts: facts, within: 200 * 86400)
        #expect(report.rows.map(\.path) == ["/c", "/a", "/b", "/var/lib/rancher/k3s/server/tls/server-ca.crt"])
        #expect(report.rows.map(\.endsSoon) == [true, true, false, false])
        #expect(report.rows.last?.nodes == ["dpu-01", "dpu-02"])
        #expect(report.silent.map(\.node) == ["worker-01"])
    }

    // MARK: The order

    private func violations(_ change: (Order.Entry) -> Order.Entry?) throws -> [String] {
        let inventory = try UpgradeFixture.inventory()
        let entries = CertsRotate.order(for: inventory).entries.compactMap(change)
        return OrderRules.violations(Plan(cluster: "x", order: Order(name: "x", entries)), for: inventory)
    }

    @Test func theOrderKeepsEveryRule() throws { #expect(try violations { $0 } == []) }

    @Test(
        arguments: [
            ("renew-servers", "note-certs"), ("renew-workers", "renew-servers"), ("end-certs", "renew-workers"),
        ] as [(PhaseID, PhaseID)])
    func eachPhaseWaitsForTheOneBeforeIt(later: PhaseID, earlier: PhaseID) throws {
        let found = try violations { entry in
            guard entry.phase.id == later else { return entry }
            return .init(entry.phase, after: [.all("preflight"), .all("host-prep")])
        }
        #expect(
            found.contains("order.certs-in-turn: \(later) may start before \(earlier) has passed on all nodes"),
            "\(found)")
    }

    @Test func aServerIsNotStoppedBeforeItHasAskedTheOthers() throws {
        let found = try violations { entry in
            entry.phase.id == "renew-servers" ? .init(Hasty(base: entry.phase), after: entry.after) : entry
        }
        #expect(found.contains("order.certs-in-turn: dpu-01 may be stopped while another one is out"), "\(found)")
    }

    private struct Hasty: Phase {
        let base: any Phase
        var id: PhaseID { base.id }
        var title: String { base.title }
        var nodes: [NodeName] { base.nodes }
        var atOnce: Int { 1 }
        func apply(_ node: NodeName) -> [Step] {
            let steps = base.apply(node)
            let stop = steps.filter { $0.operation.summary == RenewServers.step }
            return stop + steps.filter { $0.operation.summary != RenewServers.step }
        }
        func gate(_ node: NodeName) -> Gate? { base.gate(node) }
        func undo(_ node: NodeName) -> Undo { base.undo(node) }
    }
}
