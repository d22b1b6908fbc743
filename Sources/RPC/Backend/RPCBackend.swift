package import Execution
package import JSONText
package import Primitives
package import StarkField

/// What JSON-RPC needs from a node. Every answer is one consistent view: a backend never mixes two
/// blocks' states in one call.
///
/// All methods may be called at the same time, and are cancelled when their client's time is up;
/// a call that goes on after that still counts against the server's limit of calls in flight.
package protocol RPCBackend: Sendable {
    var chainID: ChainID { get }

    /// The newest final block whose hash this node has computed. Throws `noBlocks`.
    func head() async throws(RPCFailure) -> RPCHead

    /// The header alone. Throws `blockNotFound`.
    func header(at block: BlockID) async throws(RPCFailure) -> RPCBlockHeader

    /// Throws `blockNotFound`.
    func block(at block: BlockID) async throws(RPCFailure) -> RPCBlock

    /// Throws `blockNotFound`.
    func stateUpdate(at block: BlockID) async throws(RPCFailure) -> RPCStateUpdate

    /// Throws `blockNotFound`, `contractNotFound`.
    func storage(
        of contract: ContractAddress, key: StorageKey, at block: BlockID
    ) async throws(RPCFailure) -> RPCStorageValue

    /// Throws `blockNotFound`, `contractNotFound`.
    func nonce(
        of contract: ContractAddress, at block: BlockID
    ) async throws(RPCFailure) -> Nonce

    /// Throws `blockNotFound`, `contractNotFound`.
    func classHash(
        of contract: ContractAddress, at block: BlockID
    ) async throws(RPCFailure) -> ClassHash

    /// Throws `blockNotFound`, `classHashNotFound`.
    func contractClass(
        hash: ClassHash, at block: BlockID
    ) async throws(RPCFailure) -> RPCContractClass

    /// The compiled form of a declared class, as the compiler wrote it (the JSON of a CASM class,
    /// with hints). Throws `classHashNotFound`, also for Cairo 0 classes, which have none, and
    /// `compilationFailed` where the node compiles on demand and could not.
    func compiledClass(hash: ClassHash) async throws(RPCFailure) -> JSONValue

    /// Paths in the state's tries after a block. Throws `blockNotFound`, `storageProofNotSupported`.
    func storageProof(
        _ request: RPCStorageProofRequest, at block: BlockID
    ) async throws(RPCFailure) -> RPCStorageProof

    /// Included or still in the pool; nil where the hash is not known.
    func transaction(hash: Felt) async throws(RPCFailure) -> RPCTransactionRecord?

    /// nil where the hash is not known.
    func transactionStatus(hash: Felt) async throws(RPCFailure) -> RPCTransactionStatus?

    /// The included messages that an L1 transaction sent, in the order in which it sent them; nil
    /// where no message of this transaction is known.
    func messageStatuses(
        l1TransactionHash hash: Digest
    ) async throws(RPCFailure) -> [RPCMessageStatus]?

    /// Throws `blockNotFound`, `contractNotFound`, `entryPointNotFound`, `contractError`.
    func call(
        contract: ContractAddress, selector: Selector, calldata: [Felt], at block: BlockID
    ) async throws(RPCFailure) -> [Felt]

    /// One estimate per transaction, each run on the state that those before it left. A class that
    /// does not compile fails its transaction. Throws `blockNotFound`, `contractNotFound`,
    /// `transactionExecution`.
    func estimateFees(
        of transactions: [RPCBroadcastedTransaction], skipValidate: Bool, at block: BlockID
    ) async throws(RPCFailure) -> [RPCFeeEstimate]

    /// What a message from L1 would cost, in wei; its nonce is 0. Throws `blockNotFound`,
    /// `contractNotFound`, `contractError`.
    func estimateMessageFee(
        of message: L1HandlerTransaction, at block: BlockID
    ) async throws(RPCFailure) -> RPCFeeEstimate

    /// What transactions would do, each run on the state that those before it left. One that
    /// reverts is no failure. Throws `blockNotFound`, `transactionExecution`.
    func simulate(
        _ transactions: [RPCBroadcastedTransaction], _ flags: RPCSimulationFlags,
        at block: BlockID
    ) async throws(RPCFailure) -> RPCSimulation

    /// What an included transaction did; nil where the hash is not known.
    func trace(transactionHash hash: Felt) async throws(RPCFailure) -> RPCTraceLookup?

    /// What the transactions of a block did; never asked for the pre-confirmed block. Throws
    /// `blockNotFound`.
    ///
    /// - Parameter initialReads: whether what they read is wanted, too.
    func traces(
        at block: BlockID, initialReads: Bool
    ) async throws(RPCFailure) -> RPCBlockTraces

    /// At most `limit` (at least 1) matching events in the order of blocks, transactions and
    /// events, from `cursor` on. A node that stops before the end of the range, at the limit or
    /// because one call looks at a bounded number of blocks, returns where to go on. A block number
    /// above the newest block ends the range and is no error. Throws `blockNotFound`.
    func events(
        matching filter: RPCEventFilter, from cursor: RPCEventCursor?, limit: Int
    ) async throws(RPCFailure) -> RPCEventPage

    /// nil when the node is not catching up.
    func syncing() async throws(RPCFailure) -> RPCSyncStatus?

    /// Admits transactions to the pool in this order, and returns for each its hash or why it was
    /// refused. The next one need not wait for the verdict on the one before.
    func submit(
        _ transactions: [RPCNewTransaction]
    ) async -> [Result<Felt, RPCAdmissionFailure>]

    func health() async -> HealthReport
    func status() async -> NodeStatus
}

/// Why a read has no answer.
package enum RPCFailure: Error, Hashable, Sendable {
    case noBlocks
    case blockNotFound
    case contractNotFound
    case classHashNotFound
    case entryPointNotFound
    case contractError(RPCContractError)
    /// `index` counts in the given transactions.
    case transactionExecution(index: Int, RPCContractError)
    /// The state of so old a block has no tries any more.
    case storageProofNotSupported
    /// With the compiler's message.
    case compilationFailed(String)
    /// The node cannot answer now or not at all (it is stopping, its store failed, the state of
    /// so old a block is not kept); the text is for the client's operator.
    case unavailable(String)
}

/// Where a call failed: frames from the outermost contract inwards, then the reason.
package indirect enum RPCContractError: Hashable, Sendable {
    case reason(String)
    case frame(
        contract: ContractAddress, classHash: ClassHash, selector: Selector, RPCContractError)
}

/// Why a transaction was not admitted.
package enum RPCAdmissionFailure: Error, Hashable, Sendable {
    /// Outside of `accountNonce ..< accountNonce + window`.
    case invalidNonce(accountNonce: Nonce, got: Nonce)
    case insufficientResourcesForValidate
    case insufficientAccountBalance
    case validationFailure(String)
    case notAnAccount
    case duplicateTransaction
    case classHashNotFound
    case classAlreadyDeclared
    /// With the compiler's message.
    case compilationFailed(String)
    case classTooLarge
    case compiledClassHashMismatch
    case unsupportedClassVersion
    case replacementUnderpriced
    case feeBelowMinimum
    case unsupportedTransactionVersion
    case poolFull
    /// The node does not take transactions now; the text says why.
    case unavailable(String)
}
