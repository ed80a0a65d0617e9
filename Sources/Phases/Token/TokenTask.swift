import Engine
import Inventory
import Rendering

/// A task of `templates/k3s/token.sh`.
enum TokenTask {
    /// The new token, on the node, until the change has come to its end.
    static let staged = "\(K3sPaths.state)/token/next"

    static func program(_ arguments: [String]) -> [String] { Script.arguments(.token, arguments) }

    static func step(
        _ name: String, _ words: [String], unless question: [String], writes: [String] = [], timeoutSeconds: Int = 60,
        because: String
    ) -> Step {
        Step(
            .command(
                Command(
                    name: name, arguments: program(words), unless: program(question), writes: writes,
                    timeoutSeconds: timeoutSeconds)),
            because: because)
    }
}

/// What a node knows of the cluster's token, in words: no part of any token is in them.
public struct TokenFacts: Sendable, Equatable {
    /// Whether a change of the token is under way here, or was left so.
    public let isUnderWay: Bool
    /// Whether K3s has run since before the file was changed.
    public let runsOld: Bool
    /// Under how many tokens etcd has the cluster's data, and whether the file's and the staged one are among them; nil where
    /// it does not say.
    public let etcd: Etcd?
    /// Whether K3s has failed in the middle of the change: it goes on with it only when it is started anew.
    public let hasBegun: Bool
    /// Why etcd does not say.
    public let silence: String?
    /// What K3s answers to somebody who comes with the token of this node: 405 where it takes it, and knows the request.
    public let code: String?
    public let hasCurl: Bool
    /// Files that name another token, or place of one.
    public let overruled: [String]

    public struct Etcd: Sendable, Equatable {
        public let count: Int
        public let isUnderFile: Bool
        public let isUnderNew: Bool
        /// Neither, but the one that K3s has written down.
        public let isUnderServers: Bool
    }

    static func probe(_ node: NodeName, _ cluster: Cluster) -> Probe {
        let machine = cluster[node]
        let url = machine.isControlPlane ? [K3sConfiguration.serverURL(machine, cluster.inventory)] : []
        return .command(TokenTask.program(["look", machine.unit] + url))
    }

    /// Nil where the node did not say.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        var isStaged = false
        var isWhole = false
        var runsOld = false
        var etcd: Etcd?
        var silence: String?
        var hasBegun = false
        var code: String?
        var hasCurl = true
        var overruled: [String] = []
        for line in answer.lines {
            let words = line.split(separator: " ")
            switch (words.first, words.dropFirst().first) {
            case ("staged", _): isStaged = true
            case ("file", _?): isWhole = true
            case ("runs", let word?): runsOld = word == "old"
            case ("curl", _): hasCurl = false
            case ("etcd", "silent"): silence = String(line.dropFirst(12).prefix(200))
            case ("etcd", let number?):
                guard let count = Int(number), let last = words.last else { continue }
                let under = last.split(separator: ",")
                etcd = Etcd(
                    count: count, isUnderFile: under.contains("file"), isUnderNew: under.contains("new"),
                    isUnderServers: under.contains("server"))
            case ("begun", _): hasBegun = true
            case ("asks", let word?): code = String(word.prefix(10))
            case ("overruled", _?): overruled.append(String(line.dropFirst(10).prefix(300)))
            default: continue
            }
        }
        guard isWhole else { return nil }
        isUnderWay = isStaged
        self.runsOld = runsOld
        self.etcd = etcd
        self.silence = silence
        self.hasBegun = hasBegun
        self.code = code
        self.hasCurl = hasCurl
        self.overruled = overruled
    }
}

/// How far a change of the token has come in the cluster as a whole.
struct TokenChange: Sendable {
    let cluster: Cluster

    init(_ cluster: Cluster) { self.cluster = cluster }

    /// The nodes that get it; others are their operators'.
    var nodes: [NodeName] { cluster.managed }

    func said(_ node: NodeName, _ facts: Facts) -> TokenFacts? {
        TokenFacts(facts[node, TokenFacts.probe(node, cluster)])
    }

    /// The file that K3s reads, with the inventory's token; nil where the inventory names none.
    var file: Step? { secretFile(K3sPaths.token, because: "K3s goes by it when it starts the next time") }

    /// The inventory's token beside it, until the change has come to its end.
    var stagedFile: Step? {
        secretFile(
            TokenTask.staged, because: "with it on the node, each can tell for itself how far the change has come")
    }

    private func secretFile(_ path: String, because: String) -> Step? {
        ProvidedSecret.newToken(cluster.inventory).map {
            Step(.file(path: path, content: .secret($0.source), mode: .privateFile), because: because)
        }
    }

    /// Whether K3s on this node would start with the token that the inventory has.
    func hasFile(_ node: NodeName, _ facts: Facts) -> Bool { file.map { facts[node, $0] == .same } ?? false }

    /// Whether the cluster's data in etcd are under the inventory's token, and no other; nil where no server can tell.
    func isRotated(_ facts: Facts) -> Bool? {
        var isAsked = false
        for node in cluster.controlPlane {
            guard let etcd = said(node, facts)?.etcd else { continue }
            isAsked = true
            let hasStaged = stagedFile.map { facts[node, $0] == .same } ?? false
            if hasFile(node, facts) && etcd.isUnderFile || hasStaged && etcd.isUnderNew { return etcd.count == 1 }
        }
        return isAsked ? false : nil
    }

    /// Of a node that nothing is left to do on. Not what is satisfied: that is gone through again where something before it has
    /// changed, and whoever asks K3s for a token wants one that is staged.
    static let done = Finding.notApplicable("the cluster has this token, and no other")

    /// Whether somebody is not yet where the change leads.
    func isPending(_ facts: Facts) -> Bool {
        isRotated(facts) != true
            || nodes.contains { node in
                !hasFile(node, facts) || said(node, facts).map { $0.isUnderWay || $0.runsOld } ?? true
            }
    }

    /// Whose K3s is told the new token: a server that is well, takes the token that it has, and has not failed at it.
    func teller(_ facts: Facts) -> NodeName {
        let nodes = ServerQuestion.nodes(facts, cluster)
        let well = cluster.controlPlane.filter { ServerQuestion.isWell($0, facts, nodes) }
        let known = well.filter { said($0, facts)?.isKnown == true }
        return known.first { said($0, facts)?.hasBegun == false } ?? known.first ?? well.first ?? cluster.reference
    }
}

extension TokenFacts {
    /// Whether K3s there takes a token that the node has, and knows how to change it.
    var isKnown: Bool { code == "405" }
}
