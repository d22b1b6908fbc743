import Consensus
import Execution
import Primitives
import Replica
import Replication
import StarkField
import StateTrie
import Storage
import WireCodec

/// Final blocks on their way to storage, with what execution adds to them.
struct PendingCommit: Sendable {
    struct Block: Sendable {
        let block: FinalBlock
        var output = BlockOutput()
    }
    var blocks: [Block]
    let certificate: Certificate
}

/// Off the critical path: computes state roots and block hashes of executed blocks, and hands final
/// ones to the storage thread. Hashing never waits for the disk: headers need hashes soon, and what
/// is not stored yet is read from the layers above storage.
final class ChainThread: @unchecked Sendable {
    /// The least time between two commits: under load they take in several blocks, since the log
    /// already holds them, and a commit writes whole pages. After so many blocks it is due anyway.
    static let commitIntervalMilliseconds: UInt64 = 20
    static let commitBlocks = 32

    enum Item: Sendable {
        case hash(HashWork)
        case drop(ExecutionKey)
        case commit(PendingCommit)
        /// These blocks are on disk.
        case stored([ExecutionKey])
    }

    /// Final blocks with everything that a commit writes.
    struct StoreWork: Sendable {
        let batch: FinalBatch
        let blocks: [FinalBlock]
        let outputs: [BlockOutput]
    }

    private struct Hashed {
        let blockHash: Felt
        let header: BlockHeader?
        let changes: StateChanges
    }

    private let store: ChainStore
    private let thread = WorkerThread<Item>(name: "chain", bound: 1 << 16, niceness: 2)
    private let storage = WorkerThread<StoreWork>(name: "storage", bound: 1 << 16, niceness: 5)
    private let answer: @Sendable (ExecutionResult) -> Void
    private let stored: @Sendable ([FinalBlock], [BlockOutput], [BlockHashWrite]) -> Void
    private let failed: @Sendable (String) -> Never
    private let view: ChainView
    private var overlay = TrieOverlay<ExecutionKey>()
    private let contractHashes = ContractHashCache(capacity: 1 << 14)
    private let parallelFor: ParallelFor
    private var hashed: [ExecutionKey: Hashed] = [:]
    /// Of the storage thread: what the next commit will hold, and when the last one began.
    private var unwritten: [StoreWork] = []
    private var lastCommit = Tick(0)
    /// The newest stored block's hash, for its children.
    private var tipHash: Felt
    private var tipKey: ExecutionKey

    init(
        store: ChainStore, tipHash: Felt, tipKey: ExecutionKey, hashingThreads: Int,
        answer: @escaping @Sendable (ExecutionResult) -> Void,
        stored: @escaping @Sendable ([FinalBlock], [BlockOutput], [BlockHashWrite]) -> Void,
        failed: @escaping @Sendable (String) -> Never
    ) throws(StoreError) {
        self.store = store
        self.tipHash = tipHash
        self.tipKey = tipKey
        parallelFor = ParallelHashing.loop(threads: hashingThreads)
        self.answer = answer
        self.stored = stored
        self.failed = failed
        view = try store.openView()
    }

    func start() {
        thread.start { [self] items in
            for item in items {
                switch item {
                case .hash(let work): hash(work)
                case .drop(let key):
                    overlay.drop(key)
                    hashed[key] = nil
                case .commit(let pending): prepare(pending)
                case .stored(let keys): forget(keys)
                }
            }
            return nil
        }
        storage.start { [self] works in
            unwritten += works
            guard !unwritten.isEmpty else { return nil }
            let now = SystemClock.tick()
            let due = lastCommit.after(milliseconds: Self.commitIntervalMilliseconds)
            let blocks = unwritten.reduce(0) { $0 + $1.blocks.count }
            if now < due, blocks < Self.commitBlocks { return due }
            lastCommit = now
            write()
            return nil
        }
    }

    func post(_ item: Item) { thread.post(item) }
    var depth: Int { thread.depth }
    var storageDepth: Int { storage.depth }
    func stop() {
        thread.stop()
        storage.stop()
        if !unwritten.isEmpty { write() }
        view.end()
    }

    // MARK: - Hashing

    private func hash(_ work: HashWork) {
        let parentHash: Felt
        if work.parent == tipKey {
            parentHash = tipHash
        } else if let known = hashed[work.parent],
            // Storage of a block takes the layers of its rivals away before the replica drops them.
            known.header == nil || overlay.contains(work.parent)
        {
            parentHash = known.blockHash
        } else {
            return  // Its branch can't become final any more.
        }
        do {
            let result: Hashed
            if let content = work.content as? StarknetHashContent {
                result = try hash(work, content, parentHash)
            } else {
                result = Hashed(
                    blockHash: OpaqueHash.blockHash(work.header, parent: parentHash), header: nil,
                    changes: StateChanges())
            }
            hashed[work.key] = result
            answer(.hashed(work.key, blockHash: Digest(result.blockHash)))
        } catch { failed("cannot hash block \(work.header.opening.height): \(error)") }
    }

