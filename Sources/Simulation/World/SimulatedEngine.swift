import Consensus
import Mempool
import Primitives
import Replica
import Replication
import WireCodec

/// The simulator's transactions: `from` pays `amount` to `to` and one unit to the block's leader, in
/// the order of `from`'s nonces.
struct Payment: Hashable, Sendable {
    static let fee: UInt64 = 1
    var from: UInt32
    var to: UInt32
    var nonce: UInt64
    var amount: UInt64

    func encoded(bytes: Int) -> [UInt8] {
        var writer = WireWriter()
        writer.write(from)
        writer.write(to)
        writer.write(nonce)
        writer.write(amount)
        return writer.bytes + Array(repeating: 7, count: max(0, bytes - writer.bytes.count))
    }

    init(from: UInt32, to: UInt32, nonce: UInt64, amount: UInt64) {
        self.from = from
        self.to = to
        self.nonce = nonce
        self.amount = amount
    }

    /// Nil for bytes that are no payment.
    init?(_ bytes: [UInt8]) {
        var reader = WireReader(bytes)
        do throws(WireError) {
            from = try reader.read(UInt32.self)
            to = try reader.read(UInt32.self)
            nonce = try reader.read(UInt64.self)
            amount = try reader.read(UInt64.self)
        } catch { return nil }
    }

    static func account(_ number: UInt32) -> Digest { Digest(0, 0, 1, UInt64(number)) }
    static func feeAccount(_ validator: Int) -> Digest { Digest(0, 0, 2, UInt64(validator)) }
}

/// Payments as the replica's pool knows them, parsed and hashed once for all nodes.
final class PaymentCache {
    private static let capacity = 1 << 16
    private var known: [Payment: MempoolTransaction] = [:]

    /// Nil for bytes that are no payment.
    func transaction(_ bytes: [UInt8]) -> MempoolTransaction? {
        guard let payment = Payment(bytes) else { return nil }
        if let found = known[payment], found.bytes == bytes { return found }
        let made = MempoolTransaction(
            hash: ChunkRoot.leaf(bytes), sender: Payment.account(payment.from),
            nonce: payment.nonce, tip: 0, bytes: bytes)
        if known.count >= Self.capacity { known.removeAll(keepingCapacity: true) }
        known[payment] = made
        return made
    }
}

/// Executes payments over balances in memory. Commitments are Blake2s roots over what was executed,
/// the state root a sum over all accounts, and a block's hash covers its header, its parent's hash
/// and that root. Commands come in the replica's order; the caller delays the answers.
struct SimulatedEngine {
    struct Account: Hashable {
        var nonce: UInt64 = 0
        var balance: UInt64 = 0
    }

    struct Ledger {
        var accounts: [Digest: Account] = [:]
        /// The sum of all accounts' marks.
        var root: UInt64 = 0

        /// Order does not matter, so that a change costs one subtraction and one addition.
        static func mark(_ address: Digest, _ account: Account) -> UInt64 {
            // An account that was never used is none.
            if account == Account() { return 0 }
            var hash = TraceHash()
            hash.add(address.word2)
            hash.add(address.word3)
            hash.add(account.nonce)
            hash.add(account.balance)
            return hash.value
        }

        mutating func set(_ address: Digest, _ account: Account) {
            if let old = accounts[address] { root &-= Self.mark(address, old) }
            root &+= Self.mark(address, account)
            accounts[address] = account
        }

        var supply: UInt128 { accounts.values.reduce(0) { $0 + UInt128($1.balance) } }
    }

    private struct Block {
        let parent: ExecutionKey
        let leader: Digest
        var changes: [Digest: Account] = [:]
        var root: UInt64
        var identities: [Digest] = []
        var receipts: [Digest] = []
    }

    /// What storage holds: it survives a crash.
    private(set) var ledger: Ledger
    private var base: ExecutionKey
    private var baseHash: Digest
    private var blocks: [ExecutionKey: Block] = [:]
    private var hashes: [ExecutionKey: Digest] = [:]
    private let cache: PaymentCache
    private let leaderAccount: (Slot) -> Digest
    /// Commands that no order of the replica's may give.
    private(set) var faults: [String] = []

    init(
        ledger: Ledger, root: ExecutionKey, hash: Digest, cache: PaymentCache,
        leaderAccount: @escaping (Slot) -> Digest
    ) {
        self.ledger = ledger
        base = root
        baseHash = hash
        self.cache = cache
        self.leaderAccount = leaderAccount
    }

    private func account(_ address: Digest, in key: ExecutionKey) -> Account {
        var next = key
        while next != base, let block = blocks[next] {
            if let found = block.changes[address] { return found }
            next = block.parent
        }
        return ledger.accounts[address] ?? Account()
    }

