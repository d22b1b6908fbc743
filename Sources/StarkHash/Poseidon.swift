public import StarkField

/// Poseidon over Starknet's field: Hades with three elements, 4 + 83 + 4 rounds, the S-box x^3 and
/// the matrix [3, 1, 1; 1, -1, 1; 1, 1, -2] (Grassi et al., "Poseidon", 2019; parameters: StarkWare,
/// poseidon3). `PlainPoseidon` is its slow twin.
public enum Poseidon {
    /// Derives the round constants, some hundred microseconds of work, so that no first hash has
    /// to.
    public static func prepare() {
        _ = PoseidonConstants.shared
        PoseidonBatch.prepare()
    }

    /// Two field elements to one.
    public static func hash(_ a: Felt, _ b: Felt) -> Felt {
        var state = (a, b, Felt(2))
        permute(&state)
        return state.0
    }

    /// One field element to one.
    public static func hash(single value: Felt) -> Felt {
        var state = (value, Felt.zero, Felt.one)
        permute(&state)
        return state.0
    }

    /// Any number of field elements to one: rate two, padded with a one and, to an even number, a
    /// zero.
    public static func hashMany(_ values: some Sequence<Felt>) -> Felt {
        var hasher = PoseidonHasher()
        for value in values { hasher.update(value) }
        return hasher.finalize()
    }

    /// The permutation of three elements.
    public static func permute(_ state: inout (Felt, Felt, Felt)) {
        PoseidonConstants.shared.permute(&state)
    }
}

/// `Poseidon.hashMany` of the updates, one at a time.
public struct PoseidonHasher: Sendable {
    private var state: (Felt, Felt, Felt) = (.zero, .zero, .zero)
    private var hasHalf = false

    public init() {}

    public mutating func update(_ value: Felt) {
        if hasHalf {
            state.1 += value
            Poseidon.permute(&state)
        } else {
            state.0 += value
        }
        hasHalf.toggle()
    }

    /// The hash of the updates so far. Later updates go on from the padded state, which no other
    /// implementation does: finalize once.
    public mutating func finalize() -> Felt {
        if hasHalf { state.1 += .one } else { state.0 += .one }
        hasHalf = false
        Poseidon.permute(&state)
        return state.0
    }
}
