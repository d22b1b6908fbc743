package import Consensus
package import Mempool
package import Primitives
package import Replication
package import WireCodec

/// What the caller's clocks say: the monotonic tick for timers, and Unix time for block timestamps.
package struct Moment: Hashable, Sendable {
    package var tick: Tick
    package var unixSeconds: UInt64
    package init(tick: Tick, unixSeconds: UInt64) {
        self.tick = tick
        self.unixSeconds = unixSeconds
    }
}

/// How a leader paces and bounds its blocks, and what every block must state.
package struct ReplicaConfiguration: Hashable, Sendable {
    package var consensus: ConsensusConfiguration
    package var mempool: MempoolConfiguration
    package var catchUp = CatchUp.Configuration()
    /// The least time between two openings of one leader, in nanoseconds. Gathers transactions
    /// under load; the first transaction after a pause does not wait.
    package var blockIntervalNanoseconds: UInt64 = 8_000_000
    /// After this long without a transaction the leader makes an empty block.
    package var emptyBlockNanoseconds: UInt64 = 1_000_000_000
    /// The longest that a block with transactions is held while those before it wait for their hash
    /// or their finality; below T_slot.
    package var blockAgeNanoseconds: UInt64 = 200_000_000
    package var chunkTransactions = 512
    package var chunkBytes = 512 * 1024
    package var blockTransactions = 4096
    package var blockBytes = 4 * 1024 * 1024
    /// Empty blocks as fast as agreement allows: for measurements only.
    package var unpaced = false
    /// D of PROTOCOL section 7: a header carries the block hash of the ancestor so many heights below.
    package var hashLag: UInt64 = 8
    package var gasPrices: BlockPrices
    package var protocolVersion: UInt32 = 1

    package init(
        consensus: ConsensusConfiguration, mempool: MempoolConfiguration, gasPrices: BlockPrices
    ) {
        self.consensus = consensus
        self.mempool = mempool
        self.gasPrices = gasPrices
    }
}

/// The commitments of a block that its execution gives.
package struct ExecutedCommitments: Hashable, Sendable {
    package var transactionCount: UInt32
    package var eventCount: UInt32
    package var stateDiffLength: UInt32
    package var stateDiff: Digest
    package var transactions: Digest
    package var events: Digest
    package var receipts: Digest

    package init(
        transactionCount: UInt32, eventCount: UInt32, stateDiffLength: UInt32, stateDiff: Digest,
        transactions: Digest, events: Digest, receipts: Digest
    ) {
        self.transactionCount = transactionCount
        self.eventCount = eventCount
        self.stateDiffLength = stateDiffLength
        self.stateDiff = stateDiff
        self.transactions = transactions
        self.events = events
        self.receipts = receipts
    }

    package init(of header: Header) {
        self.init(
            transactionCount: header.transactionCount, eventCount: header.eventCount,
            stateDiffLength: header.stateDiffLength, stateDiff: header.stateDiffCommitment,
            transactions: header.transactionCommitment, events: header.eventCommitment,
            receipts: header.receiptCommitment)
    }
}

/// One signature to check: the object's hash input, who must have signed, and the signature.
package struct ObjectCheck: Hashable, Sendable {
    package let input: HashInput
    package let signer: ValidatorIndex
    package let signature: SignatureBytes
    package init(input: HashInput, signer: ValidatorIndex, signature: SignatureBytes) {
        self.input = input
        self.signer = signer
        self.signature = signature
    }
}

