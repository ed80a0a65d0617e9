import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// What `doctor` finds, and in which order it says so.
struct DoctorTests {
    private static let health = "disk 40 9000000 /\nmemory 500000 1000000\n"
    private static let noLint = Lint.run(manifests: [])

    /// A cluster in which all is well.
    private static func facts(_ inventory: Inventory) throws -> Facts {
        var facts = try DriftTests.World(inventory).facts
        let answers = try VerificationTests.whole.facts(inventory)
        for ask in Verification.asks(inventory) { facts[ask.node, ask.probe] = answers[ask.node, ask.probe] }
        for node in inventory.nodes {
            facts[node.id, HealthQuestion.probe] = Answer(status: 0, output: health)
            facts[node.id, CertsFacts.probe] = Answer(
                status: 0, output: "now 1800000000\nleaf /a.crt \(CertificateTests.made(to: "280101000000Z"))\n")
            facts[node.id, .host] = Answer(status: 0, output: "time=1000\n")
            facts[node.id, .unit(Cluster(inventory)[node.id].unit)] = Answer(
                status: 0, output: "LoadState=loaded\nActiveState=active\nNRestarts=0\n")
            facts[node.id, Preflight.latency] = Answer(status: 0, output: "slowest=3000 median=900\n")
        }
        facts["dpu-01", .lease] = Answer(status: 0, output: "free fence=3\n")
        return facts
    }

    private func doctor(
        _ change: (inout Facts) -> Void = { _ in }, unreachable: [NodeName: String] = [:], lint: Diagnostics = noLint
    ) throws -> Doctor {
        let inventory = try Example.small()
        var facts = try Self.facts(inventory)
        change(&facts)
        return Doctor(
            inventory, order: Bootstrap.order(for: inventory), facts: facts, unreachable: unreachable, keeper: "dpu-01",
            lint: lint)
    }

    private func said(_ doctor: Doctor) -> [String] {
        doctor.findings.map { "\($0.severity.rawValue) \($0.area.rawValue) \($0.place) \($0.check)" }
    }

    @Test func findsNothingWhereAllIsWell() throws {
        let doctor = try doctor()
        #expect(doctor.findings.isEmpty, "\(doctor.findings)")
        #expect(doctor.checks > 60 && !doctor.hasErrors)
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let id: String
        let node: NodeName
        let probe: Probe
        let answer: String
        let said: String
        var testDescription: String { id }
    }

