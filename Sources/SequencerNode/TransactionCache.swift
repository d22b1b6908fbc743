import Execution
import Primitives
import Replica
import StarkField
import Synchronization
import WireCodec

/// A transaction with everything that was computed of it once: on admission, or when a block brought
/// it first.
struct KnownTransaction: Sendable {
    var prepared: PreparedTransaction
    let digest: TransactionDigest
    let bytes: [UInt8]
}

/// Transactions by the hash of their bytes, so that what was hashed and verified on admission is
/// neither again in a block. Two generations: at most twice `generation` entries.
final class TransactionCache: Sendable {
    private static let generation = 32_768

    /// Bytes of the transactions of one generation: declarations are large.
    private static let generationBytes = 64 << 20

    private struct State {
        var youngBytes = 0
        var young: [Digest: KnownTransaction] = [:]
        var old: [Digest: KnownTransaction] = [:]
        var youngLeaves: [Felt: Digest] = [:]
        var oldLeaves: [Felt: Digest] = [:]
    }

    private let state = Mutex(State())

    func known(_ leaf: Digest) -> KnownTransaction? {
        state.withLock { $0.young[leaf] ?? $0.old[leaf] }
    }

    func insert(_ transaction: KnownTransaction, leaf: Digest) {
        state.withLock { state in
            if state.young.count >= Self.generation
                || state.youngBytes >= Self.generationBytes
            {
                state.youngBytes = 0
                state.old = state.young
                state.young = [:]
                state.oldLeaves = state.youngLeaves
                state.youngLeaves = [:]
            }
            state.youngBytes += transaction.bytes.count
            state.young[leaf] = transaction
            state.youngLeaves[transaction.digest.hash] = leaf
        }
    }

    /// A transaction that was admitted here, by its hash.
    func transaction(_ hash: Felt) -> Transaction? {
        state.withLock { state in
            guard let leaf = state.youngLeaves[hash] ?? state.oldLeaves[hash] else { return nil }
            return (state.young[leaf] ?? state.old[leaf])?.prepared.transaction
        }
    }

    /// Decodes and hashes transactions, side by side; nothing is verified. Throws for the first
    /// that is malformed.
    static func prepare(
        _ encodings: [[UInt8]], _ hasher: inout TransactionHasher
    ) throws(WireError) -> [KnownTransaction] {
        var transactions: [Transaction] = []
        transactions.reserveCapacity(encodings.count)
        for bytes in encodings { transactions.append(try Transaction(decoding: bytes)) }
        var result: [KnownTransaction] = []
        result.reserveCapacity(encodings.count)
        for (bytes, pair) in zip(encodings, zip(transactions, hasher.digests(of: transactions))) {
            result.append(
                KnownTransaction(
                    prepared: PreparedTransaction(
                        pair.0, hash: pair.1.hash, senderAddress: pair.1.senderAddress,
                        declared: try declared(pair.0)),
                    digest: pair.1, bytes: bytes))
        }
        return result
    }

    /// The class that a declaration brings, unpacked.
    private static func declared(
        _ transaction: Transaction
    ) throws(WireError) -> DeclaredContract? {
        guard case .declare(let declaration) = transaction else { return nil }
        do throws(ClassBytesError) {
            return try ClassBytes.declared(sierra: declaration.sierra, casm: declaration.casm)
        } catch { throw .invalid(what: "declared class: \(error)") }
    }
}
