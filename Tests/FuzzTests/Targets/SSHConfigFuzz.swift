@testable import SSH

/// Files that include each other are read to an end, and what OpenSSH prints of them becomes settings or a reason.
///
/// A zero byte ends one file and begins the next: the user's own, then `a` and `b` beside it.
enum SSHConfigFuzz {
    private static let user = LocalUser(name: "me", id: 1000, home: "/home/me", hostName: "here.example.org")
    private static let standard = "user me\nport 22\nidentityfile ~/.ssh/id_rsa\nserveraliveinterval 0\n"
    /// Files that some Include lines name several times are read as often; it must not get out of hand.
    private static let readsAtMost = 1000

    static func take(_ bytes: [UInt8]) throws(Broken) {
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        let texts = parts.map { String(decoding: $0, as: UTF8.self) }
        try readFiles(texts)
        try readOutput(texts[0])
    }

    private static func readFiles(_ texts: [String]) throws(Broken) {
        let names = ["/home/me/.ssh/config", "/home/me/.ssh/a", "/home/me/.ssh/b"]
        let contents = Dictionary(zip(names, texts)) { first, _ in first }
        var reads = 0
        let files = SSHConfigurationFiles(user: user, file: nil) { path in
            reads += 1
            return reads <= readsAtMost ? contents[path] : nil
        } expand: { pattern in
            names.filter { contents[$0] != nil && ($0 == pattern || pattern.hasSuffix("*")) }
        }
        try must(reads <= readsAtMost, "more than \(readsAtMost) files read of \(contents.count)")
        _ = files.matters(asWriter: true)
        let groups = ["node.example.org", "", String(repeating: "a", count: 300)].compactMap(files.group)
        try must(Set(groups.map(\.count)).count <= 1, "hosts are told apart by different patterns")
    }

    private static func readOutput(_ text: String) throws(Broken) {
        let settings = SSHConfiguration(output: text, standard: standard, name: "node")
        let tokens = SSHTokens(
            host: settings.hostName ?? "node", name: "node", port: settings.port ?? 22, user: settings.user ?? "me",
            alias: settings.hostKeyAlias, local: user)
        var paths = (settings.identityFiles ?? []) + (settings.certificateFiles ?? [])
        paths += (settings.userKnownHostsFiles ?? []) + (settings.globalKnownHostsFiles ?? [])
        do throws(SSHConfigurationProblem) {
            for path in paths { _ = try tokens.path(path) { $0.isEmpty ? nil : "value" } }
            switch settings.proxy {
            case .jump(let hosts): for host in hosts { _ = try tokens.jumpHost(host) }
            case .command(let command): _ = try tokens.command(command)
            case nil: break
            }
        } catch {
            try must(!error.description.isEmpty, "a problem without words")
        }
    }
}
