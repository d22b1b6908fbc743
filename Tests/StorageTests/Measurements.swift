import Foundation
import Primitives
import Storage
import Testing

/// Figures of this machine's disk, printed, not judged: `PRYTANY_MEASURE=1 swift test -c release
/// --filter StorageMeasurements`. They are taken in the system's temporary directory.
@Suite(
    "Storage measurements", .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["PRYTANY_MEASURE"] != nil,
        "set PRYTANY_MEASURE to take measurements"))
struct StorageMeasurements {
    private func seconds(_ work: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let elapsed = try clock.measure(work)
        return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    }

    @Test("Appends with a sync for each group, with and without growing ahead")
    func log() throws {
        for growth in [0, 1 << 20, 8 << 20] {
            for group in [1, 16, 256] {
                let place = try TemporaryDirectory()
                var limits = LogLimits()
                limits.growthBytes = growth
                let found = try recover(
                    PosixFileSystem(), directory: place.path + "/log", limits: limits)
                let records = (0..<group).map { numbered(UInt64($0), padding: 240) }
                let syncs = 600
                let time = try seconds {
                    for _ in 0..<syncs {
                        try found.log.append(records)
                        try found.log.sync()
                    }
                }
                let rate = Double(syncs) / time
                print(
                    "log growth \(growth): groups of \(group): \(Int(rate)) syncs/s,",
                    "\(Int(rate * Double(group))) records/s")
            }
        }
    }

    @Test("Frames in memory: the processor's part of an append")
    func frames() throws {
        let found = try recover(MemoryFileSystem(), limits: LogLimits())
        let records = (0..<256).map { numbered(UInt64($0), padding: 240) }
        let time = try seconds {
            for _ in 0..<200 {
                try found.log.append(records)
                try found.log.sync()
            }
        }
        print("log in memory: \(Int(time / 51200 * 1e9)) ns a record of 248 bytes")
    }

    @Test("Commits of blocks with 500 transactions, and reads from the state they leave")
    func chain() throws {
        for batch in [1, 8] {
            let place = try TemporaryDirectory()
            let store = try ChainStore.open(
                directory: place.path, chain: testChain, genesis: number(0))
            var generator = SeededGenerator(seed: 4)
            let accounts: UInt64 = 20_000
            func block(_ height: UInt64) -> BlockWrites {
                var block = sampleBlock(height, cells: 0, transactions: 500)
                block.body = [UInt8](repeating: 1, count: 250_000)
                block.receipts = [UInt8](repeating: 2, count: 150_000)
                block.stateDiff = [UInt8](repeating: 3, count: 100_000)
                for _ in 0..<500 {
                    let from = number(generator.uniform(below: accounts))
                    block.nonces.append(ContractWrite(contract: from, value: number(height)))
                    for _ in 0..<2 {
                        block.storage.append(
                            StorageWrite(
                                contract: number(1),
                                key: number(generator.uniform(below: accounts)),
                                value: number(height)))
                    }
                }
                return block
            }
            let count: UInt64 = 160
            var height: UInt64 = 0
            var times: [Double] = []
            while height < count {
                let blocks = (0..<UInt64(batch)).map { block(height + $0) }
                times.append(try seconds { try store.commit(FinalBatch(blocks: blocks)) })
                height += UInt64(batch)
            }
            times.sort()
            let median = times[times.count / 2] * 1000
            let worst = (times.last ?? 0) * 1000
            print(
                "chain commits of \(batch) block(s): median \(median) ms, worst \(worst) ms,",
                "file \(store.environment.usedBytes >> 20) MiB after \(count) blocks")
            let view = try store.openView()
            let reads = 200_000
            var hits = 0
            let time = try seconds {
                for _ in 0..<reads {
                    let key = number(generator.uniform(below: accounts))
                    if try view.storage(number(1), key) != nil { hits += 1 }
                }
            }
            print("state reads: \(Int(time / Double(reads) * 1e9)) ns, \(hits) hits of \(reads)")
            let renews = try seconds { for _ in 0..<100_000 { try view.renew() } }
            print("view renewals: \(Int(renews / 100_000 * 1e9)) ns")
        }
    }

    @Test("Empty blocks, each with its own commit")
    func emptyBlocks() throws {
        let place = try TemporaryDirectory()
        let store = try ChainStore.open(
            directory: place.path, chain: testChain, genesis: number(0))
        let time = try seconds {
            for height in UInt64(0)..<500 {
                try store.commit(
                    FinalBatch(blocks: [
                        BlockWrites(
                            height: Height(height), consensusHash: number(height),
                            header: [UInt8](repeating: 1, count: 400))
                    ]))
            }
        }
        print("empty blocks, one commit each: \(Int(500 / time)) a second")
        let batched = try seconds {
            for turn in UInt64(0)..<50 {
                let first = 500 + turn * 64
                try store.commit(
                    FinalBatch(
                        blocks: (first..<(first + 64)).map {
                            BlockWrites(
                                height: Height($0), consensusHash: number($0),
                                header: [UInt8](repeating: 1, count: 400))
                        }))
            }
        }
        print("empty blocks, 64 to a commit: \(Int(3200 / batched)) a second")
    }
}
