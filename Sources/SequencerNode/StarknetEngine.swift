import Consensus
import Execution
import JSONText
import Mempool
import Primitives
import Replica
import Replication
import StarkField
import StateTrie
import Storage
import WireCodec

/// Committed state in storage, as execution reads it.
final class StoredState: StateReader {
    private let view: ChainView
    private let height: Height?
    private let classes: ClassCache

    /// The newest state that the view shows, or that at the end of block `height`.
    init(view: ChainView, at height: Height? = nil, classes: ClassCache) {
        self.view = view
        self.height = height
        self.classes = classes
    }

    func storage(of contract: ContractAddress, at key: StorageKey) throws(StateReadError) -> Felt {
        do throws(StoreError) {
            return felt(try view.storage(Digest(contract), Digest(key), at: height))
        } catch { throw .unavailable(code: 1) }
    }

    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce {
        do throws(StoreError) {
            return felt(try view.nonce(Digest(contract), at: height))
        } catch { throw .unavailable(code: 1) }
    }

    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash {
        do throws(StoreError) {
            return felt(try view.classHash(Digest(contract), at: height))
        } catch { throw .unavailable(code: 1) }
    }

    func compiledClass(_ hash: ClassHash) throws(StateReadError) -> CompiledClass? {
        try classes.compiled(hash, in: view, at: height)
    }

    private func felt(_ digest: Digest?) -> Felt { digest?.felt ?? .zero }
}

/// What the block hash needs of an executed block.
struct StarknetHashContent: HashContent {
    let info: BlockInfo
    let commitments: BlockCommitments
    let diff: StateDiff
}

/// Executes Starknet transactions block by block, each on the view of its parent.
final class StarknetEngine: ExecutionEngine {
    private struct Block {
        let parent: ExecutionKey
        let info: BlockInfo
        var base: StateView
        var executor: BlockExecutor?
        var commitments = BlockCommitmentBuilder()
        var hashes: [Digest] = []
        var receipts: [TransactionReceipt] = []
        /// What it declares, as storage keeps it.
        var classes: [ClassWrite] = []
        /// Declared classes that this node has not compiled itself to what the block says.
        var doubts: Set<ClassHash> = []
        var sealed: Sealed?
    }

    private struct Sealed {
        let diff: StateDiff
        let view: StateView
        let commitments: BlockCommitments
    }

    private let chainID: ChainID
    private let feeAddress: (Slot) -> Felt
    private let cache: TransactionCache
    private let view: ChainView
    private let classes: ClassCache
    private let verifier: ClassVerifier
    private let fastPath: FastPath
    private let crew: ExecutionCrew
    /// A class has been compiled: told on any thread.
    private let compiled: @Sendable (ClassHash) -> Void
    private let doubted: (ExecutionKey, Bool) -> Void
    private let failed: (String) -> Never
    private var committed: StateView
    private var blocks: [ExecutionKey: Block] = [:]
    private var addresses = StorageAddressCache()
    private var hasher: TransactionHasher

    init(
        chainID: ChainID, cache: TransactionCache, view: ChainView, classes: ClassCache,
        verifier: ClassVerifier, fastPath: FastPath, crew: ExecutionCrew,
        feeAddress: @escaping (Slot) -> Felt, compiled: @escaping @Sendable (ClassHash) -> Void,
        doubted: @escaping (ExecutionKey, Bool) -> Void, failed: @escaping (String) -> Never
    ) {
        self.chainID = chainID
        self.classes = classes
        self.verifier = verifier
        self.fastPath = fastPath
        self.crew = crew
        self.compiled = compiled
        self.doubted = doubted
        hasher = TransactionHasher(chainID: chainID)
        self.cache = cache
        self.view = view
        self.feeAddress = feeAddress
        self.failed = failed
        committed = StateView(committed: StoredState(view: view, classes: classes))
    }

