/// The minor versions of Kubernetes 1 that releases of Cilium were tested with (Cilium
/// Documentation/network/kubernetes/compatibility.rst). Others are not refused there, and not vouched for either.
public enum CiliumVersions {
    /// The chart that `cilium.values` is held against.
    public static let ofKnownValues = CiliumValuePaths.chartVersion

    private static let tested = ["1.18": 30...33]

    /// - Parameter version: such as `1.18.3`.
    /// - Returns: nil where clusterctl does not know.
    public static func testedKubernetes(_ version: String) -> ClosedRange<Int>? {
        tested[version.split(separator: ".").prefix(2).joined(separator: ".")]
    }
}
