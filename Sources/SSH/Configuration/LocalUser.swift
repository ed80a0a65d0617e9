#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Who runs clusterctl, and where, as OpenSSH sees it: by the password database, not by `HOME`.
public struct LocalUser: Sendable, Hashable {
    public var name: String
    public var id: UInt32
    public var home: String
    /// With its domain, where the machine knows it.
    public var hostName: String

    public init(name: String, id: UInt32, home: String, hostName: String) {
        self.name = name
        self.id = id
        self.home = home
        self.hostName = hostName
    }

    public static let current: LocalUser = {
        let id = getuid()
        var hostName = [CChar](repeating: 0, count: 256)
        if gethostname(&hostName, hostName.count - 1) != 0 { hostName = [0] }
        let host = hostName.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        guard let entry = getpwuid(id), let name = entry.pointee.pw_name, let home = entry.pointee.pw_dir else {
            return LocalUser(name: "\(id)", id: id, home: "/", hostName: host)
        }
        return LocalUser(name: String(cString: name), id: id, home: String(cString: home), hostName: host)
    }()

    /// `~` and `~/...` by the home directory; every other path stays.
    public func expandHome(_ path: String) -> String {
        path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
}
