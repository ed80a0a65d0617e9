/// One typed, idempotent change on one node.
///
/// Closed: a new case must break the build in exactly three places, the shell compiler, the simulator and
/// the plan printer. None of them has a `default:`.
public enum Operation: Sendable, Hashable {
    /// A directory with this mode, owned by root; parents are made with mode 0755.
    case directory(path: String, mode: FileMode)
    /// A file with exactly this content and mode, owned by root, replaced atomically.
    case file(path: String, content: FileContent, mode: FileMode)
    /// A symbolic link that points to `target`, switched atomically.
    case link(path: String, target: String)
    /// No file, link or empty directory at this path.
    case absent(path: String)
    /// A large file brought by the controller, or fetched by the node, whose checksum is verified before it is in place.
    case artifact(path: String, source: ArtifactSource, mode: FileMode)
    /// A loaded kernel module; one that is built in counts.
    case module(String)
    /// A kernel setting at run time; a file keeps it across reboots.
    case sysctl(key: String, value: String)
    /// A systemd unit in this state.
    case unit(UnitState)
    /// Kubernetes objects as this manifest has them.
    case object(KubernetesObject)
    /// A command for what no other case can say.
    case command(Command)
    /// The state of what follows is saved on the node, and with `window` the guard is armed and read back.
    case checkpoint(Checkpoint)
}

/// Permission bits, such as 0600; prints as four octal digits.
public struct FileMode: Sendable, Hashable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    public let bits: UInt16
    public init(integerLiteral value: UInt16) { self.bits = value }
    public var description: String {
        let digits = String(bits, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
    public static let privateFile: FileMode = 0o600
    public static let publicFile: FileMode = 0o644
    public static let program: FileMode = 0o755
    public static let privateDirectory: FileMode = 0o700
}

/// What a file holds: text that the plan shows, or a secret that it names.
public enum FileContent: Sendable, Hashable {
    case text(String)
    case secret(SecretSource)
}

/// Where a large file comes from and how it is verified.
public struct ArtifactSource: Sendable, Hashable {
    /// How the bytes reach the node.
    public enum Origin: Sendable, Hashable {
        /// A file on the controller, sent over SSH.
        case localFile(path: String)
        /// Downloaded once by the controller into its cache, then sent over SSH.
        case download(url: String)
        /// Fetched by the node itself.
        case mirror(url: String)
    }
    /// How the right SHA-256 is known.
    public enum Checksum: Sendable, Hashable {
        /// 64 hexadecimal digits from the inventory.
        case pinned(String)
        /// The line for `name` in a file as `sha256sum` writes it, found where the artifact is (path or URL).
        case listed(in: String, name: String)
    }
    /// The artifact's own name, such as `k3s-arm64`.
    public let name: String
    public let origin: Origin
    public let checksum: Checksum

    public init(name: String, origin: Origin, checksum: Checksum) {
        self.name = name
        self.origin = origin
        self.checksum = checksum
    }
}

/// A systemd unit as it should be.
public struct UnitState: Sendable, Hashable {
    public enum Activity: Sendable, Hashable {
        /// Started without waiting for it (K3s is "started" only when its API answers), and started anew when one of
        /// these files differs from what it was at the last start.
        case running(restartOn: [String])
        case stopped
    }
    public let name: String
    public let enabled: Bool
    public let activity: Activity

    public init(name: String, enabled: Bool, activity: Activity) {
        self.name = name
        self.enabled = enabled
        self.activity = activity
    }
}

/// Kubernetes objects applied through a client on the node.
public struct KubernetesObject: Sendable, Hashable {
    /// What the plan calls them, such as `HelmChart kube-system/cilium`.
    public let name: String
    /// The client's command line without verb, such as `k3s kubectl`.
    public let client: [String]
    /// One or several YAML documents.
    public let manifest: String
    /// Kind, namespace (nil: cluster-scoped) and name of each document, in order.
    public let references: [Reference]
    /// SHA-256 of the manifest in hexadecimal digits, kept as an annotation on each object so that a later run can
    /// compare without sending it.
    public let digest: String

    public struct Reference: Sendable, Hashable {
        public let kind: String
        public let namespace: String?
        public let name: String
        public init(kind: String, namespace: String?, name: String) {
            self.kind = kind
            self.namespace = namespace
            self.name = name
        }
    }

    public static let digestAnnotation = "clusterctl.dev/applied"

    public init(name: String, client: [String], manifest: String, references: [Reference], digest: String) {
        self.name = name
        self.client = client
        self.manifest = manifest
        self.references = references
        self.digest = digest
    }
}

/// A command with the question that tells whether it is needed.
public struct Command: Sendable, Hashable {
    /// What the plan calls it, in the imperative: "leave the etcd cluster".
    public let name: String
    public let arguments: [String]
    /// Not run when this command exits 0; nil: run each time.
    public let unless: [String]?
    /// The files that it writes and that taking its phase back must restore.
    public let writes: [String]
    /// Seconds after which it is ended and counts as failed.
    public let timeoutSeconds: Int

    public init(
        name: String, arguments: [String], unless: [String]? = nil, writes: [String] = [], timeoutSeconds: Int = 60
    ) {
        self.name = name
        self.arguments = arguments
        self.unless = unless
        self.writes = writes
        self.timeoutSeconds = timeoutSeconds
    }
}

/// What a node saves before a phase changes it, and how it takes the phase back.
public struct Checkpoint: Sendable, Hashable {
    /// The phase that this protects.
    public let phase: PhaseID
    /// Files, links and directories that are put back as they were, or removed if they were not there.
    public let paths: [String]
    /// Units whose enabled and active state is put back.
    public let units: [String]
    /// Run first when the phase is taken back, while the services still run.
    public let undo: [Step]
    /// With a window the guard is armed: it fires that many seconds after the last sign of life. Without one the
    /// state is saved and is taken back only when the controller says so.
    public let windowSeconds: Int?

    public init(phase: PhaseID, paths: [String], units: [String], undo: [Step], windowSeconds: Int?) {
        self.phase = phase
        self.paths = paths
        self.units = units
        self.undo = undo
        self.windowSeconds = windowSeconds
    }
}

/// An operation with its reason.
public struct Step: Sendable, Hashable {
    public let operation: Operation
    /// Why the node gets it, in a few words.
    public let because: String

    public init(_ operation: Operation, because: String) {
        self.operation = operation
        self.because = because
    }

    /// By what it is about alone: files are long, and two steps of one node are hardly ever about the same.
    public func hash(into hasher: inout Hasher) { hasher.combine(operation.subject) }
}
