/// Labels that a kubelet may not give its own node: it does not start with one of them on its command line.
///
/// Source: Kubernetes cmd/kubelet/app/options (ValidateKubeletFlags) and pkg/apis/.../well_known_labels.
enum ReservedLabels {
    static func isReserved(_ key: String) -> Bool {
        guard let slash = key.firstIndex(of: "/") else { return false }
        let namespace = key[..<slash]
        let isKubernetes = ["kubernetes.io", "k8s.io"].contains { namespace == $0 || namespace.hasSuffix("." + $0) }
        guard isKubernetes, !allowed.contains(key) else { return false }
        return !["kubelet.kubernetes.io", "node.kubernetes.io"].contains {
            namespace == $0 || namespace.hasSuffix("." + $0)
        }
    }

    private static let allowed: Set = [
        "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type",
    ]
}
