import CairoVM
import StarkField

/// Where a transaction's fee parts from the rest of it.
///
/// Every transaction adds its fee to the sequencer's balance. Were that a read and a write like any
/// other, no transaction could run before its turn.
struct FeePoint: Sendable {
    /// Whether the token is the system's own, whose transfer does the same whatever the recipient
    /// has, save for what `FeeAddition` tells.
    let tokenIsKnown: Bool
    let usesNatives: Bool
    /// What the transaction had done before; kept where the token is another.
    let before: BlockState.Effects?
    /// How many storage addresses it had asked for before.
    let askedBefore: Int
}

/// A transaction that ran before its turn, and all that this rests on.
final class SpeculativeRun: Sendable {
    let outcome: TransactionOutcome
    let effects: BlockState.Effects
    let contractOrigins: [ValueOrigin]
    let cellOrigins: [ValueOrigin]
    let classReads: [ClassRead]
    let asked: [StorageAddressCache.Asked]
    /// The cells of the sequencer's balance, where nothing but the fee's arrival touched them.
    let feeCells: FeeCells?

    init(
        _ outcome: TransactionOutcome, _ effects: BlockState.Effects, seen view: SpeculativeView,
        asked: [StorageAddressCache.Asked], feeCells: FeeCells?
    ) {
        self.outcome = outcome
        self.effects = effects
        contractOrigins = view.contractOrigins
        cellOrigins = view.cellOrigins
        classReads = view.classReads
        self.asked = asked
        self.feeCells = feeCells
    }

    struct FeeCells: Sendable {
        let low: BlockState.CellIndex
        let high: BlockState.CellIndex
        let point: FeePoint
    }
}

extension BlockExecutor {
    /// Looks at the state right before the fee is moved. Nil where the transaction has read the
    /// sequencer's balance itself: then it depends on it like on any other.
    func partFee() -> FeePoint? {
        guard let key = sequencerBalance,
            context.state.knownCell(of: feeToken, at: key) == nil,
            context.state.knownCell(of: feeToken, at: StorageAddresses.second(of: key)) == nil
        else { return nil }
        let isKnown = context.fastPath[context.state.classHash(of: feeToken)] == .token
        return FeePoint(
            tokenIsKnown: isKnown, usesNatives: context.usesNatives,
            before: isKnown ? nil : context.state.effects(),
            askedBefore: context.addresses.asked.count)
    }
}

/// Runs transactions ahead of their turn, one after the other. One thread uses it at a time.
final class Speculator: @unchecked Sendable {
    private let view = SpeculativeView()
    private var executor: BlockExecutor
    /// By their place in the window.
    private(set) var runs: [(place: Int, run: SpeculativeRun)] = []

    init(_ executor: borrowing BlockExecutor, sequencerBalance: StorageKey, pool: CellPool) {
        self.executor = BlockExecutor(ahead: executor, on: view, pool: pool)
        self.executor.sequencerBalance = sequencerBalance
    }

    /// - Parameter places: of the window, ascending.
    func run(
        _ places: [Int], of window: ArraySlice<PreparedTransaction>, on frozen: FrozenBlock
    ) {
        view.beginRound(frozen)
        executor.context.addresses = StorageAddressCache(over: frozen.addresses)
        for place in places {
            // Where the state can't be read the turn will tell, if it comes.
            guard let run = run(window[window.startIndex + place]) else { continue }
            if place != places.last, case .included = run.outcome {
                let skipped = run.feeCells.map { [$0.low, $0.high] } ?? []
                view.append(run.effects, without: skipped)
            }
            runs.append((place, run))
        }
        executor.context.addresses = StorageAddressCache()
        view.endRound()
    }

    func takeRuns() -> [(place: Int, run: SpeculativeRun)] {
        defer { runs.removeAll(keepingCapacity: true) }
        return runs
    }

    private func run(_ prepared: PreparedTransaction) -> SpeculativeRun? {
        view.beginTransaction()
        executor.context.state.removeAll()
        _ = executor.context.addresses.takeAsked()
        do throws(StateReadError) {
            let token = try executor.context.state.contract(WellKnownContracts.strk)
            precondition(token == executor.feeToken, "the fee token is contract \(token)")
            let outcome = try executor.run(prepared, RunRules(defersFee: true))
            return SpeculativeRun(
                outcome, executor.context.state.effects(), seen: view,
                asked: executor.context.addresses.takeAsked(), feeCells: feeCells())
        } catch { return nil }
    }

    private func feeCells() -> SpeculativeRun.FeeCells? {
        guard let point = executor.feePoint, let key = executor.sequencerBalance,
            let low = executor.context.state.knownCell(of: executor.feeToken, at: key),
            let high = executor.context.state.knownCell(
                of: executor.feeToken, at: StorageAddresses.second(of: key))
        else { return nil }
        return SpeculativeRun.FeeCells(low: low, high: high, point: point)
    }
}
