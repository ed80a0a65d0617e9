extension Explanation {
    /// Cilium's chart and what it makes of its values.
    static let cilium: [Explanation] = [
        Explanation(
            .unknownCiliumValue, "a value that Cilium's chart does not have",
            happens: "The chart's schema forbids nothing: nativeRoutingCIDR or ipam.moode vanish without a word.",
            looks: "Everything installs, and the setting does not hold.",
            instead: "Write the name that the message proposes, or pass raw agent settings in 'extraConfig'.",
            source: "Cilium install/kubernetes/cilium/values.yaml, values.schema.json"),
        Explanation(
            .ownedCiliumValue, "a value that clusterctl sets itself",
            happens: """
                Ranges must be those that K3s was told, the API's address decides whether Cilium can start at all, and how \
                packets travel is held against the rest of the inventory.
                """,
            looks: "Agents that wait for an API that is not there.",
            instead: "Use the setting that the message names.",
            source: "docs/inventory.md; decision 017"),
        Explanation(
            .ciliumDevicesAuto, "devices: auto",
            happens: "The chart hands 'auto' on as a name of a link, which no machine has.",
            looks: "Cilium attaches to nothing; node ports and masquerading do not work.",
            instead: """
                Leave 'devices' out: Cilium then finds them. Exclude some with devices "!tmfifo+" and \
                forceDeviceDetection.
                """,
            source: "Cilium templates/cilium-configmap.yaml, pkg/datapath/linux/devices_controller.go; decision 012"),
        Explanation(
            .kubeProxyReplacementOff, "nobody serves Services",
            happens: "K3s runs without kube-proxy, and Cilium does not replace it: that is off by default.",
            looks: "No ClusterIP answers; CoreDNS and most pods never become ready.",
            instead: "Set 'kubeProxyReplacement: true' first, and switch kube-proxy off when every agent reports it.",
            source: "Cilium values.yaml; Documentation/network/kubernetes/kubeproxy-free.rst"),
        Explanation(
            .ciliumVersionUnknown, "values that were not checked",
            happens: "clusterctl knows the values of one chart; another may have more or fewer.",
            looks: "A value that has gone is ignored.",
            instead: "Use that version, or compare by hand.",
            source: "Cilium install/kubernetes/cilium/values.yaml"),
        Explanation(
            .dsrOverVXLAN, "direct server return over VXLAN",
            happens: """
                The mode needs native routing or Geneve. VXLAN is the default tunnel, so it counts where nothing is \
                said.
                """,
            looks: "The agent ends at its start.",
            instead: """
                In an inventory 'routing: native', 'loadBalancer: {mode: dsr, dispatch: geneve}' or 'loadBalancer: snat'; in \
                the chart's values 'routingMode: native', Geneve for 'tunnelProtocol' and 'dsrDispatch', or 'mode: snat'.
                """,
            source:
                "Cilium Documentation/network/kubernetes/kubeproxy-free.rst, pkg/kpr/initializer/kube_proxy_replacement.go"
        ),
        Explanation(
            .poolMaskTooFar, "a node's part that does not fit the range",
            happens: """
                Cilium takes 16 bits at most between an IPv6 range and a node's part of it; /64 and /112 are 48 \
                apart.
                """,
            looks: "'node CIDR size is too big' in the operator's log; no node gets a range.",
            instead: "Move the two closer, such as /96 with /112.",
            source: "Cilium pkg/ipam/cidrset/cidr_set.go"),
        Explanation(
            .vlanBypassTooLong, "a long list of VLANs",
            happens: """
                With more than five VLAN devices in all the agent does not load its datapath. An id counts only \
                where a node has its device.
                """,
            looks: """
                'allowed VLAN list is too big' in the agent's log; the node stays NotReady, or loses its network at \
                an upgrade.
                """,
            instead: "Leave 'network.vlans' out; in the chart's values write 'vlanBypass: [0]'. Either lets all pass.",
            source: "Cilium pkg/datapath/linux/config/config.go; Documentation/configuration/vlan-802.1q.rst"),
        Explanation(
            .chartReinstalls, "a chart that is uninstalled when an upgrade fails",
            happens: """
                failurePolicy is 'reinstall' by default: uninstall, then install. For Cilium that takes the network \
                of all pods, and backOffLimit is 1000.
                """,
            looks: "One bad value, and every node is NotReady.",
            instead: "Write 'failurePolicy: abort' and a small 'backOffLimit'.",
            source: "k3s-io/helm-controller pkg/apis/helm.cattle.io/v1, pkg/controllers/chart; klipper-helm"),
        Explanation(
            .chartNotBootstrap, "a CNI that waits for the CNI",
            happens: """
                The job that installs a chart is an ordinary pod: it waits for a node that is Ready. With \
                'bootstrap: true' it runs on the host's network and tolerates the rest.
                """,
            looks: "helm-install-cilium is Pending, and nodes are NotReady.",
            instead: "Write 'bootstrap: true'.",
            source: "k3s-io/helm-controller pkg/controllers/chart/chart.go"),
        Explanation(
            .nodeConfigKey, "a key that no agent reads",
            happens: "A CiliumNodeConfig takes the agent's keys, with hyphens, and a text for each; not the chart's.",
            looks: "The node keeps the cluster's setting.",
            instead: "Write 'enable-host-firewall: \"false\"', not 'hostFirewall'.",
            source: "Cilium pkg/option/resolver, CRD ciliumnodeconfigs"),
        Explanation(
            .hostPolicyWithoutSSH, "a host policy that lets no SSH in",
            happens: """
                The host firewall drops what no policy admits, once one selects the node. It is eBPF: iptables shows \
                nothing.
                """,
            looks: "SSH stops the moment the policy is applied.",
            instead: "Admit port 22 for the same nodes first, and try it in audit mode.",
            source: "Cilium documentation, host firewall; bpf/bpf_host.c"),
        Explanation(
            .localPolicyBehindEnvoy, "externalTrafficPolicy Local before Envoy",
            happens: """
                Cilium hands Envoy the node's own endpoints only, as it looks without a frontend. Read in 1.19.4, \
                unchanged on the 1.20 branch.
                """,
            looks: "'unexpected eof' at TLS; EndpointsConfigDump without endpoints.",
            instead: "Write 'externalTrafficPolicy: Cluster'. The client's address is lost behind Envoy anyway.",
            source: "Cilium pkg/ciliumenvoyconfig/controller.go, pkg/loadbalancer/writer/writer.go"),
        Explanation(
            .envoyDuration, "a duration that is not in seconds",
            happens: """
                Resources are read as protobuf JSON, which knows seconds alone. Only the resource with the mistake \
                is left out.
                """,
            looks: """
                A listener without a cluster: connections open and close at once. The agent's log says 'invalid \
                google.protobuf.Duration'.
                """,
            instead: "Write '0.1s' for 100 ms.",
            source: "protobuf documentation, JSON mapping; Cilium pkg/ciliumenvoyconfig"),
        Explanation(
            .originalSourceAddress, "Envoy in the client's name",
            happens: """
                Unless the annotation says no, Envoy connects from the client's own address and port. Streams of one \
                client meet in one connection.
                """,
            looks: "kubectl works for some commands and not for others.",
            instead: "Annotate: cec.cilium.io/use-original-source-address: \"false\".",
            source: "Cilium documentation, L7-aware traffic management"),
        Explanation(
            .envoyConfigOff, "Envoy configurations that nobody takes up",
            happens: """
                The CRDs and the controller come with envoyConfig.enabled, which is off by default; kube-proxy \
                replacement is needed too.
                """,
            looks: "'no matches for kind', or an object without effect and without status.",
            instead: "Set 'envoyConfig.enabled: true'.",
            source: "Cilium install/kubernetes/cilium/values.yaml"),
        Explanation(
            .oldCiliumAPI, "an object of an old API version",
            happens: "BGP kinds and pools are cilium.io/v2 since 1.18. 1.19 serves v2alpha1 as deprecated.",
            looks: "A warning of kubectl today, a refusal after some upgrade.",
            instead: "Write 'apiVersion: cilium.io/v2'; the fields are the same.",
            source: "Cilium CRDs, pkg/k8s/apis"),
        Explanation(
            .removedKind, "a kind that is gone",
            happens: "CiliumBGPPeeringPolicy was the first form of BGP, and 1.19 has it no more.",
            looks: "'no matches for kind', and all sessions go at the upgrade.",
            instead: "Write cluster configuration, peer configuration and advertisement before you upgrade.",
            source: "Cilium documentation, BGP control plane resources; upgrade notes of 1.19"),
        Explanation(
            .namespaceOnClusterObject, "a namespace on an object that has none",
            happens: "The API server drops it without an error, and so hides a typo in it.",
            looks: "Nothing: the object is there for the whole cluster.",
            instead: "Leave the line out.",
            source: "Kubernetes EnsureObjectNamespaceMatchesRequestNamespace; Cilium CRDs (scope: Cluster)"),
        Explanation(
            .retiredProject, "ingress-nginx",
            happens: "The project was retired by Kubernetes: no releases, no mended security holes after March 2026.",
            looks: "Nothing, until there is a hole.",
            instead: "Use Gateway API with Cilium, or another controller such as Traefik.",
            source: "kubernetes.io/blog, 'Ingress NGINX Retirement'; kubernetes/ingress-nginx, README"),
    ]
}
