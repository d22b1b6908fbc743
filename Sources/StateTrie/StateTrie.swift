/// # StateTrie: Starknet's tries and state commitment
///
/// Source: Starknet documentation, "Starknet state" (Merkle-Patricia trie, contracts trie, classes
/// trie, state commitment), Starknet 0.11 to 0.14.
///
/// Rules implemented:
/// - R1. A trie has a height (251 for state) and maps keys below 2^height to field elements; a zero
///   value is an absent leaf; the empty trie's hash is 0.
/// - R2. The hash of a leaf is its value, of a binary node H(left, right), of an edge node
///   H(child, path) + length, where `path` is the edge's bits as an integer. An edge is maximal:
///   its child is a binary node or a leaf.
/// - R3. A contract's leaf is H(H(H(class hash, storage root), nonce), 0) with Pedersen; it is zero
///   where all three are zero. A class's leaf is Poseidon("CONTRACT_CLASS_LEAF_V0", compiled class
///   hash). Cairo 0 classes are in no trie.
/// - R4. The state root is the contracts root while the classes root is zero, and otherwise
///   Poseidon("STARKNET_STATE_V0", contracts root, classes root).
///
/// Design: nodes are stored by trie and *path*, latest version only, so that nothing has to be
/// collected later. A leaf has no record of its own: its parent holds its hash. What an update
/// changes is data (`StateChanges`): a layer that later blocks read through (`OverlayStore`), and
/// that is committed in one batch or dropped.
///
/// Invariants, each cited by tests:
/// - I1. The root after any sequence of updates is a function of the leaves alone.
/// - I2. A path is put or deleted at most once in one update.
/// - I3. A node whose subtree did not change is neither hashed nor written.
/// - I4. Records hold no edge below an edge, no empty subtree, and nothing that is unreachable.
/// - I5. Reading through layers equals reading the store after those layers were committed.

package import StarkField
import StarkHash

/// The hash of a trie. Batches may share work between their pairs.
package protocol TrieHash: Sendable {
    static func hash(_ left: Felt, _ right: Felt) -> Felt
    static func hashBatch(_ pairs: [(Felt, Felt)]) -> [Felt]
}

/// The hash of contract and storage tries.
package enum PedersenTrieHash: TrieHash {
    @inline(__always)
    package static func hash(_ left: Felt, _ right: Felt) -> Felt { Pedersen.hash(left, right) }
    package static func hashBatch(_ pairs: [(Felt, Felt)]) -> [Felt] { Pedersen.hashBatch(pairs) }
}

/// The hash of the class trie and of block commitments since 0.13.2.
package enum PoseidonTrieHash: TrieHash {
    @inline(__always)
    package static func hash(_ left: Felt, _ right: Felt) -> Felt { Poseidon.hash(left, right) }
    package static func hashBatch(_ pairs: [(Felt, Felt)]) -> [Felt] { Poseidon.hashPairs(pairs) }
}

/// Calls `body` once for every number in `0 ..< count`, in any order and on any threads, and
/// returns when all calls have returned.
package typealias ParallelFor = (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

/// The `ParallelFor` of one thread.
package func serialFor(_ count: Int, _ body: @Sendable (Int) -> Void) {
    for index in 0..<count { body(index) }
}

package enum TrieLimits {
    /// Height of the state's tries.
    package static let stateHeight = 251
    /// The most nodes that a proof to verify may hold.
    package static let proofNodes = 65_536
    /// The most layers, forks included, above the committed state.
    package static let layers = 1_024
}

/// Why an operation on a trie failed.
package enum TrieError: Error, Hashable, Sendable {
    /// A key that is not below 2^height.
    case keyOutOfRange(Felt)
    /// A key that a set of changes names twice.
    case duplicateKey(Felt)
    /// A node that its parent names is not in the store.
    case missingNode(NodeKey)
    /// The bytes of a node are not an encoding.
    case damagedNode(NodeKey, TrieCodecError)
    /// The bytes of a contract's record are not an encoding.
    case damagedContract(Felt, TrieCodecError)
    /// A node that cannot be where it is: an edge below an edge, or past the trie's height.
    case misplacedNode(NodeKey)
    /// The contracts trie has a leaf whose record is gone, or the other way round.
    case missingContract(Felt)
    /// The store failed, with its own code.
    case storeFailed(code: Int32)
}
