/// SHA-1 (FIPS 180-4), which OpenSSH hides host names with; it guards nothing here.
struct SHA1: Sendable {
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xefcd_ab89
    private var c: UInt32 = 0x98ba_dcfe
    private var d: UInt32 = 0x1032_5476
    private var e: UInt32 = 0xc3d2_e1f0

    static let blockSizeBytes = 64

    static func digest(_ message: [UInt8]) -> [UInt8] { SHA1().finished(message, after: 0) }

    /// Takes in one whole block.
    fileprivate mutating func absorb(_ block: UnsafeRawBufferPointer) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { w in
            for index in 0..<16 {
                w[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
            }
            for index in 16..<80 {
                w[index] = rotate(w[index - 3] ^ w[index - 8] ^ w[index - 14] ^ w[index - 16], 1)
            }
            var (a, b, c, d, e) = (a, b, c, d, e)
            func round(_ index: Int, _ f: UInt32, _ k: UInt32) {
                (a, b, c, d, e) = (rotate(a, 5) &+ f &+ e &+ k &+ w[index], a, rotate(b, 30), c, d)
            }
            for index in 0..<20 { round(index, (b & c) | (~b & d), 0x5a82_7999) }
            for index in 20..<40 { round(index, b ^ c ^ d, 0x6ed9_eba1) }
            for index in 40..<60 { round(index, (b & c) | (b & d) | (c & d), 0x8f1b_bcdc) }
            for index in 60..<80 { round(index, b ^ c ^ d, 0xca62_c1d6) }
            self.a &+= a
            self.b &+= b
            self.c &+= c
            self.d &+= d
            self.e &+= e
        }
    }

    /// The digest of what was taken in, which is `before` bytes, and then of `message`.
    fileprivate func finished(_ message: [UInt8], after before: Int) -> [UInt8] {
        var state = self
        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
        let bits = UInt64(before + message.count) * 8
        for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        padded.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: SHA1.blockSizeBytes) {
                state.absorb(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + SHA1.blockSizeBytes)]))
            }
        }
        var digest: [UInt8] = []
        digest.reserveCapacity(20)
        for word in [state.a, state.b, state.c, state.d, state.e] {
            for shift in stride(from: 24, through: 0, by: -8) {
                digest.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return digest
    }

    private func rotate(_ value: UInt32, _ left: UInt32) -> UInt32 { value << left | value >> (32 - left) }
}

/// HMAC-SHA1 (RFC 2104) under one key, whose own two blocks are digested only once.
struct SaltedSHA1: Sendable {
    private var inner = SHA1()
    private var outer = SHA1()

    init(key: [UInt8]) {
        var block = key.count > SHA1.blockSizeBytes ? SHA1.digest(key) : key
        block += [UInt8](repeating: 0, count: SHA1.blockSizeBytes - block.count)
        block.map { $0 ^ 0x36 }.withUnsafeBytes { inner.absorb($0) }
        block.map { $0 ^ 0x5c }.withUnsafeBytes { outer.absorb($0) }
    }

    func digest(_ message: [UInt8]) -> [UInt8] {
        outer.finished(inner.finished(message, after: SHA1.blockSizeBytes), after: SHA1.blockSizeBytes)
    }
}
