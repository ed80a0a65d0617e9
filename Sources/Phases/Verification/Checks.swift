import Engine
import Inventory
import Rendering

/// All that `verify` looks at, in the order in which it is shown.
enum Checks {
    static func all(_ inventory: Inventory) -> [Check] {
        let cluster = Cluster(inventory)
        let nodes = cluster.all
        let servers = cluster.controlPlane
        let groups: [[Check]] = [
            nodes.map { ready($0, cluster) },
            nodes.map { version($0, cluster) },
            servers.map { api($0) },
            servers.map { etcd($0) },
            [members(cluster)],
            nodes.map { cilium($0) },
            nodes.map { replacement($0) },
            nodes.map { kubeProxyRules($0) },
            nodes.filter { cluster[$0].hasArmedGuards }.map { unconfirmed($0) },
            endpoint(cluster),
            servers.map { certificate($0, cluster) },
            names(cluster),
            inventory.bgpNodes.compactMap { sessions($0, inventory) },
            RouterQuestion.asked(inventory).filter { !$0.neighbors.isEmpty }.flatMap { router($0, inventory) },
            inventory.addressPools.isEmpty ? [] : [pools(cluster)],
            [services(cluster), pods(cluster)],
        ]
        return groups.flatMap(\.self)
    }

    // MARK: Nodes

    private static func ready(_ node: NodeName, _ cluster: Cluster) -> Check {
        let servers = cluster.controlPlane
        return Check("node-ready", on: node, asks: servers.map { Ask($0, NodesQuestion.probe) }) { facts in
            let answer = facts.first(of: servers, NodesQuestion.probe)
            guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
            return Check.Finding(
                NodesQuestion.ready(answer, node), seen: "Ready, kubelet \(nodes[node]?.version ?? "unknown")")
        }
    }

    /// Who installs K3s by himself may be behind, as an agent may be behind its servers, but not ahead of them.
    private static func version(_ name: NodeName, _ cluster: Cluster) -> Check {
        let wanted = cluster.inventory.k3s.version
        let isOurs = cluster[name].management == .full
        return Check("k3s-version", on: name, K3sQuestion.version) { answer in
            guard let text = K3sQuestion.version(answer) else { return .fails("no K3s: \(answer.reason)") }
            guard let version = K3sVersion(String(text)) else { return .fails("\(text), which is no release of K3s") }
            if version == wanted { return .holds(String(text)) }
            let isBehind = version < wanted && version.major == wanted.major && wanted.minor - version.minor <= 3
            return isBehind && !isOurs
                ? .holds("\(text), behind the servers' \(wanted)") : .fails("\(text), the inventory has \(wanted)")
        }
    }

    private static func kubeProxyRules(_ node: NodeName) -> Check {
        Check("kube-proxy-rules", on: node, KubeProxyQuestion.probe, judge: KubeProxyQuestion.finding)
    }

    private static func unconfirmed(_ node: NodeName) -> Check {
        Check("guard", on: node, .guardState) { answer in
            guard answer.succeeded else { return .notAsked("the guard does not answer: \(answer.reason)") }
            switch GuardState(line: answer.output) {
            case .none: return .holds("nothing is unconfirmed")
            case .confirmed(let phase): return .holds("\(phase) is confirmed")
            case .rolledBack(let rollback) where rollback.isComplete: return .holds("\(rollback.phase) was taken back")
            case .rolledBack(let rollback):
                return .fails("\(rollback.phase) was taken back, but for: \(rollback.left.prefix(200))")
            case .armed(let phase), .armedOtherwise(let phase): return .fails("it is armed for \(phase)")
            case .firing(let phase): return .fails("it is taking \(phase) back")
            case .held(let phase, let rung): return .fails("it is held for \(phase) at rung \(rung) of 3")
            case .failed(let why): return .fails(why)
            }
        }
    }

    // MARK: Control plane

