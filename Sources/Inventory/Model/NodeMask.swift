import YAML

/// The length of the part of the pods' range that each node gets. It is handed out twice, by K3s' controller manager and by
/// Cilium's operator, and both refuse what is more than 16 bits longer than an IPv6 range.
enum NodeMask {
    static let mostBits = 16

    /// What the controller manager hands out unless it is told otherwise.
    static func standard(_ family: IPAddress.Family) -> Int { family == .ipv4 ? 24 : 64 }

    /// A mask that both take, by the range alone: it must not change when nodes are added.
    static func workedOut(_ range: CIDR) -> Int {
        let length = range.prefixLength
        let standard = standard(range.family)
        switch range.family {
        case .ipv4: return length < standard ? standard : min(30, length + 4)
        case .ipv6:
            return length < standard && standard - length <= mostBits ? standard : min(124, length + mostBits)
        }
    }

    /// What arguments of the controller manager say (Kubernetes cmd/kube-controller-manager/app/core.go); nil: nothing.
    static func argument(_ family: IPAddress.Family, _ arguments: [String]) -> Int? {
        let names = ["node-cidr-mask-size", "node-cidr-mask-size-" + family.key]
        for argument in arguments {
            let parts = argument.split(separator: "=")
            if parts.count == 2, names.contains(String(parts[0])), let mask = Int(parts[1]) { return mask }
        }
        return nil
    }

    /// The key of K3s' configuration that the arguments stand in.
    static let key = "kube-controller-manager-arg"
}

extension Inventory {
    /// The length of the part of this range of pods that each node gets, from both who hand it out.
    public func nodeMask(_ range: CIDR) -> Int {
        NodeMask.argument(range.family, k3s.config[NodeMask.key]?.texts ?? []) ?? NodeMask.workedOut(range)
    }

    /// A server's arguments for its controller manager, with the masks that it would not hand out by itself; empty where
    /// it needs none.
    public func controllerManagerArguments(_ node: Node) -> [String] {
        let own = node.k3sConfig[NodeMask.key]?.texts ?? []
        let masks = network.pods.filter { range in
            NodeMask.argument(range.family, own) == nil && nodeMask(range) != NodeMask.standard(range.family)
        }
        return masks.map { "node-cidr-mask-size-\($0.family.key)=\(nodeMask($0))" } + own
    }
}

extension YAMLValue {
    /// The texts of a list, or this text alone.
    fileprivate var texts: [String] {
        switch self {
        case .string(let text): [text]
        case .list(let list): list.flatMap(\.texts)
        default: []
        }
    }
}
