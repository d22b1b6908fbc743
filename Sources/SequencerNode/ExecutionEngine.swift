import Consensus
import Execution
import Mempool
import Primitives
import Replica
import Replication
import Storage

/// Why a chunk of another leader cannot be part of a valid block.
struct ChunkFault: Error {
    let reason: String
}

/// What a block's execution leaves for storage.
struct BlockOutput: Sendable {
    /// Transaction hashes as users know them, in order.
    var transactionHashes: [Digest] = []
    var receipts: [TransactionReceipt] = []
    var diff = StateDiff()
    /// Declared classes.
    var classes: [ClassWrite] = []
}

/// What came of a chunk's candidates.
struct BuiltChunk {
    var included: [MempoolTransaction] = []
    /// Those that cannot be included now or later.
    var refused: [Digest] = []
    /// Those that did not fit into the block.
    var deferred: [Digest] = []
    var isFull = false
    var transactionRoot = Digest.zero
    var receipts = Digest.zero
}

/// What executes blocks. Confined to the execution thread; calls come in the replica's order.
protocol ExecutionEngine: AnyObject {
    func begin(
        _ key: ExecutionKey, parent: ExecutionKey, opening: Opening,
        storedHash: (height: Height, hash: Digest)?)
    /// Executes candidates in order.
    func build(_ key: ExecutionKey, candidates: [MempoolTransaction]) -> BuiltChunk
    func chunk(_ key: ExecutionKey, transactions: [TransactionBytes]) throws(ChunkFault) -> (
        identities: [Digest], transactionRoot: Digest, receipts: Digest
    )
    func seal(_ key: ExecutionKey) -> ExecutedCommitments
    /// What the hash thread needs of a sealed block.
    func hashWork(_ key: ExecutionKey, header: Header) -> HashWork
    func drop(_ key: ExecutionKey)
    func output(_ key: ExecutionKey) -> BlockOutput
    /// These blocks are stored: reads below may come from storage.
    func stored(_ keys: [ExecutionKey])
    /// A class has been compiled here.
    func examined(_ hash: ClassHash)
}

/// A block whose Starknet hash is to be computed.
struct HashWork: Sendable {
    let key: ExecutionKey
    let parent: ExecutionKey
    let header: Header
    let content: any HashContent
}

/// The engine's part of a block's hash: the changes to the state, for an executed block.
protocol HashContent: Sendable {}

/// Orders bytes without executing them: for measuring agreement alone. Commitments are Blake2s
/// roots over what was ordered.
final class OpaqueEngine: ExecutionEngine {
    private struct Block {
        let parent: ExecutionKey
        var count: UInt32 = 0
        var roots: [Digest] = []
        var identities: [Digest] = []
    }

    struct Nothing: HashContent {}

    private var blocks: [ExecutionKey: Block] = [:]

    func begin(
        _ key: ExecutionKey, parent: ExecutionKey, opening: Opening,
        storedHash: (height: Height, hash: Digest)?
    ) {
        blocks[key] = Block(parent: parent)
    }

    func build(_ key: ExecutionKey, candidates: [MempoolTransaction]) -> BuiltChunk {
        var built = BuiltChunk()
        built.included = candidates
        built.transactionRoot = ChunkRoot.root(of: candidates.map(\.hash))
        append(candidates.map(\.hash), root: built.transactionRoot, to: key)
        return built
    }

    func examined(_ hash: ClassHash) {}

    func chunk(_ key: ExecutionKey, transactions: [TransactionBytes]) throws(ChunkFault) -> (
        identities: [Digest], transactionRoot: Digest, receipts: Digest
    ) {
        let leaves = transactions.map { ChunkRoot.leaf($0.bytes) }
        let root = ChunkRoot.root(of: leaves)
        append(leaves, root: root, to: key)
        return (leaves, root, .zero)
    }

    private func append(_ identities: [Digest], root: Digest, to key: ExecutionKey) {
        blocks[key]?.count += UInt32(identities.count)
        blocks[key]?.roots.append(root)
        blocks[key]?.identities += identities
    }

    func seal(_ key: ExecutionKey) -> ExecutedCommitments {
        let block = blocks[key]
        return ExecutedCommitments(
            transactionCount: block?.count ?? 0, eventCount: 0, stateDiffLength: 0,
            stateDiff: .zero, transactions: ChunkRoot.root(of: block?.roots ?? []), events: .zero,
            receipts: .zero)
    }

    func hashWork(_ key: ExecutionKey, header: Header) -> HashWork {
        HashWork(
            key: key, parent: blocks[key]?.parent ?? .zero, header: header, content: Nothing())
    }

    func drop(_ key: ExecutionKey) { blocks[key] = nil }

    func output(_ key: ExecutionKey) -> BlockOutput {
        BlockOutput(transactionHashes: blocks[key]?.identities ?? [])
    }

    func stored(_ keys: [ExecutionKey]) {
        for key in keys { blocks[key] = nil }
    }
}
