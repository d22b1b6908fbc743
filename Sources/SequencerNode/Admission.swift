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

/// Checks transactions before the pool sees them: form, the account's validation, nonce, bounds and
/// balance against the newest stored state, on a thread of its own. What was computed is kept for
/// execution.
///
/// A declaration is pooled only when this node has itself compiled its class to what it carries:
/// one that passes all other checks waits for the compiler and comes back.
final class AdmissionService: @unchecked Sendable {
    typealias Answer = @Sendable (Result<Felt, RPCAdmissionFailure>) -> Void

    enum Item: Sendable {
        case peer([TransactionBytes], ValidatorIndex)
        case user(RPCNewTransaction, Answer)
        /// A declaration of a user, with the class that this node has compiled.
        case compiled(Declaration, Answer)
        case payloads([[UInt8]])
        case renew
    }

    /// Items that wait; over it a user is told that the node is busy, and gossip is dropped.
    static let bound = 8192

    private let cache: TransactionCache
    private let context: @Sendable () -> BlockContext
    private let view: ChainView
    private let classes: ClassCache
    private let verifier: ClassVerifier
    private let fastPath: FastPath
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
        classes: ClassCache, verifier: ClassVerifier, fastPath: FastPath,
        context: @escaping @Sendable () -> BlockContext,
        acknowledging: @escaping @Sendable (Felt) -> Void = { _ in },
        admitted: @escaping @Sendable ([Admission]) -> Void
    ) {
        self.acknowledging = acknowledging
        self.cache = cache
        hasher = TransactionHasher(chainID: chainID)
        self.opaque = opaque
        self.view = view
        self.classes = classes
        self.verifier = verifier
        self.fastPath = fastPath
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
            case .user, .compiled: count += 1
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
            case .user(let new, _):
                if let transaction = new.complete { add(transaction.encoded()) }
            case .compiled(let declaration, _): add(Transaction.declare(declaration).encoded())
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
            queries: context(),
            on: StateView(committed: StoredState(view: view, classes: classes)),
            fastPath: fastPath, addresses: addresses)
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
        case .user(let new, let answer):
            if let transaction = new.complete {
                take(transaction, prepared, answer, &admissions)
            } else if case .declare(let declaration) = new {
                compile(declaration, answer)
            }
        case .compiled(let declaration, let answer):
            take(.declare(declaration), prepared, answer, &admissions)
        }
    }

    private func take(
        _ transaction: Transaction, _ prepared: Prepared, _ answer: @escaping Answer,
        _ admissions: inout [Admission]
    ) {
        let ticket = tickets.issue()
        switch admit(transaction.encoded(), prepared, from: nil, ticket: ticket) {
        case .failure(let failure): answer(.failure(failure))
        case .success(let admission):
            tickets.hold(ticket, admission.transaction.hash.felt, answer)
            admissions.append(admission)
        }
    }

    /// Has the class of a user's declaration compiled, if all else is well with it: the compiler's
    /// time is for accounts that can pay.
    private func compile(_ declaration: RPCDeclaration, _ answer: @escaping Answer) {
        let known = PreparedTransaction(
            .declare(declaration.compiled([])), chainID: hasher.chainID)
        do {
            try openExecutor()
            switch try executor?.admit(known, beforeCompilation: true) {
            case nil: return answer(.failure(.unavailable("the state cannot be read")))
            case .failure(let reason): return answer(.failure(RPCAdmissionFailure(reason)))
            case .success: break
            }
        } catch {
            executor = nil
            return answer(.failure(.unavailable("the state cannot be read: \(error)")))
        }
        let offered = verifier.compile(
            declaration.transaction.classHash, declaration.contractClass.json
        ) { [self] result in
            switch result {
            case .success(let casm):
                if casm.count > Limits.classBytes {
                    answer(.failure(.classTooLarge))
                } else if !offer(.compiled(declaration.compiled(casm), answer)) {
                    answer(.failure(.busy))
                }
            case .failure(.unavailable(let path)):
                answer(
                    .failure(.unavailable("\(CompilationError.unavailable(path: path))")))
            case .failure(let error): answer(.failure(.compilationFailed("\(error)")))
            }
        }
        if !offered { answer(.failure(.busy)) }
    }

    /// Whether a peer's declaration is compiled as it says. Where that is not known yet, it comes
    /// back when the class has been compiled here; where it cannot be, it is let go.
    private func isVerified(
        _ known: KnownTransaction, _ declaration: Declaration, from peer: ValidatorIndex
    ) -> Bool {
        let hash = declaration.transaction.classHash
        switch verifier.verdict(on: hash, casm: declaration.casm) {
        case .same: return true
        case .different: return false
        case .unknown:
            guard verifier.compiler.isAvailable, let sierra = known.prepared.declared?.sierra
            else { return false }
            let transaction = TransactionBytes(known.bytes)
            _ = verifier.compile(hash, sierra.json) { [self] result in
                if case .success = result { _ = offer(.peer([transaction], peer)) }
            }
            return false
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
                return .failure(RPCAdmissionFailure(reason))
            case .success(let nonce):
                if let peer, case .declare(let declaration) = known.prepared.transaction,
                    !isVerified(known, declaration, from: peer)
                {
                    return .failure(.unavailable("the class is not compiled here yet"))
                }
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
}

extension RPCAdmissionFailure {
    static let busy = RPCAdmissionFailure.unavailable("too many transactions wait; try again")
}

extension RPCNewTransaction {
    /// What a block can hold: all but declarations, whose class is not compiled yet.
    fileprivate var complete: Transaction? {
        switch self {
        case .invoke(let invoke): .invoke(invoke)
        case .deployAccount(let deployment): .deployAccount(deployment)
        case .declare: nil
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
