import StarkCurve
import StarkField

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
/// *Bounds*, in multiples of p, with limbs in Montgomery form:
/// full rounds: elements enter below 6, their squares are below 36/32 + 1, cubes below 1 + 6 * 3/32.
struct PoseidonConstants: Sendable {
    static let shared = PoseidonConstants()

    static let fullRoundsPerHalf = 4
    static let partialRounds = 83

    /// In the order of use: 3 initial, 3 after each of the first three full rounds' matrices, 1
    /// before each partial round, 3 before each full round of the second half.
    private let compressed: [Felt]

    private init() {
        compressed = PoseidonConstants.compress(PoseidonConstants.roundConstants)
    }

    /// The specification's constants, (4 + 83 + 4) * 3.
    static let roundConstants: [Felt] = (0..<(2 * fullRoundsPerHalf + partialRounds) * 3).map {
        index in
        let digest = SHA256.hash("Hades\(index)".utf8)
        func word(_ number: Int) -> UInt64 {
            digest[8 * number..<8 * number + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        return Felt(reducingBigEndianWords: (word(0), word(1), word(2), word(3)))
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

    func permute(_ state: inout (Felt, Felt, Felt)) {
        compressed.withUnsafeBufferPointer { constants in
            var next = 0
            for _ in 0..<4 {
                state.0 += constants[next]
                state.1 += constants[next + 1]
                state.2 += constants[next + 2]
                next += 3
                PoseidonConstants.fullRound(&state)
            }
            for _ in 0..<83 {
                state.2 += constants[next]
                next += 1
                state.2 = state.2.squared() * state.2
                PoseidonConstants.mix(&state)
            }
            for _ in 0..<4 {
                state.0 += constants[next]
                state.1 += constants[next + 1]
                state.2 += constants[next + 2]
                next += 3
                PoseidonConstants.fullRound(&state)
            }
        }
    }

    @inline(__always)
    static func fullRound(_ state: inout (Felt, Felt, Felt)) {
        state.0 = state.0.squared() * state.0
        state.1 = state.1.squared() * state.1
        state.2 = state.2.squared() * state.2
        mix(&state)
    }

    @inline(__always)
    static func mix(_ state: inout (Felt, Felt, Felt)) {
        let sum = state.0 + state.1 + state.2
        state.0 = sum + state.0.doubled()
        state.1 = sum - state.1.doubled()
        state.2 = sum - state.2.doubled() - state.2
    }
}
