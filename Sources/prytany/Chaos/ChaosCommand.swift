import ArgumentParser
import Foundation
import Simulation

struct ChaosCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Play scenarios on real processes: break a cluster on purpose, and check it.",
        subcommands: [List.self, Run.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Name every scenario and tell its story.")
        @Option(help: "Where the scenario files are.") var directory = "chaos"

        func run() throws {
            let files = try ChaosLibrary(directory: directory).files
            let width = files.map(\.scenario.name.count).max() ?? 0
            for file in files {
                let scenario = file.scenario
                let engines = scenario.engines.map(\.rawValue).joined(separator: ", ")
                let name = scenario.name.padding(toLength: width, withPad: " ", startingAt: 0)
                say(
                    "\(name)  \(scenario.stakes.count) validators, \(scenario.duration), "
                        + "\(engines)")
                say("    \(scenario.story.split(separator: "\n").joined(separator: " "))")
            }
        }
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play scenarios, one after the other.",
            discussion: """
                Each gets a fresh cluster of real processes in a temporary folder, whose links go \
                through a proxy that can break them. A scenario is a name in the folder of \
                scenarios, or a file. Exit codes: 0 all came true, 10 agreement, 11 validity, 12 \
                statements, 13 state roots, 14 durability, 15 transactions, 16 supply, 17 evidence, \
                18 bounds, 20 a stall, 1 something else; with several scenarios, that of the first \
                which failed.
                """)
        @Argument(help: "Names of scenarios, or files.") var scenarios: [String] = []
        @Flag(help: "Every scenario of the folder that is for real processes.") var all = false
        @Option(help: "Where the scenario files are.") var directory = "chaos"
        @Option(help: "Decides keys, leaders, losses, and whom a random fault hits.")
        var seed: UInt64 = 1
        @Option(help: "Write each run's report into this folder, and a page that lists them.")
        var report: String?
        @Flag(help: "One JSON object a run instead of text.") var json = false
        @Flag(help: "Leave the clusters' folders behind.") var keep = false

        func validate() throws {
            guard all != !scenarios.isEmpty else {
                throw ValidationError("name scenarios, or say --all")
            }
        }

        func run() throws {
            let programs = try ChaosPrograms.find()
            let library = ChaosLibrary(directory: directory)
            let files =
                all
                ? try library.files.filter { $0.scenario.engines.contains(.processes) }
                : try scenarios.map { try library.find($0) }
            for file in files where !file.scenario.engines.contains(.processes) {
                throw CommandFailure(
                    "\(file.scenario.name) is for the simulator: use 'prytany simulate'")
            }
            var pages: [(record: RunRecord, file: String)] = []
            var failures: [(name: String, code: Int32)] = []
            for file in files {
                if !json { say("\(file.scenario.name)  seed \(seed)") }
                let isQuiet = json
                let verdict: ChaosVerdict
                do {
                    verdict = try ChaosVerdict.take(
                        file.scenario, path: file.path, seed: seed, programs: programs,
                        keep: keep, progress: { line in if !isQuiet { say("  \(line)") } })
                } catch let error as ChaosInterruption {
                    throw error
                } catch {
                    // The other scenarios are played all the same.
                    complain("\(file.scenario.name): \(error)")
                    failures.append((file.scenario.name, 1))
                    continue
                }
                show(verdict)
                if verdict.exitCode != 0 { failures.append((file.scenario.name, verdict.exitCode)) }
                if let report {
                    let page = try ReportFiles.write(verdict.record, to: report)
                    let name = URL(fileURLWithPath: page).lastPathComponent
                    pages.append((verdict.record, name))
                    try ReportFiles.writeIndex(pages, to: report)
                    if !json { say("  report: \(page)") }
                }
            }
            if !json, files.count > 1 {
                say("\(files.count - failures.count) of \(files.count) scenarios passed")
            }
            guard let first = failures.first else { return }
            if !json {
                say("failed: \(failures.map { "\($0.name) (\($0.code))" }.joined(separator: ", "))")
            }
            throw ExitCode(first.code)
        }

        private func show(_ verdict: ChaosVerdict) {
            if json {
                say(ReportFiles.line(verdict))
                return
            }
            let record = verdict.record
            say(
                "  \(record.passed ? "passed" : "FAILED")  height \(verdict.height)  "
                    + "\(verdict.transactions) transactions  "
                    + String(format: "%.1f s", verdict.wallSeconds)
                    + (record.guilty.isEmpty ? "" : "  guilty \(record.guilty)"))
            record.sayExpectations()
            if !record.passed { record.sayDetails() }
        }
    }
}

/// The folder of scenario files.
struct ChaosLibrary {
    struct File {
        let path: String
        let scenario: Scenario
    }

    let directory: String

    /// Every scenario, by name. A file that cannot be read is an error.
    var files: [File] {
        get throws {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
                throw CommandFailure(
                    "no folder \(directory) with scenario files: say --directory")
            }
            let files = try names.filter { $0.hasSuffix(".yaml") }.sorted().map { name in
                let path = directory + "/" + name
                let scenario = try ScenarioFile.read(path)
                guard scenario.name + ".yaml" == name else {
                    throw CommandFailure("\(path) holds the scenario '\(scenario.name)'")
                }
                return File(path: path, scenario: scenario)
            }
            guard !files.isEmpty else {
                throw CommandFailure("no scenario file (.yaml) in \(directory)")
            }
            return files
        }
    }

    func find(_ name: String) throws -> File {
        let path = name.hasSuffix(".yaml") ? name : "\(directory)/\(name).yaml"
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                "no scenario \(name): there is no file \(path); 'prytany chaos list' names all")
        }
        return File(path: path, scenario: try ScenarioFile.read(path))
    }
}
