package import Primitives

/// The validators of one epoch and their powers, by index.
package struct Committee: Hashable, Sendable {
    /// The chain's identifier, a felt.
    package let chain: Digest
    package let epoch: Epoch
    package let powers: [Power]
    package let total: PowerSum

    package init(chain: Digest, epoch: Epoch, powers: [Power]) {
        precondition(
            !powers.isEmpty && powers.count <= Certificate.maximumSigners,
            "a committee of \(powers.count)")
        self.chain = chain
        self.epoch = epoch
        self.powers = powers
        var total = PowerSum()
        for power in powers { total.add(power) }
        self.total = total
    }

    package func power(of index: ValidatorIndex) -> Power? {
        Int(index.rawValue) < powers.count ? powers[Int(index.rawValue)] : nil
    }
}

/// Who leads which window: drawn for each window on its own, by power, from the epoch's seed
/// (PROTOCOL section 2, leaders). The seed and the window go through SplitMix64's finaliser, and
/// the draw below W is unbiased by rejection.
package struct LeaderSchedule: Hashable, Sendable {
    private let seed: UInt64
    /// Running sums of power: validator i leads for draws below `bounds[i]` and not below the one
    /// before.
    private let bounds: [UInt64]

    /// Powers must sum to less than 2^64, and to more than 0.
    package init(seed: Digest, powers: [Power]) {
        var sum: UInt64 = 0
        bounds = powers.map { power in
            let (next, overflow) = sum.addingReportingOverflow(power.rawValue)
            precondition(!overflow, "the committee's power does not fit 64 bits")
            sum = next
            return next
        }
        precondition(sum > 0, "a committee without power")
        var mixed: UInt64 = 0
        for word in [seed.word0, seed.word1, seed.word2, seed.word3] {
            mixed = LeaderSchedule.mix(mixed ^ word)
        }
        self.seed = mixed
    }

    package func leader(of window: Window) -> ValidatorIndex {
        var generator = SeededGenerator(seed: seed ^ LeaderSchedule.mix(window.rawValue))
        let draw = generator.uniform(below: bounds[bounds.count - 1])
        var low = 0
        var high = bounds.count - 1
        while low < high {
            let middle = (low + high) / 2
            if draw < bounds[middle] { high = middle } else { low = middle + 1 }
        }
        return ValidatorIndex(UInt16(low))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var word = value &+ 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
