import Execution
import JSONText
import Primitives
import RPC
import StarkField
import StateTrie
import Synchronization

/// A node for tests: a short chain in memory, with a deployment, a declaration, messages in both
/// directions, transfers, a reverted call and events; a pool; and failures on demand.
final class FakeBackend: RPCBackend {
    let chainID = Felt(0x50_5259_5441_4e59)
    let blocks: [RPCBlock]
    let updates: [RPCStateUpdate]
    let pooled: RPCTransactionRecord
    /// Calls of `call` wait here while it is closed.
    let gate = Gate()

    private struct Behaviour {
        var failure: RPCFailure?
        var admission: RPCAdmissionFailure?
        var sync: RPCSyncStatus?
        var health = FakeBackend.soundReport
        var submitted: [RPCNewTransaction] = []
        var simulated: [RPCNewTransaction] = []
        var estimatedMessages: [L1HandlerTransaction] = []
        var proofRequests: [RPCStorageProofRequest] = []
        /// How many transactions each call handed over.
        var handedOver: [Int] = []
        var isSilent = false
    }
    private let behaviour = Mutex(Behaviour())

    static let token = Felt(0x4718_f5a0)
    static let account = Felt(0xacc0_0001)
    static let other = Felt(0xacc0_0002)
    static let accountClass = Felt(0xc1a5_5001)
    static let tokenClass = Felt(0xc1a5_5002)
    /// Of Cairo 0.
    static let oldClass = Felt(0xc1a5_5003)
    static let transferSelector = Felt(0x83af_d3f4)

    static let soundReport = HealthReport(
        height: 3, finalAgeMilliseconds: 12, heartbeatAgeMilliseconds: nil,
        progressBoundMilliseconds: 1000, connectedPower: 4, totalPower: 4, heightsBehind: 0,
        isSynced: true)

    init() {
        let bodies: [[(Transaction, TransactionReceipt)]] = [
            [],
            [
                Sample.deployment(hash: 0x1001), Sample.declaration(hash: 0x1002),
                Sample.message(hash: 0x1003),
                Sample.message(hash: 0x1004, revert: "No such handler"),
            ],
            [
                Sample.transfer(nonce: 1, hash: 0x2001, events: 2),
                Sample.transfer(nonce: 2, hash: 0x2002, events: 0, revert: "Insufficient balance"),
            ],
            (0..<5).map { Sample.transfer(nonce: 3 + $0, hash: 0x3001 + $0, events: 3) },
        ]
        blocks = bodies.enumerated().map { Sample.block(number: UInt64($0), $1) }
        updates = blocks.map(Sample.update)
        let (transaction, receipt) = Sample.transfer(nonce: 8, hash: 0x9001, events: 0)
        pooled = RPCTransactionRecord(
            transaction: transaction, hash: receipt.transactionHash, inclusion: nil)
    }

    func fail(with failure: RPCFailure?) { behaviour.withLock { $0.failure = failure } }
    func refuse(with admission: RPCAdmissionFailure?) {
        behaviour.withLock { $0.admission = admission }
    }
    func sync(_ status: RPCSyncStatus?) { behaviour.withLock { $0.sync = status } }
    func report(_ health: HealthReport) { behaviour.withLock { $0.health = health } }
    /// Makes `health` wait at the gate too.
    func fallSilent() { behaviour.withLock { $0.isSilent = true } }
    var submitted: [RPCNewTransaction] { behaviour.withLock { $0.submitted } }
    var simulated: [RPCNewTransaction] { behaviour.withLock { $0.simulated } }
    var estimatedMessages: [L1HandlerTransaction] { behaviour.withLock { $0.estimatedMessages } }
    var proofRequests: [RPCStorageProofRequest] { behaviour.withLock { $0.proofRequests } }
    var handedOver: [Int] { behaviour.withLock { $0.handedOver } }

    private func check() throws(RPCFailure) {
        if let failure = behaviour.withLock({ $0.failure }) { throw failure }
    }

