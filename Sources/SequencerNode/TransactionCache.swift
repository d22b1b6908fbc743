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

    private struct State {
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
            if state.young.count >= Self.generation {
                state.old = state.young
                state.young = [:]
                state.oldLeaves = state.youngLeaves
                state.youngLeaves = [:]
            }
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

    /// Decodes and hashes; nothing is verified.
    static func prepare(
        _ bytes: [UInt8], _ hasher: inout TransactionHasher
    ) throws(WireError) -> KnownTransaction {
        let transaction = try Transaction(decoding: bytes)
        let digest = hasher.digest(of: transaction)
        return KnownTransaction(
            prepared: PreparedTransaction(
                transaction, hash: digest.hash, senderAddress: digest.senderAddress),
            digest: digest, bytes: bytes)
    }
}
