import Foundation
import Simulation
import Testing
import Yams

/// Every file in `chaos/` that one process can play quickly.
@Suite("The scenario files in the simulator")
struct ScenarioFilesTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("chaos").path

    private static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    private static func read(_ name: String) throws -> Scenario {
        let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
        return try YAMLDecoder().decode(Scenario.self, from: text)
    }

    @Test("There are at least twenty, each with a story of its own, and most for both engines")
    func stories() throws {
        let scenarios = try Self.names.map(Self.read)
        #expect(Set(scenarios.map(\.story)).count >= 20)
        #expect(scenarios.map { $0.name + ".yaml" } == Self.names)
        #expect(scenarios.count { $0.engines.count == 2 } >= 20)
    }

    /// Fifty validators and more are for the command line: they take minutes.
    @Test("A scenario ends as its file expects, twice with the same trace", arguments: names)
    func plays(_ name: String) throws {
        let scenario = try Self.read(name)
        guard scenario.engines.contains(.simulation), scenario.stakes.count <= 10 else { return }
        let first = Simulation.run(scenario, seed: 1)
        #expect(first.exitCode == 0, "\(first.record.findings) \(first.record.expectations)")
        let second = Simulation.run(scenario, seed: 1)
        #expect(first.record.traceHash == second.record.traceHash)
        #expect(first.record.checks.map(\.examined) == second.record.checks.map(\.examined))
    }
}