    static func info(_ opening: Opening, sequencer: Felt) -> BlockInfo {
        let prices = opening.prices
        return BlockInfo(
            number: opening.height, timestamp: opening.timestamp, sequencerAddress: sequencer,
            gasPrices: Execution.GasPrices(
                l1Gas: GasPrice(wei: prices.l1GasWei, fri: prices.l1GasFri),
                l1DataGas: GasPrice(wei: prices.l1DataGasWei, fri: prices.l1DataGasFri),
                l2Gas: GasPrice(wei: prices.l2GasWei, fri: prices.l2GasFri)),
            l1DataAvailabilityMode: .blob, starknetVersion: StarknetVersion(0, 13, 5))
    }

    func begin(
        _ key: ExecutionKey, parent: ExecutionKey, opening: Opening,
        storedHash: (height: Height, hash: Digest)?
    ) {
        let base: StateView
        if let sealed = blocks[parent]?.sealed {
            base = sealed.view
        } else {
            precondition(blocks[parent] == nil, "block on a parent that is not sealed: \(parent)")
            base = committed
        }
        let info = Self.info(opening, sequencer: feeAddress(opening.slot))
        do {
            let executor = try BlockExecutor(
                BlockContext(info: info, chainID: chainID), on: base,
                oldBlockHash: storedHash?.hash.felt, fastPath: fastPath, addresses: addresses)
            blocks[key] = Block(parent: parent, info: info, base: base, executor: executor)
        } catch { failed("cannot read the state: \(error)") }
    }

    /// What is known of transactions that are in a block, in order: kept since their admission, or
    /// prepared now, all together.
    private func known(
        _ transactions: [[UInt8]], leaves: [Digest]
    ) throws(WireError) -> [KnownTransaction] {
        var results = leaves.map { cache.known($0) }
        let fresh = results.indices.filter { results[$0] == nil }
        guard !fresh.isEmpty else { return results.compactMap { $0 } }
        let prepared = try TransactionCache.prepare(fresh.map { transactions[$0] }, &hasher)
        for (index, transaction) in zip(fresh, prepared) {
            cache.insert(transaction, leaf: leaves[index])
            results[index] = transaction
        }
        return results.compactMap { $0 }
    }

    /// Transactions that a call takes into a block, to be hashed together at its end.
    private struct Included {
        var known: [KnownTransaction] = []
        var receipts: [TransactionReceipt] = []
    }

    /// Runs transactions in order, as far as the block has room, and takes in those that can be in
    /// it.
    ///
    /// - Returns: of each that was run, why it cannot be in the block, or nil.
    private func run(
        _ all: [KnownTransaction], in block: inout Block, _ included: inout Included
    ) -> [InvalidTransaction?] {
        do {
            guard
                let outcomes = try block.executor?.execute(
                    all.map(\.prepared), gasLimit: StarknetEngine.blockGas,
                    parallelFor: crew.run, workers: crew.workers)
            else { preconditionFailure("a transaction for a sealed block") }
            var verdicts: [InvalidTransaction?] = []
            for (known, outcome) in zip(all, outcomes) {
                switch outcome {
                case .invalid(let reason): verdicts.append(reason)
                case .included(let executed):
                    included.known.append(known)
                    included.receipts.append(executed.receipt)
                    note(known, in: &block)
                    verdicts.append(nil)
                }
            }
            return verdicts
        } catch { failed("cannot read the state: \(error)") }
    }

    /// Takes down what an included transaction declares.
    private func note(_ known: KnownTransaction, in block: inout Block) {
        guard case .declare(let declaration) = known.prepared.transaction,
            let declared = known.prepared.declared
        else { return }
        let stored = StoredClass.sierra(sierra: declaration.sierra, casm: declaration.casm)
        block.classes.append(
            ClassWrite(hash: Digest(declared.sierra.hash), definition: stored.encoded()))
    }

