#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What the percent signs in paths and commands of an SSH configuration stand for (ssh_config(5), "TOKENS").
public struct SSHTokens: Sendable {
    private let connection: [Character: String]
    private let local: [Character: String]
    private let user: LocalUser

    /// - Parameters:
    ///   - host: what is connected to.
    ///   - name: what was asked for.
    ///   - user: who logs in.
    public init(host: String, name: String, port: Int, user: String, alias: String?, local: LocalUser) {
        connection = ["%": "%", "h": host, "n": name, "p": "\(port)", "r": user]
        let short = local.hostName.split(separator: ".").first.map(String.init) ?? ""
        self.local = [
            "d": local.home, "i": "\(local.id)", "k": alias ?? name, "L": short, "l": local.hostName, "u": local.name,
        ]
        self.user = local
    }

    /// The path that `text` stands for; nil if it names an environment variable that is not set, as OpenSSH leaves
    /// such a setting out.
    ///
    /// - Parameter environment: the value of a variable.
    public func path(
        _ text: String, environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
    ) throws(SSHConfigurationProblem) -> String? {
        var result = ""
        var rest = user.expandHome(text)[...]
        while let range = rest.firstIndex(of: "$").flatMap({ Self.variable(rest, at: $0) }) {
            guard let value = environment(String(rest[range.name])) else { return nil }
            result += try expand(rest[..<range.whole.lowerBound], connection.merging(local) { $1 }, in: text) + value
            rest = rest[range.whole.upperBound...]
        }
        return try result + expand(rest, connection.merging(local) { $1 }, in: text)
    }

    /// A jump host as the configuration names it, with its tokens put in.
    public func jumpHost(_ text: String) throws(SSHConfigurationProblem) -> String {
        try expand(text[...], connection, in: text)
    }

    /// The command for `sh` that `text` stands for. What is put in is refused where a shell could take it for more than
    /// one word (ssh.c: valid_hostname, valid_ruser).
    public func command(_ text: String) throws(SSHConfigurationProblem) -> String {
        for key in "hnr" {
            guard text.contains("%\(key)"), let value = connection[key], !Self.isPlain(value) else { continue }
            throw .unsafeValue(value, in: text)
        }
        return try expand(text[...], connection, in: text)
    }

    private static func isPlain(_ value: String) -> Bool {
        !value.isEmpty && !value.hasPrefix("-") && !value.hasSuffix("\\")
            && value.unicodeScalars.allSatisfy { scalar in
                scalar.value > 0x20 && scalar.value != 0x7f
                    && !"'`\"$\\;&<>|(){}*?[]!#~".unicodeScalars.contains(scalar)
            }
    }

    private func expand(
        _ text: Substring, _ values: [Character: String], in whole: String
    ) throws(SSHConfigurationProblem) -> String {
        var result = ""
        var isToken = false
        for character in text {
            if isToken {
                guard let value = values[character] else { throw .unknownToken("%\(character)", in: whole) }
                result += value
                isToken = false
            } else if character == "%" {
                isToken = true
            } else {
                result.append(character)
            }
        }
        if isToken { throw .unknownToken("%", in: whole) }
        return result
    }

    /// `${NAME}` at the index.
    private static func variable(
        _ text: Substring, at index: Substring.Index
    ) -> (whole: Range<Substring.Index>, name: Range<Substring.Index>)? {
        let brace = text.index(after: index)
        guard brace < text.endIndex, text[brace] == "{", let end = text[brace...].firstIndex(of: "}") else {
            return nil
        }
        return (index..<text.index(after: end), text.index(after: brace)..<end)
    }
}

/// Why no target comes of what the inventory and the user's SSH configuration say.
public enum SSHConfigurationProblem: Error, Sendable, Equatable {
    /// OpenSSH does not take the configuration; what it says, with file and line.
    case refused(name: String, said: [String])
    case unknownToken(String, in: String)
    /// A host or user name that a shell would read otherwise.
    case unsafeValue(String, in: String)
    case noJumpHost(String)
    /// The names on the way, the last of which was there before.
    case jumpLoop([String])
}

extension SSHConfigurationProblem: CustomStringConvertible {
    /// What is wrong, and after a line break each thing that can be done about it.
    public var description: String {
        switch self {
        case .refused(let name, let said):
            (["ssh does not take the SSH configuration for '\(name)': " + (said.first ?? "it gives no reason")]
                + said.dropFirst() + ["'ssh.config: false' in the inventory leaves it out"]).joined(separator: "\n")
        case .unknownToken(let token, let text):
            "'\(text)' in the SSH configuration has '\(token)', which stands for nothing there\nwrite '%%' for a percent sign"
        case .unsafeValue(let value, let text):
            "'\(value)' is not put into the command '\(text)': a shell would read it as more than a name"
        case .noJumpHost(let text): "'\(text)' is no jump host\nwrite [user@]host[:port], IPv6 addresses in brackets"
        case .jumpLoop(let names):
            "the way over jump hosts leads in a circle: \(names.joined(separator: ", then "))\n"
                + "give '\(names.last ?? "")' a 'ProxyJump none' before the lines that hold for all hosts"
        }
    }
}
