import Adversary
import Primitives

/// How a simulation is to be run, besides its scenario and seed.
package struct SimulationOptions: Sendable {
    package enum Signatures: String, Sendable, CaseIterable { case modelled, real }
    package var signatures = Signatures.modelled
    /// Faults of the scenario that are left out, by number: for finding which ones matter.
    package var without: Set<Int> = []
    /// Ends here, instead of at the scenario's end; nanoseconds.
    package var until: UInt64?
    /// Ends as soon as some node has this height final.
    package var untilHeight: UInt64?
    /// Leaders make empty blocks as fast as agreement allows: for measurements.
    package var unpaced = false
    package init() {}
}

/// What came of one run.
package struct SimulationOutcome: Sendable {
    package var record: RunRecord
    /// 0 when the scenario's expectations came true, else the code of what broke first.
    package var exitCode: Int32
    package var events: UInt64
    package var simulated: UInt64
    package var firstViolation: Finding?
    package var messages: UInt64
    package var bytesPerNode: UInt64
    package var height: UInt64
    package var transactions: UInt64
}

package enum Simulation {
    /// Plays a scenario from a seed: a function of its arguments.
    package static func run(
        _ scenario: Scenario, seed: UInt64, options: SimulationOptions = SimulationOptions()
    ) -> SimulationOutcome {
        let simulator = Simulator(scenario: scenario, seed: seed, options: options)
        let end = min(options.until ?? .max, scenario.duration.unsigned)
        let height = options.untilHeight ?? .max
        simulator.run(to: end) {
            ($0.isViolated && scenario.expect.verdict == .holds)
                || $0.recorder.highestFinal >= height
        }
        let stoppedEarly = simulator.now < scenario.duration.unsigned
        let driver = simulator.faults
        let healed: UInt64? = stoppedEarly || driver.lasting > 0 ? nil : driver.lastEnd
        simulator.finishChecks(RunEnd(time: simulator.now, healed: healed))
        return outcome(simulator, seed, stoppedEarly)
    }

    private static func outcome(
        _ simulator: Simulator, _ seed: UInt64, _ stoppedEarly: Bool
    ) -> SimulationOutcome {
        let scenario = simulator.scenario
        var record = RunRecord(
            scenario: scenario.name, story: scenario.story, engine: .simulation, seed: seed,
            command: "prytany simulate --scenario chaos/\(scenario.name).yaml --seed \(seed)",
            duration: simulator.now)
        record.traceHash = hex(simulator.trace.value)
        record.nodes = simulator.nodes.map { node in
            RunRecord.Node(
                name: node.index == node.validator
                    ? "node-\(node.index)" : "twin of \(node.validator)",
                stake: scenario.stakes[node.validator], role: node.role?.rawValue,
                region: scenario.regions.isEmpty
                    ? nil : scenario.regions[node.validator % scenario.regions.count].rawValue)
        }
        simulator.recorder.complete(&record, at: simulator.now)
        record.checks = simulator.suite.checked
        record.guilty = simulator.suite.guilty
        let height = simulator.recorder.highestFinal
        let bytes = simulator.links.bytesSent.reduce(0, +) / UInt64(simulator.nodes.count)
        let latency = simulator.recorder.latency(percents: [50, 90, 99])
        record.figures = [
            .init("final height", "\(height)"),
            .init("final transactions", "\(simulator.recorder.finalTransactions)"),
            .init("sent by users", "\(simulator.users.sent)"),
            .init("finality p50", milliseconds(latency[0])),
            .init("finality p90", milliseconds(latency[1])),
            .init("finality p99", milliseconds(latency[2])),
            .init("blocks a second", perSecond(height, simulator.now)),
            .init("messages", "\(simulator.links.messagesSent)"),
            .init("lost on the way", "\(simulator.links.messagesLost)"),
            .init("bytes sent by a node", "\(bytes)"), .init("events", "\(simulator.events)"),
        ]
        for title in simulator.notSimulated {
            record.figures.append(.init("note", "not simulated: \(title)"))
        }
        let judgement = Judgement(
            of: &record, scenario, height: height, neverDue: simulator.faults.neverDue,
            stoppedEarly: stoppedEarly)
        return SimulationOutcome(
            record: record, exitCode: judgement.exitCode, events: simulator.events,
            simulated: simulator.now,
            firstViolation: judgement.firstBreach, messages: simulator.links.messagesSent,
            bytesPerNode: bytes, height: height,
            transactions: simulator.recorder.finalTransactions)
    }

    package static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func milliseconds(_ nanoseconds: UInt64) -> String {
        let tenths = (nanoseconds + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10) ms"
    }

    package static func perSecond(_ count: UInt64, _ nanoseconds: UInt64) -> String {
        guard nanoseconds > 0 else { return "0" }
        let tenths = count * 10_000_000_000 / nanoseconds
        return "\(tenths / 10).\(tenths % 10)"
    }
}
