package import Execution
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

    /// Included or still in the pool; nil where the hash is not known.
    func transaction(hash: Felt) async throws(RPCFailure) -> RPCTransactionRecord?

    /// nil where the hash is not known.
    func transactionStatus(hash: Felt) async throws(RPCFailure) -> RPCTransactionStatus?

    /// Throws `blockNotFound`, `contractNotFound`, `entryPointNotFound`, `contractError`.
    func call(
        contract: ContractAddress, selector: Selector, calldata: [Felt], at block: BlockID
    ) async throws(RPCFailure) -> [Felt]

    /// One estimate per transaction, each run on the state that those before it left. Throws
    /// `blockNotFound`, `transactionExecution`.
    func estimateFees(
        of transactions: [RPCBroadcastedTransaction], skipValidate: Bool, at block: BlockID
    ) async throws(RPCFailure) -> [RPCFeeEstimate]

    /// At most `limit` (at least 1) matching events in the order of blocks, transactions and
    /// events, from `cursor` on. A node that stops before the end of the range, at the limit or
    /// because one call looks at a bounded number of blocks, returns where to go on. Throws
    /// `blockNotFound`.
    func events(
        matching filter: RPCEventFilter, from cursor: RPCEventCursor?, limit: Int
    ) async throws(RPCFailure) -> RPCEventPage

    /// nil when the node is not catching up.
    func syncing() async throws(RPCFailure) -> RPCSyncStatus?

    /// Admits transactions to the pool in this order, and returns for each its hash or why it was
    /// refused. The next one need not wait for the verdict on the one before.
    func submit(_ transactions: [Transaction]) async -> [Result<Felt, RPCAdmissionFailure>]

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
    case replacementUnderpriced
    case feeBelowMinimum
    case unsupportedTransactionVersion
    case poolFull
    /// The node does not take transactions now; the text says why.
    case unavailable(String)
}

/// How a client names a block.
package enum BlockID: Hashable, Sendable {
    case number(Height)
    case hash(Felt)
    case latest
    case l1Accepted
    /// The block under construction. A node that shows none of it may answer with the state of the
    /// latest block, and with an empty block above it.
    case preConfirmed
}

package struct RPCHead: Hashable, Sendable {
    package var number: Height
    package var hash: Felt
    package init(number: Height, hash: Felt) {
        self.number = number
        self.hash = hash
    }
}

package enum RPCFinality: String, Hashable, Sendable {
    case preConfirmed = "PRE_CONFIRMED"
    case acceptedOnL2 = "ACCEPTED_ON_L2"
    case acceptedOnL1 = "ACCEPTED_ON_L1"
}

package struct RPCBlockHeader: Hashable, Sendable {
    package var header: BlockHeader
    /// Not looked at when `finality` is `preConfirmed`, like the header's roots and commitments.
    package var hash: Felt
    package var finality: RPCFinality

    package init(header: BlockHeader, hash: Felt, finality: RPCFinality) {
        self.header = header
        self.hash = hash
        self.finality = finality
    }
}

package struct RPCBlock: Hashable, Sendable {
    package var header: RPCBlockHeader
    /// In block order.
    package var transactions: [Transaction]
    /// One for each transaction, in the same order; they carry the transactions' hashes.
    package var receipts: [TransactionReceipt]

    package init(
        header: RPCBlockHeader, transactions: [Transaction], receipts: [TransactionReceipt]
    ) {
        precondition(
            transactions.count == receipts.count,
            "\(transactions.count) transactions with \(receipts.count) receipts")
        self.header = header
        self.transactions = transactions
        self.receipts = receipts
    }
}

package struct RPCStateUpdate: Hashable, Sendable {
    /// Hash and new root; nil for the pre-confirmed block.
    package var accepted: Accepted?
    package var oldRoot: Felt
    package var diff: StateDiff

    package struct Accepted: Hashable, Sendable {
        package var blockHash: Felt
        package var newRoot: Felt
        package init(blockHash: Felt, newRoot: Felt) {
            self.blockHash = blockHash
            self.newRoot = newRoot
        }
    }

    package init(accepted: Accepted?, oldRoot: Felt, diff: StateDiff) {
        self.accepted = accepted
        self.oldRoot = oldRoot
        self.diff = diff
    }
}

package struct RPCStorageValue: Hashable, Sendable {
    package var value: Felt
    /// The last block up to the asked one that wrote the slot (0 where none did); nil where the
    /// node does not keep that.
    package var lastUpdate: Height?
    package init(value: Felt, lastUpdate: Height? = nil) {
        self.value = value
        self.lastUpdate = lastUpdate
    }
}

/// A Sierra class as `starknet_getClass` shows it.
package struct RPCContractClass: Hashable, Sendable {
    package var sierraProgram: [Felt]
    /// Such as `0.1.0`.
    package var version: String
    package var constructors: [RPCEntryPoint]
    package var externals: [RPCEntryPoint]
    package var l1Handlers: [RPCEntryPoint]
    /// The ABI as JSON text, exactly as it was declared.
    package var abi: String?

    package init(
        sierraProgram: [Felt], version: String = "0.1.0", constructors: [RPCEntryPoint],
        externals: [RPCEntryPoint], l1Handlers: [RPCEntryPoint] = [], abi: String?
    ) {
        self.sierraProgram = sierraProgram
        self.version = version
        self.constructors = constructors
        self.externals = externals
        self.l1Handlers = l1Handlers
        self.abi = abi
    }
}

