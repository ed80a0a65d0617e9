import Foundation
import Inventory
import Testing

/// Inventories for tests.
enum Example {
    static func read(_ text: String) throws -> Inventory {
        try InventoryReader.read(text: text, file: "test.yaml").get().inventory
    }

    static func file(_ name: String) throws -> Inventory {
        try read(try Repository.text(Repository.root.appending(path: "inventories/\(name)")))
    }

    /// Two DPUs, a server, a worker, a NixOS worker that is only verified, and an ephemeral worker.
    static let small = """
        version: 1
        name: small
        ssh: {user: ubuntu}
        k3s: {version: v1.35.7+k3s1, token: {env: K3S_TOKEN}}
        network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
        cilium: {version: 1.19.4}
        endpoint: {kubeVip: 10.77.0.100}
        dpus:
          dpu-01: {address: 10.77.0.11, primary: true}
          dpu-02: {address: 10.77.0.12}
        servers:
          server-01: {address: 10.77.0.13}
        workers:
          worker-01: {address: 10.77.0.21, labels: {rack: a}}
          nixos-01: {address: 10.77.0.22, os: nixos, manage: verify}
          pxe-01: {address: 10.77.0.23, ephemeral: true}

        """

    static func small(_ replacements: [(String, String)] = []) throws -> Inventory {
        var text = small
        for (old, new) in replacements {
            #expect(text.contains(old))
            text = text.replacingOccurrences(of: old, with: new)
        }
        return try read(text)
    }

    static let dualStack: [(String, String)] = [
        (
            "pods: 10.142.0.0/16, services: 10.143.0.0/16",
            "pods: [10.142.0.0/16, fd00:42::/56], services: [10.143.0.0/16, fd00:43::/112]"
        )
    ]

    /// Three nodes of both families and two routers; one node does not speak BGP.
    static let bgp = """
        version: 1
        name: small
        ssh: {user: ubuntu}
        k3s: {version: v1.35.7+k3s1, token: {env: K3S_TOKEN}}
        network: {pods: [10.142.0.0/16, "fd00:42::/56"], services: [10.143.0.0/16, "fd00:43::/112"]}
        cilium: {version: 1.19.4}
        endpoint: {kubeVip: 10.77.0.100}
        dpus:
          dpu-01: {address: [10.77.0.11, "fd77::11"], labels: {bgp: "yes"}}
        workers:
          worker-01: {address: [10.77.0.21, "fd77::21"], labels: {bgp: "yes"}}
          worker-02: {address: [10.77.0.22, "fd77::22"]}
        routers:
          edge: {platform: linux-frr, address: [10.77.0.1, "fd77::1"], asn: 64513}
          aside: {platform: freebsd-frr, address: 10.77.0.2, asn: 64514}
        bgp:
          asn: 64512
          nodes: {bgp: "yes"}
          peers: {edge: {gracefulRestart: 9s}, aside: {keepAlive: 3s, multihop: 2}}
          announce: {pods: true, services: {labels: {network: public}}, communities: ["64512:100"]}
        loadBalancerPools:
          public: {blocks: [192.0.2.240/29, "2001:db8::10-2001:db8::21"], labels: {network: public}}
          internal: {blocks: [172.31.0.0/16], allowFirstLastIPs: false}

        """

    /// The same, with a password of the sessions with one router.
    static let passwords = bgp.replacing("multihop: 2}", with: "multihop: 2, password: {env: ASIDE}}")

    /// Two addons; a part that goes behind any of these inventories.
    static let addons = """
        addons:
          web: {chart: nginx, repo: "https://charts.example.org", version: 1.2.3, values: {replicas: 2}}
          certs: {chart: "oci://ghcr.io/a/certs", version: v0.1.0, namespace: pki, after: [web]}

        """

    /// The same with an endpoint that the nodes announce.
    static let announced = bgp.replacingOccurrences(of: "kubeVip: 10.77.0.100", with: "ciliumBgp: 10.31.0.80")
}
