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
/// the matrix reads g' = 2x + w, x' = g' + 2g, z' = 2(g - w): of all sums only g - w and its double
/// wait for the cube before the next cube starts. The constant goes into g - w, halved.
///
/// *Bounds*, in multiples of p (A * B / 32 bounds a Montgomery product of operands below A and B):
/// - Full rounds: elements enter below 6; squares are below 36/32 + 1, cubes are reduced, and the
///   matrix with a constant gives less than 6 again.
/// - Partial rounds, in two's complement, with e < 2^-50: g in -e ..< 1 + e, x in -3e ..< 3 + 3e (6
///   at first), 0 < z < 8 + 2e. The square of z is below 64/32 + 1, its cube w in -1 ..< 0.76.
///   2x + w is in -2 ..< 13 and reduced to g' as above, so x' = g' + 2g is as above. A constant in
///   1 ..< 2 keeps g - w + c between 0 and 4 + e.
package struct PoseidonConstants: Sendable {
    static let shared = PoseidonConstants()

    static let fullRoundsPerHalf = 4
    static let partialRounds = 83

    /// In the order of use, with the multiples of p that keep the sums they go into from being
    /// negative: 0 ..< 12 before the first full rounds; 12 ..< 95 one for each partial round, of
    /// which all but the first are halved; 95, halved, for z, 96 for x and 97 for y before the
    /// second half's first round; 98 ..< 107 the rest.
    private let ordered: [LooseFelt]

    private init() {
        let exact = PoseidonConstants.compress(PoseidonConstants.roundConstants)
        let plain = exact.map { LooseFelt($0) }
        let (partial, second) = (12, 95)
        guard let half = Felt(2).inverse() else { preconditionFailure("2 has no inverse") }
        func halved(_ index: Int) -> LooseFelt { LooseFelt(exact[index] * half) &+ .primes(1) }
        func full(_ start: Int) -> [LooseFelt] {
            [plain[start], plain[start + 1] &+ .primes(1), plain[start + 2] &+ .primes(2)]
        }
        ordered =
            plain[0..<3] + full(3) + full(6) + full(9)
            + [plain[partial] &+ .primes(2)] + (partial + 1..<second).map(halved)
            + [halved(second + 2), plain[second], plain[second + 1]]
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
        var g = (a &+ a &+ c).nearlyReduced
        z = sum &+ constants[12] &- c &- c
        for index in 13...95 {
            let w = LooseFelt.signedProduct(z.squaredPlusPrime, z)
            z = (g &+ constants[index] &- w).doubled
            let next = (x.doubled &+ w).nearlyReduced
            x = next &+ g.doubled
            g = next
        }
        // y = 2g - x; the constants of x and y come after, that of z is in it already.
        y = (g.doubled &+ .primes(4) &- x).weaklyReduced &+ constants[97]
        x = (x &+ .primes(1)).weaklyReduced &+ constants[96]
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
