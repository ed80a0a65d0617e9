import Engine
import Inventory
import Rendering

/// Brings the K3s binary and the air-gap images to every node, verified, without starting anything. On a living cluster
/// the binary is only put beside the present one; who restarts K3s lets the link lead to it.
public struct Artifacts: Phase {
    public let id: PhaseID = "artifacts"
    public let title = "Bring K3s and its images"
    public var nodes: [NodeName] { cluster.managed }
    let cluster: Cluster
    let areLinked: Bool

    public init(_ inventory: Inventory, areLinked: Bool = true) {
        cluster = Cluster(inventory)
        self.areLinked = areLinked
    }

    public func apply(_ node: NodeName) -> [Step] {
        let architecture = cluster[node].architecture
        let k3s = cluster.inventory.k3s
        let binary = K3sPaths.binary(version: k3s.version.description)
        var steps = [
            Step(
                .artifact(
                    path: binary,
                    source: source(architecture == .amd64 ? "k3s" : "k3s-\(architecture.rawValue)", architecture),
                    mode: .program),
                because: "K3s is one program; each version has its own folder, so that there is a way back")
        ]
        steps.append(areLinked ? Artifacts.link(to: k3s.version) : look(node, at: binary))
        if k3s.airgapImages {
            let images = "k3s-airgap-images-\(architecture.rawValue).tar.zst"
            steps.append(
                Step(
                    .artifact(
                        path: "\(K3sPaths.images)/\(images)", source: source(images, architecture), mode: .publicFile),
                    because: "K3s starts without asking a registry for its own images"))
        }
        return steps
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "nothing runs from it yet, and the earlier version is still there")
    }

    /// Before any K3s is stopped for it.
    private func look(_ node: NodeName, at binary: String) -> Step {
        let configuration = K3sConfiguration(inventory: cluster.inventory, node: cluster[node], joinThrough: .primary)
        let question = Script.arguments(
            .newVersion,
            [binary, cluster.inventory.k3s.version.description, cluster[node].isControlPlane ? "server" : "agent"]
                + configuration.values.keys)
        return Step(
            .command(
                Command(name: "ask the new K3s for its version and its settings", arguments: question, unless: question)
            ),
            because: "what cannot start is not begun with")
    }

    static func link(to version: K3sVersion) -> Step {
        Step(
            .link(path: K3sPaths.binary, target: K3sPaths.binary(version: version.description)),
            because: "the unit starts this version")
    }

    private func source(_ name: String, _ architecture: Architecture) -> ArtifactSource {
        let settings = cluster.inventory.k3s
        let isBinary = !name.hasSuffix(".zst")
        let list = "sha256sum-\(architecture.rawValue).txt"
        func checksum(listedIn place: String) -> ArtifactSource.Checksum {
            if isBinary, let pinned = settings.checksums[architecture] { return .pinned(pinned) }
            return .listed(in: place, name: name)
        }
        func released(_ base: String, _ origin: (String) -> ArtifactSource.Origin) -> ArtifactSource {
            let folder =
                "\(base.hasSuffix("/") ? String(base.dropLast()) : base)/\(settings.version.releaseTagPercentEncoded)"
            return ArtifactSource(
                name: name, origin: origin("\(folder)/\(name)"), checksum: checksum(listedIn: "\(folder)/\(list)"))
        }
        switch settings.artifacts {
        case .release: return released(Artifacts.releases) { .download(url: $0) }
        case .url(let base): return released(base) { .download(url: $0) }
        case .mirror(let base): return released(base) { .mirror(url: $0) }
        case .directory(let directory):
            let path = directory.replacing("{version}", with: settings.version.description)
            return ArtifactSource(
                name: name, origin: .localFile(path: "\(path)/\(name)"), checksum: checksum(listedIn: "\(path)/\(list)")
            )
        }
    }

    /// Where K3s publishes its releases (K3s install.sh).
    static let releases = "https://github.com/k3s-io/k3s/releases/download"
}
