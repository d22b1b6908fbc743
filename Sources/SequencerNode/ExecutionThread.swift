import Execution
import Primitives
import Replica

/// Runs the engine's work in the replica's order, and passes blocks on to be hashed and stored.
final class ExecutionThread: @unchecked Sendable {
    enum Item: Sendable {
        case command(ExecutionCommand)
        case commit(PendingCommit)
        case stored([ExecutionKey])
        /// A class has been compiled here.
        case examined(ClassHash)
    }

    private let engine: any ExecutionEngine
    private let thread = WorkerThread<Item>(name: "execution", bound: 1 << 16)
    private let answer: @Sendable (ExecutionResult) -> Void
    private let hash: @Sendable (HashWork) -> Void
    private let dropHash: @Sendable (ExecutionKey) -> Void
    private let commit: @Sendable (PendingCommit) -> Void
    private let finalised: @Sendable (FinalBlock, [Digest]) -> Void

    init(
        engine: any ExecutionEngine, answer: @escaping @Sendable (ExecutionResult) -> Void,
        hash: @escaping @Sendable (HashWork) -> Void,
        drop: @escaping @Sendable (ExecutionKey) -> Void,
        commit: @escaping @Sendable (PendingCommit) -> Void,
        finalised: @escaping @Sendable (FinalBlock, [Digest]) -> Void
    ) {
        self.engine = engine
        self.answer = answer
        self.hash = hash
        dropHash = drop
        self.commit = commit
        self.finalised = finalised
    }

    func start() {
        thread.start { [self] items in
            for item in items { carryOut(item) }
            return nil
        }
    }

    func post(_ item: Item) { thread.post(item) }
    var depth: Int { thread.depth }
    func stop() { thread.stop() }

    private func carryOut(_ item: Item) {
        switch item {
        case .command(let command): carryOut(command)
        case .commit(var pending):
            for index in pending.blocks.indices {
                pending.blocks[index].output = engine.output(pending.blocks[index].block.key)
                finalised(
                    pending.blocks[index].block, pending.blocks[index].output.transactionHashes)
            }
            commit(pending)
        case .stored(let keys): engine.stored(keys)
        case .examined(let hash): engine.examined(hash)
        }
    }

    private func carryOut(_ command: ExecutionCommand) {
        switch command {
        case .begin(let key, let parent, let opening, let stored):
            engine.begin(key, parent: parent, opening: opening, storedHash: stored)
        case .build(let key, let sequence, let candidates):
            let built = engine.build(key, candidates: candidates)
            answer(
                .built(
                    key, sequence: sequence, included: built.included, refused: built.refused,
                    deferred: built.deferred, isFull: built.isFull,
                    transactionRoot: built.transactionRoot, receipts: built.receipts))
        case .chunk(let key, let sequence, let transactions):
            do {
                let done = try engine.chunk(key, transactions: transactions)
                answer(
                    .chunkExecuted(
                        key, sequence: sequence, identities: done.identities,
                        transactionRoot: done.transactionRoot, receipts: done.receipts))
            } catch {
                answer(.chunkInvalid(key, sequence: sequence, reason: error.reason))
            }
        case .seal(let key): answer(.sealed(key, engine.seal(key)))
        case .hash(let key, let header): hash(engine.hashWork(key, header: header))
        case .drop(let key):
            engine.drop(key)
            dropHash(key)
        }
    }
}
