import Foundation
import Testing

/// A share of the scenarios in `chaos/`, each in a cluster of its own whose links go through the
/// proxy. `prytany chaos run --all` plays all of them.
extension ClusterTests {
    private static let chaosFolder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("chaos").path

    /// Plays `prytany chaos run` to its end.
    private static func chaos(_ arguments: [String]) throws -> (status: Int32, said: String) {
        let log = NSTemporaryDirectory() + "chaos-\(UUID().uuidString).log"
        defer { unlink(log) }
        let program = try Program(
            Binary.path, ["chaos", "run"] + arguments + ["--directory", chaosFolder], log: log)
        let status = try program.waitForExit(seconds: 300)
        return (status, program.log)
    }

    @Test(
        "A scenario on real processes ends as its file expects",
        arguments: [
            "leader-killed", "third-minus-one-equivocates", "partition-lopsided", "one-way-link",
            "lossy-links", "torn-log", "old-backup", "liar-in-sync", "hostile-peer",
            "wrong-genesis",
            "clock-wrong", "slow-disk", "cable-pulled",
        ])
    func chaosScenario(_ name: String) async throws {
        try await onThread {
            let (status, said) = try Self.chaos([name])
            #expect(status == 0, "\(name): \(said)")
            #expect(said.contains("yes  every property holds"), "\(said)")
        }
    }

    @Test("A node without the chaos feature refuses to be Byzantine")
    func releaseRefusesRoles() async throws {
        try await onThread {
            let log = NSTemporaryDirectory() + "chaos-\(UUID().uuidString).log"
            defer { unlink(log) }
            let program = try Program(
                Binary.path,
                ["node", "run", "--config", "none.yaml", "--byzantine", "equivocator"], log: log)
            #expect(try program.waitForExit() == 1)
            #expect(program.log.contains("built without the chaos feature"), "\(program.log)")
        }
    }

    @Test("Scenarios that are missing, or wrong, or for the simulator alone, are named")
    func chaosRefusals() async throws {
        try await onThread {
            let file = NSTemporaryDirectory() + "wrong-\(UUID().uuidString).yaml"
            try "name: wrong\nstory: A key is misspelt.\nfualts: []\n".write(
                toFile: file, atomically: true, encoding: .utf8)
            defer { unlink(file) }
            for (arguments, reason) in [
                (["none-such"], "no scenario none-such"), ([file], "'fualts' is no key"),
                (["ten-regions"], "is for the simulator"), ([], "name scenarios"),
            ] {
                let (status, said) = try Self.chaos(arguments)
                #expect(status != 0)
                #expect(said.contains(reason), "\(arguments): \(said)")
            }
        }
    }
}
