import Mustache
import YAML

/// The language of a rendered file, which decides how every value put into it is escaped.
public enum Language: String, Sendable, CaseIterable {
    /// Values become double-quoted scalars, so they are always strings.
    case yaml
    /// Values become one word in single quotes.
    case shell
    /// systemd unit files: one word of a command line or the rest of a line.
    case unit
    /// Files of lines without any quoting, such as sysctl.d: a value can never begin another line.
    case lines
    /// Values become string literals in double quotes.
    case nix

    /// The language of a template by the ending before `.mustache`, such as `daemonset.yaml.mustache`.
    public init?(templateName: String) {
        let name = templateName.hasSuffix(".mustache") ? templateName.dropLast(".mustache".count) : templateName[...]
        switch name.split(separator: ".").last {
        case "yaml": self = .yaml
        case "sh": self = .shell
        case "service", "timer": self = .unit
        case "conf", "cfg": self = .lines
        case "nix": self = .nix
        default: return nil
        }
    }

    /// The value as it must stand in a file of this language to be read back as exactly this text.
    ///
    /// `lines` has no way to write a line break; there a control character becomes a space.
    public func escaped(_ text: String) -> String {
        switch self {
        case .yaml: text.quotedForYAML
        case .shell: Language.shellWord(text)
        case .unit: Language.unitWord(text)
        case .lines: String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.isControl ? " " : $0 }))
        case .nix: Language.nixQuoted(text)
        }
    }

    /// By scalars: as a character, "'" would be one with a combining mark that follows it.
    private static func shellWord(_ text: String) -> String {
        var result = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" { result += "'\\''" } else { result.unicodeScalars.append(scalar) }
        }
        return result + "'"
    }

    /// Bare where nothing in it is special to systemd; else quoted, with specifiers and variables switched off.
    private static func unitWord(_ text: String) -> String {
        let plain = text.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789_@/.:+=,-".unicodeScalars.contains($0))
        }
        guard text.isEmpty || !plain else { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "%": result += "%%"
            case "$": result += "$$"
            case _ where scalar.properties.isControl:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func nixQuoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "$": result += "\\$"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control }
}

/// A language as swift-mustache wants to see it.
struct EscapingContentType: MustacheContentType {
    let language: Language

    func escapeText(_ text: String) -> String { language.escaped(text) }

    /// The name by which a template's first tag asks for the language.
    static func register(_ language: Language) -> String {
        let name = "CLUSTERCTL_" + language.rawValue.uppercased()
        MustacheContentTypes.register(EscapingContentType(language: language), named: name)
        return name
    }
}