    private mutating func set(_ address: Digest, _ value: Account, in key: ExecutionKey) {
        let old = account(address, in: key)
        blocks[key]?.root &-= Ledger.mark(address, old)
        blocks[key]?.root &+= Ledger.mark(address, value)
        blocks[key]?.changes[address] = value
    }

    private mutating func run(_ transaction: MempoolTransaction, in key: ExecutionKey) -> Bool {
        guard let leader = blocks[key]?.leader, let payment = Payment(transaction.bytes) else {
            return false
        }
        var sender = account(transaction.sender, in: key)
        let (cost, overflow) = payment.amount.addingReportingOverflow(Payment.fee)
        guard sender.nonce == payment.nonce, !overflow, sender.balance >= cost else { return false }
        sender.nonce += 1
        sender.balance -= cost
        set(transaction.sender, sender, in: key)
        let receiver = Payment.account(payment.to)
        var other = account(receiver, in: key)
        other.balance += payment.amount
        set(receiver, other, in: key)
        var earner = account(leader, in: key)
        earner.balance += Payment.fee
        set(leader, earner, in: key)
        blocks[key]?.identities.append(transaction.hash)
        blocks[key]?.receipts.append(Digest(0, 3, transaction.hash.word2, transaction.hash.word3))
        return true
    }

    mutating func carryOut(_ command: ExecutionCommand) -> ExecutionResult? {
        switch command {
        case .begin(let key, let parent, let opening, _):
            guard parent == base || blocks[parent] != nil else {
                faults.append("begin \(key) on \(parent), which is not known")
                return nil
            }
            blocks[key] = Block(
                parent: parent, leader: leaderAccount(opening.slot),
                root: blocks[parent]?.root ?? ledger.root)
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
            return .built(
                key, sequence: sequence, included: included, refused: refused, deferred: [],
                isFull: false, transactionRoot: ChunkRoot.root(of: included.map(\.hash)),
                receipts: receiptRoot(key, from: before))
        case .chunk(let key, let sequence, let transactions):
            let before = blocks[key]?.receipts.count ?? 0
            var identities: [Digest] = []
            for bytes in transactions {
                guard let transaction = cache.transaction(bytes.bytes), run(transaction, in: key)
                else {
                    return .chunkInvalid(
                        key, sequence: sequence, reason: "a transaction that cannot be included")
                }
                identities.append(transaction.hash)
            }
            return .chunkExecuted(
                key, sequence: sequence, identities: identities,
                transactionRoot: ChunkRoot.root(of: identities),
                receipts: receiptRoot(key, from: before))
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
            guard let block = blocks[key] else { return nil }
            let parent = block.parent == base ? baseHash : hashes[block.parent]
            guard let parent else { return nil }
            let hash = Self.blockHash(header, parent: parent, root: block.root)
            hashes[key] = hash
            return .hashed(key, blockHash: hash)
        case .drop(let key):
            blocks[key] = nil
            hashes[key] = nil
            return nil
        }
    }

    private func receiptRoot(_ key: ExecutionKey, from start: Int) -> Digest {
        ChunkRoot.root(of: Array((blocks[key]?.receipts ?? []).dropFirst(start)))
    }

    static func blockHash(_ header: Header, parent: Digest, root: UInt64) -> Digest {
        ChunkRoot.leaf(
            header.encoded() + parent.bigEndianBytes + Digest(number: root).bigEndianBytes)
    }

    func hash(of key: ExecutionKey) -> Digest? { hashes[key] }
    func identities(of key: ExecutionKey) -> [Digest] { blocks[key]?.identities ?? [] }

    /// A block is durable: its changes go into the ledger. Nil when it was not executed here.
    mutating func store(_ key: ExecutionKey) -> (hash: Digest, nonces: [AccountNonce])? {
        guard let block = blocks[key], block.parent == base, let hash = hashes[key] else {
            return nil
        }
        var nonces: [AccountNonce] = []
        for (address, value) in block.changes.sorted(by: { $0.key < $1.key }) {
            ledger.set(address, value)
            if value.nonce > 0 { nonces.append(AccountNonce(account: address, nonce: value.nonce)) }
        }
        precondition(
            ledger.root == block.root, "the state root \(ledger.root) is not \(block.root)")
        blocks[key] = nil
        hashes[key] = nil
        base = key
        baseHash = hash
        return (hash, nonces)
    }

    func nonce(of account: Digest) -> UInt64 { ledger.accounts[account]?.nonce ?? 0 }
}
