import Engine
import Rendering

/// Which K3s is on a node and which configuration it has there.
enum K3sQuestion {
    static let version = Probe.command(["k3s", "--version"])
    static let config = Probe.command(["cat", K3sPaths.config])

    /// The version as in `k3s version v1.35.7+k3s1 (cd43afc7)`.
    static func version(_ answer: Answer?) -> Substring? {
        guard let line = answer?.succeeded == true ? answer?.lines.first : nil else { return nil }
        let words = line.split(separator: " ")
        return words.count >= 3 && words[0] == "k3s" && words[1] == "version" ? words[2] : nil
    }

    /// The text of config.yaml; nil when there is none.
    static func text(_ answer: Answer?) -> String? { answer?.succeeded == true ? answer?.output : nil }

    static func isOurs(_ text: String) -> Bool {
        text.hasPrefix(K3sConfiguration.header.prefix { $0 != ":" && $0 != "." })
    }

    /// A scalar of one of our own files, in which top-level keys stand at the beginning of a line.
    static func value(of key: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(key + ":") {
            return line.dropFirst(key.count + 1).trimmingCharacters { $0 == " " || $0 == "\"" || $0 == "'" }
        }
        return nil
    }
}

extension Substring {
    fileprivate func trimmingCharacters(where isTrimmed: (Character) -> Bool) -> String {
        var rest = drop(while: isTrimmed)
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return String(rest)
    }
}
