import Engine
import Foundation
import Inventory
import Testing
import YAML

@testable import Phases

struct AddonTests {
    private func inventory(_ handOff: Bool = false) throws -> Inventory {
        try Example.read(Example.small + Example.addons + (handOff ? "handOff: argocd\n" : ""))
    }

    private func phases(_ handOff: Bool = false) throws -> [AddonPhase] {
        let inventory = try inventory(handOff)
        return inventory.addons.map { AddonPhase(inventory, $0) }
    }

    @Test func eachIsAPhaseAfterTheNetworkAndThoseItNames() throws {
        let order = Bootstrap.order(for: try inventory())
        let addons = order.entries.filter { $0.phase is AddonPhase }
        let network: [Order.Dependency] = [
            .all("kube-vip"), .all("keepalived"), .all("dns-resolved"), .all("dns-networkmanager"), .all("cilium"),
            .all("primary-rejoin"), .all("workers"), .all("cilium-api-server"), .all("bgp"), .all("bgp-sessions"),
            .all("router-sessions"), .all("api-endpoint"),
        ]
        #expect(addons.map(\.phase.id) == ["addon-web", "addon-certs"])
        #expect(addons.map(\.after) == [network, network + [.all("addon-web")]])
        #expect(addons.allSatisfy { $0.phase.nodes == ["dpu-01"] })
        #expect(order.entries.last?.after == network + [.all("addon-web"), .all("addon-certs")])
    }

