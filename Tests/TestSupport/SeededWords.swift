/// SplitMix64 (Steele, Lea, Flood, 2014): seeded words, so that a failing case can be replayed.
package struct SeededWords: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// Four words: 256 bits, most significant first.
    package mutating func words() -> (UInt64, UInt64, UInt64, UInt64) {
        (next(), next(), next(), next())
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
