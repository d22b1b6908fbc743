import Consensus
import Execution
import Primitives
import RPC
import Replica
import Replication
import StarkField
import Storage
import Synchronization
import WireCodec

/// What JSON-RPC asks of a node, answered from storage: each answer from one snapshot, so that it
/// never mixes two heights. Pre-confirmed means the newest final block here, since nothing earlier
/// is shown.
struct NodeBackend: RPCBackend {
    let chainID: ChainID
    let store: ChainStore
    let admission: AdmissionService
    let board: StatusBoard
    let meter: LatencyMeter
    let identity: NodeIdentity
    let startedAt: Tick
    let pendingTransaction: @Sendable (Felt) -> Transaction?
    let classes: ClassCache
    let verifier: ClassVerifier
    let workers: ReadWorkers
    let fastPath: FastPath

    // MARK: - Reading

    func read<R>(
        _ body: (ChainView) throws -> R
    ) throws(RPCFailure) -> R {
        do {
            return try store.snapshot(body)
        } catch let failure as RPCFailure {
            throw failure
        } catch {
            throw .unavailable("the node cannot read its store: \(error)")
        }
    }

    func tip(_ view: ChainView) throws -> Height {
        guard let tip = try view.tip() else { throw RPCFailure.noBlocks }
        return tip
    }

    func height(_ block: BlockID, _ view: ChainView) throws -> Height {
        let tip = try tip(view)
        switch block {
        case .latest, .preConfirmed: return tip
        case .l1Accepted: return Height(0)
        case .number(let number):
            guard number <= tip else { throw RPCFailure.blockNotFound }
            return number
        case .hash(let hash):
            guard let number = try view.height(blockHash: Digest(hash)) else {
                throw RPCFailure.blockNotFound
            }
            return number
        }
    }

    func header(_ number: Height, _ view: ChainView) throws -> RPCBlockHeader {
        guard let bytes = try view.header(number), let hash = try view.blockHash(number) else {
            throw RPCFailure.blockNotFound
        }
        return RPCBlockHeader(
            header: try BlockHeader(decoding: bytes), hash: hash.felt,
            finality: .acceptedOnL2)
    }

    func transactions(_ number: Height, _ view: ChainView) throws -> [Transaction] {
        guard let bytes = try view.body(number), !bytes.isEmpty else { return [] }
        let body = try BlockBody(decoding: bytes)
        return try body.chunks.flatMap(\.transactions).map { try Transaction(decoding: $0.bytes) }
    }

    func receipts(_ number: Height, _ view: ChainView) throws -> [TransactionReceipt] {
        guard let bytes = try view.receipts(number) else { return [] }
        return try ChainRecords.receipts(bytes)
    }

    func head() async throws(RPCFailure) -> RPCHead {
        try read { view in
            let tip = try tip(view)
            guard let hash = try view.blockHash(tip) else { throw RPCFailure.noBlocks }
            return RPCHead(number: tip, hash: hash.felt)
        }
    }

    func header(at block: BlockID) async throws(RPCFailure) -> RPCBlockHeader {
        try read { view in
            if block == .preConfirmed { return try nextHeader(view) }
            return try header(height(block, view), view)
        }
    }

    /// The pre-confirmed block: the one above the tip, empty, since nothing of it is promised yet.
    private func nextHeader(_ view: ChainView) throws -> RPCBlockHeader {
        let tip = try header(tip(view), view)
        var next = tip.header
        next.info.number = tip.header.info.number.next
        next.parentHash = tip.hash
        next.commitments = BlockCommitmentBuilder().finish(stateDiff: StateDiff())
        return RPCBlockHeader(header: next, hash: .zero, finality: .preConfirmed)
    }

    func block(at block: BlockID) async throws(RPCFailure) -> RPCBlock {
        try read { view in
            if block == .preConfirmed {
                return RPCBlock(header: try nextHeader(view), transactions: [], receipts: [])
            }
            let number = try height(block, view)
            return RPCBlock(
                header: try header(number, view), transactions: try transactions(number, view),
                receipts: try receipts(number, view))
        }
    }

