extension NodeProblem {
    var words: Words {
        switch self {
        case .noControlPlane:
            Words(
                message: "no control plane node", why: "somebody has to run the API and etcd",
                fix: "add at least one node under 'dpus' or 'servers'")
        case .noPrimary(let candidates):
            Words(
                message: "no node is the primary", why: "one control plane node has to start the cluster",
                fix: "add 'primary: true' to one of: \(candidates.prefix(8).joined(separator: ", "))")
        case .severalPrimaries(let name, let first, let place):
            Words(
                message: "'\(name)' is a second primary, after '\(first)' at line \(place.line)",
                why: "two nodes that each start a cluster make two clusters", fix: "keep 'primary: true' on one node")
        case .primaryWorker(let name):
            Words(
                message: "worker '\(name)' is marked as the primary", why: "the primary runs the API and etcd",
                fix: "put the node under 'dpus' or 'servers', or leave 'primary' out")
        case .duplicateNode(let name, let first):
            Words(
                message: "node '\(name)' is already there at line \(first.line), column \(first.column)",
                why: "Kubernetes tells nodes apart by their names", fix: "give one of them another name")
        case .duplicateAddress(let address, let node, let other):
            Words(
                message: "nodes '\(other)' and '\(node)' both have the address \(address)",
                why: "what is meant for one node would be done to the other", fix: "correct one of the two")
        case .duplicateTarget(let target, let node, let other):
            Words(
                message: "SSH to '\(other)' and to '\(node)' both goes to \(target)",
                why: "what is meant for one node would be done to the other",
                fix: "correct 'ssh.host' or 'ssh.port' of one")
        case .unusableAddress(let address, let node, let what):
            Words(
                message: "\(address) of node '\(node)' is \(what)", why: "other nodes cannot reach it there",
                fix: "write the address of the node in the network of the cluster")
        case .countsDiffer(let names, let addresses):
            Words(
                message: "\(names) names, but \(addresses) \(addresses == 1 ? "address" : "addresses")",
                why: "names and addresses are paired one by one, in order", fix: "make the ranges equally long")
        case .tooManyNodes(let limit):
            Words(
                message: "more than \(limit) nodes", why: "a cluster of that size is beyond what K3s holds",
                fix: "split the inventory into several clusters")
        case .unmanagedControlPlane, .ephemeralControlPlane, .evenControlPlane, .twoControlPlaneNodes: controlPlaneWords
        case .dpuWithoutGuard, .hostFirewallOnDPU, .dpuLinksExposed: dpuWords
        case .outOfBandIsNoDetour, .sharedOutOfBand: outOfBandWords
        case .reservedLabel(let key, let isRole):
            Words(
                message: "nodes may not give themselves the label '\(key)'",
                why: "the kubelet does not start with labels under kubernetes.io or k8s.io other than a few",
                fix: isRole
                    ? "use a label of your own, or set the role with kubectl once the node is there"
                    : "use a label with another prefix")
        case .taintsBlockCilium(let taint):
            Words(
                message: "every node has a taint that Cilium's operator does not tolerate, such as \(taint)",
                why: "the operator would run nowhere, and without it no node gets an address range",
                fix: "leave one node without, or set 'cilium.values.operator.tolerations'")
        }
    }

    private var controlPlaneWords: Words {
        switch self {
        case .unmanagedControlPlane(let name, let isPrimary):
            Words(
                message: "\(isPrimary ? "primary" : "control plane node") '\(name)' has 'manage: verify'",
                why: "the control plane is brought up in steps that clusterctl has to take itself",
                fix: "write 'manage: full', or make the node a worker")
        case .ephemeralControlPlane(let name):
            Words(
                message: "control plane node '\(name)' is ephemeral",
                why: "a node that loses its disk loses its part of etcd at each restart",
                fix: "give it a disk that stays, or make the node a worker")
        case .evenControlPlane(let count):
            Words(
                message: "\(count) control plane nodes",
                why: "etcd survives no more failures with \(count) members than "
                    + "with \(count - 1), and one more can fail", fix: "use \(count - 1) or \(count + 1)")
        default:
            Words(
                message: "2 control plane nodes",
                why: "the loss of either one stops the whole cluster: two are less safe than one", fix: "use 1 or 3")
        }
    }

    private var outOfBandWords: Words {
        switch self {
        case .outOfBandIsNoDetour(let name, .throughItself(let host)):
            Words(
                message: "the way out of band to '\(name)' leads through '\(host)', which is the node itself",
                why: "it is wanted when that cannot be reached",
                fix: "write the host that the machine is in, or another one that has a link of its own to it")
        case .outOfBandIsNoDetour(let name, .ownAddress(let address)):
            Words(
                message: "the way out of band to '\(name)' leads to \(address), which SSH uses anyway",
                why: "what cuts SSH there cuts this way, too",
                fix: "write the address of another link, such as 192.168.100.2 over rshim's tmfifo")
        case .sharedOutOfBand(let node, let other):
            Words(
                message: "the ways out of band to '\(other)' and to '\(node)' are the same",
                why: "what is meant for one node would be done to the other",
                fix: "give each node an 'outOfBand' of its own, with its own 'proxyJump' or 'address'")
        default: controlPlaneWords
        }
    }

    private var dpuWords: Words {
        switch self {
        case .dpuWithoutGuard(let name):
            Words(
                message: "node '\(name)' has the BlueField profile and no guard",
                why: "if a change cuts SSH, only the console of its host leads back",
                fix: "leave 'guard' at its default")
        case .hostFirewallOnDPU(let name):
            Words(
                message: name.map { "Cilium's host firewall is allowed on '\($0)', which has the BlueField profile" }
                    ?? "Cilium's host firewall is switched on for DPUs too",
                why: "a policy that matches the node cuts SSH on the link that leads to it",
                fix: name == nil
                    ? "leave it out here and set 'hostFirewall: true' on servers or workers"
                    : "leave 'hostFirewall' out for this node")
        case .dpuLinksExposed(let name, let missing):
            Words(
                message: "'excludedDevices' of '\(name)' lacks \(missing.joined(separator: " and "))",
                why: "Cilium would attach to a link that leads to the DPU when all else fails",
                fix: "add \(missing.joined(separator: " and ")) to the list")
        default: controlPlaneWords
        }
    }
}
