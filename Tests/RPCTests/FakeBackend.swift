import Execution
import Primitives
import RPC
import StarkField
import Synchronization

/// A node for tests: a short chain in memory, with a deployment, transfers, a reverted call, events
/// and a message to L1; a pool; and failures on demand.
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
        var submitted: [Transaction] = []
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
    static let transferSelector = Felt(0x83af_d3f4)

    static let soundReport = HealthReport(
        height: 3, finalAgeMilliseconds: 12, heartbeatAgeMilliseconds: nil,
        progressBoundMilliseconds: 1000, connectedPower: 4, totalPower: 4, heightsBehind: 0,
        isSynced: true)

    init() {
        let bodies: [[(Transaction, TransactionReceipt)]] = [
            [],
            [Sample.deployment(hash: 0x1001)],
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
    var submitted: [Transaction] { behaviour.withLock { $0.submitted } }
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
        guard hash == FakeBackend.tokenClass || hash == FakeBackend.accountClass else {
            throw .classHashNotFound
        }
        return RPCContractClass(
            sierraProgram: [Felt(1), Felt(6)],
            constructors: [RPCEntryPoint(selector: Felt(0x28ff), functionIndex: 2)],
            externals: [
                RPCEntryPoint(selector: FakeBackend.transferSelector, functionIndex: 0),
                RPCEntryPoint(selector: Felt(0x99cd), functionIndex: 1),
            ],
            abi: Sample.abi)
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
            RPCFeeEstimate(
                gas: GasVector(l1Gas: 0, l1DataGas: 128, l2Gas: skipValidate ? 900 : 1_000_000),
                prices: Sample.prices, overallFee: 12_345_678_901_234_567_890)
        }
    }

    func events(
        matching filter: RPCEventFilter, from cursor: RPCEventCursor?, limit: Int
    ) async throws(RPCFailure) -> RPCEventPage {
        let first = try filter.fromBlock.map { id throws(RPCFailure) in try index(id) } ?? 0
        let last = try index(filter.toBlock ?? .latest)
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

    func submit(_ transactions: [Transaction]) async -> [Result<Felt, RPCAdmissionFailure>] {
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

    func submit(_ transaction: Transaction) async throws(RPCAdmissionFailure) -> Felt {
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
