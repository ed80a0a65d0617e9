import YAML

/// Cilium's side of BGP sessions, and who else speaks BGP on the nodes.
enum PeerRules {
    static let all: [ManifestRules.Rule] = [gracefulRestart, sameASN, asnMismatch, twoSpeakers]

    /// Source of the defaults: Cilium's CRD.
    static func gracefulRestart(_ manifests: Manifests, _ findings: inout Findings) {
        if manifests.routers.contains(where: \.ignoresNotificationBit) { return }
        for config in manifests.objects("CiliumBGPPeerConfig") {
            guard let restart = config.spec?["gracefulRestart"], restart["enabled"]?.boolean == true else { continue }
            let seconds = restart["restartTimeSeconds"]
            let restartTime = seconds?.number ?? 120
            let holdTime = config.spec?["timers"]?["holdTimeSeconds"]?.number ?? 90
            if restartTime > holdTime {
                let problem = PeerProblem.gracefulRestart(restartTime, holdTime: holdTime)
                findings.add(problem, at: config.part.place(seconds ?? restart))
            }
        }
    }

    static func sameASN(_ manifests: Manifests, _ findings: inout Findings) {
        for peer in manifests.peers {
            guard let asn = peer.localASN, let other = peer.peerASN, asn == other.text else { continue }
            if manifests.routers.contains(where: { $0.peers.contains { $0.remoteASN?.text == "internal" } }) {
                continue
            }
            findings.add(PeerProblem.sameASN(asn), at: peer.part.place(other.mark))
        }
    }

    /// A router is a peer's if it has the peer's address as its router id, or if it is the only one.
    static func asnMismatch(_ manifests: Manifests, _ findings: inout Findings) {
        for peer in manifests.peers {
            guard
                let router = manifests.routers.first(where: { $0.routerID == peer.address })
                    ?? (manifests.routers.count == 1 ? manifests.routers[0] : nil)
            else { continue }
            if let asn = peer.peerASN, Int(router.asn) != nil, asn.text != router.asn {
                let problem = PeerProblem.peerASN(asn.text, router: router.asn, at: router.place(router.mark))
                findings.add(problem, at: peer.part.place(asn.mark))
            }
            checkRemoteASN(of: router, peer, &findings)
        }
    }

    private static func checkRemoteASN(of router: FRRConfiguration, _ peer: Peer, _ findings: inout Findings) {
        let expected = router.peers.compactMap(\.remoteASN)
        guard let local = peer.localASN, let first = expected.first else { return }
        let isExpected = expected.contains { asn in
            switch asn.text {
            case "external": local != router.asn
            case "internal": local == router.asn
            default: asn.text == local || Int(asn.text) == nil
            }
        }
        if !isExpected {
            findings.addOnce(PeerProblem.remoteASN(first.text, local: local), at: router.place(first.mark))
        }
    }

    static func twoSpeakers(_ manifests: Manifests, _ findings: inout Findings) {
        let isCiliumOne =
            !manifests.objects("CiliumBGPClusterConfig").isEmpty
            || manifests.ciliumValues.contains { $0.node["bgpControlPlane"]?["enabled"]?.boolean == true }
        guard isCiliumOne else { return }
        for (object, container) in manifests.kubeVip {
            guard let value = container.environment["bgp_enable"], value.scalar?.text == "true" else { continue }
            findings.add(PeerProblem.twoSpeakers, at: object.part.place(value))
        }
    }
}

/// One peer of a CiliumBGPClusterConfig.
struct Peer {
    var part: ManifestPart
    var instance: YAMLNode
    var node: YAMLNode

    var localASN: String? { instance["localASN"]?.scalar?.text }
    var peerASN: (text: String, mark: Mark)? {
        node["peerASN"].flatMap { asn in asn.scalar.map { ($0.text, asn.mark) } }
    }
    var address: String? { node["peerAddress"]?.scalar?.text }
}

extension Manifests {
    var peers: [Peer] {
        objects("CiliumBGPClusterConfig").flatMap { config in
            (config.spec?["bgpInstances"]?.list ?? []).flatMap { instance in
                (instance["peers"]?.list ?? []).map { Peer(part: config.part, instance: instance, node: $0) }
            }
        }
    }
}

/// What `lint` finds in BGP peers.
enum PeerProblem: InventoryProblem {
    case gracefulRestart(Int, holdTime: Int)
    case sameASN(String)
    case peerASN(String, router: String, at: SourcePlace)
    case remoteASN(String, local: String)
    case twoSpeakers

    var code: DiagnosticCode {
        switch self {
        case .gracefulRestart: .staleRoutes
        case .sameASN: .sameASN
        case .peerASN, .remoteASN: .asnMismatch
        case .twoSpeakers: .twoBGPSpeakers
        }
    }

    var words: Words {
        switch self {
        case .gracefulRestart(let seconds, let holdTime):
            Words(
                message: "graceful restart keeps routes for \(seconds) s, after a hold time of \(holdTime) s",
                why: "FRR may go on sending to a dead node for all of it (from the code of both, not tried)",
                fix: "write a 'restartTimeSeconds' below the hold time, switch it off for addresses such as the API's, "
                    + "or set 'no bgp graceful-restart notification' in FRR")
        case .sameASN(let asn):
            Words(
                message: "both sides are AS \(asn)",
                why: "that makes the session internal: the router passes no route on to other internal peers",
                fix:
                    "give the cluster a private AS of its own, such as 64512 or 65000; if it is meant, write 'remote-as "
                    + "internal' in FRR")
        case .peerASN(let asn, let router, let place):
            Words(
                message: "'peerASN' is \(asn), and the router at \(place) is AS \(router)",
                why: "the session is refused with 'bad peer AS'", fix: "write \(router)")
        case .remoteASN(let asn, let local):
            Words(
                message: "the router expects \(PeerProblem.side(asn)), and Cilium speaks as AS \(local)",
                why: "the session is refused with 'bad peer AS'",
                fix: "write 'remote-as \(local)', or another 'localASN'")
        case .twoSpeakers:
            Words(
                message: "kube-vip speaks BGP, and so does Cilium",
                why: "on one node both open sessions from the same address, and the router keeps one",
                fix: "let Cilium announce the address of the API too, or use kube-vip with ARP")
        }
    }

    private static func side(_ asn: String) -> String {
        switch asn {
        case "internal": "its own AS"
        case "external": "another AS than its own"
        default: "AS \(asn)"
        }
    }
}
