import Mempool
import Primitives
import Replica
import Replication
import WireCodec

/// A transaction of the tests: `lane` and `nonce` in order, or without order for lane 0.
func transaction(lane: UInt8, nonce: UInt64, tip: UInt64 = 1, size: Int = 24) -> [UInt8] {
    var writer = WireWriter()
    writer.write(lane)
    writer.write(nonce)
    writer.write(tip)
    return writer.bytes + Array(repeating: 7, count: max(0, size - writer.bytes.count))
}

func parsed(_ bytes: [UInt8]) -> MempoolTransaction? {
    var reader = WireReader(bytes)
    guard let lane = try? reader.read(UInt8.self), let nonce = try? reader.read(UInt64.self),
        let tip = try? reader.read(UInt64.self)
    else { return nil }
    let hash = ChunkRoot.leaf(bytes)
    return lane == 0
        ? MempoolTransaction(hash: hash, sender: hash, nonce: 0, tip: 0, bytes: bytes)
        : MempoolTransaction(
            hash: hash, sender: Digest(number: UInt64(lane)), nonce: nonce, tip: tip,
            bytes: bytes)
}

/// Executes by counting nonces: commitments are Blake2s roots over what was executed, and a block's
/// hash is that of its header and its parent's hash. Commands are carried out in order; the caller
/// delays the answers.
struct StubEngine {
    private struct Block {
        var nonces: [Digest: UInt64]
        var parent: ExecutionKey
        var identities: [Digest] = []
        var receipts: [Digest] = []
    }

    private var blocks: [ExecutionKey: Block] = [:]
    private var hashes: [ExecutionKey: Digest] = [:]
    /// Commands that no order of the replica's may give: the test fails on any.
    private(set) var faults: [String] = []

    init(root: ExecutionKey, nonces: [Digest: UInt64], hash: Digest) {
        blocks[root] = Block(nonces: nonces, parent: root)
        hashes[root] = hash
    }

    private mutating func run(_ transaction: MempoolTransaction, in key: ExecutionKey) -> Bool {
        guard var block = blocks[key] else { return false }
        if transaction.sender != transaction.hash {
            guard block.nonces[transaction.sender] ?? 0 == transaction.nonce else { return false }
            block.nonces[transaction.sender] = transaction.nonce + 1
        }
        block.identities.append(transaction.hash)
        block.receipts.append(ChunkRoot.leaf(transaction.hash.bigEndianBytes))
        blocks[key] = block
        return true
    }

    mutating func carryOut(_ command: ExecutionCommand) -> ExecutionResult? {
        switch command {
        case .begin(let key, let parent, _, _):
            guard let state = blocks[parent] else {
                faults.append("begin \(key) on \(parent), which is not known")
                return nil
            }
            blocks[key] = Block(nonces: state.nonces, parent: parent)
            return nil
        case .build(let key, let sequence, let candidates):
            let before = blocks[key]?.receipts.count ?? 0
            var included: [MempoolTransaction] = []
            var refused: [Digest] = []
            for candidate in candidates {
                if run(candidate, in: key) {
                    included.append(candidate)
                } else {
                    refused.append(candidate.hash)
                }
            }
            let receipts = (blocks[key]?.receipts ?? []).dropFirst(before)
            return .built(
                key, sequence: sequence, included: included, refused: refused, deferred: [],
                isFull: false,
                transactionRoot: ChunkRoot.root(of: included.map { ChunkRoot.leaf($0.bytes) }),
                receipts: ChunkRoot.root(of: Array(receipts)))
        case .chunk(let key, let sequence, let transactions):
            let before = blocks[key]?.receipts.count ?? 0
            var identities: [Digest] = []
            for bytes in transactions {
                guard let transaction = parsed(bytes.bytes), run(transaction, in: key) else {
                    return .chunkInvalid(key, sequence: sequence, reason: "cannot be included")
                }
                identities.append(transaction.hash)
            }
            let receipts = (blocks[key]?.receipts ?? []).dropFirst(before)
            return .chunkExecuted(
                key, sequence: sequence, identities: identities,
                transactionRoot: ChunkRoot.root(
                    of: transactions.map { ChunkRoot.leaf($0.bytes) }),
                receipts: ChunkRoot.root(of: Array(receipts)))
        case .seal(let key):
            let block = blocks[key]
            return .sealed(
                key,
                ExecutedCommitments(
                    transactionCount: UInt32(block?.identities.count ?? 0), eventCount: 0,
                    stateDiffLength: 0, stateDiff: .zero,
                    transactions: ChunkRoot.root(of: block?.identities ?? []), events: .zero,
                    receipts: ChunkRoot.root(of: block?.receipts ?? [])))
        case .hash(let key, let header):
            guard let block = blocks[key], let parent = hashes[block.parent] else { return nil }
            let hash = StubEngine.blockHash(header.encoded(), parent: parent)
            hashes[key] = hash
            return .hashed(key, blockHash: hash)
        case .drop(let key):
            blocks[key] = nil
            return nil
        }
    }

    static func blockHash(_ header: [UInt8], parent: Digest) -> Digest {
        ChunkRoot.leaf(header + parent.bigEndianBytes)
    }
}
