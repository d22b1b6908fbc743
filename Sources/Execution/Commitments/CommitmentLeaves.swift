package import StarkField
import StarkHash

/// The leaves of a block's commitments (Starknet documentation, "Block structure").
package enum CommitmentLeaves {
    /// Poseidon of a transaction's hash and signature. Before Starknet 0.13.4 an empty signature
    /// counted as the single felt 0.
    package static func transaction(
        hash: Felt, signature: [Felt], emptySignatureIsZero: Bool = false
    ) -> Felt {
        var hasher = PoseidonHasher()
        hasher.update(hash)
        for element in signature { hasher.update(element) }
        if signature.isEmpty && emptySignatureIsZero { hasher.update(.zero) }
        return hasher.finalize()
    }

    /// Poseidon of emitter, transaction hash, keys and data, the latter two with their counts.
    package static func event(_ event: Event, transactionHash: Felt) -> Felt {
        self.event(event, after: eventStart(event.fromAddress, transactionHash))
    }

    /// What all events of one contract in one transaction begin with.
    static func eventStart(
        _ fromAddress: ContractAddress, _ transactionHash: Felt
    ) -> PoseidonHasher {
        var hasher = PoseidonHasher()
        hasher.update(fromAddress)
        hasher.update(transactionHash)
        return hasher
    }

    static func event(_ event: Event, after start: PoseidonHasher) -> Felt {
        var hasher = start
        hasher.update(Felt(UInt64(event.keys.count)))
        for key in event.keys { hasher.update(key) }
        hasher.update(Felt(UInt64(event.data.count)))
        for element in event.data { hasher.update(element) }
        return hasher.finalize()
    }

    /// Poseidon of hash, fee, messages, revert reason and gas. The L2-gas place is 0 in every
    /// version so far, whatever the receipt says.
    package static func receipt(_ receipt: TransactionReceipt) -> Felt {
        var hasher = PoseidonHasher()
        hasher.update(receipt.transactionHash)
        hasher.update(Felt(receipt.actualFee))
        hasher.update(messages(receipt.messagesSent))
        hasher.update(revertReason(receipt.executionStatus))
        hasher.update(.zero)
        hasher.update(Felt(receipt.gasConsumed.l1Gas))
        hasher.update(Felt(receipt.gasConsumed.l1DataGas))
        return hasher.finalize()
    }

    private static func messages(_ messages: [MessageToL1]) -> Felt {
        if messages.isEmpty { return HashTerms.noMessagesHash }
        var hasher = PoseidonHasher()
        hasher.update(Felt(UInt64(messages.count)))
        for message in messages {
            hasher.update(message.fromAddress)
            hasher.update(message.toAddress)
            hasher.update(Felt(UInt64(message.payload.count)))
            for element in message.payload { hasher.update(element) }
        }
        return hasher.finalize()
    }

    private static func revertReason(_ status: ExecutionStatus) -> Felt {
        switch status {
        case .succeeded: .zero
        case .reverted(let reason): starknetKeccak(Array(reason.utf8))
        }
    }
}

/// A receipt's share of the block's commitments. Each costs, for a transfer with two events of
/// nine hashed felts, 4 permutations for the receipt, 5 for the first event and 4 for each further
/// one of the same contract.
package struct ReceiptDigest: Hashable, Sendable {
    package let leaf: Felt
    package let eventLeaves: [Felt]

    package init(_ receipt: TransactionReceipt) {
        leaf = CommitmentLeaves.receipt(receipt)
        var start: (contract: ContractAddress, hasher: PoseidonHasher)?
        eventLeaves = receipt.events.map { event in
            let hasher: PoseidonHasher
            if let start, start.contract == event.fromAddress {
                hasher = start.hasher
            } else {
                hasher = CommitmentLeaves.eventStart(event.fromAddress, receipt.transactionHash)
                start = (event.fromAddress, hasher)
            }
            return CommitmentLeaves.event(event, after: hasher)
        }
    }
}

/// Collects a block's commitments while its transactions stream in.
///
/// Permutations for a transfer with two events, besides those of its digests: 4 amortised (one
/// each for transaction and receipt, two for the events).
package struct BlockCommitmentBuilder: Hashable, Sendable {
    private var transactions = IndexedCommitment()
    private var events = IndexedCommitment()
    private var receipts = IndexedCommitment()

    package init() {}

    package var transactionCount: UInt64 { transactions.count }

    package mutating func append(_ transaction: TransactionDigest, _ receipt: ReceiptDigest) {
        append(transactionLeaf: transaction.leaf, receipt)
    }

    package mutating func append(transactionLeaf: Felt, _ receipt: ReceiptDigest) {
        transactions.append(transactionLeaf)
        receipts.append(receipt.leaf)
        for leaf in receipt.eventLeaves { events.append(leaf) }
    }

    package var transactionCommitment: Felt { transactions.root }
    package var eventCommitment: Felt { events.root }
    package var receiptCommitment: Felt { receipts.root }
    package var eventCount: UInt64 { events.count }

    /// The commitments of the block whose transactions were appended and whose changes are
    /// `stateDiff` (canonical).
    package func finish(stateDiff: StateDiff) -> BlockCommitments {
        BlockCommitments(
            transactionCommitment: transactions.root, eventCommitment: events.root,
            receiptCommitment: receipts.root, stateDiffCommitment: stateDiff.commitment(),
            transactionCount: transactions.count, eventCount: events.count,
            stateDiffLength: stateDiff.length)
    }
}
