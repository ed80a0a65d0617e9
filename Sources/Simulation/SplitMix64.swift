/// Random numbers that are the same for the same seed, on every machine (Steele, Lea and Flood 2014).
public struct SplitMix64: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// At least `low`, and less than `high`.
    public mutating func between(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * (Double(next() >> 11) * 0x1p-53)
    }

    /// - Precondition: `count` is positive.
    public mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    public mutating func chance(_ probability: Double) -> Bool { between(0, 1) < probability }
}
