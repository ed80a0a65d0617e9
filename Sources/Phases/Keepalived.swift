import Engine
import Inventory
import Rendering

/// Gives the endpoint's address to one of the control plane nodes by keepalived, and leads connections there to an API
/// server that answers by HAProxy, which every control plane node has.
///
/// Both are the distribution's own packages with its own units. VRRP goes from node to node by unicast.
public struct Keepalived: Phase {
    public let id: PhaseID = "keepalived"
    public let title = "The endpoint, held by keepalived"
    public var nodes: [NodeName] { settings == nil ? [] : cluster.controlPlane }
    /// One after the other, so that a changed configuration never has all of them start anew at once.
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let settings: Settings?

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        settings = Settings(cluster)
    }

    public func needs(_ node: NodeName) -> [Probe] {
        guard let settings else { return [] }
        return [Keepalived.missing, .unit(Keepalived.haproxyUnit), .listeners(settings.ports)]
            + [Keepalived.haproxyFile, Keepalived.keepalivedFile].map(Keepalived.firstLine)
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let problems = missingPrograms(node, facts) + takenPorts(node, facts)
        guard problems.isEmpty else { return .blocked(problems) }
        let others = [Keepalived.haproxyFile, Keepalived.keepalivedFile].filter { path in
            guard let line = facts[node, Keepalived.firstLine(of: path)], line.succeeded else { return false }
            return !K3sQuestion.isOurs(line.output)
        }
        guard !others.isEmpty else { return .satisfied }
        return .pending(
            "clusterctl has not written \(others.joined(separator: " nor ")) that is there; "
                + "it gives way, and a copy is kept in \(Keepalived.keptIn)")
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let settings else { return [] }
        let files = [Keepalived.haproxyFile, Keepalived.keepalivedFile]
        let haproxyCheck = ["haproxy", "-c", "-f", Keepalived.haproxyFile]
        let keepalivedCheck = ["keepalived", "-t", "-f", Keepalived.keepalivedFile]
        return files.map {
            Step(.command(keepEarlier($0)), because: "a configuration that was made by hand is not lost")
        }
            + [
                Step(
                    .command(findLink(settings.address(of: cluster[node]))),
                    because: "the address belongs on the link that has the node's own"),
                Step(
                    .file(path: Keepalived.haproxyFile, content: .text(settings.haproxy), mode: .publicFile),
                    because: "connections to the endpoint are led past an API server that does not answer"),
                Step(
                    .file(path: Keepalived.checkFile, content: .text(settings.check), mode: .program),
                    because: "a node whose HAProxy is gone gives the address up"),
                Step(
                    .file(
                        path: Keepalived.keepalivedFile, content: .text(settings.keepalived(cluster[node])),
                        mode: .publicFile),
                    because: "one control plane node at a time has the address"),
                Step(
                    .command(accept("HAProxy", haproxyCheck)),
                    because: "what HAProxy itself does not accept is never put to work"),
                Step(
                    .command(accept("keepalived", keepalivedCheck)),
                    because: "what keepalived itself does not accept is never put to work"),
                Step(
                    .unit(
                        UnitState(
                            name: Keepalived.haproxyUnit, enabled: true,
                            activity: .running(restartOn: [Keepalived.haproxyFile]))),
                    because: "before keepalived, which asks it whether the node can have the address"),
                Step(
                    .unit(
                        UnitState(
                            name: Keepalived.keepalivedUnit, enabled: true,
                            activity: .running(
                                restartOn: [Keepalived.keepalivedFile, Keepalived.checkFile, Keepalived.linkFile]))),
                    because: "when it ends, another node takes the address"),
            ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard let settings else { return nil }
        let question = settings.question
        let units = [Keepalived.haproxyUnit, Keepalived.keepalivedUnit]
        let asks =
            units.map { Ask(node, .unit($0)) } + [Ask(node, settings.health)] + question.asks
            + [Ask(cluster.reference, settings.readyThrough)]
        return Gate(
            waitingFor:
                "HAProxy and keepalived on \(node) to run, one control plane node to hold \(question.address), and the "
                + "API to answer there under its name",
            asks: asks, deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.keepalived, node),
            journal: (node, Keepalived.keepalivedUnit), lookAt: "journalctl -u haproxy -u keepalived, on \(node)"
        ) { facts in
            .all(
                units.map { Keepalived.running(facts[node, .unit($0)], $0, on: node) } + [
                    Keepalived.healthy(facts[node, settings.health], on: node), question.verdict(facts),
                    Keepalived.ready(facts[cluster.reference, settings.readyThrough], cluster.reference, settings.url),
                ])
        }
    }

    /// Nothing that it does can cut a node off, so that no guard is armed; the way back is the controller's.
    public func undo(_ node: NodeName) -> Undo { .restore(first: [], guardWindowSeconds: nil) }

    // MARK: Where its things are

    static let haproxyUnit = "haproxy.service"
    static let keepalivedUnit = "keepalived.service"
    static let haproxyFile = "/etc/haproxy/haproxy.cfg"
    static let keepalivedFile = "/etc/keepalived/keepalived.conf"
    static let checkFile = "/etc/keepalived/check-haproxy"
    static let keptIn = "\(K3sPaths.state)/keepalived/earlier"
    static let linkFile = "\(K3sPaths.state)/keepalived/link.conf"

    private func keepEarlier(_ path: String) -> Command {
        Command(
            name: "keep a copy of \(path), if it is somebody else's",
            arguments: Script.arguments(.keepEarlier, ["keep", path, Keepalived.keptIn]),
            unless: Script.arguments(.keepEarlier, ["check", path, Keepalived.keptIn]))
    }

    private func findLink(_ address: IPAddress) -> Command {
        let words = [address.description, Keepalived.linkFile]
        return Command(
            name: "note which link has \(address)", arguments: Script.arguments(.findLink, ["note"] + words),
            unless: Script.arguments(.findLink, ["check"] + words), writes: [Keepalived.linkFile])
    }

    /// Asked twice where it is not accepted: the second time for the reason.
    private func accept(_ program: String, _ check: [String]) -> Command {
        Command(name: "have \(program) check its configuration", arguments: check, unless: check, timeoutSeconds: 20)
    }
}

