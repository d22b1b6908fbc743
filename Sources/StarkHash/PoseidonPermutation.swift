import StarkCurve
package import StarkField

/// The permutation's constants and the permutation itself.
///
/// *Constants.* Round constant i of the specification is SHA-256("Hades" + i) mod p, with three per
/// round. In a partial round only the last element passes the S-box, so a constant added to the
/// other two can wait until after the matrix: carried forward like this each partial round keeps
/// one constant, and the rest lands on the first full round of the second half.
///
/// *Partial rounds.* With x, y the idle elements, g = (x + y) / 2 and w the cube of the last one,
/// the matrix reads v = 2x + w, x' = v + 2g, g' = v, z' = 2(g - w): two doublings and three
/// additions, of which only z' = 2g - 2w waits for the cube.
///
/// *Bounds*, in multiples of p (A * B / 32 bounds a Montgomery product of operands below A and B):
/// - Full rounds: elements enter below 6; squares are below 36/32 + 1, cubes are reduced, and the
///   matrix with a constant gives less than 6 again.
/// - Partial rounds: x < 6, g < 2, z < 9. The square of z is below 81/32 + 1 < 3.54, its cube w in
///   -1 ..< 9 * 3.54 / 32 < 1. v = 2x + w + 1 < 14 is reduced to below 2, so x' = v + 2g < 6, g' < 2;
///   z' = 2g - 2w + c + 2 with c < 1 is above 0 and below 4 + 2 + 1 + 2 = 9.
package struct PoseidonConstants: Sendable {
    static let shared = PoseidonConstants()

    static let fullRoundsPerHalf = 4
    static let partialRounds = 83

    /// In the order of use: 3 initial, 3 after each of the first three full rounds' matrices, 1
    /// before each partial round, 3 before each full round of the second half.
    /// In the order of use, with the multiples of p that keep the sums they go into from being
    /// negative: 0 ..< 12 before the first full rounds; 12 ..< 95 one for each partial round; 95 for
    /// z, 96 for x and 97 for y before the second half's first round; 98 ..< 107 the rest.
    private let ordered: [LooseFelt]

    private init() {
        let plain = PoseidonConstants.compress(PoseidonConstants.roundConstants)
            .map { LooseFelt($0) }
        let (partial, second) = (12, 95)
        func full(_ start: Int) -> [LooseFelt] {
            [plain[start], plain[start + 1] &+ .primes(1), plain[start + 2] &+ .primes(2)]
        }
        ordered =
            plain[0..<3] + full(3) + full(6) + full(9)
            + plain[partial..<second].map { $0 &+ .primes(2) }
            + [plain[second + 2] &+ .primes(2), plain[second], plain[second + 1]]
            + full(98) + full(101) + full(104)
    }

    /// The specification's constants, (4 + 83 + 4) * 3.
    package static let roundConstants: [Felt] = (0..<(2 * fullRoundsPerHalf + partialRounds) * 3)
        .map { index in
            var hasher = SHA256()
            hasher.update("Hades\(index)".utf8)
            return Felt(reducingBigEndianWords: hasher.finalizeWords())
        }

    static func compress(_ constants: [Felt]) -> [Felt] {
        let firstPartial = 3 * fullRoundsPerHalf
        let lastPartial = firstPartial + 3 * partialRounds
        var result = Array(constants[..<firstPartial])
        var carried = (Felt.zero, Felt.zero, Felt.zero)
        for start in stride(from: firstPartial, to: lastPartial, by: 3) {
            let x = carried.0 + constants[start]
            let y = carried.1 + constants[start + 1]
            result.append(carried.2 + constants[start + 2])
            // The matrix times (x, y, 0).
            carried = (x.doubled() + x + y, x - y, x + y)
        }
        result.append(carried.0 + constants[lastPartial])
        result.append(carried.1 + constants[lastPartial + 1])
        result.append(carried.2 + constants[lastPartial + 2])
        result += constants[(lastPartial + 3)...]
        return result
    }

    @inline(__always)
    func permute(_ state: inout (Felt, Felt, Felt)) {
        state = ordered.withUnsafeBufferPointer { constants in
            PoseidonConstants.permute(state, constants)
        }
    }

    /// The three S-boxes of a full round. Never inlined: it is some 5 KB of code, of which eight
    /// copies would fill the cache of instructions.
    @inline(never)
    private static func cubes(
        _ x: LooseFelt, _ y: LooseFelt, _ z: LooseFelt
    ) -> (LooseFelt, LooseFelt, LooseFelt) {
        (
            .product(x.squaredPlusPrime, x), .product(y.squaredPlusPrime, y),
            .product(z.squaredPlusPrime, z)
        )
    }

    private static func permute(
        _ state: (Felt, Felt, Felt), _ constants: UnsafeBufferPointer<LooseFelt>
    ) -> (Felt, Felt, Felt) {
        precondition(constants.count == 107, "\(constants.count) constants")
        var x = LooseFelt(state.0) &+ constants[0]
        var y = LooseFelt(state.1) &+ constants[1]
        var z = LooseFelt(state.2) &+ constants[2]
        for round in 1...3 {
            (x, y, z) = fullRound(x, y, z, constants, 3 * round)
        }
        // The last full round of the first half, into the partial rounds' form.
        let (a, b, c) = cubes(x, y, z)
        let sum = a &+ b
        x = sum &+ a &+ a &+ c
        var g = (a &+ a &+ c).weaklyReduced
        z = sum &+ constants[12] &- c &- c
        for index in 13...95 {
            let free = g &+ g &+ constants[index]
            let w = LooseFelt.signedProduct(z.squaredPlusPrime, z)
            z = free &- w &- w
            let v = (x &+ x &+ w &+ .primes(1)).weaklyReduced
            x = v &+ g &+ g
            g = v
        }
        // y = 2g - x; the constants of x and y come after, that of z is in it already.
        y = (g &+ g &+ .primes(6) &- x).weaklyReduced &+ constants[97]
        x = x.weaklyReduced &+ constants[96]
        z = z.weaklyReduced
        for round in 0..<3 {
            (x, y, z) = fullRound(x, y, z, constants, 98 + 3 * round)
        }
        let (d, e, f) = cubes(x, y, z)
        let lastSum = d &+ e
        return (
            (lastSum &+ d &+ d &+ f).reduced, (d &+ f &+ .primes(1) &- e).reduced,
            (lastSum &+ .primes(2) &- f &- f).reduced
        )
    }

    /// The S-boxes and the matrix, then the constants at `index`.
    @inline(__always)
    private static func fullRound(
        _ x: LooseFelt, _ y: LooseFelt, _ z: LooseFelt,
        _ constants: UnsafeBufferPointer<LooseFelt>, _ index: Int
    ) -> (LooseFelt, LooseFelt, LooseFelt) {
        let (a, b, c) = cubes(x, y, z)
        let sum = a &+ b
        return (
            sum &+ a &+ a &+ c &+ constants[index],
            a &+ c &+ constants[index + 1] &- b,
            sum &+ constants[index + 2] &- c &- c
        )
    }
}