    private func index(_ id: BlockID) throws(RPCFailure) -> Int {
        try check()
        switch id {
        case .latest, .preConfirmed: return blocks.count - 1
        case .l1Accepted: return 1
        case .number(let number):
            guard number.rawValue < UInt64(blocks.count) else { throw .blockNotFound }
            return Int(number.rawValue)
        case .hash(let hash):
            guard let index = blocks.firstIndex(where: { $0.header.hash == hash }) else {
                throw .blockNotFound
            }
            return index
        }
    }

    func head() async throws(RPCFailure) -> RPCHead {
        try check()
        return RPCHead(number: Height(UInt64(blocks.count - 1)), hash: blocks[3].header.hash)
    }

    func header(at id: BlockID) async throws(RPCFailure) -> RPCBlockHeader {
        try await block(at: id).header
    }

    func block(at id: BlockID) async throws(RPCFailure) -> RPCBlock {
        let block = blocks[try index(id)]
        guard id == .preConfirmed else { return block }
        var header = block.header
        header.finality = .preConfirmed
        header.header.info.number = header.header.info.number.next
        return RPCBlock(header: header, transactions: [], receipts: [])
    }

    func stateUpdate(at id: BlockID) async throws(RPCFailure) -> RPCStateUpdate {
        let update = updates[try index(id)]
        guard id == .preConfirmed else { return update }
        return RPCStateUpdate(accepted: nil, oldRoot: update.oldRoot, diff: StateDiff())
    }

    private func isDeployed(_ contract: Felt) -> Bool {
        contract == FakeBackend.token || contract == FakeBackend.account
    }

    func storage(
        of contract: ContractAddress, key: StorageKey, at id: BlockID
    ) async throws(RPCFailure) -> RPCStorageValue {
        _ = try index(id)
        guard isDeployed(contract) else { throw .contractNotFound }
        return RPCStorageValue(value: key + Felt(7), lastUpdate: key == Felt(5) ? nil : Height(2))
    }

    func nonce(of contract: ContractAddress, at id: BlockID) async throws(RPCFailure) -> Nonce {
        _ = try index(id)
        guard isDeployed(contract) else { throw .contractNotFound }
        return Felt(8)
    }

    func classHash(
        of contract: ContractAddress, at id: BlockID
    ) async throws(RPCFailure) -> ClassHash {
        _ = try index(id)
        guard isDeployed(contract) else { throw .contractNotFound }
        return contract == FakeBackend.token ? FakeBackend.tokenClass : FakeBackend.accountClass
    }

    func contractClass(
        hash: ClassHash, at id: BlockID
    ) async throws(RPCFailure) -> RPCContractClass {
        _ = try index(id)
        switch hash {
        case FakeBackend.tokenClass, FakeBackend.accountClass: return .sierra(Sample.sierra)
        case FakeBackend.oldClass: return .deprecated(Sample.deprecatedClass)
        default: throw .classHashNotFound
        }
    }

    func compiledClass(hash: ClassHash) async throws(RPCFailure) -> JSONValue {
        try check()
        switch hash {
        case FakeBackend.tokenClass, FakeBackend.accountClass: return Sample.casm
        case Felt(0xbad): return .object([JSONMember("bytecode", .array([.number("1")]))])
        default: throw .classHashNotFound
        }
    }

    func storageProof(
        _ request: RPCStorageProofRequest, at id: BlockID
    ) async throws(RPCFailure) -> RPCStorageProof {
        let block = blocks[try index(id)]
        behaviour.withLock { $0.proofRequests.append(request) }
        return RPCStorageProof(
            blockHash: block.header.hash, classesRoot: Felt(0xc1), contractsRoot: Felt(0xc0),
            classes: request.classHashes.isEmpty ? [] : Sample.proof,
            contracts: request.contracts.isEmpty ? [] : Sample.proof,
            leaves: request.contracts.map { contract in
                isDeployed(contract)
                    ? ContractRecord(
                        classHash: FakeBackend.tokenClass, storageRoot: Felt(5), nonce: Felt(8))
                    : ContractRecord()
            },
            slots: request.slots.map { $0.keys.isEmpty ? [] : Sample.proof })
    }

