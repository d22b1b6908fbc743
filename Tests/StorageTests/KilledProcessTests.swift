import Foundation
import Primitives
import Storage
import Testing

/// A real process that writes and is killed. The child is this test program again, told by its
/// environment to run `childWritesUntilKilled`, which other runs skip.
@Suite("A process killed while it writes", .serialized)
struct KilledProcessTests {
    private static let variable = "PRYTANY_STORAGE_CHILD"
    private static let childDirectory = ProcessInfo.processInfo.environment[variable]

    private static func openLog(
        _ directory: String, _ deliver: (LogPosition, LogRecord) -> Void
    ) throws(LogError) -> ConsensusLog {
        var limits = LogLimits()
        limits.maximumSegmentBytes = 20_000
        limits.growthBytes = 8192
        return try ConsensusLog.open(
            directory: directory + "/log", chain: testChain, epoch: testEpoch, limits: limits,
            deliver: deliver
        ).log
    }

    private static func openStore(_ directory: String) throws(StoreError) -> ChainStore {
        try ChainStore.open(
            directory: directory + "/chain", chain: testChain, genesis: number(0))
    }

    @Test(
        "The child's part: writes, and says what is durable, until it is killed",
        .enabled(if: childDirectory != nil, "only inside the next test"))
    func childWritesUntilKilled() throws {
        let directory = try #require(Self.childDirectory)
        let log = try Self.openLog(directory) { _, _ in }
        let store = try Self.openStore(directory)
        var record = log.nextPosition.rawValue
        var height = try store.snapshot { try $0.tip() }.map { $0.rawValue + 1 } ?? 0
        @Sendable func say(_ words: String) {
            try? FileHandle.standardOutput.write(contentsOf: Data("\n\(words)\n".utf8))
        }
        let logWriter = WriterThread(name: "log", sink: LogSink(log)) { say("failed \($0)") }
        let chainWriter = WriterThread(name: "chain", sink: ChainSink(store)) {
            say("failed \($0)")
        }
        // The parent kills this process long before the loop ends.
        while record < 10_000_000 {
            for _ in 0..<4 {
                let position = record
                let verdict = logWriter.submit([
                    .append(numbered(position, padding: Int(position % 300)))
                ]) { say("record \(position)") }
                guard verdict == .accepted else { break }
                record += 1
            }
            let block = height
            let verdict = chainWriter.submit([FinalBatch(blocks: [sampleBlock(block)])]) {
                say("block \(block)")
            }
            if verdict == .accepted { height += 1 }
            while logWriter.depth + chainWriter.depth > 64 { sched_yield() }
        }
    }

    @Test("kill -9 loses nothing that was said to be durable, and leaves no half of a batch")
    func killed() throws {
        let place = try TemporaryDirectory()
        var records = 0
        var blocks = 0
        for round in 0..<4 {
            let child = Process()
            child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            child.arguments = [
                "--testing-library", "swift-testing", "--filter", "childWritesUntilKilled",
            ]
            child.environment = ProcessInfo.processInfo.environment.merging(
                [Self.variable: place.path]
            ) { $1 }
            let pipe = Pipe()
            child.standardOutput = pipe
            child.standardError = FileHandle.nullDevice
            try child.run()
            var said = Data()
            func count(_ word: String) -> Int {
                String(decoding: said, as: UTF8.self).split(separator: "\n")
                    .filter { $0.hasPrefix(word + " ") }.count
            }
            // Reads until enough was said, kills, and reads what was said before the kill.
            let output = pipe.fileHandleForReading
            var isKilled = false
            while let data = try output.read(upToCount: 4096), !data.isEmpty {
                said += data
                if !isKilled, count("record") > 40 + round * 31, count("block") > 5 {
                    kill(child.processIdentifier, SIGKILL)
                    isKilled = true
                }
            }
            child.waitUntilExit()
            #expect(isKilled && count("failed") == 0)
            records += count("record")
            blocks += count("block")

            var found: [LogRecord] = []
            let log = try Self.openLog(place.path) { _, record in found.append(record) }
            try log.close()
            #expect(found.count >= records)
            for (index, record) in found.enumerated() {
                #expect(record == numbered(UInt64(index), padding: index % 300))
            }
            records = found.count
            let store = try Self.openStore(place.path)
            let tip = try #require(try store.snapshot { try $0.tip() })
            #expect(Int(tip.rawValue) + 1 >= blocks)
            blocks = Int(tip.rawValue) + 1
            try store.snapshot { view throws in
                for height in UInt64(0)...tip.rawValue {
                    let expected = sampleBlock(height)
                    #expect(try view.body(expected.height) == expected.body)
                    #expect(
                        try view.storage(number(1), number(1), at: expected.height)
                            == Digest(number: height * 100 + 1))
                    #expect(try view.transaction(expected.transactions[2]) != nil)
                }
                #expect(try view.header(tip.next) == nil)
                #expect(try view.transaction(sampleBlock(tip.rawValue + 1).transactions[0]) == nil)
                #expect(try view.nonce(number(77)) == Digest(number: tip.rawValue))
            }
        }
    }
}