    @Test func breaksNoRule() throws {
        let inventory = try inventory()
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: inventory))
        #expect(OrderRules.violations(plan, for: inventory) == [])
    }

    @Test func theHelmChartIsWhatTheInventorySays() throws {
        let charts = try phases().map { phase -> String in
            guard case .object(let object)? = phase.apply("dpu-01").last?.operation else { return "no object" }
            return object.manifest.replacing(object.digest, with: "DIGEST")
        }
        let first = """
            apiVersion: helm.cattle.io/v1
            kind: HelmChart
            metadata:
              name: web
              namespace: kube-system
              labels:
                clusterctl.dev/addon: web
              annotations:
                clusterctl.dev/applied: "DIGEST"
            spec:
              targetNamespace: web
              createNamespace: true
              repo: https://charts.example.org
              chart: nginx
              version: "1.2.3"
              failurePolicy: abort
              backOffLimit: 4
              timeout: "10m0s"
              valuesContent: |
                replicas: 2

            """
        #expect(charts.first == first)
        #expect(charts.last?.contains("  targetNamespace: pki\n") == true)
        #expect(charts.last?.contains("  chart: oci://ghcr.io/a/certs\n  version: v0.1.0\n") == true)
        #expect(charts.last?.contains("repo:") == false && charts.last?.contains("valuesContent") == false)
    }

    /// Many addons ask no more often than one.
    @Test func allAddonsAndCiliumAskTheSame() throws {
        let asks = try phases().map { $0.gate("dpu-01")?.asks ?? [] }
        #expect(asks[0].count == 5 && asks[0] == asks[1])
        let cilium = Cilium(try inventory()).gate("dpu-01")?.asks ?? []
        #expect(Set(cilium).intersection(asks[0]).count == 3)
    }

    // MARK: The gate

    static let values = "chart-values-web\t" + Data("replicas: 2\n".utf8).base64EncodedString() + "\t980\n"
    static func job(_ state: String = "True\t\t", version: String = "1.2.3", _ message: String = "") -> String {
        "helm-install-web\t\(state)\tweb/nginx\t\(version)\thttps://charts.example.org\t\(message)\n"
    }
    static func workload(_ numbers: String, strategy: String = "", release: String = "web") -> String {
        "web\t\(release)\tDeployment web/nginx\t" + numbers.split(separator: " ").joined(separator: "\t")
            + "\t\(strategy)\n"
    }

    struct Situation: Sendable, CustomTestStringConvertible {
        var id: String
        var jobs = job()
        var releases = "web\tweb\t3\tdeployed\t1002\n"
        var pods = ""
        var values = AddonTests.values
        var workloads = ""
        var verdict = "holds"
        var testDescription: String { id }
    }

    @Test(arguments: [
        Situation(id: "no workload"),
        Situation(id: "available", workloads: workload("4 4 2 2 2")),
        Situation(
            id: "no job", jobs: "helm-install-cilium\tTrue\t\t\t\t\t\t\n",
            verdict: "waiting: K3s has not started the job that installs web yet"),
        Situation(
            id: "job at work", jobs: job("\t\t2"), pods: "cilium\tother\nweb\t\nweb\tBack-off pulling image\n",
            verdict: "waiting: the job helm-install-web is not complete (2 attempts failed): Back-off pulling image"),
        Situation(
            id: "job has given up", jobs: job("\tTrue\t5", "Job has reached the specified backoff limit"),
            verdict: "failed: the job helm-install-web has given up: Job has reached the specified backoff limit"),
        Situation(
            id: "earlier job has given up", jobs: job("\tTrue\t5", version: "1.2.2"),
            verdict: "waiting: K3s has not taken up version 1.2.3 of the chart yet"),
        Situation(
            id: "earlier values", values: "chart-values-web\tcmVwbGljYXM6IDEK\t980\n",
            verdict: "waiting: K3s has not taken up the values of the chart yet"),
        Situation(
            id: "earlier job", releases: "web\tweb\t3\tdeployed\t979\n",
            verdict: "waiting: web has not been released with the values of the chart yet"),
        Situation(
            id: "job has given up before a release", jobs: job("\tTrue\t5", "chart not found"),
            releases: "web\tweb\t3\tdeployed\t979\n",
            verdict: "failed: the job helm-install-web has given up: chart not found"),
        Situation(
            id: "another's values", values: "chart-values-webs" + values.dropFirst(16),
            verdict: "waiting: K3s has not taken up the values of the chart yet"),
        Situation(
            id: "another's release", releases: "other\tweb\t1\tdeployed\t1002\nweb\tcerts\t1\tdeployed\t1002\n",
            verdict: "waiting: the chart of web has no release yet"),
        Situation(
            id: "failed upgrade", releases: "web\tweb\t10\tfailed\t1002\nweb\tweb\t9\tdeployed\t1002\n",
            verdict: "waiting: release 10 of the chart of web is failed"),
        Situation(
            id: "just changed", workloads: workload("5 4 2 2 2"),
            verdict: "waiting: Deployment web/nginx has just been changed"),
        Situation(
            id: "rolling", workloads: workload("4 4 2 1 2"),
            verdict: "waiting: Deployment web/nginx has 1 of 2 pods in their new form"),
        Situation(id: "rolled by hand", workloads: workload("4 4 2 1 2", strategy: "OnDelete")),
        Situation(
            id: "not available", workloads: "web\tweb\tDaemonSet web/nginx\t1\t1\t3\t3\t\tRollingUpdate\n",
            verdict: "waiting: DaemonSet web/nginx has 0 of 3 pods available"),
        Situation(id: "another's workload", workloads: workload("4 4 2 1 0", release: "certs")),
    ])
    func isThereWhenAllOfItIs(_ situation: Situation) throws {
        let phase = try #require(try phases().first)
        let gate = try #require(phase.gate("dpu-01"))
        let texts = [
            situation.jobs, situation.releases, situation.pods, situation.values, situation.workloads,
        ]
        var facts = Facts()
        #expect(text(gate.judge(facts)) == "waiting: the cluster cannot be asked for the chart's job yet")
        for (ask, text) in zip(gate.asks, texts) { facts["dpu-01", ask.probe] = Answer(status: 0, output: text) }
        #expect(text(gate.judge(facts)) == situation.verdict)
    }

    private func text(_ verdict: Verdict) -> String {
        switch verdict {
        case .holds: "holds"
        case .waiting(let reason): "waiting: \(reason)"
        case .failed(let reason): "failed: \(reason)"
        }
    }

    @Test func addonsThatHaveLeftTheInventoryAreNamed() throws {
        let inventory = try inventory(false)
        var facts = Facts()
        #expect(LeftAddonsQuestion.notes(inventory, facts) == [], "nobody has been asked")
        #expect(Preflight(inventory).needs("dpu-01").contains(LeftAddonsQuestion.probe))
        #expect(ClusterStatus.asks(inventory).contains(Ask("dpu-01", LeftAddonsQuestion.probe)))
        facts["dpu-01", LeftAddonsQuestion.probe] = Answer(status: 0, output: "web\t\nold\t\ncerts\t\nargos\ttrue\n")
        let notes = LeftAddonsQuestion.notes(inventory, facts)
        #expect(notes.count == 1 && notes[0].hasPrefix("the addon old has left the inventory and stays installed"))
        #expect(ClusterStatus(inventory, facts: facts, unreachable: [:]).leftAddons == ["old"])
        facts["dpu-01", LeftAddonsQuestion.probe] = Answer(status: 1, output: "old\n", error: "refused")
        #expect(LeftAddonsQuestion.notes(inventory, facts) == [])
    }

    // MARK: Handing off

    struct Owned: Sendable, CustomTestStringConvertible {
        var id: String
        /// Nil: the API does not answer. DIGEST stands for what the inventory says.
        var chart: String?
        var releases = ""
        /// Nil: they cannot be had, for this reason.
        var applications: String?
        var applicationsError = "error: the server doesn't have a resource type \"applications\"\n"
        var data = "directory 0700"
        /// Nil: it is clusterctl's, or nobody can say.
        var leftBecause: String?
        var putOffBecause: String?
        var testDescription: String { id }
    }

    @Test(arguments: [
        Owned(id: "no cluster", chart: nil, data: "absent"),
        Owned(
            id: "no answer", chart: nil,
            putOffBecause: "the cluster cannot be asked who has it: refused"),
        Owned(id: "not there", chart: "\t\t"),
        Owned(
            id: "Applications are slow", chart: "\t\t", applicationsError: "timed out\n",
            putOffBecause: "the cluster cannot be asked for Argo CD's Applications"),
        Owned(id: "as installed", chart: "web\tDIGEST\t", releases: "web\tweb\t1\tdeployed\t1002\n"),
        Owned(
            id: "changed", chart: "web\told\t", releases: "web\tweb\t1\tdeployed\t1002\n",
            leftBecause: "left to Argo CD: its HelmChart is not what the inventory says, and is left as it is"),
        Owned(id: "never deployed", chart: "web\told\t", releases: "web\tweb\t1\tfailed\t1002\n"),
        Owned(
            id: "chart is gone", chart: "\t\t", releases: "web\tweb\t1\tdeployed\t1002\n",
            leftBecause: "left to Argo CD: its release is there without a HelmChart"),
        Owned(
            id: "unmanaged", chart: "web\tDIGEST\ttrue", releases: "web\tweb\t1\tdeployed\t1002\n",
            leftBecause: "left to Argo CD: its HelmChart is marked as unmanaged"),
        Owned(
            id: "application", chart: "\t\t", applications: "webs\t\nweb\t\n",
            leftBecause: "left to Argo CD: Argo CD has an Application for it"),
        Owned(
            id: "application of another name", chart: "web\tDIGEST\t", applications: "prod-web\tweb\n",
            leftBecause: "left to Argo CD: Argo CD has an Application for it"),
        Owned(id: "others' applications", chart: "\t\t", applications: "webs\t\nprod\tcerts\n"),
    ])
    func isLeftToArgoCDOnceItIsThere(_ situation: Owned) throws {
        let phase = try #require(try phases(true).first)
        guard case .object(let chart)? = phase.apply("dpu-01").last?.operation else {
            Issue.record("no object")
            return
        }
        let refused = Answer(status: 1, output: "", error: "refused\n")
        let answers = [
            situation.chart.map { Answer(status: 0, output: $0.replacing("DIGEST", with: chart.digest)) } ?? refused,
            situation.chart == nil ? refused : Answer(status: 0, output: situation.releases),
            situation.applications.map { Answer(status: 0, output: $0) }
                ?? Answer(status: 1, output: "", error: situation.applicationsError),
            Answer(status: 0, output: situation.data + "\n"),
        ]
        var facts = Facts()
        let probes = phase.needs("dpu-01")
        #expect(probes.count == answers.count)
        for (probe, answer) in zip(probes, answers) { facts["dpu-01", probe] = answer }
        let wanted =
            situation.leftBecause.map { Finding.notApplicable($0) } ?? situation.putOffBecause.map { .putOff($0) }
            ?? .satisfied
        #expect(phase.check("dpu-01", facts) == wanted)
        let kept = try #require(try phases().first)
        #expect(kept.needs("dpu-01").isEmpty && kept.check("dpu-01", facts) == .satisfied)
    }

    @Test func applicationsAreRenderedForArgoCDAlone() throws {
        func tree(_ handOff: Bool) throws -> [RenderedTree.File] {
            let inventory = try inventory(handOff)
            let plan = Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory))
            return RenderedTree(plan, for: inventory).files.filter { $0.path.hasPrefix("argocd/") }
        }
        #expect(try tree(false).isEmpty)
        let files = try tree(true)
        #expect(files.map(\.path) == ["argocd/applications/certs.yaml", "argocd/applications/web.yaml"])
        let sources = try files.map {
            YAMLValue(try YAMLDocument.parse($0.text, file: $0.path).root)[["spec", "source"]]
        }
        #expect(
            sources == [
                [
                    "repoURL": "oci://ghcr.io/a/certs", "path": ".", "targetRevision": "v0.1.0",
                    "helm": ["releaseName": "certs"],
                ],
                [
                    "repoURL": "https://charts.example.org", "chart": "nginx", "targetRevision": "1.2.3",
                    "helm": ["releaseName": "web", "valuesObject": ["replicas": 2]],
                ],
            ])
        #expect(files[0].text.contains("    namespace: pki\n"))
    }
}