    func stateUpdate(at block: BlockID) async throws(RPCFailure) -> RPCStateUpdate {
        try read { view in
            if block == .preConfirmed {
                let tip = try header(tip(view), view)
                return RPCStateUpdate(
                    accepted: nil, oldRoot: tip.header.stateRoot, diff: StateDiff())
            }
            let number = try height(block, view)
            let header = try header(number, view)
            guard let bytes = try view.stateDiff(number) else { throw RPCFailure.blockNotFound }
            var oldRoot = Felt.zero
            if number > Height(0) {
                oldRoot = try self.header(Height(number.rawValue - 1), view).header.stateRoot
            }
            return RPCStateUpdate(
                accepted: .init(blockHash: header.hash, newRoot: header.header.stateRoot),
                oldRoot: oldRoot, diff: try StateDiff(decoding: bytes))
        }
    }

    /// A contract that is not deployed is an error, except for the system's own addresses.
    func requireContract(
        _ contract: ContractAddress, _ number: Height, _ view: ChainView
    ) throws {
        if contract == WellKnownContracts.blockHashes || contract == Felt(2) { return }
        guard let hash = try view.classHash(Digest(contract), at: number), hash != .zero else {
            throw RPCFailure.contractNotFound
        }
    }

    func storage(
        of contract: ContractAddress, key: StorageKey, at block: BlockID
    ) async throws(RPCFailure) -> RPCStorageValue {
        try read { view in
            let number = try height(block, view)
            try requireContract(contract, number, view)
            let value = try view.storage(Digest(contract), Digest(key), at: number)
            return RPCStorageValue(value: value?.felt ?? .zero)
        }
    }

    func nonce(
        of contract: ContractAddress, at block: BlockID
    ) async throws(RPCFailure) -> Nonce {
        try read { view in
            let number = try height(block, view)
            try requireContract(contract, number, view)
            return try view.nonce(Digest(contract), at: number)?.felt ?? .zero
        }
    }

    func classHash(
        of contract: ContractAddress, at block: BlockID
    ) async throws(RPCFailure) -> ClassHash {
        try read { view in
            let number = try height(block, view)
            guard let hash = try view.classHash(Digest(contract), at: number), hash != .zero
            else { throw RPCFailure.contractNotFound }
            return hash.felt
        }
    }

    // MARK: - Transactions

    func transaction(hash: Felt) async throws(RPCFailure) -> RPCTransactionRecord? {
        let found: RPCTransactionRecord? = try read { view in
            guard let place = try view.transaction(Digest(hash)) else { return nil }
            let all = try transactions(place.height, view)
            let receipts = try receipts(place.height, view)
            let index = Int(place.index)
            guard index < all.count, index < receipts.count else { return nil }
            return RPCTransactionRecord(
                transaction: all[index], hash: hash,
                inclusion: .init(
                    receipt: receipts[index], blockNumber: place.height,
                    blockHash: try view.blockHash(place.height)?.felt, finality: .acceptedOnL2))
        }
        if let found { return found }
        return pendingTransaction(hash).map {
            RPCTransactionRecord(transaction: $0, hash: hash, inclusion: nil)
        }
    }

    func transactionStatus(hash: Felt) async throws(RPCFailure) -> RPCTransactionStatus? {
        guard let record = try await transaction(hash: hash) else { return nil }
        guard let inclusion = record.inclusion else { return .received }
        return .executed(inclusion.finality, inclusion.receipt.executionStatus)
    }

    /// The chain takes no messages from L1 yet, so that none is known.
    func messageStatuses(
        l1TransactionHash hash: Digest
    ) async throws(RPCFailure) -> [RPCMessageStatus]? { nil }

