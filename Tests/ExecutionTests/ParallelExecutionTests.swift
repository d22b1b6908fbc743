import Foundation
import Primitives
import StarkCurve
import StarkField
import Synchronization
import SystemContracts
import TestSupport
import Testing

@testable import Execution

/// Parallel execution against the plain loop over `trace`, which is its slow twin.
@Suite("Parallel execution", .serialized)
struct ParallelExecutionTests {
    /// Threads of their own, as many as asked for, whatever the machine has.
    private static func threads(_ count: Int) -> ParallelLoop {
        { calls, body in
            withoutActuallyEscaping(body) { body in
                let work = Work(body, calls: calls)
                let ended = DispatchSemaphore(value: 0)
                for _ in 0..<count {
                    let thread = Thread {
                        work.run()
                        ended.signal()
                    }
                    thread.stackSize = 8 << 20
                    thread.start()
                }
                for _ in 0..<count { ended.wait() }
                work.end()
            }
        }
    }

    /// Hands out the numbers from 0 on, each once. Threads may keep it for longer than they work.
    private final class Work: Sendable {
        private let body: Mutex<(@Sendable (Int) -> Void)?>
        private let next = Atomic<Int>(0)
        private let calls: Int

        init(_ body: @escaping @Sendable (Int) -> Void, calls: Int) {
            self.body = Mutex(body)
            self.calls = calls
        }

        func run() {
            guard let body = body.withLock({ $0 }) else { return }
            while true {
                let call = next.add(1, ordering: .relaxed).oldValue
                if call >= calls { return }
                body(call)
            }
        }

        func end() { body.withLock { $0 = nil } }
    }

    private struct Result: Equatable {
        var outcomes: [TransactionOutcome]
        var lastDiff: StateDiff
        var count: Int
        var gas: GasVector
        var diff: StateDiff
        var declared: Set<ClassHash>
        var addresses: StorageAddressCache
    }

    private static func finished(
        _ executor: consuming BlockExecutor, _ outcomes: [TransactionOutcome]
    ) throws -> Result {
        let (count, gas) = (executor.transactionCount, executor.totalGas)
        let lastDiff = executor.transactionDiff()
        let block = try executor.finish()
        return Result(
            outcomes: outcomes, lastDiff: lastDiff, count: count, gas: gas, diff: block.diff,
            declared: Set(block.declaredClasses.keys), addresses: block.addresses)
    }

    /// The plain loop.
    private static func inOrder(
        _ world: ParallelWorld, _ transactions: [PreparedTransaction], gasLimit: UInt64
    ) throws -> Result {
        var executor = try world.executor()
        var outcomes: [TransactionOutcome] = []
        for prepared in transactions where executor.totalGas.l2Gas < gasLimit {
            outcomes.append(try executor.trace(prepared))
        }
        return try finished(executor, outcomes)
    }

    private static func difference(_ got: Result, _ expected: Result) -> String? {
        if got == expected { return nil }
        if got.outcomes.count != expected.outcomes.count {
            return "\(got.outcomes.count) of \(expected.outcomes.count) outcomes"
        }
        for (index, (one, other)) in zip(got.outcomes, expected.outcomes).enumerated()
        where one != other {
            return "transaction \(index): \(one)\nexpected \(other)"
        }
        if got.gas != expected.gas || got.count != expected.count { return "totals" }
        if got.diff != expected.diff { return "\(got.diff)\nexpected \(expected.diff)" }
        if got.lastDiff != expected.lastDiff { return "the last transaction's diff" }
        return got.addresses == expected.addresses ? "declared classes" : "storage addresses"
    }

    /// What blocks were made of, and how much of it was done in parallel.
    private struct Tally: CustomStringConvertible {
        var outcomes: [String: Int] = [:]
        var speculation = SpeculationCounts()

        var description: String { "\(outcomes), \(speculation)" }

        subscript(_ outcome: String) -> Int { outcomes[outcome, default: 0] }

        mutating func add(_ other: Tally) {
            outcomes.merge(other.outcomes) { $0 + $1 }
            add(other.speculation)
        }

        mutating func add(_ other: SpeculationCounts) {
            speculation.taken += other.taken
            speculation.stale += other.stale
            speculation.addedFees += other.addedFees
            speculation.movedFees += other.movedFees
        }
    }

