import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

struct KeepalivedTests {
    private func inventory(_ endpoint: String = "10.77.0.100", _ more: [(String, String)] = []) throws -> Inventory {
        try Example.small([("kubeVip: 10.77.0.100", "keepalived: \(endpoint)")] + more)
    }

    private func files(_ inventory: Inventory, _ node: NodeName) -> [String: String] {
        var files: [String: String] = [:]
        for step in Keepalived(inventory).apply(node) {
            if case .file(let path, .text(let text), _) = step.operation { files[path] = text }
        }
        return files
    }

    @Test func filesAreAsCommitted() throws {
        let files = files(try inventory(), "dpu-02")
        let text = files.sorted { $0.key < $1.key }.map { "== \($0.key)\n\($0.value)" }.joined(separator: "\n")
        try Repository.compare(text, with: "keepalived.txt")
    }

    @Test func everyControlPlaneNodeHasItsOwnAddressAndTheOthersAsPeers() throws {
        let inventory = try inventory()
        #expect(Keepalived(inventory).nodes == ["dpu-01", "dpu-02", "server-01"])
        #expect(KubeVip(inventory).nodes.isEmpty)
        let text = try #require(files(inventory, "server-01")["/etc/keepalived/keepalived.conf"])
        #expect(text.contains("unicast_src_ip 10.77.0.13\n"))
        #expect(text.contains("unicast_peer {\n        10.77.0.11\n        10.77.0.12\n    }\n"))
        let proxies = Set(Keepalived(inventory).nodes.map { files(inventory, $0)["/etc/haproxy/haproxy.cfg"] })
        #expect(proxies.count == 1)
    }

    /// Keepalived itself refuses a list of peers that is empty.
    @Test func aSingleServerHasNoPeers() throws {
        let alone = try inventory(
            "10.77.0.100",
            [
                ("  dpu-02: {address: 10.77.0.12}\n", ""), ("servers:\n  server-01: {address: 10.77.0.13}\n", ""),
            ])
        let text = try #require(files(alone, "dpu-01")["/etc/keepalived/keepalived.conf"])
        #expect(!text.contains("unicast"))
    }

    @Test func inventorysPortAndNumberAreTaken() throws {
        let files = files(try inventory("{address: 10.77.0.100, port: 7443, virtualRouterID: 51}"), "dpu-01")
        #expect(files["/etc/keepalived/keepalived.conf"]?.contains("virtual_router_id 51\n") == true)
        #expect(files["/etc/haproxy/haproxy.cfg"]?.contains("bind *:7443\n") == true)
        #expect(files["/etc/keepalived/check-haproxy"]?.contains("'http://127.0.0.1:7444/healthz'") == true)
    }

    @Test func anIPv6EndpointIsServedOverIPv6() throws {
        let text = Example.bgp.replacing("kubeVip: 10.77.0.100", with: "keepalived: \"fd77::100\"")
            .replacing("workers:\n", with: "  dpu-02: {address: [10.77.0.12, \"fd77::12\"]}\nworkers:\n")
            .replacing("labels: {bgp: \"yes\"}}\n  dpu-02", with: "labels: {bgp: \"yes\"}, primary: true}\n  dpu-02")
        let files = files(try Example.read(text), "dpu-01")
        #expect(files["/etc/haproxy/haproxy.cfg"]?.contains("bind :::9445\n") == true)
        #expect(files["/etc/haproxy/haproxy.cfg"]?.contains("server dpu-01 10.77.0.11:6443\n") == true)
        let keepalived = files["/etc/keepalived/keepalived.conf"]
        #expect(keepalived?.contains("unicast_src_ip fd77::11\n    unicast_peer {\n        fd77::12\n    }\n") == true)
        #expect(keepalived?.contains("virtual_router_id 255\n") == true, "its last byte is zero")
    }

    @Test func clientsAndAgentsComeToHAProxyAndTheCertificateIsForTheEndpoint() throws {
        let inventory = try inventory()
        #expect(K3sConfiguration.endpointURL(inventory) == "https://10.77.0.100:9445")
        for node in inventory.nodes {
            let values = K3sConfiguration(inventory: inventory, node: node).values
            if node.isControlPlane {
                #expect(values["tls-san"]?.list?.first == "10.77.0.100")
                #expect(node.isPrimary || values["server"] == "https://10.77.0.11:6443", "replicas join the primary")
            } else {
                #expect(values["server"] == "https://10.77.0.100:9445")
            }
        }
        #expect(CiliumValues(inventory).values[["k8sServicePort"]] == 6444)
    }

