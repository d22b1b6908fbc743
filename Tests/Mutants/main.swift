import Adversary
import Foundation
import Primitives
import Simulation

/// Runs the simulator against each known bug until a checker notices, and prints which one, at which
/// seed and after how many runs. Fails when a bug goes unnoticed, or when the unchanged code is blamed.
///
///     prytany-mutants [RUNS] [NAME...]

func slowLinks() -> Scenario {
    var scenario = Scenario(name: "slow-links", story: "Messages take far longer than assumed.")
    scenario.links.latency = .milliseconds(350)
    scenario.duration = .seconds(60)
    scenario.expect.recovery = .seconds(40)
    return scenario
}

/// A leader that has just closed a block goes for good, and some milliseconds later the power of all
/// others fails: what only it had written down is lost with it.
func blackouts(_ seed: UInt64) -> Scenario {
    var scenario = Scenario(name: "blackouts", story: "The leader goes, and then everyone's power.")
    scenario.workload.rate = 60
    // On slow disks a Final would long be out, if it did not wait, when the Notar's sync returns.
    scenario.disk.sync = .milliseconds(seed / 10 % 2 == 0 ? 20 : 2)
    scenario.duration = .seconds(40)
    scenario.expect.recovery = .seconds(25)
    scenario.expect.down = [0]
    let time = Span.milliseconds(2000 + Int64(seed % 7) * 100)
    scenario.faults = [
        Fault(.when(.node(0), .sentHeader, after: time), .kill([.node(0)])),
        Fault(
            .when(.node(0), .sentHeader, after: time),
            .powerCut([.node(1), .node(2), .node(3)], operation: 3 + (seed / 5 % 30) * 2),
            lasting: .seconds(1)),
    ]
    return scenario
}

/// The leader of the block that has just become final somewhere goes for good, and the power of all
/// others fails before they have stored it: its body is in their logs or nowhere.
func orphans(_ seed: UInt64) -> Scenario {
    var scenario = Scenario(name: "orphans", story: "A block is final, and its leader is gone.")
    scenario.stakes = [165, 112, 112, 111]
    scenario.workload.rate = 60
    scenario.duration = .seconds(40)
    scenario.expect.recovery = .seconds(25)
    scenario.expect.down = [0]
    let height = 20 + seed % 40
    scenario.faults = [
        Fault(.height(height), .kill([.node(0)])),
        Fault(
            .height(height), .kill([.node(1), .node(2), .node(3)]), lasting: .seconds(1)),
    ]
    return scenario
}

/// Many messages vanish while the connection stands, and then none does.
func lossy() -> Scenario {
    var scenario = Scenario(name: "lossy", story: "For a while six messages of ten vanish.")
    scenario.duration = .seconds(60)
    scenario.expect.recovery = .seconds(40)
    var quality = LinkQuality()
    quality.drop = 6000
    let all = [0, 1, 2, 3]
    scenario.faults = [
        Fault(
            .at(.milliseconds(1000)), .link(from: all, to: all, quality, bothWays: false),
            lasting: .seconds(12))
    ]
    return scenario
}

/// Honest nodes are cut into a part that has a quorum with the Byzantine ones and a part that has not.
func halves(_ seed: UInt64) -> Scenario {
    var scenario = Scenario(name: "halves", story: "Two parts, and two who talk to both.")
    scenario.stakes = [100, 100, 100, 100, 100, 100, 100]
    scenario.byzantine = [5: "equivocator", 6: "equivocator"]
    scenario.duration = .seconds(40)
    scenario.expect.recovery = .seconds(25)
    var quality = LinkQuality()
    quality.cut = true
    scenario.faults = [
        Fault(
            .at(.milliseconds(500 + Int64(seed) * 10)),
            .link(from: [0, 1, 2], to: [3, 4], quality, bothWays: true), lasting: .seconds(10))
    ]
    return scenario
}

/// A node is away for so long that it has to ask for what it missed, and some of whom it asks lie.
func liars(_ seed: UInt64) -> Scenario {
    var scenario = Scenario(name: "liars", story: "Who was away asks liars.")
    scenario.stakes = [100, 100, 100, 100, 100, 100, 100]
    scenario.byzantine = [1: "liar-in-sync", 4: "liar-in-sync"]
    scenario.duration = .seconds(40)
    scenario.workload.rate = 40
    scenario.timing.windowLength = 4
    scenario.expect.recovery = .seconds(20)
    scenario.faults = (0..<6).map { number in
        Fault(
            .at(.milliseconds(2000 + Int64(number) * 3000)),
            .kill([.node([0, 2, 3, 5, 6][Int((seed + number) % 5)])]), lasting: .seconds(2))
    }
    return scenario
}