/// A record of the consensus log. Replaying all of them rebuilds what the node has said.
package enum ReplicaRecord: Hashable, Sendable, WireCodable {
    /// My statement, with the certificates it rests on before it.
    case statement(SignedStatement)
    case certificate(Certificate)
    /// My own leader objects, in the order in which they were sent.
    case opening(SignedOpening)
    case chunk(Chunk)
    case header(SignedHeader)
    /// A block of another leader that I am about to notarise.
    case body(BlockBody)

    /// The slot that it speaks of.
    package var slot: Slot {
        switch self {
        case .statement(let signed): signed.statement.slot
        case .certificate(let certificate): certificate.slot
        case .opening(let opening): opening.value.slot
        case .chunk(let chunk): chunk.header.value.slot
        case .header(let header): header.value.opening.slot
        case .body(let body): body.slot
        }
    }

    package func encode(into writer: inout WireWriter) {
        switch self {
        case .statement(let value):
            writer.write(UInt8(1))
            writer.write(value)
        case .certificate(let value):
            writer.write(UInt8(2))
            writer.write(value)
        case .opening(let value):
            writer.write(UInt8(3))
            writer.write(value)
        case .chunk(let value):
            writer.write(UInt8(4))
            writer.write(value)
        case .header(let value):
            writer.write(UInt8(5))
            writer.write(value)
        case .body(let value):
            writer.write(UInt8(6))
            writer.write(value)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        switch tag {
        case 1: self = .statement(try reader.read())
        case 2: self = .certificate(try reader.read())
        case 3: self = .opening(try reader.read())
        case 4: self = .chunk(try reader.read())
        case 5: self = .header(try reader.read())
        case 6: self = .body(try reader.read())
        default: throw .unknownTag(what: "log record", tag: tag)
        }
    }
}

/// Names one execution: the hash of the block's opening.
package typealias ExecutionKey = Digest

/// Work for the execution thread, carried out strictly in order.
package enum ExecutionCommand: Sendable {
    /// Starts a block on top of `parent`, an execution or the committed tip. `storedHash` is what
    /// the block writes at contract 0x1: (height, block hash) of the ancestor ten heights below.
    case begin(
        ExecutionKey, parent: ExecutionKey, opening: Opening,
        storedHash: (height: Height, hash: Digest)?)
    /// Leader: executes candidates in order and leaves out what cannot be included.
    case build(ExecutionKey, sequence: UInt32, candidates: [MempoolTransaction])
    /// Follower: executes all of a chunk; one that cannot be included makes the block invalid.
    case chunk(ExecutionKey, sequence: UInt32, transactions: [TransactionBytes])
    case seal(ExecutionKey)
    /// The block that this execution belongs to has this consensus hash: compute its Starknet
    /// block hash and roots off the critical path.
    case hash(ExecutionKey, header: Header)
    /// The block will not be final: forget it.
    case drop(ExecutionKey)
}

/// What the execution thread answers.
package enum ExecutionResult: Sendable {
    /// `deferred` are candidates that did not fit in; a full block takes no more.
    case built(
        ExecutionKey, sequence: UInt32, included: [MempoolTransaction], refused: [Digest],
        deferred: [Digest], isFull: Bool, transactionRoot: Digest, receipts: Digest)
    /// `identities` are the mempool hashes of the chunk's transactions.
    case chunkExecuted(
        ExecutionKey, sequence: UInt32, identities: [Digest], transactionRoot: Digest,
        receipts: Digest)
    case chunkInvalid(ExecutionKey, sequence: UInt32, reason: String)
    case sealed(ExecutionKey, ExecutedCommitments)
    /// Whether this node has yet to see for itself that a block's declared classes are compiled as
    /// their declarations say. That is no property of the block: it holds a Notar, nothing else.
    case doubted(ExecutionKey, Bool)
    /// The Starknet block hash of an executed block.
    case hashed(ExecutionKey, blockHash: Digest)
}

/// A final block with what names it, ready to be stored.
package struct FinalBlock: Hashable, Sendable {
    package let reference: BlockReference
    package let key: ExecutionKey
    package let body: BlockBody
    package init(reference: BlockReference, key: ExecutionKey, body: BlockBody) {
        self.reference = reference
        self.key = key
        self.body = body
    }
}

/// A transaction that is well signed and can pay, on its way into the pool.
package struct Admission: Hashable, Sendable {
    package let transaction: MempoolTransaction
    package let accountNonce: UInt64
    /// The peer that sent it; nil for one of this node's users.
    package let from: ValidatorIndex?
    /// Names the user's request that waits for a verdict.
    package let ticket: UInt64?

    package init(
        transaction: MempoolTransaction, accountNonce: UInt64, from: ValidatorIndex?,
        ticket: UInt64?
    ) {
        self.transaction = transaction
        self.accountNonce = accountNonce
        self.from = from
        self.ticket = ticket
    }
}

/// An account's nonce in final state.
package struct AccountNonce: Hashable, Sendable {
    package let account: Digest
    package let nonce: UInt64

    package init(account: Digest, nonce: UInt64) {
        self.account = account
        self.nonce = nonce
    }
}

package enum ReplicaInput: Sendable {
    case start
    case clock
    case peerConnected(ValidatorIndex)
    case peerDisconnected(ValidatorIndex)
    case received(PeerMessage, from: ValidatorIndex)
    /// One entry for each check of the task: the object's hash, nil where the signature is bad.
    case verified(task: UInt64, [Digest?])
    case execution(ExecutionResult)
    /// Transactions that the caller has checked against state; the pool has its own say.
    case admitted([Admission])
    /// No further input of this turn: the leader, catch-up and gossip act once on all of them.
    case turnEnded
    /// Accounts' nonces in a newer stored state, by sender.
    case nonces([AccountNonce])
    /// These final blocks are stored; the log below them is no longer needed.
    case committed(through: Height)
    /// The answer to `serveFinal`.
    case servedFinal(FinalRange?, to: ValidatorIndex)
    /// The answer to `serveBlock`.
    case servedBlock(BlockBody, to: ValidatorIndex)
}

/// Why a node stops by itself.
package enum HaltReason: Hashable, Sendable {
    /// A quorum notarised a block that this node's execution calls invalid.
    case quorumContradictsExecution(BlockReference)
    /// A final header names another Starknet block hash than this node computed.
    case blockHashMismatch(height: Height, header: Digest, computed: Digest)
}

package enum DropReason: Hashable, Sendable {
    case badSignature(String)
    case outOfProtocol(String)
}

/// A fact for logs and metrics, with no influence on the protocol.
package enum ReplicaNote: Sendable {
    case enteredWindow(Window, leader: ValidatorIndex)
    case skipped(Window, from: Slot, reason: String)
    case evidence(String, guilty: ValidatorIndex)
    case invalidBlock(BlockReference, String)
    case lostLog
    case catchingUp(from: Height, peer: ValidatorIndex)
    case caughtUp(Height)
}

/// What the shell must do, in this order. Nothing after a `persist` may leave the node before that
/// record is durable.
package enum ReplicaEffect: Sendable {
    case persist(ReplicaRecord)
    case send(PeerMessage, to: ValidatorIndex)
    case broadcast(PeerMessage)
    case verify(task: UInt64, [ObjectCheck])
    case execute(ExecutionCommand)
    /// Final blocks, oldest first, with the certificate that covers the last.
    case commit([FinalBlock], Certificate)
    /// Everything in the log about slots below this one may go.
    case discardLog(below: Slot)
    case admit([TransactionBytes], from: ValidatorIndex)
    case admissionVerdict(ticket: UInt64, MempoolVerdict)
    case serveFinal(from: Height, to: ValidatorIndex)
    case serveBlock(BlockReference, to: ValidatorIndex)
    case dropPeer(ValidatorIndex, DropReason)
    case note(ReplicaNote)
    case halt(HaltReason)
}
