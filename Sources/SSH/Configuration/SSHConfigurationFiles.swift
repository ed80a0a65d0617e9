/// What is written in ssh_config files, as far as it tells for which hosts OpenSSH has to be asked, and about what. The
/// values themselves are OpenSSH's to work out.
public struct SSHConfigurationFiles: Sendable {
    /// In lower case.
    private var keywords: Set<String> = []
    /// The patterns of all `Host` and `Match host` lines, without `!`.
    private var patterns: [String] = []
    /// Arguments of `HostName`, in lower case.
    private var hostNames: Set<String> = []
    /// Whether the patterns, the user and the port decide what holds for a host.
    private var patternsDecide = true
    private var fileCount = 0

    private static let depthAtMost = 16
    /// Files that include each other more than once are more with each level. Then OpenSSH alone has the say.
    private static let filesAtMost = 256
    private var isWhole: Bool { fileCount < Self.filesAtMost }

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
        !isWhole || keywords.contains { SSHConfiguration.keywords.contains($0) && (asWriter || $0 != "hashknownhosts") }
    }

    /// Names with the same answer have the same configuration for one user and port, but for what they are called; nil:
    /// only OpenSSH can say.
    public func group(of name: String) -> [Bool]? {
        isWhole && patternsDecide && !hostNames.contains(name.lowercased())
            ? patterns.map { Wildcard.matches($0.utf8, name.utf8) } : nil
    }

    private mutating func add(
        _ path: String, folder: String, _ user: LocalUser, depth: Int, _ text: (String) -> String?,
        _ expand: (String) -> [String]
    ) {
        guard depth <= Self.depthAtMost, isWhole, let content = text(path) else { return }
        fileCount += 1
        for line in content.split(whereSeparator: \.isNewline) where isWhole {
            var words = Self.words(line)
            guard !words.isEmpty else { continue }
            let keyword = words.removeFirst().lowercased()
            keywords.insert(keyword)
            switch keyword {
            case "host": patterns += words.map { $0.hasPrefix("!") ? String($0.dropFirst()) : $0 }
            case "hostname": hostNames.formUnion(words.map { $0.lowercased() })
            case "match":
                addMatch(words)
            case "canonicalizehostname":
                if words.first?.lowercased() != "no" { patternsDecide = false }
            case "include":
                for word in words {
                    if word.contains("%") || word.contains("$") { patternsDecide = false }
                    let path = user.expandHome(word)
                    for file in expand(path.hasPrefix("/") ? path : "\(folder)/\(path)") {
                        add(file, folder: folder, user, depth: depth + 1, text, expand)
                    }
                }
            default: break
            }
        }
    }

    /// `final` and `canonical` read the files again, under the name that the first reading gave; where that is another
    /// one, it comes from a `HostName` or a canonical name, and hosts are asked for one by one.
    private mutating func addMatch(_ words: [String]) {
        var words = words[...]
        while let word = words.popFirst() {
            let criterion = word.lowercased()
            switch criterion.hasPrefix("!") ? String(criterion.dropFirst()) : criterion {
            case "all", "final", "canonical": break
            // The same for all hosts of a run and a user.
            case "user", "localuser": words = words.dropFirst()
            case "host", "originalhost":
                for pattern in words.popFirst()?.split(separator: ",") ?? [] {
                    patterns.append(String(pattern.hasPrefix("!") ? pattern.dropFirst() : pattern))
                }
            default:
                patternsDecide = false
                return
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
