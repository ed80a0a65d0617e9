/// SHA-256 (FIPS 180-4), for fingerprints and for the content of small files.
enum Digests {
    static func sha256(_ message: [UInt8]) -> [UInt8] {
        var h: [UInt32] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
        ]
        padded(message).withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
                for start in stride(from: 0, to: bytes.count, by: 64) {
                    for index in 0..<16 {
                        let word = bytes.loadUnaligned(fromByteOffset: start + 4 * index, as: UInt32.self)
                        w[index] = UInt32(bigEndian: word)
                    }
                    absorb(w, into: &h)
                }
            }
        }
        return h.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
    }

    /// The digest of the text's UTF-8 in hexadecimal digits.
    static func sha256Text(of text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = sha256(Array(text.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Takes in the block whose words are the first 16 of `w`.
    private static func absorb(_ w: UnsafeMutableBufferPointer<UInt32>, into h: inout [UInt32]) {
        for index in 16..<64 {
            let x = w[index - 15]
            let y = w[index - 2]
            let s0 = rotate(x, 25) ^ rotate(x, 14) ^ (x >> 3)
            let s1 = rotate(y, 15) ^ rotate(y, 13) ^ (y >> 10)
            w[index] = w[index - 16] &+ s0 &+ w[index - 7] &+ s1
        }
        var (a, b, c, d) = (h[0], h[1], h[2], h[3])
        var (e, f, g, i) = (h[4], h[5], h[6], h[7])
        for index in 0..<64 {
            let s1 = rotate(e, 26) ^ rotate(e, 21) ^ rotate(e, 7)
            let t1 = i &+ s1 &+ ((e & f) ^ (~e & g)) &+ sha256Constants[index] &+ w[index]
            let s0 = rotate(a, 30) ^ rotate(a, 19) ^ rotate(a, 10)
            let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
            (a, b, c, d, e, f, g, i) = (t1 &+ t2, a, b, c, d &+ t1, e, f, g)
        }
        for (index, value) in [a, b, c, d, e, f, g, i].enumerated() { h[index] = h[index] &+ value }
    }

    private static func rotate(_ value: UInt32, _ left: UInt32) -> UInt32 { value << left | value >> (32 - left) }

    /// The message, a bit that ends it, and its length, in whole blocks of 64 bytes.
    private static func padded(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
        let bits = UInt64(message.count) * 8
        for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        return padded
    }

    /// FIPS 180-4, section 4.2.2.
    private static let sha256Constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
