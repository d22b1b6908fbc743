import CairoVM
import Foundation
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing
import WireCodec

@testable import Execution

@Suite("Properties of blocks", .serialized)
struct TransitionPropertyTests {
    private static let edges: [UInt128] = [
        0, 1, 2, 1000, TransitionWorld.strk, 999 * TransitionWorld.strk,
        1000 * TransitionWorld.strk, .max - 1, .max,
    ]

    /// A random transaction of one of the world's accounts, likely valid.
    private static func randomTransaction(
        in world: TransitionWorld, nonces: [UInt64], _ random: inout SeededGenerator
    ) -> (account: Int, PreparedTransaction) {
        let account = Int(random.uniform(below: UInt64(world.accounts.count)))
        func anyone(_ random: inout SeededGenerator) -> Felt {
            random.uniform(below: 5) == 0
                ? Felt(random.uniform(below: 4))
                : world.accounts[Int(random.uniform(below: UInt64(world.accounts.count)))]
        }
        func amount(_ random: inout SeededGenerator) -> U256 {
            let low =
                random.uniform(below: 2) == 0
                ? edges[Int(random.uniform(below: UInt64(edges.count)))]
                : UInt128(random.next()) * 50
            return U256(low: low, high: random.uniform(below: 12) == 0 ? .max : 0)
        }
        var calls: [TransitionWorld.Call] = []
        for _ in 0...random.uniform(below: 3) {
            let sum = amount(&random)
            let words = [Felt(sum.low), Felt(sum.high)]
            switch random.uniform(below: 6) {
            case 0:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "approve",
                        calldata: [anyone(&random)] + words))
            case 1:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "transferFrom",
                        calldata: [anyone(&random), anyone(&random)] + words))
            case 2:
                calls.append(
                    TransitionWorld.Call(
                        to: WellKnownContracts.strk, name: "increase_allowance",
                        calldata: [anyone(&random)] + words))
            default: calls.append(.transfer(anyone(&random), sum))
            }
        }
        let nonce = random.uniform(below: 12) == 0 ? random.uniform(below: 3) : nonces[account]
        return (
            account,
            world.prepared(
                account, nonce: nonce, calls, tip: random.uniform(below: 3))
        )
    }

    /// Some blocks of random transactions: the outcomes and the diffs.
    private static func run(
        seed: UInt64, chunks: Bool
    ) throws -> (outcomes: [ExecutionOutcome], diffs: [StateDiff], world: TransitionWorld) {
        var random = SeededGenerator(seed: seed)
        var world = try TransitionWorld(accounts: 4)
        var nonces = [UInt64](repeating: 0, count: 4)
        var outcomes: [ExecutionOutcome] = []
        var diffs: [StateDiff] = []
        for _ in 0..<3 {
            var executor = try world.executor()
            for _ in 0..<25 {
                let (account, transaction) = randomTransaction(
                    in: world, nonces: nonces, &random)
                let outcome = try executor.execute(transaction)
                if outcome.receipt != nil { nonces[account] += 1 }
                outcomes.append(outcome)
                // A split into chunks is a copy that goes on, and queries in between.
                if chunks {
                    var copy = executor
                    _ = try copy.call(
                        WellKnownContracts.strk, selector("totalSupply"), [])
                    _ = try copy.admit(transaction)
                    executor = copy
                }
            }
            diffs.append(try world.advance(executor))
        }
        return (outcomes, diffs, world)
    }

    @Test("Tokens move but are never made or lost, and fees go to the sequencer")
    func supplyIsConserved() throws {
        for seed in 1...12 as ClosedRange<UInt64> {
            let (outcomes, _, world) = try TransitionPropertyTests.run(seed: seed, chunks: false)
            var total = try world.balance(of: TransitionWorld.sequencer)
            let fees = outcomes.compactMap(\.receipt?.actualFee).reduce(0, +)
            #expect(total == U256(low: fees), "seed \(seed)")
            for holder in world.accounts + [1, 2, 3] {
                total = try #require(total.adding(try world.balance(of: holder)))
            }
            #expect(total == U256(low: 4000 * TransitionWorld.strk), "seed \(seed)")
            #expect(outcomes.contains { $0.revertReason != nil }, "seed \(seed)")
            #expect(
                outcomes.contains { $0.receipt?.executionStatus == .succeeded }, "seed \(seed)")
        }
    }

    @Test("The same transactions give the same bytes, in one run or in many chunks")
    func deterministic() throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let first = try TransitionPropertyTests.run(seed: seed, chunks: false)
            let second = try TransitionPropertyTests.run(seed: seed, chunks: true)
            func bytes(_ run: ([ExecutionOutcome], [StateDiff], TransitionWorld)) -> [UInt8] {
                var writer = WireWriter()
                for receipt in run.0.compactMap(\.receipt) { receipt.encode(into: &writer) }
                for diff in run.1 { diff.encode(into: &writer) }
                return Array(writer.bytes)
            }
            #expect(first.outcomes == second.outcomes, "seed \(seed)")
            #expect(bytes(first) == bytes(second), "seed \(seed)")
            for diff in first.diffs { #expect(diff.isCanonical) }
        }
    }

    @Test("256-bit sums and differences carry and refuse to wrap")
    func u256() {
        let low = U256(low: .max)
        #expect(low.adding(U256(low: 1)) == U256(low: 0, high: 1))
        #expect(U256(low: 0, high: 1).subtracting(U256(low: 1)) == low)
        #expect(U256.max.adding(U256(low: 1)) == nil)
        #expect(U256(low: 0, high: .max).adding(U256(low: 0, high: 1)) == nil)
        #expect(U256(low: 1, high: .max - 1).adding(low)?.high == .max)
        #expect(U256.zero.subtracting(U256(low: 1)) == nil)
        #expect(low.subtracting(U256(low: 0, high: 1)) == nil)
        #expect(U256.max.subtracting(.max) == .zero)
        #expect(U256(low: 5, high: 1) > low)
    }

    @Test("Hostile calldata ends in a verdict, never in a trap")
    func hostileCalldata() throws {
        var random = SeededGenerator(seed: 2026)
        let world = try TransitionWorld()
        var executor = try world.executor()
        let classes = TransitionWorld.classes
        let targets: [(Felt, GenesisClass)] = [
            (world.accounts[0], classes.account), (world.accounts[1], classes.account),
            (WellKnownContracts.strk, classes.token),
            (WellKnownContracts.universalDeployer, classes.deployer),
        ]
        func felt(_ random: inout SeededGenerator) -> Felt {
            switch random.uniform(below: 10) {
            case 0...3: Felt(random.uniform(below: 6))
            case 4: Felt(random.next())
            case 5: -Felt(random.uniform(below: 3))
            case 6: Felt(UInt128.max)
            case 7: world.accounts[0]
            case 8: classes.account.classHash
            default:
                Felt(
                    reducingBigEndianWords: (
                        random.next(), random.next(), random.next(), random.next()
                    ))
            }
        }
        func felts(_ random: inout SeededGenerator, _ maximum: UInt64) -> [Felt] {
            (0..<random.uniform(below: maximum)).map { _ in felt(&random) }
        }
        var nonce: UInt64 = 0
        var endings: [String: Int] = [:]
        for _ in 0..<4000 {
            let (contract, native) = targets[Int(random.uniform(below: 4))]
            guard case .casm(let casm) = native.compiled.code,
                let externals = casm.entryPoints[.external]
            else { continue }
            let entryPoint = externals[Int(random.uniform(below: UInt64(externals.count)))]
            switch random.uniform(below: 3) {
            case 0:
                do {
                    _ = try executor.call(contract, entryPoint.selector, felts(&random, 12))
                    endings["returned", default: 0] += 1
                } catch {
                    endings["\(error)".prefix(8).description, default: 0] += 1
                }
            case 1:
                var invoke = world.invoke(0, nonce: nonce, [])
                let arguments = felts(&random, 10)
                invoke.calldata =
                    [1, contract, entryPoint.selector, Felt(UInt64(arguments.count))] + arguments
                let outcome = try executor.execute(world.prepared(invoke))
                if outcome.receipt != nil { nonce += 1 }
                endings[outcome.revertReason == nil ? "ran" : "reverted", default: 0] += 1
            default:
                var invoke = world.invoke(0, nonce: nonce, [])
                invoke.calldata = felts(&random, 10)
                let outcome = try executor.execute(world.prepared(invoke))
                if outcome.receipt != nil { nonce += 1 }
                endings[outcome.receipt == nil ? "invalid" : "included", default: 0] += 1
            }
            // The account may have given its key or its money away: start over now and then.
            if random.uniform(below: 200) == 0 {
                executor = try world.executor()
                nonce = 0
            }
        }
        #expect(endings.count >= 5, "\(endings)")
        #expect(try executor.finish().diff.isCanonical)
    }

    @Test(
        "Fee events of version 3 transactions on Starknet have the shape that receipts have here",
        .enabled(
            if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func feeEventsOnStarknet() throws {
        var checked = 0
        for file in Fixtures.files(under: "blocks", suffix: ".json") {
            guard let block = try Fixtures.json(file) as? [String: Any],
                // A block that is still being made may not show its fee events.
                block["block_hash"] is String,
                let version = (block["starknet_version"] as? String).flatMap({
                    StarknetVersion($0)
                }), version >= .hashedGasPrices,
                let sequencer = (block["sequencer_address"] as? String).flatMap({
                    Felt(hex: $0)
                }),
                let transactions = block["transactions"] as? [[String: Any]],
                let receipts = block["transaction_receipts"] as? [[String: Any]]
            else { continue }
            for (transaction, receipt) in zip(transactions, receipts) {
                guard transaction["version"] as? String == "0x3",
                    let sender = (transaction["sender_address"] as? String).flatMap({
                        Felt(hex: $0)
                    }),
                    let feeText = receipt["actual_fee"] as? String,
                    let fee = Felt(hex: feeText)?.asUInt128, fee > 0,
                    let event = (receipt["events"] as? [[String: Any]])?.last,
                    let from = (event["from_address"] as? String).flatMap({ Felt(hex: $0) }),
                    // Test networks have blocks whose fees were not moved.
                    from == WellKnownContracts.strk,
                    let keys = event["keys"] as? [String],
                    let data = event["data"] as? [String]
                else { continue }
                let expected = TransitionTests.transferEvent(
                    sender, sequencer, U256(low: fee))
                #expect(from == expected.fromAddress)
                #expect(keys.map { Felt(hex: $0) } == expected.keys)
                #expect(data.map { Felt(hex: $0) } == expected.data)
                checked += 1
            }
        }
        #expect(checked > 0)
    }
}
