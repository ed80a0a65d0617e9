/// What `clusterctl init` writes: an inventory that reads without errors, with every decision explained where it stands.
public enum StarterInventory {
    public static let text = """
        # An inventory of clusterctl. Names are keys; the order of the file is the order of work.
        # Check it with 'clusterctl validate FILE'; 'clusterctl plan FILE' shows what would be done.
        version: 1

        # A DNS label; it names the kubeconfig context too.
        name: my-cluster

        # How nodes are reached. Your ~/.ssh/config counts, and host keys are checked against known_hosts.
        ssh:
          user: ubuntu
          # identityFile: ~/.ssh/id_ed25519    # otherwise the keys of your SSH agent
          # port: 22

        k3s:
          version: v1.35.7+k3s1
          # The token is made on the primary, or taken from where you say:
          # token: {env: K3S_TOKEN}            # or {file: ...}, or {command: [pass, show, k3s/token]}
          # Where nodes cannot reach GitHub:
          # artifacts: {directory: artifacts}  # or {url: https://...}, or {mirror: https://...}

        # Ranges that nothing else in your network uses. Every node gets a /24 of the pods.
        network:
          pods: 10.142.0.0/16
          services: 10.143.0.0/16

        cilium:
          version: 1.19.4
          # values:                            # merged over what clusterctl works out
          #   hubble: {relay: {enabled: true}}

        # A free address in the subnet of the control plane nodes; kube-vip moves it between them.
        # With HAProxy and keepalived on the nodes: {keepalived: 192.168.10.100}; with a name of your own: {dns: api.example.org}
        endpoint: {kubeVip: 192.168.10.100}

        # Names that the control plane nodes answer for: api, api-int, the nodes and, with an ingress, all below apps.
        # dns: {domain: cluster.example.org, apps: 192.168.10.101}

        # Control plane nodes: one, three or five. Under 'dpus' for BlueField DPUs, which get a guard: whatever could cut
        # SSH is undone by the DPU itself unless it is confirmed. Exactly one node is the primary.
        servers:
          server-1: {address: 192.168.10.11, primary: true}
          server-2: {address: 192.168.10.12}
          server-3: {address: 192.168.10.13}
        # dpus:
        #   # The way in by the host that it is in, over rshim's tmfifo, for when SSH does not come back.
        #   dpu-1: {address: 192.168.10.11, primary: true, outOfBand: {proxyJump: host-1, address: 192.168.100.2}}

        # Workers. A range stands for several nodes; 'manage: verify' is for machines that are configured elsewhere
        # (NixOS): they are checked, and never written to.
        workers:
          "worker-[1-3]": {address: "192.168.10.[21-23]"}
          # "rack1-[01-20]": {address: "192.168.10.[101-120]", os: nixos, manage: verify}

        """
}
