import StarkCurve
public import StarkField

/// Starknet's Pedersen hash (StarkWare, "Pedersen hash function"): the x coordinate of
/// shift + a_low * P0 + a_high * P1 + b_low * P2 + b_high * P3, where low is the lowest 248 bits
/// and high the four above.
///
/// The partial sums never meet an equal or opposite point unless a discrete logarithm between the
/// constant points is known; the additions handle that case all the same.
public enum Pedersen {
    /// Makes the tables, some milliseconds of work, so that no first hash has to.
    public static func prepare() { _ = PedersenTables.shared }

    public static func hash(_ a: Felt, _ b: Felt) -> Felt {
        guard let x = PedersenTables.shared.sum(a, b).affineX else { return unreachable(a, b) }
        return x
    }

    /// Starknet's `compute_hash_on_elements`: folds from zero, then the number of elements.
    public static func hashArray(_ values: some Sequence<Felt>) -> Felt {
        var result = Felt.zero
        var count: UInt64 = 0
        for value in values {
            result = hash(result, value)
            count += 1
        }
        return hash(result, Felt(count))
    }

    /// The hashes of many pairs, in their order: in affine coordinates with shared inversions, at
    /// six multiplications an addition instead of ten.
    public static func hashBatch(_ pairs: [(Felt, Felt)]) -> [Felt] {
        pairs.withUnsafeBufferPointer { pairs in
            guard pairs.count >= PedersenBatch.leastCount else {
                return pairs.map { hash($0.0, $0.1) }
            }
            return PedersenBatch.hash(pairs, leastInLanes: PedersenBatch.leastInLanes)
        }
    }

    /// Infinity as a sum is a discrete logarithm between the constant points.
    private static func unreachable(_ a: Felt, _ b: Felt) -> Felt {
        preconditionFailure("Pedersen sum of \(a) and \(b) is infinity")
    }
}