package struct RPCEntryPoint: Hashable, Sendable {
    package var selector: Selector
    package var functionIndex: UInt32
    package init(selector: Selector, functionIndex: UInt32) {
        self.selector = selector
        self.functionIndex = functionIndex
    }
}

package struct RPCTransactionRecord: Hashable, Sendable {
    package var transaction: Transaction
    package var hash: Felt
    /// nil while the transaction is only in the pool.
    package var inclusion: Inclusion?

    package struct Inclusion: Hashable, Sendable {
        package var receipt: TransactionReceipt
        package var blockNumber: Height
        /// nil while the block is pre-confirmed.
        package var blockHash: Felt?
        package var finality: RPCFinality
        package init(
            receipt: TransactionReceipt, blockNumber: Height, blockHash: Felt?,
            finality: RPCFinality
        ) {
            self.receipt = receipt
            self.blockNumber = blockNumber
            self.blockHash = blockHash
            self.finality = finality
        }
    }

    package init(transaction: Transaction, hash: Felt, inclusion: Inclusion?) {
        self.transaction = transaction
        self.hash = hash
        self.inclusion = inclusion
    }
}

/// The levels of `starknet_getTransactionStatus`; each only when it is true.
package enum RPCTransactionStatus: Hashable, Sendable {
    /// In the pool.
    case received
    /// A leader has taken it up, without a result yet.
    case candidate
    case executed(RPCFinality, ExecutionStatus)
}

/// A transaction as a client sent it, for an estimate or for the pool.
package struct RPCBroadcastedTransaction: Hashable, Sendable {
    package var transaction: Transaction
    /// Signed with the version plus 2^128, valid for estimates only.
    package var isQuery: Bool
    package init(transaction: Transaction, isQuery: Bool) {
        self.transaction = transaction
        self.isQuery = isQuery
    }
}

package struct RPCFeeEstimate: Hashable, Sendable {
    package var gas: GasVector
    package var prices: GasPrices
    /// In fri.
    package var overallFee: UInt128
    package init(gas: GasVector, prices: GasPrices, overallFee: UInt128) {
        self.gas = gas
        self.prices = prices
        self.overallFee = overallFee
    }
}

package struct RPCEventFilter: Hashable, Sendable {
    /// nil: the first block.
    package var fromBlock: BlockID?
    /// nil: the pre-confirmed block.
    package var toBlock: BlockID?
    /// Empty: any.
    package var addresses: [ContractAddress]
    /// The keys allowed at each position; an empty list allows any. An event with fewer keys than
    /// the last position that is not empty does not match.
    package var keys: [[Felt]]

    package init(
        fromBlock: BlockID? = nil, toBlock: BlockID? = nil, addresses: [ContractAddress] = [],
        keys: [[Felt]] = []
    ) {
        self.fromBlock = fromBlock
        self.toBlock = toBlock
        self.addresses = addresses
        self.keys = keys
    }

    /// Whether an event passes, blocks aside.
    package func admits(_ event: Event) -> Bool {
        guard addresses.isEmpty || addresses.contains(event.fromAddress) else { return false }
        for (position, allowed) in keys.enumerated() where !allowed.isEmpty {
            guard position < event.keys.count else { return false }
            guard allowed.contains(event.keys[position]) else { return false }
        }
        return true
    }
}

/// Where a search goes on: the block, and how many of its events (matching or not) were passed.
package struct RPCEventCursor: Hashable, Sendable {
    package var block: Height
    package var passedEvents: UInt64
    package init(block: Height, passedEvents: UInt64) {
        self.block = block
        self.passedEvents = passedEvents
    }
}

package struct RPCEmittedEvent: Hashable, Sendable {
    package var event: Event
    package var blockNumber: Height
    /// nil while the block is pre-confirmed.
    package var blockHash: Felt?
    package var transactionHash: Felt
    /// In the block.
    package var transactionIndex: UInt64
    /// In the transaction.
    package var eventIndex: UInt64

    package init(
        event: Event, blockNumber: Height, blockHash: Felt?, transactionHash: Felt,
        transactionIndex: UInt64, eventIndex: UInt64
    ) {
        self.event = event
        self.blockNumber = blockNumber
        self.blockHash = blockHash
        self.transactionHash = transactionHash
        self.transactionIndex = transactionIndex
        self.eventIndex = eventIndex
    }
}

package struct RPCEventPage: Hashable, Sendable {
    package var events: [RPCEmittedEvent]
    /// nil at the end of the range.
    package var next: RPCEventCursor?
    package init(events: [RPCEmittedEvent], next: RPCEventCursor?) {
        self.events = events
        self.next = next
    }
}

package struct RPCSyncStatus: Hashable, Sendable {
    package var starting: RPCHead
    package var current: RPCHead
    package var highest: RPCHead
    package init(starting: RPCHead, current: RPCHead, highest: RPCHead) {
        self.starting = starting
        self.current = current
        self.highest = highest
    }
}
