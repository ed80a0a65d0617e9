/// One typed, read-only question to a node.
///
/// Closed, like `Operation`: shell compiler, simulator and plan printer switch over it without a `default:`.
public enum Probe: Sendable, Hashable {
    /// Operating system, kernel, memory, disks, time and addresses; read by `HostFacts`.
    case host
    /// Whether something is at this path: `file`, `directory`, `link`, `other` or `absent`, then mode and size.
    case path(String)
    /// `systemctl show` of a unit: LoadState, ActiveState, SubState, UnitFileState, NRestarts, Result, Job.
    case unit(String)
    /// The last lines of a unit's journal.
    case journal(unit: String, lines: Int)
    /// A command that changes nothing; its exit status, output and errors.
    case command([String])
    /// GET of a URL; status 0 and the body for any HTTP answer, the code in the first line. Certificates are not checked.
    case http(String)
    /// Who listens on TCP ports, a line each; nothing when they are free.
    case listeners([Int])
    /// The slowest and the median of some small synchronous writes below a directory, in microseconds.
    case syncLatency(directory: String)
    /// The first line of an SSH server at this IP address; fails where none was heard within three seconds.
    case sshBanner(address: String, port: Int)
    /// What the guard on this node says: `none`, `armed ...`, `firing ...`, `held ...`, `rolled-back ...` (see templates/guard).
    case guardState
    /// Who may change the cluster's nodes, and whose programs are at work on this one; read by `LeaseState`.
    case lease
}
