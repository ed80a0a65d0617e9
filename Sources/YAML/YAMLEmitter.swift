extension YAMLValue {
    /// The value as a YAML document in block style that ends with a newline; the same value gives the same bytes.
    ///
    /// Strings are quoted wherever a reader of YAML 1.1 or 1.2 could take them for something else; those of several
    /// lines are literal blocks.
    public func yamlText() -> String {
        var emitter = YAMLEmitter()
        emitter.emit(self, indentation: 0, position: .lineStart)
        return emitter.text
    }
}

extension String {
    /// The text as a scalar in double quotes on one line, which every reader of YAML takes for this text.
    public var quotedForYAML: String { Quoting.quoted(self) }
}

/// Writes values in block style, two spaces a level.
struct YAMLEmitter {
    /// What stands on the line before a value.
    enum Position {
        /// Nothing but indentation that is already written, as after `- `.
        case lineStart
        /// A key and its colon.
        case afterKey
    }

    private(set) var text = ""

    mutating func emit(_ value: YAMLValue, indentation: Int, position: Position) {
        switch value {
        case .map(let map) where !map.isEmpty: emit(map, indentation: indentation, position: position)
        case .list(let list) where !list.isEmpty: emit(list, indentation: indentation, position: position)
        case .map: inline("{}", position)
        case .list: inline("[]", position)
        case .null: inline("null", position)
        case .bool(let bool): inline(bool ? "true" : "false", position)
        case .int(let int): inline(String(int), position)
        case .double(let double): inline(number(double), position)
        case .string(let string): emit(string, indentation: indentation, position: position)
        }
    }

    private mutating func emit(_ map: YAMLMap, indentation: Int, position: Position) {
        var isFirst = true
        if position == .afterKey { text += "\n" }
        for (key, value) in map {
            if !isFirst || position == .afterKey { indent(indentation) }
            isFirst = false
            let written = Quoting.inline(key)
            // libyaml and others look for the colon of a simple key within 1024 characters only.
            text += written.unicodeScalars.count > 1000 ? "? \(written)\n" + spaces(indentation) + ":" : written + ":"
            emit(value, indentation: indentation + 2, position: .afterKey)
        }
    }

    private mutating func emit(_ list: [YAMLValue], indentation: Int, position: Position) {
        var isFirst = true
        if position == .afterKey { text += "\n" }
        for element in list {
            if !isFirst || position == .afterKey { indent(indentation) }
            isFirst = false
            text += "- "
            emit(element, indentation: indentation + 2, position: .lineStart)
        }
    }

    private mutating func emit(_ string: String, indentation: Int, position: Position) {
        guard Quoting.mayBeBlock(string) else { return inline(Quoting.inline(string), position) }
        let ending = string.hasSuffix("\n\n") ? "|+" : string.hasSuffix("\n") ? "|" : "|-"
        inline(ending, position)
        var lines = string.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines {
            if !line.isEmpty { indent(max(indentation, 2)) }
            text += line + "\n"
        }
    }

    private mutating func inline(_ written: String, _ position: Position) {
        text += (position == .afterKey ? " " : "") + written + "\n"
    }

    private mutating func indent(_ width: Int) { text += spaces(width) }
    private func spaces(_ width: Int) -> String { String(repeating: " ", count: width) }

    /// A form that YAML 1.1 too takes for a number: with a point before the exponent.
    private func number(_ double: Double) -> String {
        if double.isNaN { return ".nan" }
        if double.isInfinite { return double < 0 ? "-.inf" : ".inf" }
        let written = "\(double)"
        guard let exponent = written.firstIndex(of: "e"), !written.contains(".") else { return written }
        return written[..<exponent] + ".0" + written[exponent...]
    }
}

/// How a string has to be written so that every reader gets the same string back.
enum Quoting {
    /// The string on one line: plain where that is safe, else in double quotes.
    static func inline(_ string: String) -> String {
        isPlain(string) ? string : quoted(string)
    }

    /// Several lines of printable text that needs no indentation indicator.
    static func mayBeBlock(_ string: String) -> Bool {
        guard string.unicodeScalars.contains("\n"), let first = string.unicodeScalars.first else { return false }
        guard first != "\n", first != " ", first != "\t" else { return false }
        return string.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || !needsEscape($0) }
    }

    private static func isPlain(_ string: String) -> Bool {
        guard ScalarForms.isTextForEveryone(string), string.last != ":", string.last != " " else { return false }
        let punctuation = Set("/_.-+@=~ ,()".unicodeScalars)
        var previous: Unicode.Scalar = " "
        for scalar in string.unicodeScalars {
            let isFine = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            guard isFine || punctuation.contains(scalar) || scalar == ":" else { return false }
            if previous == ":", scalar == " " { return false }
            previous = scalar
        }
        return true
    }

    static func quoted(_ string: String) -> String {
        var result = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where needsEscape(scalar): result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
