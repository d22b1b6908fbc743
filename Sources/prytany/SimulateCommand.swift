import Adversary
import ArgumentParser
import Foundation
import Simulation

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run many nodes in one process under virtual time, break them, and check them.",
        discussion: """
            With a scenario file, its story is played; without one, each seed draws validators, bad \
            links, faults and Byzantine roles of its own. The same seed gives the same trace hash on \
            every machine. Exit codes: 0 all holds, 10 agreement, 11 validity, 12 statements, 13 state \
            roots, 14 durability, 15 transactions, 16 supply, 17 evidence, 18 bounds, 20 a stall.
            """)
    @Option(help: "A scenario file; chaos/README.md explains its keys.") var scenario: String?
    @Option(help: "The seed, or the first of several.") var seed: UInt64 = 1
    @Option(help: "How many seeds to run.") var seeds: UInt64 = 1
    @Option(help: "How many seeds to run at once. (default: one for each processor)")
    var jobs: Int?
    @Option(help: "Validators of a drawn scenario.") var validators: Int?
    @Option(help: "End a run when a node has this height final.") var untilHeight: UInt64?
    @Option(help: "End a run at this time, for example 12s.") var until: String?
    @Option(help: "Leave out these faults of the scenario, by number: 0,3.") var without: String?
    @Option(help: "modelled, or real for the signatures on the curve.")
    var signatures = "modelled"
    @Flag(help: "Leaders make empty blocks as fast as agreement allows.") var unpaced = false
    @Option(help: "Write each run's report into this folder.") var report: String?
    @Flag(help: "One JSON object a run instead of text.") var json = false
    @Flag(help: "Go on after a seed that fails.") var keepGoing = false
    @Flag(help: "One line a seed.") var verbose = false

    func run() throws {
        guard let signatures = SimulationOptions.Signatures(rawValue: signatures) else {
            throw CommandFailure("--signatures \(signatures): it is modelled or real")
        }
        var options = SimulationOptions()
        options.signatures = signatures
        options.untilHeight = untilHeight
        options.unpaced = unpaced
        if let until {
            guard let span = Span(until), span.nanoseconds > 0 else {
                throw CommandFailure("--until \(until): write a time like 1500ms or 12s")
            }
            options.until = span.unsigned
        }
        if let without {
            for part in without.split(separator: ",") {
                guard let number = Int(part) else {
                    throw CommandFailure("--without \(without): write numbers, like 0,3")
                }
                options.without.insert(number)
            }
        }
        if let jobs, !(1...256).contains(jobs) {
            throw CommandFailure("--jobs \(jobs) is not in 1 to 256")
        }
        guard seeds > 0, seed.addingReportingOverflow(seeds).overflow == false else {
            throw CommandFailure("--seeds \(seeds) from \(seed): there are no such seeds")
        }
        if let validators, !(1...200).contains(validators) {
            throw CommandFailure("--validators \(validators) is not in 1 to 200")
        }
        let given = try scenario.map { try ScenarioFile.read($0) }
        if let given, !given.engines.contains(.simulation) {
            throw CommandFailure("\(given.name) is for real processes: use 'prytany chaos run'")
        }
        try play(given, options)
    }

    private func play(_ given: Scenario?, _ options: SimulationOptions) throws {
        let started = Date()
        var shown = started
        var simulated: UInt64 = 0
        var failures: [(seed: UInt64, code: Int32)] = []
        var done: UInt64 = 0
        let scenario = { @Sendable [validators] (number: UInt64) -> Scenario in
            given
                ?? DefaultMix.scenario(
                    seed: number, validators: validators,
                    roles: ByzantineRole.allCases.map(\.rawValue))
        }
        let pool = SeedPool(
            seed..<(seed + seeds), jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount
        ) { number in Simulation.run(scenario(number), seed: number, options: options) }
        defer { pool.stop() }
        while let (number, result) = pool.next() {
            var outcome = result
            done += 1
            simulated += outcome.simulated
            outcome.record.command = command(number)
            if outcome.exitCode != 0 {
                failures.append((number, outcome.exitCode))
                if options.without.isEmpty, let found = outcome.firstViolation {
                    outcome.record.failingPrefix = shrink(
                        scenario(number), number, options, found)
                }
            }
            try show(outcome, number)
            if let report {
                let page = try ReportFiles.write(outcome.record, to: report)
                if !json, seeds == 1 { say("  report: \(page)") }
            }
            if outcome.exitCode != 0, !keepGoing { break }
            if !json, seeds > 1, Date().timeIntervalSince(shown) > 5 {
                shown = Date()
                progress(done, failures.count, simulated, started)
            }
        }
        if !json, seeds > 1 { progress(done, failures.count, simulated, started) }
        if let first = failures.first {
            if !json {
                say(
                    "failed: \(failures.map { "seed \($0.seed) (\($0.code))" }.joined(separator: ", "))"
                )
            }
            throw ExitCode(first.code)
        }
    }

    private func command(_ number: UInt64) -> String {
        var parts = ["prytany simulate"]
        if let scenario { parts.append("--scenario \(scenario)") }
        parts.append("--seed \(number)")
        if let validators { parts.append("--validators \(validators)") }
        if let untilHeight { parts.append("--until-height \(untilHeight)") }
        if let until { parts.append("--until \(until)") }
        if let without { parts.append("--without \(without)") }
        if signatures != "modelled" { parts.append("--signatures \(signatures)") }
        if unpaced { parts.append("--unpaced") }
        return parts.joined(separator: " ")
    }

    /// Leaves out one fault after the other while the same property still breaks, and ends the run at
    /// the finding.
    private func shrink(
        _ scenario: Scenario, _ seed: UInt64, _ options: SimulationOptions, _ found: Finding
    ) -> RunRecord.FailingPrefix {
        var kept = options
        var last = (finding: found, events: UInt64(0))
        for index in scenario.faults.indices {
            var attempt = kept
            attempt.without.insert(index)
            let outcome = Simulation.run(scenario, seed: seed, options: attempt)
            if let finding = outcome.firstViolation, finding.property == found.property {
                kept = attempt
                last = (finding, outcome.events)
            }
        }
        let without = kept.without.sorted().map(String.init).joined(separator: ",")
        let faults = scenario.faults.enumerated().filter { !kept.without.contains($0.offset) }.map {
            "\($0.offset): \($0.element.action.title)"
        }
        return RunRecord.FailingPrefix(
            time: last.finding.time, events: last.events, faultsKept: faults,
            command: command(seed) + (without.isEmpty ? "" : " --without \(without)"))
    }

    private func show(_ outcome: SimulationOutcome, _ number: UInt64) throws {
        if json {
            say(ReportFiles.line(outcome, seed: number))
            return
        }
        guard seeds == 1 || verbose || outcome.exitCode != 0 else { return }
        let record = outcome.record
        say(
            "seed \(number)  \(record.passed ? "passed" : "FAILED")  height \(outcome.height)  "
                + "\(outcome.transactions) transactions  \(outcome.simulated / 1_000_000_000) s  "
                + "trace \(record.traceHash ?? "-")"
                + (record.guilty.isEmpty ? "" : "  guilty \(record.guilty)"))
        guard seeds == 1 || outcome.exitCode != 0 else { return }
        record.sayExpectations()
        record.sayDetails()
    }

    private func progress(
        _ done: UInt64, _ failed: Int, _ simulated: UInt64, _ started: Date
    ) {
        let wall = Date().timeIntervalSince(started)
        say(
            String(
                format: "%llu of %llu seeds, %d failed, %.0f simulated seconds in %.1f s: %.0fx, "
                    + "%.0f seeds a minute", done, seeds, failed, Double(simulated) / 1e9, wall,
                Double(simulated) / 1e9 / wall, Double(done) / wall * 60))
    }
}
