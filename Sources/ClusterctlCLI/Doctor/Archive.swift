import Foundation

/// A tar archive (POSIX ustar) in a gzip file whose blocks are stored as they are: nothing else is needed to write it, and
/// the same files give the same bytes.
struct Archive {
    private var files: [(path: String, bytes: [UInt8])] = []

    mutating func add(_ path: String, _ text: String) { files.append((path, Array(text.utf8))) }

    var paths: [String] { files.map(\.path) }

    /// The whole archive.
    var data: Data { Data(Gzip.stored(tar)) }

    private var tar: [UInt8] {
        var bytes: [UInt8] = []
        for file in files {
            bytes += Archive.header(file.path, size: file.bytes.count)
            bytes += file.bytes
            bytes += Array(repeating: 0, count: (512 - file.bytes.count % 512) % 512)
        }
        return bytes + Array(repeating: 0, count: 1024)
    }

    /// A name of more than 100 bytes is divided at a `/`: at most 155 bytes before it, and 100 behind.
    private static func divided(_ path: String) -> (prefix: String, name: String) {
        let bytes = Array(path.utf8)
        if bytes.count <= 100 { return ("", path) }
        let slash = bytes.indices.first { bytes[$0] == UInt8(ascii: "/") && bytes.count - $0 - 1 <= 100 }
        guard let slash, (1...155).contains(slash), slash < bytes.count - 1 else {
            preconditionFailure("no name that ustar can have: \(path)")
        }
        return (
            String(decoding: bytes[..<slash], as: UTF8.self), String(decoding: bytes[(slash + 1)...], as: UTF8.self)
        )
    }

    private static func header(_ path: String, size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int, most: Int) {
            for (index, byte) in text.utf8.prefix(most).enumerated() { header[offset + index] = byte }
        }
        func octal(_ number: Int, at offset: Int, digits: Int) {
            let text = String(number, radix: 8)
            put(String(repeating: "0", count: max(0, digits - text.count)) + text, at: offset, most: digits)
        }
        let (prefix, name) = divided(path)
        put(name, at: 0, most: 100)
        put(prefix, at: 345, most: 155)
        octal(0o600, at: 100, digits: 7)
        octal(0, at: 108, digits: 7)
        octal(0, at: 116, digits: 7)
        octal(size, at: 124, digits: 11)
        octal(0, at: 136, digits: 11)
        put("        0", at: 148, most: 9)
        put("ustar", at: 257, most: 5)
        put("00", at: 263, most: 2)
        octal(header.reduce(0) { $0 + Int($1) }, at: 148, digits: 6)
        header[154] = 0
        header[155] = 0x20
        return header
    }
}

/// Gzip (RFC 1952) with stored blocks (RFC 1951, section 3.2.4).
enum Gzip {
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
        var start = 0
        repeat {
            let end = min(start + 65_535, bytes.count)
            let length = UInt16(end - start)
            result.append(end == bytes.count ? 1 : 0)
            result += little(UInt32(length), 2) + little(UInt32(~length), 2)
            result += bytes[start..<end]
            start = end
        } while start < bytes.count
        return result + little(checksum(bytes), 4) + little(UInt32(truncatingIfNeeded: bytes.count), 4)
    }

    private static func little(_ number: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    /// CRC-32 as gzip has it.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        let table = table
        return ~bytes.reduce(0xffff_ffff) { table[Int(($0 ^ UInt32($1)) & 0xff)] ^ ($0 >> 8) }
    }
}