/// One node after the other stands still until it gives up the leader, and, while that one still leads
/// and the others follow, is killed and comes back.
func restarts(_ seed: UInt64) -> Scenario {
    var scenario = Scenario(name: "restarts", story: "Nodes give up a leader, and die.")
    scenario.timing.windowLength = 64
    scenario.workload.rate = 60
    scenario.duration = .seconds(50)
    scenario.expect.recovery = .seconds(15)
    scenario.faults = (UInt64(0)..<10).flatMap { number -> [Fault] in
        let node = FaultTarget.node(Int((seed + number) % 4))
        let start = 1500 + Int64(number) * (3100 + Int64(seed % 97))
        return [
            Fault(.at(.milliseconds(start)), .pause([node]), lasting: .milliseconds(500)),
            Fault(
                .at(.milliseconds(start + 1500)), .kill([node]), lasting: .milliseconds(150)),
        ]
    }
    return scenario
}

/// Liars who make certificates of one signature while everyone is well.
func forgers(_ seed: UInt64) -> Scenario {
    var scenario = liars(seed)
    scenario.name = "forgers"
    scenario.byzantine = [1: "equivocator", 4: "liar-in-sync"]
    scenario.faults = []
    return scenario
}

/// What is played at a run: mostly the drawn scenarios, and some with a purpose.
func scenario(_ seed: UInt64) -> Scenario {
    switch seed % 10 {
    case 0: slowLinks()
    case 3: blackouts(seed)
    case 8: orphans(seed)
    case 5: lossy()
    case 6: halves(seed)
    case 9: forgers(seed)
    case 7: restarts(seed)
    case 4: liars(seed)
    default: DefaultMix.scenario(seed: seed, roles: ByzantineRole.allCases.map(\.rawValue))
    }
}

func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Runs one mutant in this process; a child, since an assertion of the product may end it.
func hunt(_ mutant: Mutant, _ runs: UInt64) -> Never {
    Mutant.active = mutant
    for seed in 1...runs {
        say("at \(seed)")
        let outcome = Simulation.run(scenario(seed), seed: seed)
        guard outcome.exitCode != 0 else { continue }
        // What the unchanged code fails at, too, is no catch.
        Mutant.active = nil
        if Simulation.run(scenario(seed), seed: seed).exitCode != 0 {
            say("the unchanged code fails at seed \(seed)")
            exit(4)
        }
        let finding = outcome.firstViolation
        say(
            "caught by \(finding?.property.rawValue ?? "an expectation") at seed \(seed): "
                + "\(finding?.text.prefix(110) ?? "")")
        exit(0)
    }
    exit(3)
}

/// The child's verdict; nil when it noticed nothing.
func result(of mutant: Mutant, _ runs: UInt64) throws -> String? {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    child.arguments = ["--one", mutant.rawValue, "\(runs)"]
    let pipe = Pipe()
    child.standardOutput = pipe
    child.standardError = FileHandle.nullDevice
    try child.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    child.waitUntilExit()
    let lines = text.split(separator: "\n")
    if child.terminationReason == .uncaughtSignal {
        return "caught by an assertion of the product, "
            + (lines.last?.replacing("at ", with: "at seed ") ?? "")
    }
    switch child.terminationStatus {
    case 3: return nil
    case 4:
        say("\(mutant.rawValue): \(lines.last ?? "")")
        exit(1)
    default: return lines.last.map(String.init)
    }
}

var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.count == 3, arguments[0] == "--one", let mutant = Mutant(rawValue: arguments[1]),
    let runs = UInt64(arguments[2])
{
    hunt(mutant, runs)
}
var runs: UInt64 = 100
if let first = arguments.first, let number = UInt64(first) {
    runs = number
    arguments.removeFirst()
}
let unknown = arguments.filter { Mutant(rawValue: $0) == nil }
guard unknown.isEmpty else {
    say("no such mutant: \(unknown); known are \(Mutant.allCases.map(\.rawValue))")
    exit(64)
}
let chosen = arguments.isEmpty ? Mutant.allCases : arguments.compactMap(Mutant.init(rawValue:))

if arguments.isEmpty {
    for seed in 1...runs {
        let outcome = Simulation.run(scenario(seed), seed: seed)
        guard outcome.exitCode == 0 else {
            say("the unchanged code fails at seed \(seed): \(outcome.record.findings)")
            exit(1)
        }
    }
    say("unchanged code: \(runs) runs, nothing found")
}

var unnoticed = 0
for mutant in chosen {
    let found = try result(of: mutant, runs)
    say("\(mutant.rawValue): \(found ?? "NOT CAUGHT in \(runs) runs")")
    if found == nil { unnoticed += 1 }
}
say(
    "\(chosen.count - unnoticed) of \(chosen.count) known bugs were caught, each in at most \(runs) runs"
)
exit(unnoticed == 0 ? 0 : 1)
