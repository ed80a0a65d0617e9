/// Where things of K3s and clusterctl are on a node.
public enum K3sPaths {
    public static let config = "/etc/rancher/k3s/config.yaml"
    public static let configDropIns = "/etc/rancher/k3s/config.yaml.d"
    public static let token = "/etc/rancher/k3s/token"
    public static let binary = "/usr/local/bin/k3s"
    public static let images = "/var/lib/rancher/k3s/agent/images"
    public static let etcdData = "/var/lib/rancher/k3s/server/db/etcd"
    public static let nodePassword = "/etc/rancher/node/password"
    public static let state = "/var/lib/clusterctl"
    /// Where volumes of K3s' own storage class are.
    public static let volumes = "/var/lib/rancher/k3s/storage"

    /// The binary of one version; `binary` is a link to it, so that earlier versions stay for a way back.
    public static func binary(version: String) -> String { "/usr/local/lib/clusterctl/k3s/\(version)/k3s" }

    /// A unit file in systemd's folder for the administrator.
    public static func unitFile(_ unit: String) -> String { "/etc/systemd/system/\(unit)" }
}