    @Test(arguments: [
        Wrong(
            id: "a full disk", node: "dpu-02", probe: HealthQuestion.probe,
            answer: "disk 96 9000 /\n", said: "error machine dpu-02 disk"),
        Wrong(
            id: "a disk that fills up", node: "dpu-02", probe: HealthQuestion.probe,
            answer: "disk 85 9000 /a b\n", said: "warning machine dpu-02 disk"),
        Wrong(
            id: "no memory", node: "worker-01", probe: HealthQuestion.probe,
            answer: "memory 40000 1000000\n", said: "warning machine worker-01 memory"),
        Wrong(
            id: "a certificate that has ended", node: "dpu-01", probe: CertsFacts.probe,
            answer: "now 1800000000\nleaf /a.crt \(CertificateTests.made(to: "270101000000Z"))\n",
            said: "error api dpu-01 certificate-end"),
        Wrong(
            id: "an authority that ends", node: "dpu-01", probe: CertsFacts.probe,
            answer: "now 1800000000\nauthority /a-ca.crt \(CertificateTests.made(to: "270201000000Z"))\n",
            said: "warning api dpu-01 certificate-end"),
        Wrong(
            id: "certificates that cannot be asked", node: "dpu-01", probe: CertsFacts.probe, answer: "",
            said: "note machine dpu-01 certificate-end"),
        Wrong(
            id: "a slow disk", node: "server-01", probe: Preflight.latency, answer: "slowest=40000 median=900\n",
            said: "warning quorum server-01 etcd-disk"),
        Wrong(
            id: "a clock", node: "worker-01", probe: .host, answer: "time=1090\n",
            said: "warning quorum worker-01 clock"),
        Wrong(
            id: "a clock far off", node: "worker-01", probe: .host, answer: "time=9090\n",
            said: "error quorum worker-01 clock"),
        Wrong(
            id: "a unit that ends again and again", node: "worker-01", probe: .unit("k3s-agent.service"),
            answer: "LoadState=loaded\nActiveState=active\nNRestarts=7\n", said: "warning nodes worker-01 restarts"),
        Wrong(
            id: "a lease", node: "dpu-01", probe: .lease,
            answer: "held fence=4 number=4 left=50 owner=abcdefghij since=1 by=me@here\n",
            said: "note access dpu-01 lease"),
        Wrong(
            id: "a drained node", node: "dpu-01", probe: SchedulingQuestion.probe, answer: "worker-01\ttrue\tdrained\n",
            said: "warning nodes worker-01 drained"),
        Wrong(
            id: "a cordoned node", node: "dpu-01", probe: SchedulingQuestion.probe, answer: "worker-01\ttrue\t\n",
            said: "note nodes worker-01 cordoned"),
        Wrong(
            id: "an armed guard", node: "dpu-02", probe: .guardState, answer: "armed phase=cilium nonce=x until=1\n",
            said: "error access dpu-02 guard"),
        Wrong(
            id: "a member that is not healthy", node: "dpu-02", probe: EtcdQuestion.probe,
            answer: "503\n{\"health\":\"false\"}", said: "error quorum dpu-02 etcd-healthy"),
        Wrong(
            id: "a foreign file", node: "dpu-02", probe: ForeignFilesQuestion.probe,
            answer: "config /etc/rancher/k3s/config.yaml.d/x.yaml\n", said: "note inventory dpu-02 diff"),
    ])
    func findsOneThingAtATime(_ row: Wrong) throws {
        let doctor = try doctor { $0[row.node, row.probe] = Answer(status: 0, output: row.answer) }
        #expect(said(doctor) == [row.said], "\(doctor.findings)")
        #expect(doctor.hasErrors == row.said.hasPrefix("error"))
        #expect(
            doctor.findings.allSatisfy {
                !$0.what.isEmpty && !$0.why.isEmpty && !$0.fix.isEmpty && !$0.fix.contains("NODE")
            })
    }

    /// An answer behind one that hangs is late, and the clock in it seems to be wrong.
    @Test func clocksAreAskedBeforeAnythingThatMayHang() throws {
        let inventory = try Example.small()
        let asks = Doctor.asks(inventory, keeper: "dpu-01")
        for node in inventory.nodes {
            #expect(asks.first { $0.node == node.id }?.probe == .host, "\(node.name)")
            #expect(asks.count { $0.node == node.id && $0.probe == .host } == 1)
        }
    }

    @Test func whatCostsSSHOrQuorumComesFirst() throws {
        let doctor = try doctor(
            { facts in
                facts["worker-01", HealthQuestion.probe] = Answer(
                    status: 0, output: "disk 99 1 /\n")
                facts["worker-01", CiliumQuestion.status] = Answer(status: 1, output: "", error: "no container\n")
                facts["dpu-02", EtcdQuestion.probe] = Answer(status: 0, output: "503\n{\"health\":\"false\"}")
                facts["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=cilium nonce=x until=1\n")
                facts["server-01", Preflight.latency] = Answer(status: 0, output: "slowest=40000 median=900\n")
            }, unreachable: ["pxe-01": "timed out"])
        let errors = said(doctor).filter { $0.hasPrefix("error") }
        #expect(
            errors == [
                "error access pxe-01 ssh", "error access dpu-02 guard", "error quorum dpu-02 etcd-healthy",
                "error network worker-01 cilium", "error machine worker-01 disk",
            ])
        #expect(said(doctor).firstIndex(of: "warning quorum server-01 etcd-disk") ?? 0 >= errors.count)
        #expect(said(doctor).count { $0.contains("pxe-01") } == 1, "a node that cannot be asked is said once")
    }

    @Test func rulesOfLintAreHeldAgainstWhatIsOnTheNodes() throws {
        let inventory = try Example.small()
        var facts = Facts()
        let text =
            "file 2 /etc/rancher/k3s/config.yaml\nnode-ip: IPAddress\ntls-san: [a]\nskipped /x\n"
            + "file 3 /var/lib/rancher/k3s/server/manifests/pool.yaml\na: 1\nfile 9 x\nb: 2\nfile 7 cut\n"
        facts["dpu-01", ManifestsQuestion.probe] = Answer(status: 0, output: text)
        facts["worker-01", ManifestsQuestion.probe] = Answer(
            status: 0, output: "file 1 /etc/rancher/k3s/config.yaml\nx: y\n")
        facts["dpu-02", ManifestsQuestion.charts] = Answer(status: 0, output: "kind: List\n")
        let files = Doctor.manifests(inventory, facts)
        #expect(
            files.map(\.path) == [
                "dpu-01/server/etc/rancher/k3s/config.yaml",
                "dpu-01/server/var/lib/rancher/k3s/server/manifests/pool.yaml",
                "worker-01/agent/etc/rancher/k3s/config.yaml", "cluster/helmcharts.yaml",
            ])
        guard case .bytes(let bytes) = files[1].content else { return }
        #expect(String(decoding: bytes, as: UTF8.self) == "a: 1\nfile 9 x\nb: 2\n")
    }

    @Test func everyCheckOfVerifyHasAMeaning() throws {
        let inventory = try Example.small()
        let names = Set(Verification(inventory, facts: Facts()).rows.map(\.check))
            .union(Verification(try Example.read(Example.announced), facts: Facts()).rows.map(\.check))
        for name in names {
            let row = Verification.Row(check: name, place: "n", result: .fails, seen: "x")
            #expect(DoctorWords.finding(row)?.fix != "clusterctl verify", "\(name)")
        }
    }
}