    private func hash(
        _ work: HashWork, _ content: StarknetHashContent, _ parentHash: Felt
    ) throws -> Hashed {
        let parent = work.parent == tipKey ? nil : work.parent
        let trie = try overlay.store(upTo: parent, over: StoredTrie(view: view))
        let commitment = try StateCommitter.commit(
            TrieStateDiff(content.diff), on: trie, cache: contractHashes)
        try overlay.insert(work.key, parent: parent, changes: commitment.changes)
        let header = BlockHeader(
            info: content.info, parentHash: parentHash, stateRoot: commitment.stateRoot,
            commitments: content.commitments)
        return Hashed(blockHash: header.hash(), header: header, changes: commitment.changes)
    }

    // MARK: - Storing

    private func prepare(_ pending: PendingCommit) {
        var batch = FinalBatch()
        var nodes: [[UInt8]: [UInt8]?] = [:]
        for (index, entry) in pending.blocks.enumerated() {
            let isLast = index == pending.blocks.count - 1
            guard let known = hashed[entry.block.key] else {
                failed("block \(entry.block.reference) is final and was never hashed")
            }
            for write in TrieRecords.writes(known.changes) {
                nodes[write.key] = .some(write.node)
            }
            batch.blocks.append(
                ChainRecords.writes(
                    entry.block, output: entry.output, header: known.header,
                    certificate: isLast ? pending.certificate : nil))
            batch.blockHashes.append(
                BlockHashWrite(
                    height: entry.block.body.height, hash: Digest(known.blockHash)))
        }
        batch.trieNodes = nodes.map { TrieWrite(key: $0.key, node: $0.value) }
        storage.post(
            StoreWork(
                batch: batch, blocks: pending.blocks.map(\.block),
                outputs: pending.blocks.map(\.output)))
    }

    /// Everything that waits goes into one durable commit, on the storage thread.
    private func write() {
        let works = unwritten
        unwritten.removeAll()
        do throws(StoreError) {
            try store.commit(works.map(\.batch))
        } catch { failed("cannot store final blocks: \(error)") }
        let blocks = works.flatMap(\.blocks)
        thread.post(.stored(blocks.map(\.key)))
        stored(blocks, works.flatMap(\.outputs), works.flatMap(\.batch.blockHashes))
    }

    /// Storage holds these now: their layers are no longer read.
    private func forget(_ keys: [ExecutionKey]) {
        do {
            try view.renew()
            for key in keys {
                guard let known = hashed.removeValue(forKey: key) else { continue }
                if known.header != nil { _ = try overlay.commit(key) }
                tipHash = known.blockHash
                tipKey = key
            }
        } catch { failed("cannot go on from stored blocks: \(error)") }
    }
}

/// The state tries in storage.
struct StoredTrie: NodeStore, Sendable {
    let view: ChainView

    func node(at key: NodeKey) throws(TrieError) -> TrieNode? {
        let bytes: [UInt8]?
        do throws(StoreError) {
            bytes = try view.trieNode(key.encoded)
        } catch { throw .storeFailed(code: 1) }
        guard let bytes else { return nil }
        do throws(TrieCodecError) {
            return try TrieNode(decoding: bytes)
        } catch { throw .damagedNode(key, error) }
    }

    func contract(at address: Felt) throws(TrieError) -> ContractRecord? {
        let bytes: [UInt8]?
        do throws(StoreError) {
            bytes = try view.trieNode(TrieRecords.key(of: address))
        } catch { throw .storeFailed(code: 1) }
        guard let bytes else { return nil }
        do throws(TrieCodecError) {
            return try ContractRecord(decoding: bytes)
        } catch { throw .damagedContract(address, error) }
    }
}

enum TrieRecords {
    /// Contract records stand beside the nodes, under a first byte that no node has.
    static func key(of address: Felt) -> [UInt8] { [3] + address.bigEndianBytes }

    static func writes(_ changes: StateChanges) -> [TrieWrite] {
        changes.nodes.map { TrieWrite(key: $0.key.encoded, node: $0.node?.encoded) }
            + changes.contracts.map {
                TrieWrite(key: key(of: $0.address), node: $0.record?.encoded)
            }
    }
}

extension TrieStateDiff {
    init(_ diff: StateDiff) {
        self.init(
            storage: diff.storageDiffs.map { contract in
                Storage(
                    address: contract.address,
                    entries: contract.entries.map { TrieChange(key: $0.key, value: $0.value) })
            },
            nonces: diff.nonces.map { Assignment(address: $0.address, value: $0.nonce) },
            classHashes: (diff.deployedContracts + diff.replacedClasses).map {
                Assignment(address: $0.address, value: $0.classHash)
            },
            declaredClasses: (diff.declaredClasses + diff.migratedCompiledClasses).map {
                DeclaredClass(classHash: $0.classHash, compiledClassHash: $0.compiledClassHash)
            })
    }
}
