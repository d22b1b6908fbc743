/// The one source of randomness in pure code: xoshiro256** (Blackman and Vigna, "Scrambled linear
/// pseudorandom number generators", 2021) seeded through SplitMix64. The same seed gives the same
/// stream on every machine. Not for keys or nonces.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mixer = seed
        func nextWord() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var word = mixer
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        state = (nextWord(), nextWord(), nextWord(), nextWord())
    }

    package mutating func next() -> UInt64 {
        func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
            value << bits | value >> (64 - bits)
        }
        let result = rotate(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotate(state.3, 45)
        return result
    }

    /// A uniform number in `0 ..< bound` (`bound` > 0) by rejection, so without bias.
    package mutating func uniform(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "uniform(below: 0)")
        let limit = UInt64.max - (UInt64.max % bound + 1) % bound
        while true {
            let word = next()
            if word <= limit { return word % bound }
        }
    }
}
