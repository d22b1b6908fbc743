import ArgumentParser
import Foundation
import Glibc
import SequencerNode

extension BenchCommand {
    struct Failover: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How long finality pauses when the leader, or every node, is killed.",
            discussion: """
                Real processes under a load of opaque payloads. Each round kills the leader with \
                SIGKILL, and reports the longest time without a new final block in the three \
                seconds after; then the node comes back and catches up. A last round kills all \
                nodes at once. A dead leader is noticed after 4 delta + T_beat (250 ms in a \
                development genesis); what is above that is the fail-over itself.
                """)
        @Option(help: "Validators, each a process of its own.") var validators = 4
        @Option(help: "Times that the leader is killed.") var rounds = 5
        @Option(help: "Payloads a second, of 256 bytes; 0 leaves the chain idle.")
        var rate = 1000
        @Flag(help: "One JSON object a line.") var json = false
        @Option(help: "The first JSON-RPC port.") var rpcPort = 19545
        @Option(help: "The first peer port.") var peerPort = 19645

        func run() throws {
            guard rounds > 0, validators > 3, rate >= 0 else {
                throw CommandFailure(
                    "--rounds must be at least 1, --validators at least 4, --rate at least 0")
            }
            let options = Options.fresh(
                validators: validators, rpcPort: rpcPort, peerPort: peerPort)
            let cluster = try options.freshCluster(
                .opaque, accounts: 0,
                arguments: rate == 0 ? [] : ["--payload-rate", "\(rate / validators)"])
            try cluster.start()
            defer {
                cluster.stop()
                do {
                    try FileManager.default.removeItem(atPath: cluster.layout.directory)
                } catch { complain("cannot remove \(cluster.layout.directory): \(error)") }
            }
            var gaps: [Double] = []
            for round in 1...rounds {
                let watcher = FinalityWatch(cluster)
                try watcher.awaitVoting()
                let leader = try watcher.leader()
                let observer = (leader + 1) % validators
                let gap = try watcher.longestGap(at: observer, seconds: 3) {
                    cluster.nodes[leader].signal(SIGKILL)
                    cluster.nodes[leader].wait()
                }
                gaps.append(gap)
                report("leader", round, gap)
                try cluster.restart(leader)
            }
            let watcher = FinalityWatch(cluster)
            try watcher.awaitVoting()
            let height = try watcher.finalHeight(0)
            let start = ContinuousClock.now
            for node in cluster.nodes { node.signal(SIGKILL) }
            for node in cluster.nodes { node.wait() }
            for index in 0..<validators { try cluster.restart(index) }
            try watcher.awaitHeights(above: height)
            report("all", 1, FinalityWatch.milliseconds(since: start))
            let sorted = gaps.sorted()
            say(
                json
                    ? "{\"leader_gap_median_ms\":\(sorted[sorted.count / 2]),"
                        + "\"leader_gap_maximum_ms\":\(sorted[sorted.count - 1])}"
                    : "leader killed \(rounds) times: finality paused for a median of "
                        + "\(Int(sorted[sorted.count / 2])) ms, at most \(Int(sorted[sorted.count - 1])) ms"
            )
        }

        private func report(_ killed: String, _ round: Int, _ gap: Double) {
            say(
                json
                    ? "{\"killed\":\"\(killed)\",\"round\":\(round),\"gap_ms\":\(gap)}"
                    : killed == "all"
                        ? "all killed and started again: \(Int(gap)) ms to new final blocks everywhere"
                        : "round \(round): leader killed, finality paused for \(Int(gap)) ms")
        }
    }
}

/// Looks at the final heights of a cluster's nodes, every two milliseconds.
private struct FinalityWatch {
    let cluster: RunningCluster

    init(_ cluster: RunningCluster) { self.cluster = cluster }

    static func milliseconds(since start: ContinuousClock.Instant) -> Double {
        let gone = start.duration(to: .now).components
        return Double(gone.seconds) * 1000 + Double(gone.attoseconds / 1_000_000_000_000_000)
    }

    private func eventually<R>(_ what: String, seconds: Double = 60, _ look: () throws -> R?)
        throws -> R
    {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if let found = try look() { return found }
            if let number = cluster.awaitSignal(milliseconds: 2), number != SIGCHLD {
                throw CommandFailure("interrupted")
            }
        }
        throw CommandFailure("waited \(Int(seconds)) s in vain for \(what)")
    }

    /// All nodes vote and are at one height within a few blocks.
    func awaitVoting() throws {
        try eventually("every node's vote") { () -> Void? in
            let reports = cluster.ports.indices.map { cluster.report($0) }
            guard
                reports.allSatisfy({
                    $0?.phase == "voting" && $0?.connectedPeers == reports.count - 1
                })
            else { return nil }
            return ()
        }
    }

    func leader() throws -> Int {
        try eventually("a leader") { cluster.report(0).map(\.leaderIndex) }
    }

    /// The height that agreement has made final at this node, stored or not.
    func finalHeight(_ index: Int) throws -> UInt64 {
        try eventually("a report of node-\(index)") { cluster.report(index)?.targetHeight }
    }

    func awaitHeights(above height: UInt64) throws {
        for index in cluster.ports.indices {
            try eventually("new final blocks at node-\(index)") { () -> Void? in
                guard let report = cluster.report(index) else { return nil }
                return report.finalHeight > height + 1 ? () : nil
            }
        }
    }

    /// The longest time without a new final block from just before `event` on.
    func longestGap(at observer: Int, seconds: Double, _ event: () -> Void) throws -> Double {
        var height = try finalHeight(observer)
        event()
        let end = ContinuousClock.now + .seconds(seconds)
        var last = ContinuousClock.now
        var longest = 0.0
        while ContinuousClock.now < end || longest == 0 {
            let now = try finalHeight(observer)
            if now > height {
                longest = max(longest, Self.milliseconds(since: last))
                height = now
                last = ContinuousClock.now
            }
            if let number = cluster.awaitSignal(milliseconds: 2), number != SIGCHLD {
                throw CommandFailure("interrupted")
            }
        }
        return longest
    }
}
