import YAML

/// A chart that is installed when the network answers.
public struct Addon: Sendable, Hashable {
    public enum Chart: Sendable, Hashable {
        /// A chart's name in a Helm repository.
        case repository(url: String, chart: String)
        /// A whole reference such as `oci://quay.io/jetstack/charts/cert-manager`.
        case registry(String)
    }

    /// Also the name of the release and of the HelmChart; a DNS label.
    public var name: String
    public var chart: Chart
    /// One version, never a range.
    public var version: String
    public var namespace: String
    public var values: YAMLMap
    /// Addons that must answer first; all of them stand before this one.
    public var after: [String]

    /// - Parameter namespace: nil for one of the addon's own name.
    public init(
        name: String, chart: Chart, version: String, namespace: String? = nil, values: YAMLMap = [:],
        after: [String] = []
    ) {
        self.name = name
        self.chart = chart
        self.version = version
        self.namespace = namespace ?? name
        self.values = values
        self.after = after
    }

    public static let registryScheme = "oci://"
}

/// Who takes the addons over once they are installed.
public enum HandOff: String, Sendable, Hashable, CaseIterable {
    case argocd
}