    @Test func nothingIsPutToWorkBeforeItsOwnProgramAcceptsIt() throws {
        let steps = Keepalived(try inventory()).apply("dpu-01").map(\.operation)
        for (program, path, unit) in [
            ("haproxy", Keepalived.haproxyFile, Keepalived.haproxyUnit),
            ("keepalived", Keepalived.keepalivedFile, Keepalived.keepalivedUnit),
        ] {
            let written = try #require(steps.firstIndex { $0.touchedPaths == [path] })
            let accepted = try #require(
                steps.firstIndex {
                    if case .command(let command) = $0 { command.arguments.first == program } else { false }
                })
            let started = try #require(steps.firstIndex { $0.touchedUnit == unit })
            #expect(written < accepted && accepted < started)
        }
        #expect(steps.contains { $0.touchedPaths == [Keepalived.linkFile] }, "a command writes it, and it is put back")
        #expect(Keepalived(try inventory()).undo("dpu-01") == .restore(first: [], guardWindowSeconds: nil))
    }
}

// MARK: Conclusions

extension KeepalivedTests {
    private func found(_ answers: [Probe: Answer]) throws -> Finding {
        var facts = Facts()
        for (probe, answer) in answers { facts["dpu-01", probe] = answer }
        return Keepalived(try inventory()).check("dpu-01", facts)
    }

