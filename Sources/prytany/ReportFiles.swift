import Foundation
import Simulation
import Yams

/// Scenario files, with errors that name the file and the key.
enum ScenarioFile {
    static func read(_ path: String) throws -> Scenario {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure("cannot read the scenario \(path): \(error.localizedDescription)")
        }
        do {
            return try YAMLDecoder().decode(Scenario.self, from: text)
        } catch DecodingError.dataCorrupted(let context) where context.underlyingError != nil {
            throw CommandFailure("\(path): \(context.underlyingError.map { "\($0)" } ?? "")")
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }
}

/// What is written of a run.
enum ReportFiles {
    /// Writes the run's page, and beside it the same as JSON. Returns the page's path.
    @discardableResult
    static func write(_ record: RunRecord, to directory: String) throws -> String {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let base = "\(directory)/\(record.scenario)-\(record.seed)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(record).write(to: URL(fileURLWithPath: base + ".json"))
        try Data(ReportPage.html(record).utf8).write(to: URL(fileURLWithPath: base + ".html"))
        return base + ".html"
    }

    /// The page that lists runs, by the files of their own pages.
    static func writeIndex(
        _ runs: [(record: RunRecord, file: String)], to directory: String
    ) throws {
        try Data(ReportPage.index(runs).utf8).write(
            to: URL(fileURLWithPath: directory + "/index.html"))
    }

    static func line(_ verdict: ChaosVerdict) -> String {
        struct Line: Encodable {
            var scenario: String
            var seed: UInt64
            var passed: Bool
            var exitCode: Int32
            var height: UInt64
            var transactions: UInt64
            var seconds: Double
            var guilty: [Int]
            var unmet: [String]
            var figures: [String: String]
            var findings: [Finding]
        }
        let record = verdict.record
        return encoded(
            Line(
                scenario: record.scenario, seed: record.seed, passed: record.passed,
                exitCode: verdict.exitCode, height: verdict.height,
                transactions: verdict.transactions, seconds: verdict.wallSeconds,
                guilty: record.guilty, unmet: record.expectations.filter { !$0.1 }.map(\.0),
                figures: named(record.figures), findings: record.findings))
    }

    private static func named(_ figures: [RunRecord.Figure]) -> [String: String] {
        Dictionary(figures.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    private static func encoded(_ line: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(line) else {
            preconditionFailure("a line of plain data cannot be encoded")
        }
        return String(decoding: data, as: UTF8.self)
    }

    static func line(_ outcome: SimulationOutcome, seed: UInt64) -> String {
        struct Line: Encodable {
            var seed: UInt64
            var exitCode: Int32
            var traceHash: String
            var height: UInt64
            var transactions: UInt64
            var simulatedSeconds: Double
            var events: UInt64
            var guilty: [Int]
            var figures: [String: String]
            var findings: [Finding]
        }
        let record = outcome.record
        let line = Line(
            seed: seed, exitCode: outcome.exitCode, traceHash: record.traceHash ?? "",
            height: outcome.height, transactions: outcome.transactions,
            simulatedSeconds: Double(outcome.simulated) / 1e9, events: outcome.events,
            guilty: record.guilty, figures: named(record.figures), findings: record.findings)
        return encoded(line)
    }
}