    /// Compares all ways to run one block.
    private static func compare(
        _ settings: ParallelWorld.Settings, seed: UInt64, count: Int, plain: UInt64
    ) throws -> Tally {
        let world = try ParallelWorld(settings)
        var maker = BlockMaker(world, seed: seed, plain: plain)
        let (transactions, outcomes) = try maker.block(count)
        var limits: [UInt64] = [.max]
        var gas: UInt64 = 0
        for case .included(let executed) in outcomes {
            gas += executed.receipt.gasConsumed.l2Gas
        }
        var tally = Tally()
        var words = maker.random
        limits.append(words.next() % max(1, gas))
        for gasLimit in limits {
            let expected = try inOrder(world, transactions, gasLimit: gasLimit)
            if gasLimit == .max { #expect(expected.outcomes == outcomes, "seed \(seed)") }
            for workers in [1, 2, 4, 8] {
                for dealing in [BlockExecutor.Dealing.byNames, .oneByOne] {
                    // With four as with eight.
                    if case .oneByOne = dealing, workers == 4 { continue }
                    var executor = try world.executor()
                    let got = try executor.execute(
                        transactions, gasLimit: gasLimit, parallelFor: threads(workers),
                        workers: workers, dealing: dealing)
                    tally.add(executor.speculation)
                    let result = try finished(executor, got)
                    if let difference = difference(result, expected) {
                        Issue.record(
                            """
                            seed \(seed), \(workers) workers, dealt \(dealing), limit \
                            \(gasLimit): \(difference)
                            """)
                    }
                }
            }
        }
        for outcome in outcomes {
            switch outcome {
            case .invalid(let reason):
                tally.outcomes[String("\(reason)".prefix(12)), default: 0] += 1
            case .included(let executed):
                let isReverted = executed.receipt.executionStatus != .succeeded
                tally.outcomes[isReverted ? "reverted" : "succeeded", default: 0] += 1
            }
        }
        return tally
    }

    private static func compare(
        _ seeds: Range<UInt64>, _ settings: (UInt64) -> ParallelWorld.Settings,
        count: (UInt64) -> Int, plain: (UInt64) -> UInt64
    ) throws -> Tally {
        var tally = Tally()
        for seed in seeds {
            let found = try compare(
                settings(seed), seed: seed, count: count(seed), plain: plain(seed))
            tally.add(found)
        }
        return tally
    }

    @Test("160 blocks of anything come out as one after the other, with twins")
    func withTwins() throws {
        let tally = try Self.compare(1000..<1160) { seed in
            ParallelWorld.Settings(
                accounts: seed % 3 == 0 ? 3 : 12, sequencerIsAccount: seed % 4 == 0,
                // Near the place where the lower half of the balance overflows.
                sequencerBalance: seed % 5 == 0
                    ? U256(low: .max - UInt128(seed % 7) * 3_000_000, high: 3) : .zero,
                height: seed % 2 == 0 ? 12 : 9)
        } count: {
            12 + Int($0 % 40)
        } plain: {
            $0 % 4 * 20
        }
        #expect(tally["succeeded"] > 1000, "\(tally)")
        #expect(tally["reverted"] > 300, "\(tally)")
        #expect(tally.outcomes.count > 5, "\(tally)")
        #expect(tally.speculation.taken > 2000, "\(tally)")
        #expect(tally.speculation.stale > 2000, "\(tally)")
        #expect(tally.speculation.addedFees > 1000, "\(tally)")
    }

    @Test("40 blocks of anything come out as one after the other, without twins")
    func withoutTwins() throws {
        let tally = try Self.compare(2000..<2040) { seed in
            ParallelWorld.Settings(
                accounts: seed % 3 == 0 ? 3 : 12, usesTwins: false,
                sequencerIsAccount: seed % 4 == 0,
                sequencerBalance: seed % 5 == 0 ? U256(low: .max - 9_000_000) : .zero)
        } count: {
            12 + Int($0 % 20)
        } plain: {
            $0 % 4 * 20
        }
        #expect(tally["succeeded"] > 100, "\(tally)")
        #expect(tally["reverted"] > 30, "\(tally)")
        #expect(tally.speculation.taken > 400, "\(tally)")
        #expect(tally.speculation.stale > 400, "\(tally)")
        #expect(tally.speculation.movedFees > 200, "\(tally)")
    }

    @Test("A token that is not the system's moves each fee itself")
    func otherToken() throws {
        let tally = try Self.compare(3000..<3016) { seed in
            ParallelWorld.Settings(
                sequencerIsAccount: seed % 4 == 0,
                sequencerBalance: seed % 2 == 0 ? U256(low: .max - 9_000_000, high: .max) : .zero,
                hasOtherToken: true)
        } count: { _ in
            24
        } plain: {
            $0 % 4 * 25
        }
        #expect(tally["succeeded"] > 100, "\(tally)")
        #expect(tally.speculation.movedFees > 50, "\(tally)")
    }

    @Test("Long blocks with few conflicts and with many take larger and smaller rounds")
    func longBlocks() throws {
        for (seed, accounts, plain) in [
            (4000, 150, 100), (4003, 1000, 100), (4004, 40, 100), (4001, 4, 97), (4002, 2, 80),
        ] {
            let tally = try Self.compare(
                ParallelWorld.Settings(accounts: accounts), seed: UInt64(seed), count: 600,
                plain: UInt64(plain))
            #expect(tally["succeeded"] > 200, "\(tally)")
        }
    }

    @Test("Which transactions run twice does not depend on the threads' pace")
    func sameWork() throws {
        let world = try ParallelWorld(ParallelWorld.Settings(accounts: 40))
        var maker = BlockMaker(world, seed: 5000, plain: 90)
        let (transactions, _) = try maker.block(300)
        var all: Set<SpeculationCounts> = []
        let loops = [
            Self.threads(1), Self.threads(2), Self.threads(7),
            { count, body in for index in (0..<count).reversed() { body(index) } },
        ]
        for loop in loops {
            var executor = try world.executor()
            _ = try executor.execute(transactions, parallelFor: loop, workers: 2)
            all.insert(executor.speculation)
        }
        #expect(all.count == 1, "\(all)")
    }

    @Test("Nothing runs once the block is full, and calls can go on where the last one ended")
    func grouping() throws {
        let world = try ParallelWorld(ParallelWorld.Settings())
        var maker = BlockMaker(world, seed: 6000, plain: 60)
        let (transactions, outcomes) = try maker.block(90)
        let expected = try Self.inOrder(world, transactions, gasLimit: .max)
        var executor = try world.executor()
        var got: [TransactionOutcome] = []
        for start in stride(from: 0, to: transactions.count, by: 30) {
            got += try executor.execute(
                Array(transactions[start...].prefix(30)), parallelFor: Self.threads(2),
                workers: 2)
            #expect(
                try executor.execute(
                    transactions, gasLimit: executor.totalGas.l2Gas,
                    parallelFor: Self.threads(2), workers: 2
                ).isEmpty)
        }
        #expect(got == outcomes)
        #expect(try Self.difference(Self.finished(executor, got), expected) == nil)
    }

