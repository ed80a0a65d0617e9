/// What the user's SSH configuration says about one host, as OpenSSH works it out; nil where it says nothing beyond
/// OpenSSH's own defaults. Tokens and `~` still stand in paths and commands.
public struct SSHConfiguration: Sendable, Hashable {
    public enum Proxy: Sendable, Hashable {
        /// `[user@]host[:port]`, in the order in which they are passed; never empty.
        case jump([String])
        case command(String)
    }

    public enum Agent: Sendable, Hashable {
        case off
        /// The socket that this environment variable names.
        case environment(String)
        case socket(String)
    }

    /// What is connected to, where that is not the name that was asked about.
    public var hostName: String?
    public var port: Int?
    public var user: String?
    public var proxy: Proxy?
    /// Without `none`, which OpenSSH skips.
    public var identityFiles: [String]?
    public var certificateFiles: [String]?
    public var identitiesOnly: Bool?
    public var identityAgent: Agent?
    public var userKnownHostsFiles: [String]?
    public var globalKnownHostsFiles: [String]?
    public var hostKeyAlias: String?
    public var hashesKnownHosts = false
    public var connectTimeout: Duration?
    public var serverAliveInterval: Duration?
    public var serverAliveCountMax: Int?
    public var addressFamily: SSHTarget.AddressFamily?
    public var bindAddress: String?
    /// What is set there and does not count here, as ssh_config(5) spells it; each makes OpenSSH stricter or laxer
    /// about host keys.
    public var disregarded: [String] = []

    public init() {}

    /// - Parameters:
    ///   - output: of `ssh -G NAME`.
    ///   - standard: of `ssh -F none -G`, for whatever name.
    public init(output: String, standard: String, name: String) {
        let all = Self.lines(output)
        let own = all.filter { [standard = Self.lines(standard)] in standard[$0.key] != $0.value }
        func text(_ keyword: String) -> String? { own[keyword]?.first }
        func number(_ keyword: String) -> Int? { text(keyword).flatMap { Int($0) } }

        hostName = all["hostname"]?.first.flatMap { $0.lowercased() == name.lowercased() ? nil : $0 }
        port = number("port")
        user = text("user")
        if let hops = text("proxyjump"), hops.lowercased() != "none" {
            proxy = .jump(hops.split(separator: ",").map(String.init))
        } else if let command = text("proxycommand"), command.lowercased() != "none" {
            proxy = .command(command)
        }
        identityFiles = own["identityfile"]?.filter { $0.lowercased() != "none" }
        certificateFiles = own["certificatefile"]?.filter { $0.lowercased() != "none" }
        identitiesOnly = text("identitiesonly").map { $0 == "yes" || $0 == "true" }
        identityAgent = text("identityagent").map(Agent.init)
        userKnownHostsFiles = text("userknownhostsfile").map(Self.paths)
        globalKnownHostsFiles = text("globalknownhostsfile").map(Self.paths)
        hostKeyAlias = text("hostkeyalias")
        hashesKnownHosts = text("hashknownhosts") == "yes"
        connectTimeout = number("connecttimeout").map { .seconds($0) }
        serverAliveInterval = number("serveraliveinterval").map { .seconds($0) }
        serverAliveCountMax = number("serveralivecountmax")
        addressFamily = text("addressfamily").flatMap { ["inet": .ipv4, "inet6": .ipv6, "any": .any][$0] }
        bindAddress = text("bindaddress")
        if ["no", "off", "false", "accept-new"].contains(text("stricthostkeychecking")) {
            disregarded.append("StrictHostKeyChecking")
        }
        if own["revokedhostkeys"] != nil { disregarded.append("RevokedHostKeys") }
        if own["knownhostscommand"] != nil { disregarded.append("KnownHostsCommand") }
    }

    /// The keywords above, in lower case; a configuration with no other ones changes nothing.
    static let keywords: Set<String> = [
        "hostname", "port", "user", "proxyjump", "proxycommand", "identityfile", "certificatefile", "identitiesonly",
        "identityagent", "userknownhostsfile", "globalknownhostsfile", "hostkeyalias", "hashknownhosts",
        "connecttimeout", "serveraliveinterval", "serveralivecountmax", "addressfamily", "bindaddress",
        "stricthostkeychecking", "revokedhostkeys", "knownhostscommand",
    ]

    private static func lines(_ output: String) -> [String: [String]] {
        var lines: [String: [String]] = [:]
        for line in output.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { continue }
            lines[parts[0].lowercased(), default: []].append(String(parts[1]))
        }
        return lines
    }

    /// OpenSSH prints several paths in one line and quotes none: a part that does not begin like a path goes on with
    /// the one before.
    private static func paths(_ text: String) -> [String] {
        var paths: [String] = []
        for part in text.split(separator: " ", omittingEmptySubsequences: false) {
            if let last = paths.popLast() {
                let begins = part.first.map { "/~%$".contains($0) } ?? false
                paths += begins ? [last, String(part)] : [last + " " + part]
            } else {
                paths.append(String(part))
            }
        }
        return paths.filter { $0.lowercased() != "none" }
    }
}

extension SSHConfiguration.Agent {
    fileprivate init(_ text: String) {
        if text.lowercased() == "none" {
            self = .off
        } else if text == "SSH_AUTH_SOCK" {
            self = .environment(text)
        } else if text.first == "$", text.dropFirst().first != "{" {
            self = .environment(String(text.dropFirst()))
        } else {
            self = .socket(text)
        }
    }
}
