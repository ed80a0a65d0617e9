import Engine
import Inventory

/// What a check that fails means, and what to do about it.
enum DoctorWords {
    private struct Meaning {
        let area: Doctor.Area
        let why: String
        let fix: String
    }

    static func unreachable(_ node: String, _ reason: String) -> Doctor.Finding {
        Doctor.Finding(
            .error, .access, on: node, "ssh", what: "it could not be asked: \(reason)", why: "nobody knows how it is",
            fix: "ssh -v to it; where that does not come back, see its out-of-band way: clusterctl guard status")
    }

    /// Nil for a check that holds.
    static func finding(_ row: Verification.Row) -> Doctor.Finding? {
        // Said once, as not reachable.
        if row.result == .holds || row.result == .notAsked && row.seen.hasPrefix("no SSH to") { return nil }
        let meaning =
            meanings[row.check]
            ?? Meaning(area: .network, why: "it is not as the inventory has it", fix: "clusterctl verify")
        return Doctor.Finding(
            row.result == .fails ? .error : .warning, meaning.area, on: row.place, row.check,
            what: row.result == .fails ? row.seen : "not asked: \(row.seen)", why: meaning.why,
            fix: meaning.fix.replacing("NODE", with: row.place))
    }

    static func finding(_ item: Drift.Item) -> Doctor.Finding {
        let isMember = item.what.contains("a member of etcd")
        return Doctor.Finding(
            item.kind == .missing || isMember ? .error : item.kind == .unknown ? .warning : .note,
            isMember ? .quorum : .inventory, on: item.place, "diff", what: item.what,
            why: isMember
                ? "whoever is gone and still counts costs quorum"
                : "a run leaves alone what the inventory does not name",
            fix: item.fix ?? "clusterctl bootstrap")
    }

    static func differing(_ path: String, on node: NodeName) -> Doctor.Finding {
        Doctor.Finding(
            .warning, .inventory, on: node.rawValue, "diff", what: "\(path) is not as the inventory has it",
            why: "K3s takes it when it starts next", fix: "clusterctl diff shows how, clusterctl apply leads it there")
    }

    static func finding(_ diagnostic: Diagnostic) -> Doctor.Finding {
        let place = diagnostic.place
        return Doctor.Finding(
            diagnostic.severity == .error ? .error : .warning, .inventory, on: Check.cluster, diagnostic.code.rawValue,
            what: "\(place.file):\(place.line): \(diagnostic.message)", why: diagnostic.why, fix: diagnostic.fix)
    }

    private static let meanings: [String: Meaning] = [
        "guard": .init(
            area: .access, why: "the node takes a change back by itself",
            fix: "clusterctl guard status, then guard confirm or rollback"),
        "etcd-healthy": .init(
            area: .quorum, why: "one more that fails may cost quorum", fix: "journalctl -u k3s -n 200, on NODE"),
        "etcd-members": .init(
            area: .quorum, why: "whoever is gone and still counts costs quorum",
            fix: "k3s kubectl get nodes, and clusterctl diff"),
        "api-ready": .init(
            area: .api, why: "clients and kubelets of this server get no answer",
            fix: "journalctl -u k3s -n 200, on NODE"),
        "endpoint-holder": .init(
            area: .api, why: "clients find the API there",
            fix: "k3s kubectl get pods -n kube-system -o wide | grep kube-vip, or systemctl status keepalived"),
        "endpoint-address": .init(
            area: .api, why: "clients find the API there",
            fix: "k3s kubectl describe service -n kube-system, for the endpoint"),
        "endpoint-backends": .init(
            area: .api, why: "Envoy passes clients on to healthy servers only",
            fix: "clusterctl status, and cilium-dbg status on NODE"),
        "endpoint-answers": .init(
            area: .api, why: "clients find the API there",
            fix: "clusterctl status: who has the address, and whether its API is ready"),
        "certificate-names": .init(
            area: .api, why: "clients refuse a certificate without the name that they asked for",
            fix: "clusterctl apply, which brings k3s.tlsSANs"),
        "node-ready": .init(
            area: .nodes, why: "its pods are taken for lost",
            fix: "k3s kubectl describe node NODE, and journalctl -u 'k3s*' -n 200 there"),
        "k3s-version": .init(area: .nodes, why: "the inventory says otherwise", fix: "clusterctl upgrade"),
        "cilium": .init(
            area: .network, why: "pods of the node have no network, or soon will have none",
            fix: "k3s kubectl logs -n kube-system -l k8s-app=cilium --tail=50 --field-selector spec.nodeName=NODE"),
        "kube-proxy-replacement": .init(
            area: .network, why: "nobody serves Services there",
            fix: "k3s kubectl get helmchart cilium -n kube-system -o yaml"),
        "kube-proxy-rules": .init(
            area: .network, why: "they mislead packets, and whoever looks for the way of one",
            fix: "see docs/operations.md"),
        "dns": .init(
            area: .network, why: "the cluster's own names are not found", fix: "k3s crictl ps --name coredns, on NODE"),
        "dns-found": .init(
            area: .network, why: "the node does not find the API's name", fix: "resolvectl status, on NODE"),
        "bgp-sessions": .init(
            area: .network, why: "routers have no way to Services, or to pods", fix: "cilium-dbg bgp peers, on NODE"),
        "router-sessions": .init(
            area: .network, why: "the router has no way to Services, or to pods", fix: "clusterctl router verify"),
        "router-route": .init(
            area: .network, why: "the router has no way to the API's address", fix: "clusterctl router verify"),
        "pools": .init(
            area: .network, why: "Services get no address of a pool in conflict",
            fix: "k3s kubectl describe ciliumloadbalancerippools"),
        "service-addresses": .init(
            area: .network, why: "nobody reaches a Service without an address",
            fix: "k3s kubectl get services -A, and the pools of the inventory"),
        "pods": .init(
            area: .nodes, why: "what K3s and clusterctl bring does not run",
            fix: "k3s kubectl describe pods -n kube-system"),
    ]
}
