package import StarkField
import StarkHash

/// The root of a binary Patricia trie of height 64 with Poseidon, whose keys are 0, 1, 2 ...
/// (Starknet documentation, "Block structure": transaction, event and receipt commitments).
///
/// Leaves stream in. Because the keys are dense, all complete subtrees are binary nodes and only
/// the right edge and the way up to the root need edge nodes, so the roots of the complete
/// subtrees (one per bit of the count) are all that has to be kept. Appending costs one
/// permutation amortised (n - popcount(n) for n leaves), the root at most two per level of the
/// filled part plus one.
package struct IndexedCommitment: Hashable, Sendable {
    package private(set) var count: UInt64 = 0
    /// Roots of the complete subtrees, the largest first; their heights are the bits of `count`.
    private var peaks: [Felt] = []

    package init() {}

    package mutating func append(_ leaf: Felt) {
        var carry = leaf
        var rest = count
        while rest & 1 == 1 {
            carry = Poseidon.hash(peaks.removeLast(), carry)
            rest >>= 1
        }
        peaks.append(carry)
        count += 1
    }

    /// The same as appending one after the other; a level's hashes are made together.
    package mutating func append(contentsOf leaves: [Felt]) {
        // Roots of complete subtrees of one height, in order, and the old count's bits from that
        // height on.
        var level = leaves
        var rest = count
        var lower: [Felt] = []
        while !level.isEmpty {
            if rest & 1 == 1 { level.insert(peaks.removeLast(), at: 0) }
            if level.count & 1 == 1 { lower.append(level.removeLast()) }
            level = Poseidon.hashPairs(
                stride(from: 0, to: level.count, by: 2).map { (level[$0], level[$0 + 1]) })
            rest >>= 1
        }
        peaks += lower.reversed()
        count += UInt64(leaves.count)
    }

    /// 0 without leaves.
    package var root: Felt {
        guard var node = peaks.last else { return .zero }
        var height = count.trailingZeroBitCount
        var rest = count & (count - 1)
        for peak in peaks.dropLast().reversed() {
            let peakHeight = rest.trailingZeroBitCount
            rest &= rest - 1
            node = Poseidon.hash(peak, IndexedCommitment.raised(node, by: peakHeight - height))
            height = peakHeight + 1
        }
        return IndexedCommitment.raised(node, by: 64 - height)
    }

    /// The edge node of `length` zero bits above `node`; `node` itself for length 0.
    private static func raised(_ node: Felt, by length: Int) -> Felt {
        length == 0 ? node : Poseidon.hash(node, .zero) + Felt(UInt64(length))
    }
}
