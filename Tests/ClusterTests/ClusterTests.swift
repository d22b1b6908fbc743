import Foundation
import Glibc
import TestSupport
import Testing

@Suite(
    "Clusters of real processes", .serialized, .enabled(if: Binary.isPresent, Binary.absence))
struct ClusterTests {
    /// The OpenRPC documents of the releases 0.10.x without suffix, found by what they say.
    private static func documents() throws -> [String] {
        try Fixtures.files(under: "openrpc", suffix: ".json").filter { file in
            guard let document = try Fixtures.json(file) as? [String: Any],
                let information = document["info"] as? [String: Any],
                let version = information["version"] as? String
            else { return false }
            let parts = version.split(separator: ".")
            return parts.count == 3 && parts.starts(with: ["0", "10"]) && Int(parts[2]) != nil
        }.map { Fixtures.root.appendingPathComponent($0.path).path }
    }

    @Test(
        "starknet-py deploys, transfers through every node, and reads the same from all",
        .enabled(if: Binary.python != nil, Binary.pythonAbsence))
    func starknetPy() async throws {
        try await onThread {
            let cluster = try TestCluster()
            try cluster.startAll()
            let client = try cluster.client("check", documents: Self.documents())
            let status = try client.waitForExit(seconds: 240)
            #expect(status == 0, "\(client.log.suffix(3000))")
            print("starknet-py: \(client.log.suffix(300))")
        }
    }

    /// Sierra classes of the fixtures that have their CASM beside them.
    private static func pairs() -> [String] {
        let all = Set(Fixtures.all.map(\.path))
        return Fixtures.all.map(\.path).filter {
            $0.hasSuffix(".sierra.json") && !$0.hasPrefix("unresolved/")
                && all.contains($0.dropLast(".sierra.json".count) + ".casm.json")
        }.map { Fixtures.root.appendingPathComponent($0).path }
    }

    /// A Cairo 0 class of the fixtures that anybody can deploy.
    private static func cairo0() throws -> [String] {
        for file in Fixtures.files(under: "feature-contracts/cairo0", suffix: ".json") {
            let json = try Fixtures.json(file) as? [String: Any]
            let points = json?["entry_points_by_type"] as? [String: [Any]]
            if points?["CONSTRUCTOR"]?.isEmpty == true {
                return [Fixtures.root.appendingPathComponent(file.path).path]
            }
        }
        return []
    }

    @Test(
        """
        starknet-py declares, deploys and uses Cairo contracts and accounts, on nodes with and \
        without native classes, and one without a compiler
        """,
        .enabled(if: Binary.python != nil, Binary.pythonAbsence),
        .enabled(if: Binary.compiler != nil, Binary.compilerAbsence),
        .enabled(
            if: Fixtures.has("devnet-contracts"),
            Comment(rawValue: Fixtures.absence(of: "devnet-contracts"))))
    func contracts() async throws {
        try await onThread {
            let caller = ExampleContracts.folder.appendingPathComponent("caller.sierra.json").path
            let genesis = try [caller] + Self.cairo0()
            let cluster = try TestCluster(genesisClasses: genesis)
            let compiler = try #require(Binary.compiler)
            // One executes side by side. Were that, or a native class, to differ from its Cairo class
            // in anything, no block would get its quorum of three.
            try cluster.configure(2, "executionThreads: 2")
            try cluster.start(0, "--sierra-compiler", compiler)
            try cluster.start(1, "--sierra-compiler", compiler, "--no-native")
            try cluster.start(2, "--sierra-compiler", compiler)
            try cluster.start(3, "--sierra-compiler", cluster.directory + "/none", "--no-native")
            for index in 0..<TestCluster.size { try cluster.waitUntilVoting(index) }
            let client = try cluster.client(
                "contracts", documents: Self.documents(), script: "contracts.py",
                more: [
                    "pairs": Self.pairs(), "examples": ExampleContracts.folder.path,
                    "genesis": genesis, "without": 3,
                ])
            let status = try client.waitForExit(seconds: 1200)
            #expect(status == 0, "\(client.log.suffix(3000))")
            print("starknet-py: \(client.log.suffix(600))")
        }
    }

    @Test("Ctrl-C stops every node, and a second start goes on from the stored height")
    func cleanStop() async throws {
        try await onThread {
            let cluster = try TestCluster()
            let first = try cluster.up(nil)
            let report: Report = try eventually("height 3 at every node") {
                guard first.isRunning else { throw ClusterFailure(first.log) }
                let reports = (0..<TestCluster.size).compactMap(cluster.report)
                let reached =
                    reports.count == TestCluster.size
                    && reports.allSatisfy { $0.finalHeight >= 3 }
                return reached ? reports[0] : nil
            }
            let hash =
                HTTP.call(
                    port: cluster.rpcPort, "starknet_getBlockWithTxHashes",
                    #"{"block_id":{"block_number":3}}"#) as? [String: Any]
            first.signal(SIGINT)
            #expect(try first.waitForExit() == 0, "\(first.log.suffix(1000))")
            // Nothing listens any more: every node has gone.
            for index in 0..<TestCluster.size {
                #expect(Socket(connectedTo: cluster.rpcPort + index) == nil)
                #expect(Socket(connectedTo: cluster.peerPort + index) == nil)
            }
            let second = try cluster.up(nil)
            for index in 0..<TestCluster.size {
                let seen: Report = try eventually("node-\(index) after the second start") {
                    guard second.isRunning else { throw ClusterFailure(second.log) }
                    return cluster.report(index)
                }
                #expect(seen.finalHeight >= report.finalHeight - 1, "the stored blocks are there")
                let _: Report = try eventually("node-\(index) goes on") {
                    cluster.report(index).flatMap {
                        $0.finalHeight > report.finalHeight + 1 ? $0 : nil
                    }
                }
                let again =
                    HTTP.call(
                        port: cluster.rpcPort + index, "starknet_getBlockWithTxHashes",
                        #"{"block_id":{"block_number":3}}"#) as? [String: Any]
                #expect(again?["block_hash"] as? String == hash?["block_hash"] as? String)
                #expect(again?["block_hash"] != nil)
            }
            second.signal(SIGINT)
            #expect(try second.waitForExit() == 0)
        }
    }

    @Test("A node that was down catches up and votes: the others need it when one more stops")
    func catchUp() async throws {
        try await onThread {
            let cluster = try TestCluster(payloadRate: 40)
            try cluster.startAll()
            try cluster.killNow(3)
            let down = try eventually("a report") { try cluster.livingReport(0) }
            try cluster.waitForHeight(down.finalHeight + 60, at: 0)
            try cluster.start(3)
            let returned = try eventually("a report") { try cluster.livingReport(0) }
            try cluster.waitForHeight(returned.finalHeight, at: 3)
            // Of four equal stakes three are a quorum: from here on no block is final without it.
            try cluster.killNow(1)
            try cluster.expectProgress(40, at: 3)
            try cluster.expectProgress(40, at: 0)
            let votes = try eventually("votes of validator 3 seen by node-0") {
                cluster.metric("votes_seen", #"validator="3""#, at: 0)
            }
            let _: Double = try eventually("more votes of validator 3") {
                cluster.metric("votes_seen", #"validator="3""#, at: 0).flatMap {
                    $0 > votes ? $0 : nil
                }
            }
        }
    }
}