    @Test("A class that was declared ahead of its turn only is not there for who deploys it")
    func takenBackDeclaration() throws {
        let world = try ParallelWorld(ParallelWorld.Settings(accounts: 12))
        func transfer(_ account: Int) -> PreparedTransaction {
            world.world.prepared(
                account, nonce: 0, [.transfer(Felt(UInt64(100 + account)), U256(low: 5))])
        }
        // The declaration has a nonce that is used up when its turn comes; nine places on is the
        // next transaction of the same job.
        var transactions = [
            transfer(0), ParallelWorld.declaration(by: world.world.secrets[0], nonce: 0),
        ]
        transactions += (1...7).map(transfer)
        let classHash = ParallelWorld.examples["bench"]?.classHash ?? .zero
        transactions.append(
            world.world.prepared(
                8, nonce: 0,
                [
                    TransitionWorld.Call(
                        to: ParallelWorld.hostile, name: "deploy",
                        calldata: [classHash, 1, 1, 0])
                ]))
        let expected = try Self.inOrder(world, transactions, gasLimit: .max)
        var executor = try world.executor()
        let got = try executor.execute(
            transactions, gasLimit: .max, parallelFor: Self.threads(2), workers: 2,
            dealing: .oneByOne)
        #expect(executor.speculation.stale == 2)
        #expect(try Self.difference(Self.finished(executor, got), expected) == nil)
    }
}