    func messageStatuses(
        l1TransactionHash hash: Digest
    ) async throws(RPCFailure) -> [RPCMessageStatus]? {
        try check()
        guard hash == Digest(1 << 63, 0, 0, 0xe7) else { return nil }
        return [0x1003, 0x1004].compactMap { (number: UInt64) in
            guard
                let receipt = blocks[1].receipts.first(where: { $0.transactionHash == Felt(number) }
                )
            else { return nil }
            return RPCMessageStatus(
                transactionHash: Felt(number), finality: .acceptedOnL1,
                execution: receipt.executionStatus)
        }
    }

    func estimateMessageFee(
        of message: L1HandlerTransaction, at id: BlockID
    ) async throws(RPCFailure) -> RPCFeeEstimate {
        _ = try index(id)
        guard isDeployed(message.contractAddress) else { throw .contractNotFound }
        behaviour.withLock { $0.estimatedMessages.append(message) }
        return Sample.estimate(.wei)
    }

    func simulate(
        _ transactions: [RPCBroadcastedTransaction], _ flags: RPCSimulationFlags, at id: BlockID
    ) async throws(RPCFailure) -> RPCSimulation {
        _ = try index(id)
        behaviour.withLock { $0.simulated += transactions.map(\.transaction) }
        return RPCSimulation(
            results: transactions.map { sent in
                var trace = Sample.trace(of: sent.transaction)
                if flags.contains(.skipValidate) { trace.validation = nil }
                if flags.contains(.skipFeeCharge) { trace.feeTransfer = nil }
                return RPCSimulation.Result(trace: trace, fee: Sample.estimate(.fri))
            },
            initialReads: flags.contains(.returnInitialReads) ? Sample.reads : nil)
    }

    func trace(transactionHash hash: Felt) async throws(RPCFailure) -> RPCTraceLookup? {
        if hash == Felt(0x9003) { return .rejected }
        guard let record = try await transaction(hash: hash) else { return nil }
        guard let inclusion = record.inclusion else { return .received }
        return .executed(Sample.trace(of: record.transaction, inclusion.receipt))
    }

    func traces(at id: BlockID, initialReads: Bool) async throws(RPCFailure) -> RPCBlockTraces {
        let block = blocks[try index(id)]
        return RPCBlockTraces(
            traces: zip(block.transactions, block.receipts).map { transaction, receipt in
                RPCBlockTraces.Entry(
                    transactionHash: receipt.transactionHash,
                    trace: Sample.trace(of: transaction, receipt))
            },
            // The first blocks stand for those that could not be run again.
            initialReads: initialReads && block.header.header.info.number > Height(0)
                ? Sample.reads : nil)
    }

    func transaction(hash: Felt) async throws(RPCFailure) -> RPCTransactionRecord? {
        try check()
        if hash == pooled.hash { return pooled }
        for block in blocks {
            guard let index = block.receipts.firstIndex(where: { $0.transactionHash == hash })
            else { continue }
            return RPCTransactionRecord(
                transaction: block.transactions[index], hash: hash,
                inclusion: .init(
                    receipt: block.receipts[index],
                    blockNumber: block.header.header.info.number, blockHash: block.header.hash,
                    finality: block.header.finality))
        }
        return nil
    }

    func transactionStatus(hash: Felt) async throws(RPCFailure) -> RPCTransactionStatus? {
        if hash == Felt(0x9002) { return .candidate }
        guard let record = try await transaction(hash: hash) else { return nil }
        guard let inclusion = record.inclusion else { return .received }
        return .executed(inclusion.finality, inclusion.receipt.executionStatus)
    }

    func call(
        contract: ContractAddress, selector: Selector, calldata: [Felt], at id: BlockID
    ) async throws(RPCFailure) -> [Felt] {
        await gate.pass()
        _ = try index(id)
        guard isDeployed(contract) else { throw .contractNotFound }
        guard selector == FakeBackend.transferSelector else { throw .entryPointNotFound }
        return calldata.isEmpty ? [] : calldata + [Felt(1)]
    }