    func submit(
        _ transactions: [RPCNewTransaction]
    ) async -> [Result<Felt, RPCAdmissionFailure>] {
        let now = SystemClock.tick()
        let results = await withCheckedContinuation { waiting in
            let answers = Answers(count: transactions.count) { waiting.resume(returning: $0) }
            for (index, transaction) in transactions.enumerated() {
                let offered = admission.offer(
                    .user(transaction) { answers.give($0, at: index) })
                if !offered { answers.give(.failure(.busy), at: index) }
            }
        }
        for case .success(let hash) in results { meter.submitted(Digest(hash), at: now) }
        return results
    }

    // MARK: - Events

    func events(
        matching filter: RPCEventFilter, from cursor: RPCEventCursor?, limit: Int
    ) async throws(RPCFailure) -> RPCEventPage {
        try read { view in
            let tip = try tip(view)
            let first = try filter.fromBlock.map { try bound($0, view) } ?? Height(0)
            let last = min(try filter.toBlock.map { try bound($0, view) } ?? tip, tip)
            var page = RPCEventPage(events: [], next: nil)
            var from = max(first, cursor?.block ?? first)
            guard from <= last else { return page }
            var groups: [[EventTopic]] = []
            if !filter.addresses.isEmpty {
                groups.append(filter.addresses.map { .address(Digest($0)) })
            }
            if let keys = filter.keys.first, !keys.isEmpty {
                groups.append(keys.map { .key(position: 0, Digest($0)) })
            }
            while true {
                let found = try view.blocksWithEvents(groups, in: from...last, maximumBlocks: 64)
                for block in found.blocks {
                    let passed = cursor?.block == block ? cursor?.passedEvents ?? 0 : 0
                    if let next = try collect(
                        block, filter, passed: passed, limit: limit, into: &page, view)
                    {
                        page.next = next
                        return page
                    }
                }
                guard let next = found.next, next <= last else { return page }
                from = next
            }
        }
    }

    /// A block number above the tip is a bound, not an error.
    private func bound(_ block: BlockID, _ view: ChainView) throws -> Height {
        if case .number(let number) = block { return number }
        return try height(block, view)
    }

    private func collect(
        _ block: Height, _ filter: RPCEventFilter, passed: UInt64, limit: Int,
        into page: inout RPCEventPage, _ view: ChainView
    ) throws -> RPCEventCursor? {
        let hash = try view.blockHash(block)?.felt
        var position: UInt64 = 0
        for (index, receipt) in try receipts(block, view).enumerated() {
            for (eventIndex, event) in receipt.events.enumerated() {
                defer { position += 1 }
                guard position >= passed, filter.admits(event) else { continue }
                if page.events.count == limit {
                    return RPCEventCursor(block: block, passedEvents: position)
                }
                page.events.append(
                    RPCEmittedEvent(
                        event: event, blockNumber: block, blockHash: hash,
                        transactionHash: receipt.transactionHash, transactionIndex: UInt64(index),
                        eventIndex: UInt64(eventIndex)))
            }
        }
        return nil
    }

    // MARK: - How the node is

    func syncing() async throws(RPCFailure) -> RPCSyncStatus? {
        let picture = board.current
        guard picture.isCatchingUp else { return nil }
        let head = try await head()
        return RPCSyncStatus(
            starting: head, current: head,
            highest: RPCHead(number: Height(picture.claimedHeight), hash: head.hash))
    }

    func health() async -> HealthReport {
        let picture = board.current
        let now = SystemClock.tick()
        return HealthReport(
            height: picture.storedHeight,
            finalAgeMilliseconds: picture.finalHeight == 0
                ? nil : now.nanoseconds(since: picture.finalChangedAt) / 1_000_000,
            heartbeatAgeMilliseconds: nil,
            progressBoundMilliseconds: identity.progressBoundMilliseconds,
            connectedPower: identity.connectedPower(picture.connected),
            totalPower: identity.totalPower,
            heightsBehind: picture.claimedHeight > picture.finalHeight
                ? picture.claimedHeight - picture.finalHeight : 0,
            isSynced: picture.started && !picture.isCatchingUp, stopReason: picture.halted)
    }

