import Foundation
import Glibc
import TestSupport
import Testing

extension ClusterTests {
    @Test("Finality goes on when the leader is killed under load")
    func leaderKilled() async throws {
        try await onThread {
            let cluster = try TestCluster(payloadRate: 100)
            try cluster.startAll()
            let clock = ContinuousClock()
            var figures: [String] = []
            for _ in 0..<3 {
                try cluster.expectProgress(40, at: 0)
                let leader = try eventually("the leader") {
                    try cluster.livingReport(0)?.leaderIndex
                }
                let witness = (leader + 1) % TestCluster.size
                let before = try eventually("a report") { try cluster.livingReport(witness) }
                let killed = clock.now
                try cluster.killNow(leader)
                // Twelve windows on, the dead node has been drawn again; the longest stand counts.
                var (height, last, gap) = (before.finalHeight, killed, Duration?.none)
                var longest = Duration.zero
                let _: Bool = try eventually("twelve windows without the leader", every: 3) {
                    guard let seen = try cluster.livingReport(witness) else { return nil }
                    let now = clock.now
                    if seen.finalHeight > height {
                        gap = gap ?? (now - killed)
                        longest = max(longest, now - last)
                        (height, last) = (seen.finalHeight, now)
                    }
                    return seen.window >= before.window + 12 && gap != nil ? true : nil
                }
                figures.append("\(gap ?? .zero) then at most \(longest)")
                try cluster.start(leader)
                try cluster.waitForHeight(height, at: leader)
                try cluster.waitUntilVoting(leader)
            }
            print("kill of the leader to the next final block: \(figures)")
        }
    }

    @Test(
        "No acknowledged block is lost when all nodes are killed at once, ten times under load",
        .enabled(if: Binary.python != nil, Binary.pythonAbsence))
    func allKilled() async throws {
        try await onThread {
            let cluster = try TestCluster()
            var acknowledged: [UInt64: Block] = [:]
            try cluster.startAll()
            let load = try cluster.client("load")
            for round in 0..<10 {
                let start = try cluster.waitUntilVoting(round % TestCluster.size)
                let target = start.finalTransactions + 20
                // Reads what the nodes show while blocks with transfers become final.
                let _: Bool = try eventually("transfers become final") {
                    guard load.isRunning else { throw ClusterFailure(load.log) }
                    for index in 0..<TestCluster.size {
                        guard let report = try cluster.livingReport(index) else { continue }
                        try note(report.finalHeight, at: index, of: cluster, in: &acknowledged)
                        if report.finalHash != "0x0", let known = acknowledged[report.finalHeight] {
                            try #require(known.hash == report.finalHash, "/status and the block")
                        }
                    }
                    let report = try cluster.livingReport(round % TestCluster.size)
                    return (report?.finalTransactions ?? 0) >= target ? true : nil
                }
                for index in 0..<TestCluster.size { try cluster.node(index).signal(SIGKILL) }
                for index in 0..<TestCluster.size { try cluster.killNow(index) }
                for index in 0..<TestCluster.size { try cluster.start(index) }
                let highest = try #require(acknowledged.keys.max())
                for index in 0..<TestCluster.size {
                    try cluster.waitForHeight(highest + 1, at: index)
                    for (height, block) in acknowledged {
                        let found = try eventually("block \(height) of node-\(index)") {
                            Block(height, port: cluster.rpcPort + index)
                        }
                        #expect(found == block, "round \(round), node-\(index), height \(height)")
                    }
                }
            }
            load.closeInput()
            #expect(try load.waitForExit() == 0, "\(load.log.suffix(2000))")
            #expect(acknowledged.values.contains { !$0.transactions.isEmpty })
            print("\(acknowledged.count) acknowledged blocks held; \(load.log.suffix(200))")
        }
    }

    struct Block: Equatable {
        var hash: String
        var transactions: [String]

        init?(_ height: UInt64, port: Int) {
            let answer = HTTP.call(
                port: port, "starknet_getBlockWithTxHashes",
                #"{"block_id":{"block_number":\#(height)}}"#)
            guard let table = answer as? [String: Any],
                let hash = table["block_hash"] as? String,
                let transactions = table["transactions"] as? [String]
            else { return nil }
            self.hash = hash
            self.transactions = transactions
        }
    }