    func estimateFees(
        of transactions: [RPCBroadcastedTransaction], skipValidate: Bool, at id: BlockID
    ) async throws(RPCFailure) -> [RPCFeeEstimate] {
        _ = try index(id)
        return transactions.map { _ in
            var estimate = Sample.estimate(.fri)
            if skipValidate { estimate.gas.l2Gas = 900 }
            return estimate
        }
    }

    /// The index of a block, or of where it would be.
    private func place(_ id: BlockID) throws(RPCFailure) -> Int {
        if case .number(let number) = id, number.rawValue >= UInt64(blocks.count) {
            return Int(clamping: number.rawValue)
        }
        return try index(id)
    }

    func events(
        matching filter: RPCEventFilter, from cursor: RPCEventCursor?, limit: Int
    ) async throws(RPCFailure) -> RPCEventPage {
        let first = try place(filter.fromBlock ?? .number(Height(0)))
        let last = min(try place(filter.toBlock ?? .latest), blocks.count - 1)
        var found: [RPCEmittedEvent] = []
        guard first <= last else { return RPCEventPage(events: [], next: nil) }
        for number in first...last {
            let block = blocks[number]
            var passed: UInt64 = 0
            for (index, receipt) in block.receipts.enumerated() {
                for (eventIndex, event) in receipt.events.enumerated() {
                    let here = RPCEventCursor(block: Height(UInt64(number)), passedEvents: passed)
                    passed += 1
                    if let cursor, (here.block, here.passedEvents) < cursor.place { continue }
                    guard filter.admits(event) else { continue }
                    if found.count == limit { return RPCEventPage(events: found, next: here) }
                    found.append(
                        RPCEmittedEvent(
                            event: event, blockNumber: here.block, blockHash: block.header.hash,
                            transactionHash: receipt.transactionHash,
                            transactionIndex: UInt64(index), eventIndex: UInt64(eventIndex)))
                }
            }
        }
        return RPCEventPage(events: found, next: nil)
    }

    func syncing() async throws(RPCFailure) -> RPCSyncStatus? { behaviour.withLock { $0.sync } }

    func submit(
        _ transactions: [RPCNewTransaction]
    ) async -> [Result<Felt, RPCAdmissionFailure>] {
        behaviour.withLock { $0.handedOver.append(transactions.count) }
        var verdicts: [Result<Felt, RPCAdmissionFailure>] = []
        for transaction in transactions {
            do throws(RPCAdmissionFailure) {
                verdicts.append(.success(try await submit(transaction)))
            } catch {
                verdicts.append(.failure(error))
            }
        }
        return verdicts
    }

    func submit(_ transaction: RPCNewTransaction) async throws(RPCAdmissionFailure) -> Felt {
        let refusal = behaviour.withLock { behaviour -> RPCAdmissionFailure? in
            if behaviour.admission == nil { behaviour.submitted.append(transaction) }
            return behaviour.admission
        }
        if let refusal { throw refusal }
        return Felt(0x9001)
    }

    func health() async -> HealthReport {
        if behaviour.withLock({ $0.isSilent }) { await gate.pass() }
        return behaviour.withLock { $0.health }
    }

    func status() async -> NodeStatus {
        await gate.pass()
        return Sample.status
    }
}

extension RPCEventCursor {
    fileprivate var place: (Height, UInt64) { (block, passedEvents) }
}

/// Lets calls through or holds them, and says how many it holds.
final class Gate: Sendable {
    private struct State {
        var isClosed = false
        var held: [CheckedContinuation<Void, Never>] = []
        var arrivals: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }
    private let state = Mutex(State())

    func close() { state.withLock { $0.isClosed = true } }

    func open() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isClosed = false
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                guard state.isClosed else { return [continuation] }
                state.held.append(continuation)
                let count = state.held.count
                let ready = state.arrivals.filter { $0.count <= count }.map(\.continuation)
                state.arrivals.removeAll { $0.count <= count }
                return ready
            }
            for waiting in ready { waiting.resume() }
        }
    }

    /// Returns when `count` calls are held.
    func arrival(of count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.held.count >= count { return true }
                state.arrivals.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
