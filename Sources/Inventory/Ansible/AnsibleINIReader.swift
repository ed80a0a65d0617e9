import YAML

/// Reads inventories in Ansible's INI form.
struct AnsibleINIReader {
    private enum Section {
        case hosts(String)
        case variables(String)
        case children(String)
    }

    private let file: AnsibleFile
    private var section = Section.hosts("ungrouped")

    /// Whether the file is INI rather than YAML: by its ending, or else by its first line that says anything.
    static func isMeant(by file: AnsibleFile) -> Bool {
        let name = file.path.split(separator: "/").last.map(String.init) ?? ""
        if let dot = name.lastIndex(of: "."), dot != name.startIndex {
            switch name[name.index(after: dot)...].lowercased() {
            case "yml", "yaml", "json": return false
            case "ini", "cfg": return true
            default: break
            }
        }
        let lines = String(decoding: file.bytes.prefix(4096), as: UTF8.self).split(whereSeparator: \.isNewline)
        let first = lines.map { $0.drop { $0 == " " || $0 == "\t" } }.first { line in
            !line.isEmpty && line.first != "#" && line.first != ";"
        }
        guard let first else { return false }
        return first.hasPrefix("[") || !(first.hasPrefix("---") || first.contains(":"))
    }

    static func inventory(_ file: AnsibleFile, _ inventory: inout AnsibleInventory, _ findings: inout Findings) {
        if file.bytes.count > YAMLLimits.standard.sizeBytes {
            let problem = AnsibleProblem.unreadable("it has more than \(YAMLLimits.standard.sizeBytes) bytes")
            return findings.add(problem, at: SourcePlace(file: file.path, line: 1, column: 1))
        }
        guard let text = String(validating: file.bytes, as: UTF8.self), !text.utf8.contains(0) else {
            let problem = AnsibleProblem.unreadable("it is no text in UTF-8")
            return findings.add(problem, at: SourcePlace(file: file.path, line: 1, column: 1))
        }
        var reader = AnsibleINIReader(file: file)
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            reader.take(line, number, &inventory, &findings)
        }
    }

    private init(file: AnsibleFile) { self.file = file }

    private mutating func take(
        _ line: Substring, _ number: Int, _ inventory: inout AnsibleInventory, _ findings: inout Findings
    ) {
        let content = line.drop { $0 == " " || $0 == "\t" }
        guard let first = content.first, first != "#", first != ";" else { return }
        let place = SourcePlace(
            file: file.path, line: number, column: line.unicodeScalars.count - content.unicodeScalars.count + 1)
        if first == "[", let section = header(content) {
            self.section = section
            switch section {
            case .hosts(let name), .variables(let name), .children(let name): inventory.addGroup(name)
            }
            return
        }
        if case .variables(let group) = section {
            guard let equals = content.firstIndex(of: "=") else {
                return findings.add(AnsibleProblem.line("a variable without '='"), at: place)
            }
            let name = content[..<equals].trimmed
            let value = Self.value(content[content.index(after: equals)...].trimmed)
            return inventory.add([variable(name, value, place)], toGroup: group)
        }
        guard let words = INIWords.split(content), let name = words.first, !name.isEmpty else {
            return findings.add(AnsibleProblem.line("a quote that does not end"), at: place)
        }
        if case .children(let group) = section {
            guard words.count == 1 else {
                return findings.add(AnsibleProblem.line("more than a group's name"), at: place)
            }
            return inventory.addChild(name, to: group)
        }
        guard case .hosts(let group) = section else { return }
        add(name, Array(words.dropFirst()), to: group, at: place, &inventory, &findings)
    }

    private func add(
        _ pattern: String, _ words: [String], to group: String, at place: SourcePlace,
        _ inventory: inout AnsibleInventory, _ findings: inout Findings
    ) {
        var (pattern, variables) = (pattern, [AnsibleVariable]())
        // `host:2222`, which an IPv6 address is not, and a range has its colons in brackets.
        let parts = pattern.split(separator: ":", omittingEmptySubsequences: false)
        if let port = parts.last.flatMap({ Int($0) }), parts.count == 2,
            !parts[0].contains("[") || parts[0].contains("]")
        {
            pattern = String(parts[0])
            variables.append(variable("ansible_port", YAMLScalar(text: String(port), style: .plain), place))
        }
        for (index, word) in words.enumerated() {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                // It may be the rest of a password, and is not shown.
                let what = "word \(index + 2) is not 'name=value'; a value with blanks stands in quotes"
                findings.add(AnsibleProblem.line(what), at: place)
                continue
            }
            let value = Self.value(String(word[word.index(after: equals)...]))
            variables.append(variable(String(word[..<equals]), value, place))
        }
        guard let names = AnsibleRange.names(pattern) else {
            return findings.add(AnsibleProblem.range(String(pattern.prefix(80))), at: place)
        }
        for name in names {
            guard inventory.addHost(name, to: group, at: place) else {
                return findings.addOnce(AnsibleProblem.tooManyHosts(limit: AnsibleInventory.limit), at: place)
            }
            inventory.add(variables, toHost: name)
        }
    }

    private func header(_ line: Substring) -> Section? {
        guard let close = line.firstIndex(of: "]") else { return nil }
        let rest = line[line.index(after: close)...].trimmed
        guard rest.isEmpty || rest.hasPrefix("#") || rest.hasPrefix(";") else { return nil }
        let parts = line[line.index(after: line.startIndex)..<close].split(
            separator: ":", omittingEmptySubsequences: false)
        let name = parts[0].trimmed
        guard !name.isEmpty, parts.count <= 2 else { return nil }
        switch parts.count == 2 ? parts[1].trimmed : "hosts" {
        case "hosts": return .hosts(name)
        case "vars": return .variables(name)
        case "children": return .children(name)
        default: return nil
        }
    }

    private func variable(_ name: String, _ value: YAMLScalar, _ place: SourcePlace) -> AnsibleVariable {
        variable(name, YAMLNode(content: .scalar(value), mark: Mark(line: place.line, column: place.column)), place)
    }

    private func variable(_ name: String, _ node: YAMLNode, _ place: SourcePlace) -> AnsibleVariable {
        AnsibleVariable(name: name, node: node, place: place)
    }

    /// As Python reads a literal, for which YAML's flow style comes near enough; else the text itself.
    private static func value(_ text: String) -> YAMLNode {
        let start = Mark(line: 1, column: 1)
        if let first = text.first, "[{\"'".contains(first),
            let document = try? YAMLDocument.parse(text, file: "", limits: YAMLLimits(sizeBytes: 1 << 16, depth: 16))
        {
            return document.root
        }
        return YAMLNode(content: .scalar(YAMLScalar(text: text, style: .plain)), mark: start)
    }
}

/// Words as a shell splits them, with quotes, backslashes and comments, as Python's shlex does.
enum INIWords {
    /// Nil where a quote does not end.
    static func split(_ text: some StringProtocol, hasComments: Bool = true) -> [String]? {
        var words: [String] = []
        var word = ""
        var isOpen = false
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                (isEscaped, isOpen) = (true, true)
            } else if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                (quote, isOpen) = (character, true)
            } else if character == "#", hasComments, !isOpen {
                break
            } else if character.isWhitespace {
                if isOpen { words.append(word) }
                (word, isOpen) = ("", false)
            } else {
                word.append(character)
                isOpen = true
            }
        }
        guard quote == nil else { return nil }
        if isOpen { words.append(word) }
        return words
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: String {
        let start = drop { $0.isWhitespace }
        let end = start.lastIndex { !$0.isWhitespace }
        return end.map { String(start[...$0]) } ?? ""
    }
}
