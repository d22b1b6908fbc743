import Adversary
import Foundation
import Simulation
import Testing

@Suite("The simulator")
struct SimulatorTests {
    private func calm(_ change: (inout Scenario) -> Void = { _ in }) -> Scenario {
        var scenario = Scenario(name: "calm", story: "Nothing happens.")
        scenario.duration = .seconds(12)
        scenario.expect.recovery = .seconds(10)
        change(&scenario)
        return scenario
    }

    @Test("A calm cluster finalises what its users send, and every checker has seen something")
    func calmRun() {
        let outcome = Simulation.run(calm(), seed: 1)
        #expect(outcome.exitCode == 0, "\(outcome.record.findings)")
        #expect(outcome.height > 40)
        #expect(outcome.transactions > 200)
        for check in outcome.record.checks where check.property != .evidence {
            #expect(check.examined > 0, "\(check.property)")
        }
    }

    @Test("Signatures on the curve and modelled ones let the same things happen")
    func realSignatures() {
        var options = SimulationOptions()
        options.signatures = .real
        let outcome = Simulation.run(calm(), seed: 1, options: options)
        let modelled = Simulation.run(calm(), seed: 1)
        #expect(outcome.exitCode == 0, "\(outcome.record.findings)")
        #expect(outcome.height == modelled.height)
        #expect(outcome.transactions == modelled.transactions)
    }

    @Test(
        "The first leader, whose peers come after it has begun, loses no window", arguments: 4...7)
    func firstWindow(_ validators: Int) {
        let scenario = calm {
            $0.stakes = Array(repeating: 100, count: validators)
            $0.duration = .seconds(3)
        }
        let outcome = Simulation.run(scenario, seed: 1)
        let events = outcome.record.nodes.flatMap(\.lastEvents)
        #expect(outcome.height > 10)
        #expect(events.count { $0.contains("started") } == validators)
        #expect(!events.contains { $0.contains("skips") }, "\(events)")
    }

    @Test("Another seed is another run")
    func seedsDiffer() {
        let one = Simulation.run(calm(), seed: 1).record.traceHash
        let same = Simulation.run(calm(), seed: 1).record.traceHash
        let other = Simulation.run(calm(), seed: 2).record.traceHash
        #expect(one == same)
        #expect(one != other)
    }

    @Test("A node that is unplugged is one that a partition leaves alone")
    func unplugged() {
        func trace(_ action: Fault.Action) -> String? {
            let scenario = calm {
                $0.faults = [Fault(.at(.seconds(2)), action, lasting: .seconds(4))]
            }
            let outcome = Simulation.run(scenario, seed: 1)
            #expect(outcome.exitCode == 0, "\(outcome.record.findings)")
            return outcome.record.traceHash
        }
        #expect(trace(.unplug([.node(1)])) == trace(.partition([[0, 2, 3]])))
    }

    @Test("Without a quorum nothing becomes final, and that is a stall and no violation")
    func stall() {
        let scenario = calm {
            $0.faults = [Fault(.at(.seconds(1)), .kill([.node(0), .node(1)]))]
            $0.expect.down = [0, 1]
        }
        let outcome = Simulation.run(scenario, seed: 1)
        #expect(outcome.exitCode == Property.liveness.exitCode)
        #expect(outcome.record.findings.allSatisfy { $0.property == .liveness })
    }

    @Test(
        "The power fails at each operation of a node's disk, and right after each sync",
        arguments: 0..<40)
    func powerCuts(_ operation: UInt64) {
        let scenario = calm {
            $0.faults = [
                Fault(
                    .at(.milliseconds(1500)), .powerCut([.node(1)], operation: operation),
                    lasting: .milliseconds(700))
            ]
        }
        let outcome = Simulation.run(scenario, seed: operation)
        #expect(outcome.exitCode == 0, "operation \(operation): \(outcome.record.findings)")
    }

    @Test("The power of all nodes fails at once", arguments: 0..<20)
    func allOff(_ operation: UInt64) {
        let scenario = calm {
            $0.duration = .seconds(25)
            $0.expect.recovery = .seconds(15)
            $0.faults = [
                Fault(
                    .at(.milliseconds(1500)), .powerCut([.everyone], operation: operation),
                    lasting: .milliseconds(700))
            ]
        }
        let outcome = Simulation.run(scenario, seed: operation)
        #expect(outcome.exitCode == 0, "operation \(operation): \(outcome.record.findings)")
    }

    @Test(
        "Seeds that once broke something",
        arguments: [
            // A peer altered a block's transactions on their way.
            9, 21, 42,
            // A node that restarted in the middle of a block never got it, and its vote was needed.
            155,
            // A twin's body closed the block that its other copy had open or opened afterwards, and
            // that copy gave the block up later.
            89, 331, 353, 738,
        ] as [UInt64])
    func onceBroken(_ seed: UInt64) {
        let scenario = DefaultMix.scenario(
            seed: seed, roles: ByzantineRole.allCases.map(\.rawValue))
        let outcome = Simulation.run(scenario, seed: seed)
        #expect(outcome.exitCode == 0, "seed \(seed): \(outcome.record.findings)")
    }

    @Test("With half of the power Byzantine agreement breaks, and the guilty are named")
    func tooMany() {
        let scenario = calm {
            $0.byzantine = [2: "equivocator", 3: "equivocator"]
            var quality = LinkQuality()
            quality.cut = true
            $0.faults = [
                Fault(
                    .at(.milliseconds(100)), .link(from: [0], to: [1], quality, bothWays: true),
                    lasting: .seconds(8))
            ]
            $0.expect.verdict = .broken
        }
        let outcome = Simulation.run(scenario, seed: 2)
        #expect(outcome.firstViolation?.property == .agreement)
        #expect(outcome.record.guilty == [2, 3])
    }
}

/// The built program.
private func program() throws -> URL {
    guard let binary = ProcessInfo.processInfo.environment["PRYTANY_BINARY"],
        FileManager.default.isExecutableFile(atPath: binary)
    else {
        try Test.cancel("no program: set PRYTANY_BINARY to the built prytany")
    }
    return URL(fileURLWithPath: binary)
}

@Suite("A crash of the simulator")
struct SimulatorCrashTests {
    @Test("names the seeds that were under way, and stays a crash")
    func crash() throws {
        let process = Process()
        process.executableURL = try program()
        process.arguments = [
            "simulate", "--seed", "7000", "--seeds", "5000", "--jobs", "2", "--verbose",
        ]
        // The runtime's backtrace, where it is on, takes a signal from outside for seen to and lets
        // the process live.
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        #expect(output.fileHandleForReading.availableData.isEmpty == false)
        kill(process.processIdentifier, SIGILL)
        let text = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(process.terminationStatus == SIGILL)
        #expect(text.contains("crashed; under way: seed 70"), "\(text)")
    }
}

/// Two processes, since the order of sets and dictionaries differs from one to the next.
@Suite("The same seed gives the same run in every process")
struct RepeatedRunTests {
    @Test(arguments: [11, 12, 14, 20] as [UInt64])
    func repeated(_ seed: UInt64) throws {
        let binary = try program()
        func line() throws -> String {
            let process = Process()
            process.executableURL = binary
            process.arguments = ["simulate", "--seed", "\(seed)", "--json"]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "seed \(seed)")
            return String(decoding: data, as: UTF8.self)
        }
        let first = try line()
        #expect(first.contains("traceHash"))
        #expect(try line() == first)
    }
}
