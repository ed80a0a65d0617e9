import Inventory
import Testing
import YAML

@testable import Engine
@testable import Phases
@testable import Rendering

/// What the phase concludes from what a node says of its links, and the files that it hands over.
struct InterfacesTests {
    static let links = """
        interfaces:
              bond0: {bond: {links: [p0, p1], mode: 802.3ad}, mtu: 9000, addresses: [10.77.0.11/24], gateway: 10.77.0.1}
              bond0.100: {vlan: {link: bond0, id: 100}, addresses: ["fd77::11/64"]}
              up0.7: {vlan: {link: up0, id: 7}, dhcp: true}
        """

    /// The small cluster with links on a DPU, and on a worker that has no guard of its own.
    static func inventory(_ links: String = links) throws -> Inventory {
        try Example.small([
            (
                "dpu-01: {address: 10.77.0.11, primary: true}",
                "dpu-01:\n    address: 10.77.0.11\n    primary: true\n    \(links)"
            ),
            ("worker-01: {address: 10.77.0.21, labels: {rack: a}}", "worker-01: {address: 10.77.0.21, interfaces: {}}"),
        ])
    }

    private func files() throws -> InterfaceFiles {
        InterfaceFiles(try #require(try Self.inventory().primary.interfaces))
    }

    @Test func onlyNodesWithLinksAreChangedAndAllOfThemBehindAGuard() throws {
        let phase = Interfaces(try Self.inventory())
        #expect(phase.nodes == ["dpu-01", "worker-01"])
        #expect(phase.atOnce == 1)
        for node in phase.nodes { #expect(phase.undo(node).guardWindowSeconds == 90) }
        #expect(phase.witness("worker-01") != nil, "another node has to hear it, too")
        #expect(Interfaces(try Example.small()).nodes == [])
    }

    @Test func theWindowIsWhatTheInventorySaysAlsoWithoutAGuardOfItsOwn() throws {
        let text = Example.small + "guard: {window: 40s}\n"
        let inventory = try Example.read(
            text.replacing("worker-01: {address: 10.77.0.21,", with: "worker-01: {interfaces: {}, address: 10.77.0.21,")
        )
        #expect(Interfaces(inventory).undo("worker-01").guardWindowSeconds == 40)
    }

    @Test func netplanGetsTheLinksAndTheirMembers() throws {
        let root = try YAMLDocument.parse(try files().netplan, file: "netplan").root
        #expect(YAMLValue(root)[["network", "ethernets", "p1", "dhcp4"]] == .bool(false))
        #expect(YAMLValue(root)[["network", "bonds", "bond0", "interfaces"]] == ["p0", "p1"])
        #expect(YAMLValue(root)[["network", "bonds", "bond0", "parameters", "mode"]] == "802.3ad")
        #expect(YAMLValue(root)[["network", "bonds", "bond0", "parameters", "mii-monitor-interval"]] == 100)
        #expect(YAMLValue(root)[["network", "bonds", "bond0", "routes"]] == [["to": "0.0.0.0/0", "via": "10.77.0.1"]])
        #expect(YAMLValue(root)[["network", "vlans", "bond0.100", "addresses"]] == ["fd77::11/64"])
        #expect(YAMLValue(root)[["network", "vlans", "up0.7", "dhcp4"]] == .bool(true))
        #expect(YAMLValue(root)[["network", "ethernets", "up0"]] == nil, "that is whoever's it is on the node")
    }

    @Test func nmstateGetsTheSameAndItsLinksLast() throws {
        let text = try files().nmstate
        let root = YAMLValue(try YAMLDocument.parse(text, file: "nmstate").root)
        #expect(root[["routes", "config"]]?.list?.count == 3)
        let links = root[["interfaces"]]?.list ?? []
        #expect(links.map { $0[["name"]]?.string } == ["bond0", "bond0.100", "up0.7", "p0", "p1"])
        #expect(links[0][["link-aggregation", "port"]] == ["p0", "p1"])
        #expect(links[0][["ipv4", "address"]] == [["ip": "10.77.0.11", "prefix-length": 24]])
        #expect(
            links[0][["ipv6"]] == ["enabled": true, "dhcp": false, "autoconf": false], "link-local, as netplan has it")
        #expect(links[1][["ipv4", "enabled"]] == .bool(false) && links[3][["ipv6", "enabled"]] == .bool(false))
        let more = YAMLValue(
            try YAMLDocument.parse(text + "  - name: \"old\"\n    state: absent\n", file: "nmstate").root)
        #expect(more[["interfaces"]]?.list?.last?[["state"]] == "absent", "links that go are added at the end")
        let none = YAMLValue(try YAMLDocument.parse(InterfaceFiles([]).nmstate + "  - name: a\n", file: "none").root)
        #expect(none[["interfaces"]]?.list?.count == 1)
    }

    @Test func namesAreDataInBothFilesWhateverTheyAre() throws {
        var hostile = HostileText()
        for text in hostile.texts(200) {
            let files = InterfaceFiles([
                Interface(name: text, kind: .bond(links: [text + "x"], mode: .lacp)),
                Interface(name: "v" + text, kind: .vlan(link: text, id: 7)),
            ])
            let netplan = YAMLValue(try YAMLDocument.parse(files.netplan, file: "netplan").root)
            #expect(netplan[["network", "bonds"]]?.map?.keys.first == text)
            #expect(netplan[["network", "vlans", "v" + text, "link"]] == .string(text))
            let nmstate = YAMLValue(try YAMLDocument.parse(files.nmstate, file: "nmstate").root)
            #expect(nmstate[["interfaces"]]?.list?.first?[["name"]] == .string(text))
            #expect(files.links.split(separator: "\n").count == 5, "a name never begins another line")
        }
    }

    private func finding(_ look: String, host: String = "", _ links: String = links) throws -> Finding {
        let phase = Interfaces(try Self.inventory(links))
        var facts = Facts()
        for probe in phase.needs("dpu-01") {
            facts["dpu-01", probe] = Answer(status: 0, output: probe == .host ? host : look)
        }
        return phase.check("dpu-01", facts)
    }

    private func problems(_ look: String, host: String = "", _ links: String = links) throws -> [Problem] {
        switch try finding(look, host: host, links) {
        case .blocked(let problems): problems
        case .satisfied: []
        default: [Problem("neither refused nor satisfied", fix: "")]
        }
    }

    @Test(arguments: [
        ("charge none ifupdown (/etc/network/interfaces) has the links", "cannot be set: ifupdown"),
        ("charge netplan networkd\nmissing p1", "no link p1"),
        ("charge netplan networkd\ndefined p0 /etc/netplan/50-cloud-init.yaml ", "50-cloud-init.yaml"),
        ("charge netplan networkd\nheld p0", "another netplan file"),
        ("charge netplan networkd\nunknown up0", "netplan does not know link up0"),
        ("charge netplan networkd\nforeign bond0", "a link bond0 that clusterctl has not made"),
    ])
    func isRefusedBeforeAnythingIsDone(_ look: String, _ why: String) throws {
        let problems = try problems(look)
        #expect(problems.count == 1 && problems[0].what.contains(why), "\(problems)")
    }

    @Test func everythingIsToldAtOnce() throws {
        #expect(try problems("charge netplan networkd\nmissing p0\nunknown up0").count == 2)
        #expect(try finding("charge nmstate", host: "address=p9 10.77.0.11/24\n") == .satisfied)
    }

    @Test func anAddressThatWouldBeGoneIsRefused() throws {
        let links = "interfaces: {eth0: {addresses: [10.9.0.1/24]}}"
        let charge = "charge netplan networkd"
        let host = "address=eth0 10.77.0.11/24\n"
        #expect(try problems(charge, host: host, links).first?.what.contains("10.77.0.11") == true)
        #expect(try problems(charge, host: "address=eth1 10.77.0.11/24\n", links).isEmpty, "it is on another link")
        #expect(try problems(charge, host: host, "interfaces: {eth0: {dhcp: true}}").isEmpty, "it may come from there")
        let bond = "interfaces: {bond0: {bond: {links: [eth0], mode: active-backup}, addresses: [10.9.0.1/24]}}"
        #expect(try problems(charge, host: host, bond).count == 1, "a member has no addresses")
    }

    @Test func aDefaultRouteThatWouldBeGoneIsRefused() throws {
        let links = "interfaces: {eth0: {addresses: [10.77.0.11/24], gateway: 10.77.0.1}}"
        let charge = "charge netplan networkd\ndefault 4 eth0"
        #expect(try problems(charge, links).isEmpty)
        #expect(try problems(charge + "\ndefault 6 eth0", links).first?.what.contains("IPv6 is on eth0") == true)
        #expect(try problems(charge + "\ndefault 6 eth1", links).isEmpty, "it is on another link")
        #expect(try problems(charge, links.replacing(", gateway: 10.77.0.1", with: "")).count == 1)
    }

    @Test func whatIsOnALinkThatLeavesTheInventoryIsNotLost() throws {
        let look = "charge netplan networkd\ndefault 4 v5\nleaves v5"
        let problems = try problems(look, host: "address=v5 10.77.0.11/24\n", "interfaces: {}")
        #expect(problems.count == 2, "\(problems)")
        #expect(try self.problems("charge netplan networkd\nleaves v5", "interfaces: {}").isEmpty, "it carries nothing")
    }

    @Test func theGateTellsWhatIsNotSo() throws {
        let phase = Interfaces(try Self.inventory())
        let gate = try #require(phase.gate("dpu-01"))
        var facts = Facts()
        facts["dpu-01", gate.asks[0].probe] = Answer(status: 0, output: "p1 does not belong to bond0\n")
        facts["dpu-01", InterfacesQuestion.wasMember] = Answer(status: 0, output: "absent")
        #expect(gate.judge(facts) == .waiting("p1 does not belong to bond0 on dpu-01"))
        facts["dpu-01", gate.asks[0].probe] = Answer(status: 0, output: "")
        #expect(gate.judge(facts) == .holds)
    }

    @Test func aMemberOfEtcdHasToBeOneAgainBeforeTheNextNodeIsTouched() throws {
        let phase = Interfaces(try Self.inventory())
        let gate = try #require(phase.gate("dpu-01"))
        var facts = Facts()
        facts["dpu-01", InterfacesQuestion.lacks] = Answer(status: 0, output: "")
        #expect(gate.judge(facts) != .holds, "whether it was one has to be known")
        facts["dpu-01", InterfacesQuestion.wasMember] = Answer(status: 0, output: "file 0600 0")
        #expect(gate.judge(facts) == .waiting("dpu-01 has not said yet how its etcd is"))
        facts["dpu-01", EtcdQuestion.probe] = Answer(status: 0, output: "503\n{\"health\":\"false\"}")
        #expect(gate.judge(facts) == .waiting("etcd on dpu-01 is not healthy"))
        facts["dpu-01", EtcdQuestion.probe] = Answer(status: 0, output: "200\n{\"health\":\"true\"}")
        facts["dpu-01", NodesQuestion.probe] = Answer(status: 0, output: "dpu-01\tTrue\tFalse\tv1.35.7+k3s1\t\n")
        #expect(gate.judge(facts) == .waiting("the etcd member on dpu-01 is still a learner"))
        facts["dpu-01", NodesQuestion.probe] = Answer(status: 0, output: "dpu-01\tTrue\tTrue\tv1.35.7+k3s1\t\n")
        #expect(gate.judge(facts) == .holds)
        #expect(phase.gate("worker-01")?.asks == [Ask("worker-01", InterfacesQuestion.lacks)], "a worker has no etcd")
    }

    @Test func otherLinksThanWereBegunAreRefused() throws {
        let files = try files()
        let begun = (["begun"] + files.links.split(separator: "\n").map { "begun \($0)" }).joined(separator: "\n")
        #expect(try problems("\(begun)\ncharge netplan networkd\n").isEmpty, "the same ones go on")
        let more = try problems("\(begun)\nbegun link v9 vlan\ncharge netplan networkd\nunknown up0\n")
        #expect(more.count == 1 && more[0].what.contains("has begun to set other links"), "\(more)")
        #expect(more.first?.fix.contains("90 s") == true)
        #expect(try problems("begun\ncharge netplan networkd\n").count == 1, "it was taking them away")
        #expect(try problems("begun\ncharge netplan networkd\n", "interfaces: {}").isEmpty)
    }

    @Test func networkManagersClockRunsOutAfterTheGuards() throws {
        let phase = Interfaces(try Self.inventory())
        let gate = try #require(phase.gate("dpu-01"))
        let words = phase.apply("dpu-01").compactMap { step -> [String]? in
            if case .command(let command) = step.operation { command.arguments } else { nil }
        }
        let seconds = try #require(words.first?.last.flatMap { Int($0) })
        #expect(seconds > gate.deadlineSeconds + 90 + Int(Machine.rollbackPatienceSeconds))
    }
}
