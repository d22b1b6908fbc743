import Execution
import Mempool
import Primitives
import RPC
import Replica
import Replication
import StarkField
import Storage
import Synchronization
import WireCodec

/// Checks transactions before the pool sees them: form, signature, nonce, bounds and balance against
/// the newest stored state, on a thread of its own. What was computed is kept for execution.
final class AdmissionService: @unchecked Sendable {
    typealias Answer = @Sendable (Result<Felt, RPCAdmissionFailure>) -> Void

    enum Item: Sendable {
        case peer([TransactionBytes], ValidatorIndex)
        case user(Transaction, Answer)
        case payloads([[UInt8]])
        case renew
    }

    /// Items that wait; over it a user is told that the node is busy, and gossip is dropped.
    static let bound = 8192

    private let cache: TransactionCache
    private let context: @Sendable () -> BlockContext
    private let view: ChainView
    private let opaque: Bool
    private let thread = WorkerThread<Item>(
        name: "admission", bound: AdmissionService.bound, niceness: 2)
    private let admitted: @Sendable ([Admission]) -> Void
    /// Told of a user's transaction before the user is.
    private let acknowledging: @Sendable (Felt) -> Void
    /// Reads the newest stored state, until that moves on.
    private var executor: BlockExecutor?
    private var addresses = StorageAddressCache()
    private var keys = AccountKeys()
    private var hasher: TransactionHasher
    private var tickets = Tickets()
    /// Deployments that wait, by the account that they make; bounded.
    private var deployments: [ContractAddress: DeployAccountTransactionV3] = [:]

    init(
        cache: TransactionCache, chainID: ChainID, opaque: Bool, view: ChainView,
        context: @escaping @Sendable () -> BlockContext,
        acknowledging: @escaping @Sendable (Felt) -> Void = { _ in },
        admitted: @escaping @Sendable ([Admission]) -> Void
    ) {
        self.acknowledging = acknowledging
        self.cache = cache
        hasher = TransactionHasher(chainID: chainID)
        self.opaque = opaque
        self.view = view
        self.context = context
        self.admitted = admitted
    }

    func start() {
        thread.start { [self] items in
            work(items)
            return nil
        }
    }

    func stop() {
        thread.stop()
        view.end()
    }

    var depth: Int { thread.depth }
    var refused: Int { thread.refused }

    func offer(_ item: Item) -> Bool { thread.offer(item) }
    /// The stored state has moved on.
    func renew() { thread.post(.renew) }

    /// The pool's verdict on a user's transaction.
    func decided(_ ticket: UInt64, _ verdict: MempoolVerdict) {
        guard let (hash, answer) = tickets.take(ticket) else { return }
        switch verdict {
        case .accepted, .replaced:
            acknowledging(hash)
            answer(.success(hash))
        case .duplicate: answer(.failure(.duplicateTransaction))
        case .nonceTooLow(let nonce), .nonceTooHigh(let nonce, _):
            answer(.failure(.invalidNonce(accountNonce: Felt(nonce), got: .zero)))
        case .underpriced: answer(.failure(.replacementUnderpriced))
        case .inBlock: answer(.failure(.duplicateTransaction))
        case .laneFull, .poolFull: answer(.failure(.poolFull))
        case .tooLarge(let bytes, let maximum):
            answer(
                .failure(
                    .validationFailure("the transaction has \(bytes) bytes, at most \(maximum)")))
        }
    }

    private func work(_ items: [Item]) {
        var admissions: [Admission] = []
        for batch in Self.batches(of: items) {
            let prepared = opaque ? [:] : prepare(batch)
            for item in batch { take(item, prepared, &admissions) }
            if !admissions.isEmpty { admitted(admissions) }
            admissions.removeAll(keepingCapacity: true)
        }
    }

    /// Items that are worked on together, of about `handedOver` transactions.
    private static func batches(of items: [Item]) -> [[Item]] {
        var batches: [[Item]] = [[]]
        var count = 0
        for item in items {
            batches[batches.count - 1].append(item)
            switch item {
            case .peer(let transactions, _): count += transactions.count
            case .payloads(let payloads): count += payloads.count
            case .user: count += 1
            case .renew: break
            }
            if count >= handedOver {
                batches.append([])
                count = 0
            }
        }
        return batches
    }

    /// A transaction that came in, by the hash of its bytes.
    private typealias Prepared = [Digest: KnownTransaction]

    /// Decodes and hashes all transactions of a batch that are not known yet. What is malformed is
    /// left out, and refused when its turn comes.
    private func prepare(_ batch: [Item]) -> Prepared {
        var fresh: [(leaf: Digest, bytes: [UInt8])] = []
        func add(_ bytes: [UInt8]) {
            let leaf = ChunkRoot.leaf(bytes)
            if cache.known(leaf) == nil { fresh.append((leaf, bytes)) }
        }
        for item in batch {
            switch item {
            case .peer(let transactions, _):
                for transaction in transactions { add(transaction.bytes) }
            case .user(let transaction, _): add(transaction.encoded())
            case .payloads, .renew: break
            }
        }
        if fresh.isEmpty { return [:] }
        do {
            var known = try TransactionCache.prepare(fresh.map(\.bytes), &hasher)
            verify(&known)
            return Prepared(
                zip(fresh.map(\.leaf), known), uniquingKeysWith: { first, _ in first })
        } catch {
            // One is malformed: each by itself, in its turn.
            return [:]
        }
    }

    /// Makes the executor that reads the newest stored state, unless there is one.
    private func openExecutor() throws {
        guard executor == nil else { return }
        try view.renew()
        executor = try BlockExecutor(
            queries: context(), on: StateView(committed: StoredState(view: view)),
            addresses: addresses)
    }

