/// What is written in ssh_config files, as far as it tells for which hosts OpenSSH has to be asked, and about what. The
/// values themselves are OpenSSH's to work out.
public struct SSHConfigurationFiles: Sendable {
    /// In lower case.
    private var keywords: Set<String> = []
    /// The patterns of all `Host` lines, without `!`.
    private var patterns: [String] = []
    /// Arguments of `HostName`, in lower case.
    private var hostNames: Set<String> = []
    /// Whether nothing but `Host` lines decides what holds for a host.
    private var hostLinesDecide = true

    private static let depthAtMost = 16

    /// Reads the user's and the system's files, or `file` alone, with what they include; what cannot be read counts as
    /// empty here, as OpenSSH will say so itself.
    public init(_ file: String? = nil, user: LocalUser) {
        self.init(user: user, file: file, text: Self.text, expand: LocalFile.matching)
    }

    /// - Parameters:
    ///   - text: the text of a file, nil if there is none.
    ///   - expand: the files that a pattern of an `Include` line stands for.
    init(user: LocalUser, file: String?, text: (String) -> String?, expand: (String) -> [String]) {
        let home = "\(user.home)/.ssh"
        if let file {
            add(file, folder: home, user, depth: 0, text, expand)
        } else {
            add("\(home)/config", folder: home, user, depth: 0, text, expand)
            add("/etc/ssh/ssh_config", folder: "/etc/ssh", user, depth: 0, text, expand)
        }
    }

    /// Whether the files can change anything about any host.
    ///
    /// - Parameter asWriter: whether known_hosts files are written to in this run.
    public func matters(asWriter: Bool) -> Bool {
        keywords.contains { SSHConfiguration.keywords.contains($0) && (asWriter || $0 != "hashknownhosts") }
    }

    /// Names with the same answer have the same configuration, but for what they are called; nil: only OpenSSH can say.
    public func group(of name: String) -> [Bool]? {
        hostLinesDecide && !hostNames.contains(name.lowercased())
            ? patterns.map { Wildcard.matches($0.utf8, name.utf8) } : nil
    }

    private mutating func add(
        _ path: String, folder: String, _ user: LocalUser, depth: Int, _ text: (String) -> String?,
        _ expand: (String) -> [String]
    ) {
        guard depth <= Self.depthAtMost, let content = text(path) else { return }
        for line in content.split(whereSeparator: \.isNewline) {
            var words = Self.words(line)
            guard !words.isEmpty else { continue }
            let keyword = words.removeFirst().lowercased()
            keywords.insert(keyword)
            switch keyword {
            case "host": patterns += words.map { $0.hasPrefix("!") ? String($0.dropFirst()) : $0 }
            case "hostname": hostNames.formUnion(words.map { $0.lowercased() })
            case "match":
                let isForAll = words.allSatisfy { ["all", "final", "canonical"].contains($0.lowercased()) }
                // `final` and `canonical` read the files again, under the name that the first reading gave.
                if !isForAll { hostLinesDecide = false }
            case "canonicalizehostname":
                if words.first?.lowercased() != "no" { hostLinesDecide = false }
            case "include":
                for word in words {
                    if word.contains("%") || word.contains("$") { hostLinesDecide = false }
                    let path = user.expandHome(word)
                    for file in expand(path.hasPrefix("/") ? path : "\(folder)/\(path)") {
                        add(file, folder: folder, user, depth: depth + 1, text, expand)
                    }
                }
            default: break
            }
        }
    }

    /// A keyword and its arguments: apart by white space or one `=`, in double quotes where they hold spaces.
    static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        var isOpen = false
        func isSeparator(_ character: Character) -> Bool {
            character.isWhitespace || (character == "=" && words.count == (isOpen ? 0 : 1))
        }
        for character in line {
            if character == "\"" {
                isQuoted.toggle()
                isOpen = true
            } else if !isQuoted && isSeparator(character) {
                if isOpen { words.append(word) }
                (word, isOpen) = ("", false)
            } else if !isQuoted && !isOpen && character == "#" {
                break
            } else {
                word.append(character)
                isOpen = true
            }
        }
        return isOpen ? words + [word] : words
    }

    private static func text(_ path: String) -> String? {
        if case .bytes(let bytes) = LocalFile.read(path) { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
}
