import Foundation
import Primitives
import Simulation

/// One scenario from its start to its report.
struct ChaosVerdict {
    let record: RunRecord
    let exitCode: Int32
    let height: UInt64
    let transactions: UInt64
    /// Of the whole run with its start and its end.
    let wallSeconds: Double

    /// Plays it in a folder that does not outlive the call, but on `keep`.
    static func take(
        _ scenario: Scenario, path: String, seed: UInt64, programs: ChaosPrograms, keep: Bool,
        progress: @escaping (String) -> Void
    ) throws -> ChaosVerdict {
        let started = ContinuousClock.now
        let directory =
            NSTemporaryDirectory() + "prytany-chaos-\(scenario.name)-\(UUID().uuidString)"
        var keep = keep
        defer {
            if keep {
                complain("kept \(directory)")
            } else if FileManager.default.fileExists(atPath: directory) {
                do {
                    try FileManager.default.removeItem(atPath: directory)
                } catch { complain("cannot remove \(directory): \(error)") }
            }
        }
        let run = try ChaosRun(
            scenario, seed: seed, directory: directory, programs: programs, progress: progress)
        let end: UInt64
        let isWhole: Bool
        do {
            isWhole = try run.play()
            end = min(run.now, scenario.duration.unsigned)
            try run.readChains(at: end)
        } catch {
            // The failure is told, and what the nodes wrote can be looked at.
            keep = !(error is ChaosInterruption)
            try run.tearDown()
            throw error
        }
        let bytes = try run.network.bytesDelivered()
        let usage = run.nodes.compactMap { $0.process?.usage }
        try run.tearDown()
        var record = RunRecord(
            scenario: scenario.name, story: scenario.story, engine: .processes, seed: seed,
            command: "prytany chaos run \(path) --seed \(seed)", duration: end)
        record.nodes = run.folder.places.map { place in
            RunRecord.Node(
                name: place.name, stake: scenario.stakes[place.validator], role: place.role,
                region: scenario.regions.isEmpty
                    ? nil : scenario.regions[place.validator % scenario.regions.count].rawValue)
        }
        let healed: UInt64? = isWhole && run.faults.lasting == 0 ? run.faults.lastEnd : nil
        run.suite.finish(RunEnd(time: end, healed: healed))
        run.recorder.complete(&record, at: end)
        record.checks = run.suite.checked
        record.guilty = run.suite.guilty
        record.figures = figures(run, end, bytes, usage)
        let judgement = Judgement(
            of: &record, scenario, height: run.recorder.highestFinal,
            neverDue: run.faults.neverDue, stoppedEarly: !isWhole, further: run.expectations)
        let wall = started.duration(to: .now).components
        return ChaosVerdict(
            record: record, exitCode: judgement.exitCode, height: run.recorder.highestFinal,
            transactions: run.recorder.finalTransactions,
            wallSeconds: Double(wall.seconds) + Double(wall.attoseconds) / 1e18)
    }

    private static func figures(
        _ run: ChaosRun, _ end: UInt64, _ bytes: UInt64,
        _ usage: [(megabytes: Double, cpuSeconds: Double)]
    ) -> [RunRecord.Figure] {
        let latency = run.recorder.latency(percents: [50, 90, 99])
        let height = run.recorder.highestFinal
        var figures: [RunRecord.Figure] = [
            .init("final height", "\(height)"),
            .init("final transactions", "\(run.recorder.finalTransactions)"),
            .init("sent by users", "\(run.users.sent)"),
            .init("answered with an error", "\(run.users.refused)"),
            .init("finality p50", Simulation.milliseconds(latency[0])),
            .init("finality p90", Simulation.milliseconds(latency[1])),
            .init("finality p99", Simulation.milliseconds(latency[2])),
            .init("blocks a second", Simulation.perSecond(height, end)),
            .init("bytes between nodes", "\(bytes)"),
            .init(
                "processor seconds of all nodes",
                String(format: "%.1f", usage.reduce(0) { $0 + $1.cpuSeconds })),
            .init(
                "most memory of a node",
                String(format: "%.0f MiB", usage.map(\.megabytes).max() ?? 0)),
        ]
        if !run.hostilePeers.isEmpty {
            let count = run.hostilePeers.reduce(0) { $0 + $1.connections }
            figures.append(.init("hostile connections", "\(count)"))
        }
        for note in Set(run.notes).sorted() { figures.append(.init("note", note)) }
        return figures
    }
}

extension ChaosRun {
    /// Asks every honest node that runs for its chain and its balances, by JSON-RPC.
    func readChains(at time: UInt64) throws {
        guard scenario.expect.verdict == .holds else { return }
        for node in nodes
        where node.place.role == nil && node.isRunning && node.isWatched && node.isReachable {
            let reader = ChainReader(
                host: node.place.host, port: node.place.rpcPort,
                holders: folder.accounts.map(\.address) + folder.feeAddresses)
            let reading = reader.read()
            if let problem = reading.problem {
                expect("\(node.place.name) answers questions about its chain: \(problem)", false)
            }
            for what in reading.observations {
                try take(Observed(time: time, node: node.place.index, what: what))
            }
            let differing = reading.transactions.keys.sorted().filter {
                guard let seen = finals[$0] else { return false }
                return seen != reading.transactions[$0]
            }
            if !differing.isEmpty {
                expect(
                    "\(node.place.name) serves what was made final at heights \(differing)", false)
            }
        }
    }
}
