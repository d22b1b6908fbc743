import StarkField

/// The Poseidon permutation of eight states at once; see `PoseidonConstants` for the rounds.
///
/// *Bounds.* Values in multiples of p, and weights of limbs, as `LaneFelt` has them. Products have
/// value 1 (and a little) and weight 1; a constant has value 1 and weight 1. Where products or
/// reduced values are subtracted, `fourPrimes` is added, which has no smaller limb.
/// - Full rounds: x' = 3a + b + c + k has value 6 and weight 6, y' = a + c - b + k + 4p and
///   z' = a + b - 2c + k + 4p value 7 and weight 5.3. One pass of carries leaves weights of 1 but in
///   the highest limb, which has 2^27 for each p: of columns with 126 units it takes below 21.
/// - Partial rounds: g is weakly reduced: value 2.01 and weight 1. z' = 2g - 2w + k + 4p has value
///   9.1 and weight 5.3, and is carried. v = 2x + w with x = v + 2g < 6.1 is below 13.3, of weight
///   7 (in the first round, with x of value and weight 5, 11).
/// - A state comes back with values up to 7 and weights up to 5.3: with input and constant 9 and
///   7.3, of which a pass of carries makes what full rounds take.
struct PoseidonLanes: Sendable {
    static let shared = PoseidonLanes()

    private static let limbs = 9

    /// In the order of use, nine limbs each: 3 initial and 9 of the first full rounds; one for each
    /// partial round; then for z, x and y before the second half, and 9 of its full rounds, of which
    /// those of sums with a subtraction have its 4p in them.
    private let constants: [Int64]

    private init() {
        let plain = PoseidonConstants.compress(PoseidonConstants.roundConstants)
        precondition(plain.count == 107, "\(plain.count) constants")
        let form = Felt(2).power(280)
        let four = LaneFelt.fourPrimes
        let fourPrimes = [
            four.l0, four.l1, four.l2, four.l3, four.l4, four.l5, four.l6, four.l7, four.l8,
        ].map { $0[0] }
        var result: [Int64] = []
        func append(_ index: Int, hasSubtraction: Bool) {
            let (w3, w2, w1, w0) = (plain[index] * form).bigEndianWords
            var words = (w0, w1, w2, w3)
            for limb in 0..<PoseidonLanes.limbs {
                let value = Int64(words.0 & (1 << 28 - 1))
                result.append(value + (hasSubtraction ? fourPrimes[limb] : 0))
                words.0 = words.0 >> 28 | words.1 << 36
                words.1 = words.1 >> 28 | words.2 << 36
                words.2 = words.2 >> 28 | words.3 << 36
                words.3 >>= 28
            }
        }
        let (partial, second) = (12, 95)
        for index in 0..<partial { append(index, hasSubtraction: index >= 3 && index % 3 != 0) }
        for index in partial..<second { append(index, hasSubtraction: true) }
        append(second + 2, hasSubtraction: true)
        append(second, hasSubtraction: false)
        append(second + 1, hasSubtraction: true)
        for index in 98..<107 { append(index, hasSubtraction: (index - 98) % 3 != 0) }
        constants = result
    }

    /// Never inlined: it is some 4 KB of code, and all the full rounds use it.
    @inline(never)
    private static func cube(_ x: inout LaneFelt) { x = .product(x.squared, x) }

    /// The permutation.
    func permute(_ state: inout (LaneFelt, LaneFelt, LaneFelt)) {
        constants.withUnsafeBufferPointer { constants in
            guard let base = constants.baseAddress else { return }
            PoseidonLanes.permute(&state, base)
        }
    }

    private static func permute(
        _ state: inout (LaneFelt, LaneFelt, LaneFelt), _ constants: UnsafePointer<Int64>
    ) {
        @inline(__always)
        func constant(_ index: Int) -> LaneFelt {
            LaneFelt(broadcasting: constants + index &* limbs)
        }
        var x = (state.0 &+ constant(0)).carriedOnce
        var y = (state.1 &+ constant(1)).carriedOnce
        var z = (state.2 &+ constant(2)).carriedOnce
        @inline(__always)
        func fullRound(_ index: Int) {
            cube(&x)
            cube(&y)
            cube(&z)
            let sum = x &+ y
            let (a, b, c) = (x, y, z)
            x = (sum &+ a &+ a &+ c &+ constant(index)).carriedOnce
            y = (a &+ c &+ constant(index &+ 1) &- b).carriedOnce
            z = (sum &+ constant(index &+ 2) &- c &- c).carriedOnce
        }
        for round in 1...3 { fullRound(3 &* round) }
        // The last full round of the first half, into the partial rounds' form.
        cube(&x)
        cube(&y)
        cube(&z)
        let sum = x &+ y
        var g = (x &+ x &+ z).weaklyReduced
        x = sum &+ x &+ x &+ z
        z = sum &+ constant(12) &- z &- z
        for index in 13...95 {
            let twice = g &+ g
            // Carried here, so that the compiler knows of the halves that are multiplied.
            z = z.carriedOnce
            let w = LaneFelt.product(z.squared, z)
            z = twice &+ constant(index) &- w &- w
            g = (x &+ x &+ w).weaklyReduced
            x = g &+ twice
        }
        z = z.carriedOnce
        // y = 2g - x; the constants of x and y come after, that of z is in it already.
        x = x.weaklyReduced
        y = (g &+ g &+ constant(97) &- x).carriedOnce
        x = x &+ constant(96)
        for round in 0..<3 { fullRound(98 &+ 3 &* round) }
        cube(&x)
        cube(&y)
        cube(&z)
        let last = x &+ y
        state = (
            last &+ x &+ x &+ z, x &+ z &+ .fourPrimes &- y, last &+ .fourPrimes &- z &- z
        )
    }
}
