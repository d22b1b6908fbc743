import ArgumentParser
import Foundation
import Simulation

struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Search every state of the vote rules for a fork.",
        discussion: """
            Honest validators take every step that the shipped rules allow, in every order, against \
            equivocating leaders and Byzantine votes for everything, and no two final blocks may \
            conflict. With --mutant a rule is broken, and the search must notice: it prints a \
            shortest run that does. With --liveness it asks instead whether a window clears from \
            every state, for rule 4's choice of the slot to skip and for others. Exit status 10 is \
            a breach of agreement, 20 a stuck window, 1 a mutant that was not noticed.
            """)
    @Option(help: "Powers of the validators, separated by commas. Default: 1,1,1,1.")
    var powers: String?
    @Option(help: "The Byzantine ones by index, separated by commas. Default: 3.")
    var byzantine: String?
    @Option(help: "Slots above the root. Default: 3, and 2 for a mutant.") var slots: Int?
    @Option(help: "Slots of a window. Default: 2, and 3 for --liveness.") var window: Int?
    @Option(help: "The root's slot. Default: the last of window 0, and slot 0 for a mutant.")
    var root: Int?
    @Option(help: "Blocks of one slot on one parent.") var siblings = 1
    @Option(help: "Stop after so many states.") var limit: Int?
    @Flag(help: "Count states that differ by a renaming one by one.") var noSymmetry = false
    @Flag(help: "End at two conflicting final blocks, and at nothing before.") var forks = false
    @Option(help: ArgumentHelp("Break a rule: \(ExploreCommand.names).", valueName: "name"))
    var mutant: String?
    @Flag(help: "Break each rule in turn.") var allMutants = false
    @Flag(help: "Whether a window always clears, instead of safety.") var liveness = false
    @Flag(help: "One JSON object a line.") var json = false

    static var names: String { ExplorerMutant.all.map(\.name).joined(separator: ", ") }

    func run() throws {
        if liveness {
            try runLiveness()
        } else if allMutants {
            for each in ExplorerMutant.all { try runMutant(each) }
        } else if let mutant {
            guard let found = ExplorerMutant.all.first(where: { $0.name == mutant }) else {
                throw CommandFailure("--mutant \(mutant): it is one of \(ExploreCommand.names)")
            }
            try runMutant(found)
        } else {
            let result = try search("safety", changed(ExplorationSettings()))
            if result.counterexample != nil { throw ExitCode(Property.agreement.exitCode) }
        }
    }

    // MARK: - Settings

    private func numbers<Number: LosslessStringConvertible>(
        _ option: String, _ text: String, _: Number.Type
    ) throws -> [Number] {
        let parts = text.split(separator: ",").map { Number(String($0)) }
        guard parts.allSatisfy({ $0 != nil }) else {
            throw CommandFailure("--\(option) \(text): it must be whole numbers with commas")
        }
        return parts.compactMap { $0 }
    }

    /// The settings with what the command line says.
    private func changed(_ given: ExplorationSettings) throws -> ExplorationSettings {
        var settings = given
        if let powers { settings.powers = try numbers("powers", powers, UInt64.self) }
        if let byzantine { settings.byzantine = try numbers("byzantine", byzantine, Int.self) }
        if let slots { settings.slots = slots }
        if let window { settings.windowLength = window }
        if let root { settings.rootSlot = root }
        if let limit { settings.stateLimit = limit }
        settings.siblings = siblings
        settings.usesSymmetry = !noSymmetry
        if forks { settings.breaches = [.conflictingFinals] }
        return settings
    }

    private func failure(_ error: ExplorationError) -> CommandFailure {
        switch error {
        case .honestValidators(let got, let maximum):
            CommandFailure("\(got) honest validators: it must be 1 to \(maximum)")
        case .unknownValidator(let index):
            CommandFailure("--byzantine \(index): there is no such validator")
        case .powerlessOrTooMuchPower:
            CommandFailure("--powers: each must be 1 to \(UInt32.max)")
        case .slotsOrWindow(let slots, let length):
            CommandFailure(
                "\(slots) slots in windows of \(length): both must be 1 to 8, --siblings at least 1,"
                    + " --root 0 to 1000")
        case .tooManyBlocks(let maximum):
            CommandFailure("more than \(maximum) blocks: take fewer --slots or --siblings")
        case .tooManyNodeStates(let maximum):
            CommandFailure("a node has more than \(maximum) states: take fewer validators or slots")
        }
    }

    // MARK: - Runs

    private func runMutant(_ mutant: ExplorerMutant) throws {
        if !json { say("\(mutant.name): \(mutant.story)") }
        let result = try search(mutant.name, changed(mutant.settings))
        guard result.counterexample != nil else {
            throw CommandFailure("\(mutant.name) was not noticed")
        }
    }

    private func search(
        _ name: String, _ settings: ExplorationSettings
    ) throws -> ExplorationResult {
        let start = ContinuousClock.now
        let result: ExplorationResult
        do {
            result = try explore(settings) { progress in
                guard !json, progress.statesAtDepth > 500_000 else { return }
                complain("depth \(progress.depth): \(progress.states) states")
            }
        } catch { throw failure(error) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        say(json ? jsonLine(name, result, seconds) : text(result, seconds))
        return result
    }

    private func text(_ result: ExplorationResult, _ seconds: Double) -> String {
        var lines = [
            "\(result.states) states, \(result.transitions) transitions, depth \(result.depth), "
                + "\(result.blocks) blocks, \(result.nodeStates) states of a node; "
                + String(format: "%.1f s, %.0f MB", seconds, Double(result.peakBytes) / 1e6)
        ]
        if let found = result.counterexample {
            lines.append("\(found.breach.rawValue) after \(found.steps) steps, and no sooner:")
            lines += found.lines.map { "  " + $0 }
        } else {
            lines.append(
                result.isComplete ? "no breach in any state" : "no breach up to the limit of states"
            )
        }
        return lines.joined(separator: "\n")
    }

    private func jsonLine(_ name: String, _ result: ExplorationResult, _ seconds: Double) -> String
    {
        let found = result.counterexample
        let lines = found.map { $0.lines.map { "\"\($0)\"" }.joined(separator: ",") } ?? ""
        return """
            {"search":"\(name)","states":\(result.states),"transitions":\(result.transitions),\
            "depth":\(result.depth),"blocks":\(result.blocks),"node_states":\(result.nodeStates),\
            "seconds":\(String(format: "%.3f", seconds)),"peak_bytes":\(result.peakBytes),\
            "complete":\(result.isComplete),"breach":\(found.map { "\"\($0.breach.rawValue)\"" } ?? "null"),\
            "steps":\(found.map { "\($0.steps)" } ?? "null"),"trace":[\(lines)]}
            """
    }

    private func runLiveness() throws {
        var settings = try changed(.window())
        settings.windowLength = window ?? 3
        var isStuck = false
        for choice in SkipChoice.allCases {
            let start = ContinuousClock.now
            let result: LivenessResult
            do { result = try windowLiveness(choice, settings) } catch { throw failure(error) }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            say(json ? jsonLine(result, seconds) : text(result, seconds))
            if choice == .firstNotCertified, result.stuckStates + result.leaderlessStates > 0 {
                isStuck = true
            }
        }
        if isStuck { throw ExitCode(Property.liveness.exitCode) }
    }

    private func text(_ result: LivenessResult, _ seconds: Double) -> String {
        var lines = [
            "\(result.choice.rawValue): stuck in \(result.stuckStates) of \(result.states) states, "
                + "\(result.stuckVectors) of \(result.progressVectors) progress vectors; "
                + String(format: "%.1f s", seconds)
        ]
        if result.leaderlessStates > 0 {
            lines.append("  no parent that all accept in \(result.leaderlessStates) states")
        }
        lines += result.example.map { "  " + $0 }
        return lines.joined(separator: "\n")
    }

    private func jsonLine(_ result: LivenessResult, _ seconds: Double) -> String {
        """
        {"choice":"\(result.choice.rawValue)","states":\(result.states),\
        "stuck_states":\(result.stuckStates),"progress_vectors":\(result.progressVectors),\
        "stuck_vectors":\(result.stuckVectors),"leaderless_states":\(result.leaderlessStates),\
        "seconds":\(String(format: "%.3f", seconds))}
        """
    }
}