// MARK: What stands in the way

extension Keepalived {
    static let missing = Probe.command(Script.arguments(.missingPrograms, ["haproxy", "keepalived", "ip"]))
    static func firstLine(of path: String) -> Probe { .command(["head", "-n", "1", path]) }

    private func missingPrograms(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let answer = facts[node, Keepalived.missing], answer.succeeded, !answer.lines.isEmpty else { return [] }
        let names = answer.lines.map { $0 == "ip" ? "iproute2" : String($0) }
        return [
            Problem(
                "it lacks \(names.joined(separator: " and ")), which the endpoint needs",
                fix: "apt-get install \(names.joined(separator: " ")), or what its system has for that")
        ]
    }

    private func takenPorts(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let settings, let answer = facts[node, .listeners(settings.ports)], answer.succeeded else { return [] }
        let isRunning = UnitQuestion(facts[node, .unit(Keepalived.haproxyUnit)])?.isActive ?? false
        return answer.lines.compactMap { line in
            let words = line.split(separator: " ")
            // Without ss nobody knows whose it is.
            let isOurs = words.count > 2 ? words[2] == "haproxy" : isRunning
            guard !isOurs, let port = words.first else { return nil }
            let program = words.count > 2 ? " by \(words[2])" : ""
            return Problem(
                "port \(port), which HAProxy needs, is taken\(program)",
                fix: "stop what listens there, or write another 'port' for 'keepalived'")
        }
    }
}

// MARK: What must hold

extension Keepalived {
    private static func running(_ answer: Answer?, _ unit: String, on node: NodeName) -> Verdict {
        guard let state = UnitQuestion(answer)?.state else { return .waiting("\(node) has not said how \(unit) is") }
        return state == "active" ? .holds : .waiting("\(unit) on \(node) is \(state)")
    }

    private static func healthy(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said how its HAProxy is") }
        guard let (code, _) = answer.http else {
            return .waiting("HAProxy on \(node) does not answer: \(answer.reason)")
        }
        return code == 200 ? .holds : .waiting("HAProxy on \(node) finds no API server that answers (status \(code))")
    }

    private static func ready(_ answer: Answer?, _ node: NodeName, _ url: String) -> Verdict {
        guard let answer else { return .waiting("\(node) has not asked the API at \(url) yet") }
        return answer.succeeded && answer.output.hasPrefix("ok")
            ? .holds : .waiting("the API at \(url) does not satisfy \(node): \(answer.reason)")
    }
}

extension Keepalived {
    /// What the inventory says, and the files made of it.
    struct Settings {
        let question: EndpointQuestion
        let url: String
        private let cluster: Cluster
        private let id: Int

        /// Nil where the endpoint is another one.
        init?(_ cluster: Cluster) {
            guard case .keepalived(_, _, let id) = cluster.inventory.endpoint,
                let question = EndpointQuestion(cluster)
            else { return nil }
            self.cluster = cluster
            self.id = id
            self.question = question
            url = K3sConfiguration.endpointURL(cluster.inventory)
        }

        var ports: [Int] { [question.port.number, question.port.number + 1] }
        private var healthAddress: String { "127.0.0.1:\(ports[1])" }
        private var healthURL: String { "http://\(healthAddress)/healthz" }
        var health: Probe { .http(healthURL) }
        /// With the credentials and the authority that K3s gave the node, so that a certificate for another name fails.
        var readyThrough: Probe {
            .command(APIQuestion.client + ["--server", url, "get", "--raw", "/readyz", "--request-timeout=10s"])
        }

        /// Of the endpoint's family, which every control plane node has.
        func address(of node: Node) -> IPAddress {
            node.addresses.first { $0.family == question.address.family } ?? node.address
        }

        /// Servers are found where replicas find the primary, whatever family clients come by.
        var haproxy: String {
            let members = cluster.inventory.controlPlane.map { node in
                ["name": node.name, "address": "\(node.address.inURL):\(cluster.inventory.network.apiPort)"]
            }
            let any = question.address.family == .ipv4 ? "*" : "::"
            return Template.haproxy.text([
                "cluster": .text(cluster.inventory.name), "bind": .text("\(any):\(question.port)"),
                "health": .text(healthAddress), "servers": .records(members),
            ])
        }

        func keepalived(_ node: Node) -> String {
            let peers = cluster.inventory.controlPlane.filter { $0.name != node.name }
            return Template.keepalived.text([
                "cluster": .text(cluster.inventory.name), "node": .text(node.name), "script": .text(checkFile),
                "link": .text(linkFile), "id": .text(String(id)),
                // A server without peers has no unicast: keepalived refuses such a list when it is empty.
                "unicast": .records(peers.isEmpty ? [] : [["address": address(of: node).description]]),
                "peers": .list(peers.map { address(of: $0).description }),
                "endpoint": .text(question.address.description),
            ])
        }

        var check: String { Template.checkHAProxy.text(["health": .text(healthURL)]) }
    }
}