    /// Checks the signatures of new transactions together, where the account's key is known.
    private func verify(_ transactions: inout [KnownTransaction]) {
        var checks: [SignatureCheck] = []
        var places: [Int] = []
        do {
            try openExecutor()
            for (index, known) in transactions.enumerated() {
                let check = try executor?.signatureCheck(
                    of: known.prepared,
                    pendingDeployment: deployments[known.prepared.senderAddress])
                guard let check else { continue }
                checks.append(check)
                places.append(index)
            }
        } catch {
            // The state cannot be read: each is refused for that in its turn.
            executor = nil
            return
        }
        for (index, verdict) in zip(places, zip(checks, keys.verify(checks))) {
            transactions[index].prepared.signature = CheckedSignature(
                publicKey: verdict.0.publicKey, isValid: verdict.1)
        }
    }

    private func take(_ item: Item, _ prepared: Prepared, _ admissions: inout [Admission]) {
        switch item {
        case .renew:
            if let executor { addresses = executor.addresses }
            executor = nil
        case .peer(let transactions, let peer):
            for transaction in transactions {
                if opaque {
                    admissions.append(payload(transaction.bytes, from: peer))
                } else if case .success(let admission) = admit(
                    transaction.bytes, prepared, from: peer, ticket: nil)
                {
                    admissions.append(admission)
                }
            }
        case .payloads(let payloads):
            admissions += payloads.map { payload($0, from: nil) }
        case .user(let transaction, let answer):
            let ticket = tickets.issue()
            switch admit(transaction.encoded(), prepared, from: nil, ticket: ticket) {
            case .failure(let failure): answer(.failure(failure))
            case .success(let admission):
                tickets.hold(ticket, admission.transaction.hash.felt, answer)
                admissions.append(admission)
            }
        }
    }

    /// So many go to the pool together, so that the first does not wait for a long queue.
    private static let handedOver = 64

    private func payload(_ bytes: [UInt8], from peer: ValidatorIndex?) -> Admission {
        let leaf = ChunkRoot.leaf(bytes)
        return Admission(
            transaction: MempoolTransaction(
                hash: leaf, sender: leaf, nonce: 0, tip: 0, bytes: bytes),
            accountNonce: 0, from: peer, ticket: nil)
    }

    private func admit(
        _ bytes: [UInt8], _ prepared: Prepared, from peer: ValidatorIndex?, ticket: UInt64?
    ) -> Result<Admission, RPCAdmissionFailure> {
        let leaf = ChunkRoot.leaf(bytes)
        var known: KnownTransaction
        do {
            known =
                try cache.known(leaf) ?? prepared[leaf]
                ?? TransactionCache.prepare([bytes], &hasher)[0]
        } catch {
            return .failure(.validationFailure("malformed transaction: \(error)"))
        }
        do {
            try openExecutor()
            let deployment = deployments[known.prepared.senderAddress]
            if known.prepared.signature == nil,
                let check = try executor?.signatureCheck(
                    of: known.prepared, pendingDeployment: deployment)
            {
                known.prepared.signature = CheckedSignature(
                    publicKey: check.publicKey, isValid: keys.verify(check))
            }
            guard
                let result = try executor?.admit(known.prepared, pendingDeployment: deployment)
            else { return .failure(.unavailable("the state cannot be read")) }
            switch result {
            case .failure(let reason):
                return .failure(Self.failure(reason))
            case .success(let nonce):
                guard let accountNonce = nonce.asUInt64,
                    let own = known.prepared.transaction.nonce.asUInt64
                else { return .failure(.validationFailure("the nonce does not fit 64 bits")) }
                if case .deployAccount(let deployment) = known.prepared.transaction {
                    if deployments.count >= 4096 { deployments.removeAll() }
                    deployments[known.prepared.senderAddress] = deployment
                }
                cache.insert(known, leaf: leaf)
                return .success(
                    Admission(
                        transaction: MempoolTransaction(
                            hash: Digest(known.digest.hash),
                            sender: Digest(known.prepared.senderAddress), nonce: own,
                            tip: known.prepared.transaction.tip, bytes: bytes),
                        accountNonce: accountNonce, from: peer, ticket: ticket))
            }
        } catch {
            executor = nil
            return .failure(.unavailable("the state cannot be read: \(error)"))
        }
    }

    static func failure(_ reason: InvalidTransaction) -> RPCAdmissionFailure {
        switch reason {
        case .wrongNonce(_, let expected, let got):
            .invalidNonce(accountNonce: expected, got: got)
        case .maximumGasTooLow: .insufficientResourcesForValidate
        case .maximumGasPriceTooLow: .feeBelowMinimum
        case .balanceTooLow: .insufficientAccountBalance
        default: .validationFailure("\(reason)")
        }
    }
}

/// Users' requests that wait for the pool's verdict. At most as many as the admission queue holds.
private final class Tickets: Sendable {
    private struct State {
        var next: UInt64 = 1
        var waiting: [UInt64: (Felt, AdmissionService.Answer)] = [:]
    }
    private let state = Mutex(State())

    func issue() -> UInt64 {
        state.withLock {
            $0.next += 1
            return $0.next
        }
    }

    func hold(_ ticket: UInt64, _ hash: Felt, _ answer: @escaping AdmissionService.Answer) {
        state.withLock { $0.waiting[ticket] = (hash, answer) }
    }

    func take(_ ticket: UInt64) -> (Felt, AdmissionService.Answer)? {
        state.withLock { $0.waiting.removeValue(forKey: ticket) }
    }
}