    func status() async -> RPC.NodeStatus {
        let picture = board.current
        let now = SystemClock.tick()
        let figures = meter.figures(now: now)
        // Height and hash are of one snapshot. A node that cannot read its store shows itself
        // without a hash, and an opaque chain has no Starknet header; /ready says what is wrong.
        var height = picture.storedHeight
        var hash = "0x0"
        var timestamp: UInt64 = 0
        if let head = try? await head() {
            height = head.number.rawValue
            hash = head.hash.hexString
        }
        if let header = try? await header(at: .number(Height(height))) {
            timestamp = header.header.info.timestamp
        }
        let phase: RPC.NodeStatus.Phase =
            if picture.halted != nil {
                .stopped
            } else if !picture.started || picture.finalHeight == 0 {
                .starting
            } else if picture.isCatchingUp { .syncing } else { .voting }
        return RPC.NodeStatus(
            name: identity.name, validatorIndex: identity.index, softwareVersion: "0.1.0",
            chainID: identity.chainName, phase: phase,
            uptimeSeconds: Double(now.nanoseconds(since: startedAt)) / 1e9,
            finalHeight: height, finalHash: hash, finalTimestamp: timestamp,
            finalTransactions: picture.finalTransactions,
            targetHeight: max(picture.claimedHeight, picture.finalHeight), epoch: 0,
            slot: picture.finalSlot, window: picture.window, leaderIndex: Int(picture.leader),
            skippedWindows: picture.skips.values.reduce(0, +),
            connectedPeers: picture.connected.filter { $0 }.count,
            knownPeers: identity.powers.count - 1,
            connectedPower: identity.connectedPower(picture.connected),
            totalPower: identity.totalPower, poolTransactions: picture.mempoolCount,
            poolBytes: picture.mempoolBytes, transactionsPerSecond: figures.transactionsPerSecond,
            blocksPerSecond: figures.blocksPerSecond,
            finalityP50Milliseconds: figures.final.p50,
            finalityP99Milliseconds: figures.final.p99,
            storedP50Milliseconds: figures.stored.p50,
            storedP99Milliseconds: figures.stored.p99)
    }
}

/// Collects the verdicts on several transactions, and hands them over when the last has come.
private final class Answers: Sendable {
    typealias Verdict = Result<Felt, RPCAdmissionFailure>
    private struct State {
        var verdicts: [Verdict?]
        var missing: Int
    }
    private let state: Mutex<State>
    private let complete: @Sendable ([Verdict]) -> Void

    init(count: Int, complete: @escaping @Sendable ([Verdict]) -> Void) {
        state = Mutex(State(verdicts: Array(repeating: nil, count: count), missing: count))
        self.complete = complete
        if count == 0 { complete([]) }
    }

    func give(_ verdict: Verdict, at index: Int) {
        let all = state.withLock { state -> [Verdict]? in
            guard state.verdicts[index] == nil else { return nil }
            state.verdicts[index] = verdict
            state.missing -= 1
            return state.missing == 0 ? state.verdicts.compactMap { $0 } : nil
        }
        if let all { complete(all) }
    }
}

/// What a node is in its cluster.
struct NodeIdentity: Sendable {
    let name: String
    let index: Int
    let chainName: String
    let powers: [UInt64]
    /// The longest that an honest chain takes for a height: two timeouts of an idle slot.
    let progressBoundMilliseconds: UInt64

    var totalPower: UInt64 { powers.reduce(0, +) }

    /// Own power and that of connected peers.
    func connectedPower(_ connected: [Bool]) -> UInt64 {
        var sum = powers[index]
        for (other, isConnected) in connected.enumerated()
        where isConnected && other != index && other < powers.count {
            sum += powers[other]
        }
        return sum
    }
}
