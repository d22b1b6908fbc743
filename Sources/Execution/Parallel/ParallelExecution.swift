import CairoVM
import StarkField

/// Calls a function for each number below a count, possibly on several threads at once, and returns
/// when all calls have.
package typealias ParallelLoop = (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

/// Optimistic parallel execution of a block, after Block-STM (Gelashvili et al., arXiv 2203.06871),
/// in rounds.
///
/// A round takes the next transactions, a window, and deals them to jobs, those together that are
/// likely to meet (`Lanes`). Each job runs its transactions ahead of their turn and in order, on
/// the block as it was when the round began and on what those before them in the job left behind.
/// Then, on one thread and strictly in order, each transaction is taken over if all that it read
/// has the same values now, and run again otherwise.
///
/// The fee's arrival at the sequencer is no such read: see `FeePoint`.
///
/// I1: outcomes, state and totals are those of running the transactions one after the other,
/// whatever the number of threads and their interleaving.
/// I2: which transactions run twice depends on the transactions and the number of workers alone:
/// what a job reads does not change during a round.
/// I3: at most `RoundSize.largest` transactions a worker are held at a time.
private struct RoundSize {
    /// Transactions of one worker in a round.
    static let smallest = 4
    static let first = 32
    static let largest = 128
    /// How many transactions run in order where even small windows conflict.
    static let shortestPause = 32
    static let longestPause = 1024

    private(set) var perWorker = RoundSize.first
    private var pause = 0

    mutating func halve() -> Bool {
        if perWorker == Self.smallest { return false }
        perWorker = max(perWorker / 2, Self.smallest)
        return true
    }

    /// Where even the smallest window has too little to run side by side.
    ///
    /// - Returns: how many transactions to run in order before the next round.
    mutating func foundChain() -> Int {
        perWorker = Self.smallest
        pause = pause == 0 ? Self.shortestPause : min(2 * pause, Self.longestPause)
        return pause
    }

    /// Learns from a round how many of its transactions had to run again.
    ///
    /// - Returns: how many transactions to run in order before the next round.
    mutating func finished(_ count: Int, stale: Int) -> Int {
        if 16 * stale <= count {
            perWorker = min(2 * perWorker, Self.largest)
        } else if 8 * stale > count {
            if 2 * stale > count, perWorker == Self.smallest { return foundChain() }
            _ = halve()
        }
        pause = 0
        return 0
    }
}

/// How transactions came out that ran ahead of their turn.
package struct SpeculationCounts: Hashable, Sendable {
    /// Taken over as they were.
    package internal(set) var taken = 0
    /// Run again when their turn came.
    package internal(set) var stale = 0
    /// Of those taken over: whose fee was added to another balance, or moved again by the token.
    package internal(set) var addedFees = 0
    package internal(set) var movedFees = 0

    package init() {}
}

extension BlockExecutor {
    /// Fewer transactions than this run in order.
    private static let shortestParallelList = 8
    /// A window is dealt to so many jobs a worker, so that a slow one does not hold all up.
    private static let jobsPerWorker = 4
    /// Cells of memory that all jobs together may keep between two runs.
    private static let keptCells = 1 << 23

    /// Runs transactions in order, as `trace` does each, up to the first after which the block has
    /// at least `gasLimit` L2 gas; none where it has as much from the start.
    ///
    /// - Parameters:
    ///   - parallelFor: nil for one thread. What it runs reads the executor's view from several
    ///     threads at once.
    ///   - workers: threads that `parallelFor` has.
    /// - Returns: one outcome for each transaction that ran.
    package mutating func execute(
        _ transactions: [PreparedTransaction], gasLimit: UInt64 = .max,
        parallelFor: ParallelLoop? = nil, workers: Int = 1
    ) throws(StateReadError) -> [TransactionOutcome] {
        try execute(
            transactions, gasLimit: gasLimit, parallelFor: parallelFor, workers: workers,
            dealing: .byNames)
    }

    /// How a window is dealt to jobs.
    enum Dealing {
        case byNames
        /// Regardless of what meets, for tests: with the most transactions that run again.
        case oneByOne
    }

    mutating func execute(
        _ transactions: [PreparedTransaction], gasLimit: UInt64, parallelFor: ParallelLoop?,
        workers: Int, dealing: Dealing
    ) throws(StateReadError) -> [TransactionOutcome] {
        var outcomes: [TransactionOutcome] = []
        outcomes.reserveCapacity(transactions.count)
        guard let parallelFor, workers > 1, transactions.count >= Self.shortestParallelList else {
            try execute(transactions[...], gasLimit: gasLimit, into: &outcomes)
            return outcomes
        }
        let jobs = speculators(workers * Self.jobsPerWorker)
        var size = RoundSize()
        while outcomes.count < transactions.count, totalGas.l2Gas < gasLimit {
            let rest = transactions[outcomes.count...]
            guard rest.count >= Self.shortestParallelList else {
                try execute(rest, gasLimit: gasLimit, into: &outcomes)
                break
            }
            guard let (window, lanes) = Self.window(of: rest, &size, workers, dealing) else {
                try execute(
                    rest.prefix(size.foundChain()), gasLimit: gasLimit, into: &outcomes)
                continue
            }
            var runs = speculate(window, lanes, jobs, parallelFor)
            let staleBefore = speculation.stale
            for (place, prepared) in window.enumerated() where totalGas.l2Gas < gasLimit {
                if let run = runs[place].take(), let outcome = try commit(run, prepared) {
                    speculation.taken += 1
                    outcomes.append(outcome)
                } else {
                    speculation.stale += 1
                    outcomes.append(try trace(prepared))
                }
            }
            let inOrder = size.finished(
                window.count, stale: speculation.stale - staleBefore)
            try execute(
                transactions[outcomes.count...].prefix(inOrder), gasLimit: gasLimit,
                into: &outcomes)
        }
        return outcomes
    }

    private mutating func execute(
        _ transactions: ArraySlice<PreparedTransaction>, gasLimit: UInt64,
        into outcomes: inout [TransactionOutcome]
    ) throws(StateReadError) {
        for prepared in transactions {
            if totalGas.l2Gas >= gasLimit { return }
            outcomes.append(try trace(prepared))
        }
    }

    /// The next window: smaller where a large one would be little more than one chain. Nil where
    /// the smallest is that, too.
    private static func window(
        of rest: ArraySlice<PreparedTransaction>, _ size: inout RoundSize, _ workers: Int,
        _ dealing: Dealing
    ) -> (ArraySlice<PreparedTransaction>, Lanes)? {
        while true {
            let window = rest.prefix(size.perWorker * workers)
            if case .oneByOne = dealing { return (window, Lanes(oneByOne: window.count)) }
            let lanes = Lanes(of: window)
            if 2 * lanes.longest <= window.count { return (window, lanes) }
            if !size.halve() { return nil }
        }
    }

    private mutating func speculators(_ count: Int) -> [Speculator] {
        let balance =
            sequencerBalance
            ?? StorageAddresses.entry(
                of: TokenStorage.balances, blockContext.info.sequencerAddress)
        sequencerBalance = balance
        while pools.count < count { pools.append(CellPool(limit: Self.keptCells / count)) }
        return pools.prefix(count).map { Speculator(self, sequencerBalance: balance, pool: $0) }
    }

    /// Runs a window ahead of its turn; nil for what could not be read. Nothing of the block's
    /// state is held afterwards: it is changed in place.
    @inline(never)
    private func speculate(
        _ window: ArraySlice<PreparedTransaction>, _ lanes: Lanes, _ jobs: [Speculator],
        _ parallelFor: ParallelLoop
    ) -> [SpeculativeRun?] {
        let frozen = FrozenBlock(state: context.state, addresses: context.addresses)
        let dealt = lanes.dealt(to: jobs.count)
        parallelFor(dealt.count) { job in jobs[job].run(dealt[job], of: window, on: frozen) }
        var runs = [SpeculativeRun?](repeating: nil, count: window.count)
        for job in jobs {
            for (place, run) in job.takeRuns() { runs[place] = run }
        }
        return runs
    }
}
