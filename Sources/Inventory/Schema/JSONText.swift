/// JSON that keeps the order of its keys; written with two spaces a level.
indirect enum JSONText {
    case string(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case list([JSONText])
    case map([(key: String, value: JSONText)])

    static func strings(_ texts: [String]) -> JSONText { .list(texts.map(JSONText.string)) }

    func text(indentation: Int = 0) -> String {
        let inner = String(repeating: " ", count: indentation + 2)
        let outer = String(repeating: " ", count: indentation)
        switch self {
        case .string(let text): return Self.quoted(text)
        case .integer(let integer): return String(integer)
        case .number(let number): return String(number)
        case .bool(let bool): return bool ? "true" : "false"
        case .list(let list) where list.isEmpty: return "[]"
        case .list(let list):
            return "[\n" + list.map { inner + $0.text(indentation: indentation + 2) }.joined(separator: ",\n")
                + "\n\(outer)]"
        case .map(let entries) where entries.isEmpty: return "{}"
        case .map(let entries):
            let lines = entries.map { inner + Self.quoted($0.key) + ": " + $0.value.text(indentation: indentation + 2) }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