    @Test func aMachineWithoutThePackagesIsRefusedWithWhatToType() throws {
        #expect(
            try found([Keepalived.missing: Answer(status: 0, output: "haproxy\nkeepalived\n")])
                == .blocked([
                    Problem(
                        "it lacks haproxy and keepalived, which the endpoint needs",
                        fix: "apt-get install haproxy keepalived, or what its system has for that")
                ]))
        #expect(try found([Keepalived.missing: Answer(status: 0, output: "")]) == .satisfied)
    }

    @Test func aPortThatSomebodyElseHasIsRefused() throws {
        let ports = Probe.listeners([9445, 9446])
        let unit = Probe.unit("haproxy.service")
        let active = Answer(status: 0, output: "LoadState=loaded\nActiveState=active\n")
        let problem = Problem(
            "port 9445, which HAProxy needs, is taken by nginx",
            fix: "stop what listens there, or write another 'port' for 'keepalived'")
        #expect(try found([ports: Answer(status: 0, output: "9445 0.0.0.0:9445 nginx\n")]) == .blocked([problem]))
        #expect(try found([ports: Answer(status: 0, output: "9445 0.0.0.0:9445 haproxy\n")]) == .satisfied)
        let unknown = Answer(status: 0, output: "9445 00000000:24E5\n")
        #expect(try found([ports: unknown, unit: active]) == .satisfied)
        #expect(try found([ports: unknown]) != .satisfied)
    }

    @Test func aConfigurationOfSomebodyElsesIsTold() throws {
        let haproxy = Keepalived.firstLine(of: "/etc/haproxy/haproxy.cfg")
        let keepalived = Keepalived.firstLine(of: "/etc/keepalived/keepalived.conf")
        let ours = Answer(status: 0, output: "# Written by clusterctl. Do not edit: the next run puts it back.\n")
        let absent = Answer(status: 1, output: "", error: "head: cannot open")
        #expect(try found([haproxy: ours, keepalived: absent]) == .satisfied)
        #expect(
            try found([haproxy: Answer(status: 0, output: "global\n"), keepalived: ours])
                == .pending(
                    "clusterctl has not written /etc/haproxy/haproxy.cfg that is there; it gives way, and a copy is kept in "
                        + "/var/lib/clusterctl/keepalived/earlier"))
    }

    private static let active = Answer(status: 0, output: "ActiveState=active\n")
    private static let healthy = Answer(status: 0, output: "200\n")
    private static let pong = Answer(status: 0, output: "200\npong")
    private static let ready = Answer(status: 0, output: "ok")

    struct Situation: Sendable, CustomTestStringConvertible {
        let id: String
        var haproxy = active
        var keepalived = active
        var health = healthy
        var holders: [NodeName] = ["dpu-02"]
        var ping = pong
        var readyz = ready
        let conclusion: Verdict
        var testDescription: String { id }
    }

    @Test(arguments: [
        Situation(id: "all is well", conclusion: .holds),
        Situation(
            id: "HAProxy does not start", haproxy: Answer(status: 0, output: "ActiveState=failed\n"),
            conclusion: .waiting("haproxy.service on dpu-01 is failed")),
        Situation(
            id: "keepalived is starting", keepalived: Answer(status: 0, output: "ActiveState=activating\n"),
            conclusion: .waiting("keepalived.service on dpu-01 is activating")),
        Situation(
            id: "no API server", health: Answer(status: 0, output: "503\n"),
            conclusion: .waiting("HAProxy on dpu-01 finds no API server that answers (status 503)")),
        Situation(
            id: "nobody", holders: [], conclusion: .waiting("no control plane node has 10.77.0.100 on a link")),
        Situation(
            id: "two that do not hear each other", holders: ["dpu-01", "server-01"],
            conclusion: .waiting("both dpu-01 and server-01 have 10.77.0.100")),
        Situation(
            id: "not from aside", ping: Answer(status: 7, output: "", error: "no route to host"),
            conclusion: .waiting("the API does not answer dpu-02 at 10.77.0.100: no route to host")),
        Situation(
            id: "another certificate", readyz: Answer(status: 1, output: "", error: "x509: not 10.77.0.100"),
            conclusion: .waiting("the API at https://10.77.0.100:9445 does not satisfy dpu-01: x509: not 10.77.0.100")),
    ])
    func gateTellsWhatIsMissing(_ situation: Situation) throws {
        let gate = try #require(Keepalived(try inventory()).gate("dpu-01"))
        let onLink = Probe.command(["ip", "-j", "addr", "show", "to", "10.77.0.100"])
        let answers: [(NodeName, Probe, Answer)] =
            [
                ("dpu-01", .unit("haproxy.service"), situation.haproxy),
                ("dpu-01", .unit("keepalived.service"), situation.keepalived),
                ("dpu-01", .http("http://127.0.0.1:9446/healthz"), situation.health),
                ("dpu-02", .http("https://10.77.0.100:9445/ping"), situation.ping),
                (
                    "dpu-01",
                    .command([
                        "k3s", "kubectl", "--server", "https://10.77.0.100:9445", "get", "--raw", "/readyz",
                        "--request-timeout=10s",
                    ]), situation.readyz
                ),
            ]
            + (["dpu-01", "dpu-02", "server-01"] as [NodeName]).map { node in
                let has = situation.holders.contains(node)
                return (node, onLink, Answer(status: 0, output: has ? #"[{"local": "10.77.0.100"}]"# : "[]"))
            }
        var facts = Facts()
        for (node, probe, answer) in answers { facts[node, probe] = answer }
        #expect(Set(gate.asks) == Set(answers.map { Ask($0.0, $0.1) }))
        #expect(gate.judge(facts) == situation.conclusion)
    }

    @Test func verifyAndStatusAskForTheHolderWithoutALease() throws {
        let inventory = try inventory()
        let asks = try #require(Verify(inventory).gate("dpu-01")).asks + ClusterStatus.asks(inventory)
        #expect(asks.contains(Ask("dpu-02", .http("https://10.77.0.100:9445/ping"))))
        #expect(Verify(inventory).gate("dpu-01")?.asks.contains { $0.probe == EndpointQuestion.lease } == false)
    }
}

// MARK: The programs on the node

@ShellThread struct KeepalivedScriptTests {
    private func run(_ template: Template, _ stage: Stage, _ words: [String], in shell: String) throws -> Shell.Result {
        try Shell.run([shell, "-c", template.text(), template.programName] + words, commands: stage.commands)
    }

    @Test(arguments: ["sh", "bash"]) func copiesOfWhatOthersWroteAreKeptAndNeverOverwritten(_ shell: String) throws {
        let stage = try Stage()
        let file = stage.folder.appending(path: "haproxy.cfg").path
        let earlier = stage.folder.appending(path: "earlier").path
        let text = { (name: String) in try? Repository.text(stage.folder.appending(path: "earlier/\(name)")) }
        let status = { (task: String) in try run(.keepEarlier, stage, [task, file, earlier], in: shell).status }
        #expect(try status("check") == 0, "nothing is there")
        try stage.write("first\n", to: "haproxy.cfg")
        #expect(try status("check") == 1)
        #expect(try [status("keep"), status("check")] == [0, 0])
        try stage.write("second\n", to: "haproxy.cfg")
        #expect(try [status("check"), status("keep"), status("check")] == [1, 0, 0])
        #expect(text("haproxy.cfg") == "first\n" && text("haproxy.cfg.2") == "second\n")
        try stage.write(K3sConfiguration.header, to: "haproxy.cfg")
        #expect(try [status("check"), status("keep")] == [0, 0])
        #expect(text("haproxy.cfg.3") == nil)
    }

    @Test(arguments: ["sh", "bash"]) func theLinkIsTheOneWithTheAddress(_ shell: String) throws {
        let stage = try Stage()
        let file = stage.folder.appending(path: "state/link.conf").path
        let status = { (task: String) in try run(.findLink, stage, [task, "10.0.0.1", file], in: shell).status }
        try stage.command("ip", "echo '3: bond0.5@bond0    inet 10.0.0.1/24 brd 10.0.0.255 scope global bond0.5'")
        #expect(try [status("check"), status("note"), status("check")] == [1, 0, 0])
        #expect(try Repository.text(URL(filePath: file)) == "interface bond0.5\n")
        #expect(stage.calls.allSatisfy { $0 == "ip -o addr show to 10.0.0.1" })
        try stage.command("ip", "echo '2: eth0    inet 10.0.0.1/24 scope global eth0'")
        #expect(try [status("check"), status("note"), status("check")] == [1, 0, 0])
        try stage.command("ip", "")
        let result = try run(.findLink, stage, ["note", "10.0.0.1", file], in: shell)
        #expect(result.status == 1 && result.error.contains("no link has the address 10.0.0.1"))
    }

    @Test(arguments: ["sh", "bash"]) func missingProgramsAreNamed(_ shell: String) throws {
        let stage = try Stage()
        try stage.command("haproxy", "")
        #expect(
            try run(.missingPrograms, stage, ["haproxy", "no-such-one", "sh"], in: shell).output == "no-such-one\n")
    }
}
