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
        Poseidon.hashMany(fields(of: event, transactionHash: transactionHash))
    }

    static func fields(of event: Event, transactionHash: Felt) -> [Felt] {
        [event.fromAddress, transactionHash, Felt(UInt64(event.keys.count))] + event.keys
            + [Felt(UInt64(event.data.count))] + event.data
    }

    /// Poseidon of hash, fee, messages, revert reason and gas. The L2-gas place is 0 in every
    /// version so far, whatever the receipt says.
    package static func receipt(_ receipt: TransactionReceipt) -> Felt {
        Poseidon.hashMany(fields(of: receipt))
    }

    static func fields(of receipt: TransactionReceipt) -> [Felt] {
        [
            receipt.transactionHash, Felt(receipt.actualFee), messages(receipt.messagesSent),
            revertReason(receipt.executionStatus), .zero, Felt(receipt.gasConsumed.l1Gas),
            Felt(receipt.gasConsumed.l1DataGas),
        ]
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
/// nine hashed felts, 4 permutations for the receipt and 5 for each event.
package struct ReceiptDigest: Hashable, Sendable {
    package let leaf: Felt
    package let eventLeaves: [Felt]

    package init(_ receipt: TransactionReceipt) {
        leaf = CommitmentLeaves.receipt(receipt)
        eventLeaves = receipt.events.map {
            CommitmentLeaves.event($0, transactionHash: receipt.transactionHash)
        }
    }

    private init(leaf: Felt, eventLeaves: [Felt]) {
        self.leaf = leaf
        self.eventLeaves = eventLeaves
    }

    /// The digests of many receipts, hashed side by side.
    package static func digests(of receipts: [TransactionReceipt]) -> [ReceiptDigest] {
        var flat: [Felt] = []
        var counts: [Int] = []
        func add(_ fields: [Felt]) {
            flat += fields
            counts.append(fields.count)
        }
        for receipt in receipts {
            add(CommitmentLeaves.fields(of: receipt))
            for event in receipt.events {
                add(
                    CommitmentLeaves.fields(
                        of: event, transactionHash: receipt.transactionHash))
            }
        }
        let hashes = Poseidon.hashMany(flat: flat, counts: counts)
        var next = 0
        return receipts.map { receipt in
            let end = next + 1 + receipt.events.count
            defer { next = end }
            return ReceiptDigest(leaf: hashes[next], eventLeaves: Array(hashes[(next + 1)..<end]))
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

    /// Appends in order; what can be hashed side by side is.
    package mutating func append(_ digests: [(TransactionDigest, ReceiptDigest)]) {
        transactions.append(contentsOf: digests.map(\.0.leaf))
        receipts.append(contentsOf: digests.map(\.1.leaf))
        events.append(contentsOf: digests.flatMap(\.1.eventLeaves))
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
