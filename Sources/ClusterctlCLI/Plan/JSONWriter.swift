/// Writes JSON text piece by piece, keys in the order they are given, so that a large plan needs no tree in memory.
struct JSONWriter {
    private(set) var text = ""
    private var needsComma = false
    private let sink: ((String) -> Void)?

    /// - Parameter sink: takes the text in pieces; nil keeps it all in `text`.
    init(sink: ((String) -> Void)? = nil) { self.sink = sink }

    mutating func object(_ body: (inout JSONWriter) -> Void) { nest("{", "}", body) }
    mutating func array(_ body: (inout JSONWriter) -> Void) { nest("[", "]", body) }

    mutating func object(_ key: String, _ body: (inout JSONWriter) -> Void) {
        self.key(key)
        object(body)
    }
    mutating func array(_ key: String, _ body: (inout JSONWriter) -> Void) {
        self.key(key)
        array(body)
    }
    mutating func field(_ key: String, _ value: String) {
        self.key(key)
        string(value)
    }
    mutating func field(_ key: String, _ value: Int) {
        self.key(key)
        scalar(String(value))
    }
    mutating func field(_ key: String, _ value: Bool) {
        self.key(key)
        scalar(value ? "true" : "false")
    }
    mutating func field(_ key: String, _ values: [String]) {
        array(key) { list in for value in values { list.string(value) } }
    }

    mutating func string(_ value: String) { scalar(JSONWriter.quoted(value)) }

    /// Hands on what has been written so far.
    mutating func flush() {
        guard let sink else { return }
        sink(text)
        text = ""
    }

    private mutating func key(_ key: String) {
        separate()
        text += JSONWriter.quoted(key)
        text += ":"
        needsComma = false
    }

    private mutating func scalar(_ value: String) {
        separate()
        text += value
        needsComma = true
    }

    private mutating func nest(_ opening: String, _ closing: String, _ body: (inout JSONWriter) -> Void) {
        separate()
        text += opening
        needsComma = false
        body(&self)
        text += closing
        needsComma = true
        if text.utf8.count > 1 << 16 { flush() }
    }

    private mutating func separate() {
        if needsComma { text += "," }
    }

    /// RFC 8259 string with the quotes; control characters beyond ASCII are escaped too, as a terminal obeys them.
    static func quoted(_ value: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        bytes.reserveCapacity(value.utf8.count + 2)
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16)
                bytes += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
            case 0x80..<0xA0 where bytes.last == 0xC2:
                bytes.removeLast()
                bytes += Array(("\\u00" + String(byte, radix: 16)).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}
