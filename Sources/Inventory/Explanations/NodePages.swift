extension Explanation {
    /// Nodes, alone and together.
    static let nodes: [Explanation] = [
        Explanation(
            .noControlPlane, "no control plane node",
            happens: "Somebody has to run the API and etcd.",
            looks: "There is nothing to build.",
            instead: "Add a node under 'dpus' or 'servers'.",
            source: "docs/inventory.md"),
        Explanation(
            .noPrimary, "no primary",
            happens: "One control plane node starts the cluster; the others join it.",
            looks: "Chosen at random, a second run could start a second cluster.",
            instead: "Write 'primary: true' on one node.",
            source: "K3s docs, datastore/ha-embedded.md"),
        Explanation(
            .severalPrimaries, "several primaries",
            happens: "Two nodes that each start a cluster make two clusters.",
            looks: "Half of the nodes is missing wherever you look.",
            instead: "Keep 'primary: true' on one node.",
            source: "K3s docs, datastore/ha-embedded.md"),
        Explanation(
            .primaryWorker, "a worker that is the primary",
            happens: "The primary runs the API and etcd; a worker does not.",
            looks: "Nothing could start the cluster.",
            instead: "Put the node under 'dpus' or 'servers'.",
            source: "docs/inventory.md"),
        Explanation(
            .duplicateNode, "two nodes of one name",
            happens: "Kubernetes tells nodes apart by their names, and K3s keeps a password for each.",
            looks: "The second one is refused: 'Node password rejected, duplicate hostname'.",
            instead: "Give one of them another name.",
            source: "K3s docs, architecture.md"),
        Explanation(
            .duplicateAddress, "two nodes with one address",
            happens: "What is meant for one node would be done to the other.",
            looks: "A node is upgraded twice and the other never.",
            instead: "Correct one of the two.",
            source: "docs/inventory.md"),
        Explanation(
            .duplicateTarget, "two nodes behind one SSH address",
            happens: "What is meant for one node would be done to the other.",
            looks: "Both nodes answer with the same host name.",
            instead: "Correct 'ssh.host' or 'ssh.port' of one.",
            source: "docs/ssh.md"),
        Explanation(
            .unusableAddress, "an address that others cannot reach",
            happens: "Loopback, link-local, multicast and unspecified addresses mean something on one machine only.",
            looks: "Nodes register, and never reach each other.",
            instead: "Write the node's address in the cluster's network.",
            source: "RFC 6890; Kubernetes pkg/kubelet/util/nodeip"),
        Explanation(
            .countsDiffer, "more names than addresses, or fewer",
            happens: "Names and addresses are paired one by one.",
            looks: "The last nodes would get each other's address, or none.",
            instead: "Make both ranges equally long.",
            source: "docs/inventory.md"),
        Explanation(
            .tooManyNodes, "more nodes than a cluster holds",
            happens: "A cluster of that size is beyond what K3s holds; mostly a range has a digit too many.",
            looks: "A plan of a million lines.",
            instead: "Correct the range, or split the inventory.",
            source: "docs/inventory.md"),
        Explanation(
            .unmanagedControlPlane, "a control plane node that is only verified",
            happens: "The control plane is brought up in steps that clusterctl has to take itself.",
            looks: "The order waits for a node that nobody sets up.",
            instead: "Write 'manage: full', or make the node a worker.",
            source: "docs/operations.md"),
        Explanation(
            .ephemeralControlPlane, "a control plane node that loses its disk",
            happens: "Its part of etcd is gone after each restart, while the others go on counting it.",
            looks: "After the second restart etcd has no quorum.",
            instead: "Give it a disk that stays, or make the node a worker.",
            source: "K3s docs, datastore/ha-embedded.md; etcd documentation, FAQ"),
        Explanation(
            .dpuWithoutGuard, "a DPU without a guard",
            happens: "If a change cuts SSH, only the console of its host leads back.",
            looks: "SSH hangs in the middle of a run, and stays so.",
            instead: "Leave 'guard' at its default.",
            source: "docs/safety.md"),
        Explanation(
            .hostFirewallOnDPU, "Cilium's host firewall on a DPU",
            happens: """
                It is eBPF, off by default, and drops what no policy admits as soon as one selects the node. On a \
                DPU the only link is the one that SSH comes over.
                """,
            looks: "SSH stops the moment a policy with a nodeSelector is applied.",
            instead: "Leave it off for DPUs; switch it on for servers or workers with 'hostFirewall: true'.",
            source: "Cilium values.yaml (hostFirewall.enabled), documentation, host firewall; decision 014"),
        Explanation(
            .dpuLinksExposed, "Cilium may attach to a DPU's rescue links",
            happens: """
                Its detection takes tmfifo_net0 too: it is up and has an address. What is attached there is in the \
                way when all else fails.
                """,
            looks: "No SSH over rshim just when it is needed.",
            instead: "Keep tmfifo and out-of-band links in 'excludedDevices'.",
            source: "Cilium pkg/datapath/linux/devices_controller.go; decision 012"),
        Explanation(
            .evenControlPlane, "an even number of control plane nodes",
            happens: "etcd survives no more failures than with one member less, and one more can fail.",
            looks: "With four members the second failure stops everything, as with three.",
            instead: "Use one more or one less.",
            source: "etcd documentation, FAQ"),
        Explanation(
            .twoControlPlaneNodes, "two control plane nodes",
            happens: "Each is needed for quorum: the loss of either stops the cluster.",
            looks: "Maintenance of one node takes the API away.",
            instead: "Use one or three.",
            source: "etcd documentation, FAQ"),
        Explanation(
            .reservedLabel, "a label that a node may not give itself",
            happens: "The kubelet does not start with labels under kubernetes.io or k8s.io other than a few.",
            looks: "The unit restarts for ever: 'unknown kubernetes.io or k8s.io labels specified with --node-labels'.",
            instead: "Use a prefix of your own, or set the label with kubectl.",
            source: "Kubernetes cmd/kubelet/app/options; well_known_labels"),
        Explanation(
            .taintsBlockCilium, "taints that keep Cilium's operator away",
            happens: """
                It tolerates control-plane, master, not-ready, uninitialized and agent-not-ready alone. Without the \
                operator no node gets a range for pods.
                """,
            looks: "cilium-operator is Pending, and all agents wait.",
            instead: "Leave one node without, or set 'operator.tolerations'.",
            source: "Cilium install/kubernetes/cilium/values.yaml"),
        Explanation(
            .outOfBandIsNoDetour, "a rescue way that is the ordinary way",
            happens: "It is wanted when that cannot be reached.",
            looks: "Both ways fail at once.",
            instead: "Write another link, such as 192.168.100.2 over rshim by the host that the DPU is in.",
            source: "docs/safety.md; NVIDIA BlueField DPU documentation, host-side interface"),
        Explanation(
            .tmfifoOverlap, "a range over rshim's link",
            happens: """
                192.168.100.0/30 is the link between a BlueField and its host unless somebody changed it, a default \
                that nobody wrote. Pods or Services there draw its traffic to themselves.
                """,
            looks: "SSH over tmfifo_net0 times out once Cilium runs.",
            instead: "Choose another range for pods and services.",
            source: "NVIDIA BlueField DPU documentation, host-side interface"),
    ]
}