    private static func api(_ node: NodeName) -> Check {
        Check("api-ready", on: node, APIQuestion.probe) { answer in
            Check.Finding(APIQuestion.verdict(answer, on: node), seen: "readyz: \(answer.reason)")
        }
    }

    private static func etcd(_ node: NodeName) -> Check {
        Check("etcd-healthy", on: node, EtcdQuestion.probe) { answer in
            Check.Finding(EtcdQuestion.verdict(answer, on: node), seen: "healthy")
        }
    }

    /// The control plane nodes of the inventory vote, and nobody else does: whoever is gone and still counts costs quorum.
    private static func members(_ cluster: Cluster) -> Check {
        let servers = cluster.controlPlane
        return Check("etcd-members", asks: servers.map { Ask($0, NodesQuestion.probe) }) { facts in
            let answer = facts.first(of: servers, NodesQuestion.probe)
            guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
            let others = nodes.rows.filter { $0.isVoter != nil && !servers.contains(NodeName(String($0.name))) }
            if let other = others.first {
                return .fails("\(other.name) is a member, and no control plane node of the inventory")
            }
            return Check.Finding(
                .all(servers.map { NodesQuestion.voter(answer, $0) }),
                seen: "\(servers.map(\.rawValue).joined(separator: ", ")) vote")
        }
    }

    private static func certificate(_ node: NodeName, _ cluster: Cluster) -> Check {
        let question = CertificateQuestion(cluster[node], cluster.inventory)
        return Check("certificate-names", on: node, asks: question.probes.map { Ask(node, $0) }) { facts in
            question.finding { facts[node, $0] }
        }
    }

    // MARK: Network

    private static func cilium(_ node: NodeName) -> Check {
        Check("cilium", on: node, CiliumQuestion.status) { answer in
            guard let reading = CiliumQuestion.reading(answer), reading.state == "Ok" else {
                return Check.Finding(CiliumQuestion.verdict(answer, on: node), seen: "")
            }
            return .holds(reading.state)
        }
    }

    private static func replacement(_ node: NodeName) -> Check {
        Check("kube-proxy-replacement", on: node, CiliumQuestion.status) { answer in
            guard let reading = CiliumQuestion.reading(answer) else {
                return .notAsked("Cilium does not answer: \(answer.reason)")
            }
            return reading.replacesKubeProxy ? .holds("True") : .fails("Cilium does not replace kube-proxy")
        }
    }

    private static func sessions(_ node: Node, _ inventory: Inventory) -> Check? {
        guard let question = BGPQuestion(inventory, node) else { return nil }
        return Check("bgp-sessions", on: node.id, BGPQuestion.peers) { answer in
            Check.Finding(question.verdict(answer), seen: "established with \(question.routers)")
        }
    }

    private static func router(_ question: RouterQuestion, _ inventory: Inventory) -> [Check] {
        let sessions = Check("router-sessions", on: question.name, RouterQuestion.summary) { answer in
            Check.Finding(.all(question.verdicts(answer)), seen: "\(question.neighbors.count) established")
        }
        guard case .ciliumBgp(let address) = inventory.endpoint,
            question.neighbors.contains(where: { $0.address.family == address.family })
        else { return [sessions] }
        let route = Check("router-route", on: question.name, RouterQuestion.route(to: address)) { answer in
            Check.Finding(question.verdict(answer, routeTo: address), seen: "a next hop for \(address) to each node")
        }
        return [sessions, route]
    }

