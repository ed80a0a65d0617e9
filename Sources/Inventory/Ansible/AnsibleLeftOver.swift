/// Why a variable has no place in an inventory.
enum AnsibleLeftOver {
    static func reason(_ name: String) -> String {
        if let reason = exact[name] { return reason }
        if let found = prefixes.first(where: { name.hasPrefix($0.prefix) }) { return found.reason }
        return "clusterctl has nothing that it would set"
    }

    /// Variables that concern Ansible itself, so that nobody has to be told.
    static func isOfAnsible(_ name: String) -> Bool {
        [
            "ansible_python_interpreter", "ansible_connection", "ansible_become", "ansible_become_user",
            "ansible_pipelining",
        ]
        .contains(name) || name.hasPrefix("ansible_winrm") || name == "ansible_ssh_pipelining"
    }

    private static let exact: [String: String] = [
        "systemd_dir": "clusterctl's unit of K3s is in /etc/systemd/system",
        "k3s_server_location": "the files of K3s have to be in /var/lib/rancher/k3s",
        "airgap_dir": "a folder with the files of a release is 'k3s.artifacts: {directory: ...}'",
        "extra_install_envs": "the install script is never run",
        "extra_service_envs": "clusterctl's unit of K3s takes no further environment",
        "extra_manifests": "clusterctl applies no objects of yours; charts can be 'addons'",
        "extra_agent_args": "it was not taken: there are no workers",
        "user_kubectl": "'clusterctl kubeconfig --merge' is for your own kubectl",
        "manage_firewall": "clusterctl leaves the machine's own firewall alone",
        "etcd_deployment_type": "K3s has etcd in itself",
        "container_manager": "K3s has containerd in itself",
        "resolvconf_mode": "the machine's own names are left alone; see 'dns'",
        "upstream_dns_servers": "the machine's own names are left alone; see 'dns.upstreams'",
        "k3s_node_ip": "a node's address is its 'address'",
        "kube_network_node_prefix": "every node gets a /24 of the pods",
        "http_proxy": "clusterctl's unit of K3s has no proxy", "https_proxy": "clusterctl's unit of K3s has no proxy",
        "no_proxy": "clusterctl's unit of K3s has no proxy", "proxy_env": "clusterctl's unit of K3s has no proxy",
    ]

    private static let prefixes: [(prefix: String, reason: String)] = [
        ("flannel", "Cilium takes the place of flannel"), ("calico", "Cilium takes the place of Calico"),
        ("metal_lb", metallb), ("metallb", metallb), ("kube_vip_lb", metallb), ("kube_vip_services", metallb),
        ("kube_vip_cloud_provider", metallb),
        ("kube_vip_bgp", "kube-vip answers by ARP here; an endpoint announced by BGP is 'endpoint: {ciliumBgp: ...}'"),
        ("kube_vip", "clusterctl sets kube-vip up in its own way"),
        ("cilium_", "clusterctl works it out, or it is a value of the chart: see 'cilium.values'"),
        ("proxmox", "containers of Proxmox are not set up"),
        ("custom_registries", registries), ("registries", registries), ("containerd", registries),
        ("ansible_ssh", "clusterctl takes no options of ssh; your ssh_config counts, see docs/ssh.md"),
        ("ansible_", "clusterctl needs no Ansible on the nodes"),
        ("etcd_", "K3s has etcd in itself; its options are 'k3s.config: {etcd-arg: [...]}'"),
        ("kube_proxy", "Cilium takes the place of kube-proxy"),
        ("nodelocaldns", "K3s brings CoreDNS; Cilium has a local redirect"),
        ("enable_nodelocaldns", "K3s brings CoreDNS; Cilium has a local redirect"),
        ("ntp_", "clocks are the machine's own"), ("system_timezone", "clocks are the machine's own"),
        ("docker_", "K3s has containerd in itself"), ("crio_", "K3s has containerd in itself"),
        ("rh_subscription", "packages are the machine's own"),
        ("ingress_nginx", "an ingress can be one of 'addons'"), ("cert_manager", "cert-manager can be one of 'addons'"),
        ("argocd", "Argo CD can be one of 'addons'; see docs/addons.md"),
        ("local_path_provisioner", "K3s brings local-path; 'k3s.disable: [local-storage]' takes it away"),
        ("metrics_server", "K3s brings metrics-server; 'k3s.disable: [metrics-server]' takes it away"),
        ("kubelet_", "a flag of the kubelet is 'k3s.config: {kubelet-arg: [...]}'"),
    ]

    private static let metallb =
        "addresses of Services are 'loadBalancerPools', and clusterctl announces them by BGP alone"
    private static let registries = "/etc/rancher/k3s/registries.yaml is not clusterctl's; place it yourself"
}