    /// Adds to the block's commitments; returns the receipts' hashes.
    private func close(_ included: Included, in block: inout Block) -> [Digest] {
        let digests = ReceiptDigest.digests(of: included.receipts)
        block.commitments.append(
            zip(included.known, digests).map { ($0.digest, $1) })
        block.hashes += included.known.map { Digest($0.digest.hash) }
        block.receipts += included.receipts
        return digests.map { Digest($0.leaf) }
    }

    func build(_ key: ExecutionKey, candidates: [MempoolTransaction]) -> BuiltChunk {
        guard var block = blocks.removeValue(forKey: key) else { return BuiltChunk() }
        var built = BuiltChunk()
        var taken: [MempoolTransaction] = []
        var refused: [Digest] = []
        var leaves: [Digest] = []
        var included = Included()
        var ready: [(candidate: MempoolTransaction, leaf: Digest, known: KnownTransaction)] = []
        for candidate in candidates {
            let leaf = ChunkRoot.leaf(candidate.bytes)
            do {
                let known =
                    try cache.known(leaf)
                    ?? TransactionCache.prepare([candidate.bytes], &hasher)[0]
                ready.append((candidate, leaf, known))
            } catch { refused.append(candidate.hash) }
        }
        let verdicts = run(ready.map(\.known), in: &block, &included)
        for (entry, verdict) in zip(ready, verdicts) {
            if verdict != nil {
                refused.append(entry.candidate.hash)
            } else {
                taken.append(entry.candidate)
                leaves.append(entry.leaf)
            }
        }
        built.deferred = ready.dropFirst(verdicts.count).map(\.candidate.hash)
        built.isFull = !built.deferred.isEmpty
        let receipts = close(included, in: &block)
        blocks[key] = block
        built.included = taken
        built.refused = refused
        built.transactionRoot = ChunkRoot.root(of: leaves)
        built.receipts = ChunkRoot.root(of: receipts)
        return built
    }

    /// L2 gas after which a block takes no further transaction: what the machine does in about a
    /// second. A block may exceed it by its last transaction.
    static let blockGas: UInt64 = 4_000_000_000

    /// Looks whether what a chunk declares is compiled as it says, and has it compiled where this
    /// node does not know.
    private func examine(
        _ transactions: [KnownTransaction], _ key: ExecutionKey, _ block: inout Block
    ) {
        for known in transactions {
            guard case .declare(let declaration) = known.prepared.transaction,
                let declared = known.prepared.declared
            else { continue }
            let hash = declared.sierra.hash
            switch verifier.verdict(on: hash, casm: declaration.casm) {
            case .same: continue
            case .different: break
            case .unknown:
                guard
                    let json = try? ClassBytes.json(declaration.sierra, limits: JSONLimits.classes)
                else { break }
                let compiled = compiled
                // Where too many wait, the block stays in doubt until the others have certified it.
                _ = verifier.compile(hash, json) { _ in compiled(hash) }
            }
            if block.doubts.isEmpty { doubted(key, true) }
            block.doubts.insert(hash)
        }
    }

    /// A class has been compiled: which blocks are no longer in doubt?
    func examined(_ hash: ClassHash) {
        for (key, block) in blocks where block.doubts.contains(hash) {
            guard let write = block.classes.first(where: { $0.hash == Digest(hash) }),
                let stored = try? StoredClass(decoding: write.definition),
                case .sierra(_, let casm) = stored,
                verifier.verdict(on: hash, casm: casm) == .same
            else { continue }
            blocks[key]?.doubts.remove(hash)
            if block.doubts.count == 1 { doubted(key, false) }
        }
    }