    private static func endpoint(_ cluster: Cluster) -> [Check] {
        let servers = cluster.controlPlane
        var checks: [Check] = []
        if let question = EndpointQuestion(cluster) {
            let probes = [question.onLink] + (question.hasLease ? [EndpointQuestion.lease] : [])
            let asks = servers.flatMap { server in probes.map { Ask(server, $0) } }
            checks.append(Check("endpoint-holder", asks: asks) { question.holder(servers, $0) })
        }
        if case .ciliumBgp(let address) = cluster.inventory.endpoint {
            checks.append(
                Check("endpoint-address", asks: servers.map { Ask($0, APIEndpoint.granted) }) { facts in
                    let answer = facts.first(of: servers, APIEndpoint.granted)
                    return Check.Finding(APIEndpoint.verdict(answer, address), seen: "\(address) is the Service's")
                })
        }
        if let question = EnvoyQuestion(cluster.inventory) {
            checks += cluster.inventory.bgpNodes.map { node in
                Check("endpoint-backends", on: node.id, EnvoyQuestion.probe) { answer in
                    Check.Finding(
                        question.verdict(answer, on: node.id), seen: "Envoy finds \(question.everyServer) healthy")
                }
            }
        }
        let url = Checks.ping(cluster.inventory)
        return checks
            + cluster.all.map { node in
                Check("endpoint-answers", on: node, .http(url)) { answer in
                    if answer.status == 127 { return .notAsked("neither curl nor wget is there to ask with") }
                    guard let (code, _) = answer.http else { return .fails("\(url): \(answer.reason)") }
                    return code == 200 ? .holds("\(url): 200") : .fails("\(url): status \(code)")
                }
            }
    }

    /// Answered by every K3s server without credentials.
    static func ping(_ inventory: Inventory) -> String { K3sConfiguration.endpointURL(inventory) + "/ping" }

    /// CoreDNS of each control plane node; and whether nodes find the API's name by what finds names for them.
    private static func names(_ cluster: Cluster) -> [Check] {
        guard let names = ClusterNames(cluster.inventory), let question = ResolverQuestion(cluster.inventory) else {
            return []
        }
        let servers = cluster.controlPlane.map { node in
            let questions = DNS(cluster.inventory).questions(node, names)
            let probes = [DNS.health] + questions.map(\.question.probe)
            return Check("dns", on: node, asks: probes.map { Ask(node, $0) }) { facts in
                let api = names.api.map(\.description).joined(separator: ", ")
                return Check.Finding(DNS.verdict(questions, facts, on: node), seen: "\(question.api) is \(api)")
            }
        }
        return servers
            + cluster.all.map { node in
                Check("dns-found", on: node, asks: [Ask(node, question.lookup), Ask(node, question.probe)]) { facts in
                    let verdict = question.verdict(facts[node, question.lookup], on: node)
                    let resolver = question.resolver(facts[node, question.probe])
                    let isNeeded = names.settings.apiNames.contains(cluster.inventory.endpoint.host)
                    // Nothing was put there, so that nothing is broken.
                    if verdict != .holds, resolver != .resolved, resolver != .dnsmasq, !isNeeded {
                        return .holds(
                            "\(question.api) is not found, and nothing was done: \(question.reason(resolver))")
                    }
                    return Check.Finding(verdict, seen: "\(question.api) is found")
                }
            }
    }

    // MARK: Objects

    private static func pools(_ cluster: Cluster) -> Check {
        let servers = cluster.controlPlane
        let names = cluster.inventory.addressPools.map(\.name).joined(separator: ", ")
        return Check("pools", asks: servers.map { Ask($0, PoolsQuestion.probe) }) { facts in
            Check.Finding(
                PoolsQuestion.verdict(facts.first(of: servers, PoolsQuestion.probe)), seen: "no conflict: \(names)")
        }
    }

    private static func services(_ cluster: Cluster) -> Check {
        let servers = cluster.controlPlane
        return Check("service-addresses", asks: servers.map { Ask($0, ServicesQuestion.probe) }) { facts in
            ServicesQuestion.finding(facts.first(of: servers, ServicesQuestion.probe))
        }
    }

    private static func pods(_ cluster: Cluster) -> Check {
        let servers = cluster.controlPlane
        return Check("pods", asks: servers.map { Ask($0, StuckPodsQuestion.probe) }) { facts in
            StuckPodsQuestion.finding(facts.first(of: servers, StuckPodsQuestion.probe))
        }
    }

    static func unanswered(_ answer: Answer?) -> Check.Finding {
        .notAsked("the cluster does not answer\(answer.map { ": " + $0.reason } ?? "")")
    }
}
