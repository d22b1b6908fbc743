import CairoVM
import Execution
import JSONText
import Primitives
import RPC
import Replication
import StarkField
import StateTrie
import Storage
import WireCodec

/// What JSON-RPC asks to have executed, on the state after a block; all on the read workers.
extension NodeBackend {
    /// An executor for questions on the state after a block.
    private func executor(_ block: BlockID, _ view: ChainView) throws -> BlockExecutor {
        let number = try height(block, view)
        let info = try header(number, view).header.info
        return try BlockExecutor(
            queries: BlockContext(info: info, chainID: chainID),
            on: StateView(committed: state(view, at: number)), fastPath: fastPath)
    }

    private func state(_ view: ChainView, at number: Height) -> StoredState {
        StoredState(view: view, at: number, classes: classes)
    }

    func call(
        contract: ContractAddress, selector: Selector, calldata: [Felt], at block: BlockID
    ) async throws(RPCFailure) -> [Felt] {
        try await workers.run { () throws(RPCFailure) in
            try read { view in
                var executor = try executor(block, view)
                do throws(CallFailure) {
                    return try executor.call(contract, selector, calldata)
                } catch { throw RPCFailure(error) }
            }
        }
    }

    func estimateFees(
        of transactions: [RPCBroadcastedTransaction], skipValidate: Bool, at block: BlockID
    ) async throws(RPCFailure) -> [RPCFeeEstimate] {
        let prepared = try await prepare(transactions)
        return try await workers.run { () throws(RPCFailure) in
            try read { view in
                let executor = try executor(block, view)
                do throws(EstimateFailure) {
                    return try executor.estimateFee(prepared, skipsValidate: skipValidate)
                        .map(RPCFeeEstimate.init)
                } catch { throw RPCFailure(error) }
            }
        }
    }

    func estimateMessageFee(
        of message: L1HandlerTransaction, at block: BlockID
    ) async throws(RPCFailure) -> RPCFeeEstimate {
        let prepared = PreparedTransaction(.l1Handler(message), chainID: chainID, isQuery: true)
        return try await workers.run { () throws(RPCFailure) in
            try read { view in
                try requireContract(message.contractAddress, height(block, view), view)
                let executor = try executor(block, view)
                do throws(EstimateFailure) {
                    let estimates = try executor.estimateFee([prepared], skipsValidate: true)
                    return RPCFeeEstimate(estimates[0])
                } catch { throw RPCFailure(ofMessage: error) }
            }
        }
    }

    func simulate(
        _ transactions: [RPCBroadcastedTransaction], _ flags: RPCSimulationFlags,
        at block: BlockID
    ) async throws(RPCFailure) -> RPCSimulation {
        let prepared = try await prepare(transactions)
        return try await workers.run { () throws(RPCFailure) in
            try read { view in
                let number = try height(block, view)
                let info = try header(number, view).header.info
                let reader = ReadRecorder(state(view, at: number))
                let executor = try BlockExecutor(
                    queries: BlockContext(info: info, chainID: chainID),
                    on: flags.contains(.returnInitialReads)
                        ? reader : StateView(committed: state(view, at: number)),
                    fastPath: fastPath)
                do throws(EstimateFailure) {
                    let simulated = try executor.simulate(
                        prepared, skipsValidate: flags.contains(.skipValidate),
                        skipsFee: flags.contains(.skipFeeCharge))
                    let constants = executor.blockContext.constants
                    return RPCSimulation(
                        results: zip(simulated, prepared).map {
                            RPCSimulation.Result($0, of: $1.transaction, constants)
                        }, initialReads: reader.reads)
                } catch { throw RPCFailure(error) }
            }
        }
    }

    /// Transactions as execution takes them. The classes of declarations are compiled.
    private func prepare(
        _ transactions: [RPCBroadcastedTransaction]
    ) async throws(RPCFailure) -> [PreparedTransaction] {
        var prepared: [PreparedTransaction] = []
        for (index, broadcasted) in transactions.enumerated() {
            let transaction: Transaction
            var declared: DeclaredContract?
            switch broadcasted.transaction {
            case .invoke(let invoke): transaction = .invoke(invoke)
            case .deployAccount(let deployment): transaction = .deployAccount(deployment)
            case .declare(let declaration):
                switch await compile(declaration) {
                case .success(let casm):
                    do throws(ClassBytesError) {
                        declared = DeclaredContract(
                            sierra: declaration.contractClass, casm: try ClassBytes.casm(casm))
                    } catch {
                        throw .unavailable("the compiler's output cannot be read: \(error)")
                    }
                    transaction = .declare(declaration.compiled(casm))
                case .failure(let error):
                    guard error.isVerdict else { throw .unavailable("\(error)") }
                    throw .transactionExecution(index: index, .reason("\(error)"))
                }
            }
            prepared.append(
                PreparedTransaction(
                    transaction, chainID: chainID, isQuery: broadcasted.isQuery,
                    declared: declared))
        }
        return prepared
    }

    private func compile(
        _ declaration: RPCDeclaration
    ) async -> Result<[UInt8], CompilationError> {
        await withCheckedContinuation { waiting in
            let offered = verifier.compile(
                declaration.transaction.classHash, declaration.contractClass.json
            ) { waiting.resume(returning: $0) }
            if !offered {
                waiting.resume(
                    returning: .failure(.failedToStart("too many classes wait; try again")))
            }
        }
    }

    // MARK: - Traces

