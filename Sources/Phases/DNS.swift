import Engine
import Inventory
import Rendering

/// Has every control plane node answer for the cluster's names: CoreDNS as a static pod in the node's own network.
///
/// A static pod needs nothing but the kubelet, so names are found while the API is away.
public struct DNS: Phase {
    public let id: PhaseID = "dns"
    public let title = "The cluster's names, by CoreDNS on every control plane node"
    public var nodes: [NodeName] { names == nil ? [] : cluster.controlPlane }
    /// One after the other, so that a changed image never takes all of them away at once.
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let names: ClusterNames?

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        names = ClusterNames(inventory)
    }

    static let ports = [53, DNSSettings.healthPort.number]

    public func needs(_ node: NodeName) -> [Probe] {
        names == nil ? [] : [.path(DNS.manifest), .listeners(DNS.ports)]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let isThere = facts[node, .path(DNS.manifest)]?.output.hasPrefix("file") ?? false
        let problems = isThere ? [] : takenPorts(node, facts)
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let names else { return [] }
        func file(_ path: String, _ text: String, _ because: String) -> Step {
            Step(.file(path: path, content: .text(text), mode: .publicFile), because: because)
        }
        let upstreams =
            names.upstreams.map { file(DNS.upstreamsFile, $0, "names of others are asked for there") }
            ?? Step(
                .command(findUpstreams(names)),
                because: "names of others are asked for where the node itself asks, and never at CoreDNS again")
        return [
            upstreams,
            file("\(DNS.folder)/zone", names.zone, "the cluster's names and what they stand for"),
            file(
                "\(DNS.folder)/Corefile", names.corefile(cluster[node]), "CoreDNS answers at the node's own addresses"),
            file(
                DNS.manifest, names.pod(configuration: DNS.folder),
                "the kubelet starts it by itself, without the API or an address of a Service"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard let names else { return nil }
        let questions = questions(node, names)
        let reference = cluster.reference
        return Gate(
            waitingFor: "CoreDNS on \(node) to answer for \(names.settings.apiNames[0])",
            asks: [Ask(node, DNS.health), Ask(reference, DNS.pods)] + questions.map { Ask(node, $0.question.probe) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.dns, node), journal: (node, Units.server),
            lookAt: "k3s crictl logs of the container coredns, on \(node)"
        ) { facts in
            let verdict = DNS.verdict(questions, facts, on: node)
            guard case .waiting(let reason) = verdict, let row = PodsQuestion(facts[reference, DNS.pods])?[node],
                !row.isReady, !row.reason.isEmpty
            else { return verdict }
            return .waiting("\(reason); the pod: \(row.reason.prefix(300))")
        }
    }

    /// Nothing that it does can cut a node off, so that no guard is armed. The kubelet ends a pod whose file has gone.
    public func undo(_ node: NodeName) -> Undo { .restore(first: [], guardWindowSeconds: nil) }
}

// MARK: Files

extension DNS {
    static let folder = "\(K3sPaths.state)/dns"
    static let upstreamsFile = "\(folder)/upstreams.conf"
    /// Whatever is in this folder the kubelet runs, but for files that begin with a dot.
    static let manifest = "/var/lib/rancher/k3s/agent/pod-manifests/clusterctl-dns.yaml"

    private func findUpstreams(_ names: ClusterNames) -> Command {
        let words = [DNS.upstreamsFile] + names.servers.map(\.description)
        return Command(
            name: "note whom the node asks for names", arguments: Script.arguments(.findUpstreams, ["note"] + words),
            unless: Script.arguments(.findUpstreams, ["check"] + words), writes: [DNS.upstreamsFile])
    }
}

// MARK: What stands in the way

extension DNS {
    /// Who listens on another address, as systemd-resolved at 127.0.0.53, is in nobody's way.
    private func takenPorts(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let answer = facts[node, .listeners(DNS.ports)], answer.succeeded else { return [] }
        let own = cluster[node].addresses.map(\.inURL)
        return answer.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 1, let colon = words[1].lastIndex(of: ":") else { return nil }
            let address = String(words[1][..<colon])
            let isEverywhere = ["*", "0.0.0.0", "[::]", "::"].contains(address) || address.allSatisfy { $0 == "0" }
            let isHealth = words[0] != "53" && ["127.0.0.1", "0100007F"].contains(address)
            guard isEverywhere || isHealth || own.contains(address) else { return nil }
            return Problem(
                "port \(words[0]), which CoreDNS needs, is taken at \(address)"
                    + (words.count > 2 ? " by \(words[2])" : ""),
                fix: "stop what listens there, have it listen at another address, or leave 'dns' out")
        }
    }
}

// MARK: What must hold

extension DNS {
    struct Wanted: Sendable {
        let question: DNSQuestion
        let addresses: [IPAddress]
    }

    static let health = Probe.http("http://127.0.0.1:\(DNSSettings.healthPort)/health")
    static let pods = PodsQuestion.probe("app.kubernetes.io/name=clusterctl-dns")

    /// Each name of the API, and one below the apps, at each address of the node, in each family.
    func questions(_ node: NodeName, _ names: ClusterNames) -> [Wanted] {
        let wanted =
            names.settings.apiNames.map { ($0, names.api) }
            + (names.settings.apps.isEmpty
                ? [] : [("clusterctl.\(names.settings.appsDomain)", names.settings.apps)])
        return cluster[node].addresses.flatMap { server in
            wanted.flatMap { name, addresses in
                Set(addresses.map(\.family)).sorted { $0.rawValue < $1.rawValue }.map { family in
                    Wanted(question: DNSQuestion(name: name, family: family, server: server), addresses: addresses)
                }
            }
        }
    }

    static func verdict(_ questions: [Wanted], _ facts: Facts, on node: NodeName) -> Verdict {
        .all(
            [healthy(facts[node, health], on: node)]
                + questions.map { $0.question.verdict(facts[node, $0.question.probe], $0.addresses, on: node) })
    }

    private static func healthy(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said how its CoreDNS is") }
        guard let (code, _) = answer.http else {
            return .waiting("CoreDNS on \(node) does not answer: \(answer.reason)")
        }
        return code == 200 ? .holds : .waiting("CoreDNS on \(node) is not well (status \(code))")
    }
}