    func chunk(_ key: ExecutionKey, transactions: [TransactionBytes]) throws(ChunkFault) -> (
        identities: [Digest], transactionRoot: Digest, receipts: Digest
    ) {
        guard var block = blocks.removeValue(forKey: key) else {
            throw ChunkFault(reason: "a chunk of a block that was dropped")
        }
        defer { blocks[key] = block }
        let leaves = transactions.map { ChunkRoot.leaf($0.bytes) }
        let all: [KnownTransaction]
        do {
            all = try known(transactions.map(\.bytes), leaves: leaves)
        } catch {
            throw ChunkFault(reason: "a malformed transaction: \(error)")
        }
        var included = Included()
        examine(all, key, &block)
        let verdicts = run(all, in: &block, &included)
        if let reason = verdicts.compactMap({ $0 }).first {
            throw ChunkFault(reason: "a transaction that cannot be included: \(reason)")
        }
        if verdicts.count < all.count {
            throw ChunkFault(reason: "a transaction in a full block")
        }
        let receipts = close(included, in: &block)
        return (
            all.map { Digest($0.digest.hash) }, ChunkRoot.root(of: leaves),
            ChunkRoot.root(of: receipts)
        )
    }

    func seal(_ key: ExecutionKey) -> ExecutedCommitments {
        guard var block = blocks.removeValue(forKey: key), let executor = block.executor else {
            return ExecutedCommitments(
                transactionCount: 0, eventCount: 0, stateDiffLength: 0, stateDiff: .zero,
                transactions: .zero, events: .zero, receipts: .zero)
        }
        block.executor = nil
        do {
            let executed = try executor.finish()
            addresses = executed.addresses
            let commitments = block.commitments.finish(stateDiff: executed.diff)
            guard block.base.canExtend else { failed("storage is too far behind execution") }
            block.sealed = Sealed(
                diff: executed.diff,
                view: block.base.extended(
                    by: StateLayer(
                        height: block.info.number, diff: executed.diff,
                        compiled: executed.declaredClasses)),
                commitments: commitments)
            blocks[key] = block
            return ExecutedCommitments(
                transactionCount: UInt32(clamping: commitments.transactionCount),
                eventCount: UInt32(clamping: commitments.eventCount),
                stateDiffLength: UInt32(clamping: commitments.stateDiffLength),
                stateDiff: Digest(commitments.stateDiffCommitment),
                transactions: Digest(commitments.transactionCommitment),
                events: Digest(commitments.eventCommitment),
                receipts: Digest(commitments.receiptCommitment))
        } catch { failed("cannot read the state: \(error)") }
    }

    func hashWork(_ key: ExecutionKey, header: Header) -> HashWork {
        guard let block = blocks[key], let sealed = block.sealed else {
            preconditionFailure("hash of a block that is not sealed: \(key)")
        }
        return HashWork(
            key: key, parent: block.parent, header: header,
            content: StarknetHashContent(
                info: block.info, commitments: sealed.commitments, diff: sealed.diff))
    }

    func drop(_ key: ExecutionKey) { blocks[key] = nil }

    func output(_ key: ExecutionKey) -> BlockOutput {
        guard let block = blocks[key], let sealed = block.sealed else {
            preconditionFailure("output of a block that is not sealed: \(key)")
        }
        return BlockOutput(
            transactionHashes: block.hashes, receipts: block.receipts, diff: sealed.diff,
            classes: block.classes)
    }

    /// Storage holds these blocks now: read below them from there.
    func stored(_ keys: [ExecutionKey]) {
        guard let last = keys.last, let height = blocks[last]?.info.number else { return }
        let reader: StoredState
        do throws(StoreError) {
            try view.renew()
            reader = StoredState(view: view, classes: classes)
        } catch { failed("cannot read the state: \(error)") }
        for key in keys { blocks[key] = nil }
        committed = StateView(committed: reader)
        for (key, block) in blocks {
            // Of a block that is under way, too: its layers pass to all that follow it.
            blocks[key]?.base = block.base.committed(through: height, reader: reader)
            guard let sealed = block.sealed else { continue }
            blocks[key]?.sealed = Sealed(
                diff: sealed.diff,
                view: sealed.view.committed(through: height, reader: reader),
                commitments: sealed.commitments)
        }
    }
}