    func trace(transactionHash hash: Felt) async throws(RPCFailure) -> RPCTraceLookup? {
        let included = try await workers.run { () throws(RPCFailure) in
            try read { view -> RPCTransactionTrace? in
                guard let place = try view.transaction(Digest(hash)) else { return nil }
                let entries = try run(
                    place.height, view, on: StateView(committed: before(place.height, view)),
                    through: Int(place.index))
                return entries.last?.trace
            }
        }
        if let included { return .executed(included) }
        return pendingTransaction(hash) == nil ? nil : .received
    }

    func traces(
        at block: BlockID, initialReads: Bool
    ) async throws(RPCFailure) -> RPCBlockTraces {
        try await workers.run { () throws(RPCFailure) in
            try read { view in
                let number = try height(block, view)
                guard number > Height(0) else {
                    return RPCBlockTraces(traces: [], initialReads: RPCInitialReads())
                }
                let reader = ReadRecorder(before(number, view))
                let entries = try run(
                    number, view,
                    on: initialReads ? reader : StateView(committed: before(number, view)))
                return RPCBlockTraces(traces: entries, initialReads: reader.reads)
            }
        }
    }

    /// The state that a block above 0 was executed on.
    private func before(_ number: Height, _ view: ChainView) -> StoredState {
        state(view, at: Height(number.rawValue - 1))
    }

    /// Runs a stored block's transactions again, all or through one, and sees that they do what the
    /// block says.
    private func run(
        _ number: Height, _ view: ChainView, on state: any StateReader, through last: Int? = nil
    ) throws -> [RPCBlockTraces.Entry] {
        let info = try header(number, view).header.info
        let distance = BlockExecutor.storedBlockHashDistance
        let oldHash =
            number.rawValue >= distance
            ? try view.blockHash(Height(number.rawValue - distance))?.felt : nil
        var executor = try BlockExecutor(
            BlockContext(info: info, chainID: chainID), on: state, oldBlockHash: oldHash,
            fastPath: fastPath)
        let receipts = try receipts(number, view)
        guard let bytes = try view.body(number), !bytes.isEmpty else { return [] }
        let encodings = try BlockBody(decoding: bytes).chunks.flatMap(\.transactions)
        var hasher = TransactionHasher(chainID: chainID)
        var entries: [RPCBlockTraces.Entry] = []
        for (index, encoding) in encodings.enumerated() {
            let known = try TransactionCache.prepare([encoding.bytes], &hasher)[0].prepared
            guard case .included(let executed) = try executor.trace(known),
                index < receipts.count, executed.receipt == receipts[index]
            else {
                throw RPCFailure.unavailable(
                    "running transaction \(known.hash.hexString) again does not give its receipt")
            }
            entries.append(
                RPCBlockTraces.Entry(
                    transactionHash: known.hash,
                    trace: RPCTransactionTrace(
                        executed, of: known.transaction, diff: executor.transactionDiff(),
                        executor.blockContext.constants)))
            if index == last { break }
        }
        return entries
    }
}

// MARK: - Classes and proofs

extension NodeBackend {
    func contractClass(
        hash: ClassHash, at block: BlockID
    ) async throws(RPCFailure) -> RPCContractClass {
        try read { view in
            let number = try height(block, view)
            guard let definition = try view.classDefinition(Digest(hash), at: number) else {
                throw RPCFailure.classHashNotFound
            }
            switch try StoredClass(decoding: definition) {
            case .sierra(let sierra, _): return .sierra(try ClassBytes.sierra(sierra))
            case .deprecated(let packed):
                let json = try ClassBytes.json(packed, limits: .classes)
                guard let program = json["program"],
                    let gzipped = Gzip.compress(program.utf8(.compact))
                else { throw RPCFailure.unavailable("the program cannot be compressed") }
                return .deprecated(
                    RPCDeprecatedClass(
                        try ClassBytes.deprecated(packed), gzippedProgram: gzipped))
            }
        }
    }

    func compiledClass(hash: ClassHash) async throws(RPCFailure) -> JSONValue {
        try read { view in
            guard let definition = try view.classDefinition(Digest(hash), at: nil),
                case .sierra(_, let casm) = try StoredClass(decoding: definition)
            else { throw RPCFailure.classHashNotFound }
            return try ClassBytes.json(casm, limits: .classes)
        }
    }

    /// Of the newest block alone: the tries are kept in their latest version.
    func storageProof(
        _ request: RPCStorageProofRequest, at block: BlockID
    ) async throws(RPCFailure) -> RPCStorageProof {
        try read { view in
            let number = try height(block, view)
            guard number == (try tip(view)) else { throw RPCFailure.storageProofNotSupported }
            let header = try header(number, view)
            let store = StoredTrie(view: view)
            func root<Hash: TrieHash>(
                _ trie: TrieIdentifier, _ hash: Hash.Type
            ) throws -> Felt {
                try store.node(at: NodeKey(trie: trie, path: .root))?.hash(hash) ?? .zero
            }
            return RPCStorageProof(
                blockHash: header.hash,
                classesRoot: try root(.classes, PoseidonTrieHash.self),
                contractsRoot: try root(.contracts, PedersenTrieHash.self),
                classes: try PatriciaTrie.proof(
                    for: request.classHashes, of: .classes, in: store,
                    hash: PoseidonTrieHash.self),
                contracts: try PatriciaTrie.proof(
                    for: request.contracts, of: .contracts, in: store,
                    hash: PedersenTrieHash.self),
                leaves: try request.contracts.map {
                    try store.contract(at: $0)
                        ?? ContractRecord()
                },
                slots: try request.slots.map {
                    try PatriciaTrie.proof(
                        for: $0.keys, of: .storage($0.contract), in: store,
                        hash: PedersenTrieHash.self)
                })
        }
    }
}
