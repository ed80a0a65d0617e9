import SSH

/// An answer is the same however it was cut on its way, and never more than came.
enum FramesFuzz {
    private static let nonce = "0123456789abcdef"

    static func take(_ bytes: [UInt8]) throws(Broken) {
        let size = Int(bytes.first ?? 0) % 64 + 1
        let answer = bytes.dropFirst()
        let (whole, pieces) = (read(answer, by: .max), read(answer, by: size))
        try must(whole.error == pieces.error, "\(whole.error as Any), and \(pieces.error as Any) in pieces")
        try must(whole.ended == pieces.ended, "whether it ended depends on how it was cut")
        // What came in one piece with a mistake is dropped with it.
        if whole.error == nil { try must(whole.frames == pieces.frames, "other frames in pieces of \(size)") }
        let told = pieces.frames.reduce(0) { $0 + $1.output.utf8.count + $1.error.utf8.count }
        // A byte that is no UTF-8 becomes a character of three.
        try must(told <= 3 * answer.count, "\(told) bytes made of \(answer.count)")
        try carry(Array(answer))
    }

    /// Whatever a command prints comes out as it went in, and ends nothing.
    private static func carry(_ payload: [UInt8]) throws(Broken) {
        let half = payload.count / 2
        let header = "\(nonce) answer 7 -1 \(half) \(payload.count - half)\n"
        let read = read(Array(header.utf8) + payload + Array("\(nonce) end\n".utf8), by: .max)
        try must(read.error == nil && read.ended && read.frames.count == 1, "a payload passed for something else")
        let frame = read.frames[0]
        try must(
            frame.output == String(decoding: payload[..<half], as: UTF8.self)
                && frame.error == String(decoding: payload[half...], as: UTF8.self)
                && frame.index == 7 && frame.status == -1, "a payload changed on its way")
    }

    private static func read(
        _ bytes: some Collection<UInt8>, by size: Int
    ) -> (frames: [Frame], ended: Bool, error: FrameError?) {
        var parser = FrameParser(nonce: nonce, maximumFrames: 100, maximumBytes: 1 << 20)
        var frames: [Frame] = []
        var rest = Array(bytes)[...]
        do throws(FrameError) {
            while !rest.isEmpty {
                frames += try parser.feed(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
        } catch { return (frames, parser.ended, error) }
        return (frames, parser.ended, nil)
    }
}