    private func note(
        _ height: UInt64, at index: Int, of cluster: TestCluster,
        in acknowledged: inout [UInt64: Block]
    ) throws {
        guard let block = Block(height, port: cluster.rpcPort + index) else { return }
        if let known = acknowledged[height] {
            try #require(known == block, "two nodes disagree about height \(height)")
        }
        acknowledged[height] = block
    }

    // MARK: - The consensus log

    /// The newest segment of a stopped node's log, and where its records end: the file grows ahead
    /// of them with zeros.
    private func newestSegment(_ cluster: TestCluster, _ index: Int) throws -> (
        path: String, bytes: [UInt8], end: Int
    ) {
        let folder = cluster.data(index) + "/log"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let path = folder + "/" + (try #require(names.filter { $0.hasPrefix("segment-") }.max()))
        let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        return (path, bytes, try #require(bytes.lastIndex { $0 != 0 }) + 1)
    }

    @Test("A torn end of the log is cut off, and the node votes again")
    func tornTail() async throws {
        try await onThread {
            let cluster = try TestCluster(payloadRate: 40)
            try cluster.startAll()
            try cluster.expectProgress(40, at: 2)
            try cluster.killNow(2)
            let segment = try newestSegment(cluster, 2)
            try #require(segment.end > 1000, "the log holds records")
            #expect(truncate(segment.path, segment.end - 3) == 0)
            try cluster.start(2)
            let report = try eventually("a report") { try cluster.livingReport(0) }
            try cluster.waitForHeight(report.finalHeight, at: 2)
            #expect(try cluster.node(2).log.contains("the log ended in the middle of a record"))
            // The others are no quorum without it.
            try cluster.killNow(0)
            try cluster.expectProgress(30, at: 2)
        }
    }

    @Test("A node with a damaged log refuses to vote, says what to do, and follows when told to")
    func damagedLog() async throws {
        try await onThread {
            let cluster = try TestCluster(payloadRate: 40)
            try cluster.startAll()
            try cluster.expectProgress(40, at: 1)
            try cluster.stop(1)
            var segment = try newestSegment(cluster, 1)
            try #require(segment.end > 1000, "the log holds records")
            segment.bytes[segment.end / 2] ^= 0x40
            try Data(segment.bytes).write(to: URL(fileURLWithPath: segment.path))
            try cluster.start(1)
            let node = try cluster.node(1)
            #expect(try node.waitForExit() != 0)
            let log = node.log
            #expect(log.contains("the consensus log is damaged"), "\(log.suffix(1000))")
            #expect(log.contains(segment.path.split(separator: "/").last ?? "?"))
            #expect(log.contains("start the node with --follow"))
            // It touched nothing: the file is as the damage left it.
            #expect(FileManager.default.contents(atPath: segment.path) == Data(segment.bytes))
            try cluster.expectProgress(30, at: 0)
            // What it advises works: the node catches up and goes along, and signs nothing.
            let votes = try steadyVotes(of: 1, cluster)
            try cluster.start(1, "--follow")
            try cluster.waitForHeight(
                try cluster.waitUntilVoting(0).finalHeight + 30, at: 1)
            #expect(FileManager.default.contents(atPath: segment.path) == Data(segment.bytes))
            try cluster.expectProgress(200, at: 0)
            #expect(try steadyVotes(of: 1, cluster) == votes)
        }
    }

    /// The votes of a validator that node-0 has counted, read when its gauges have been published
    /// after this call: another's count has risen since.
    private func steadyVotes(of validator: Int, _ cluster: TestCluster) throws -> Double {
        func votes(_ index: Int) -> Double? {
            cluster.metric("votes_seen", "validator=\"\(index)\"", at: 0)
        }
        let before = try eventually("votes of node-2") { votes(2) }
        return try eventually("more votes of node-2, and those of node-\(validator)") {
            guard let other = votes(2), other > before else { return nil }
            return votes(validator)
        }
    }
}
