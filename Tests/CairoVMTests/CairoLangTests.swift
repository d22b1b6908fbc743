import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("The machine against cairo-lang's", .serialized)
struct CairoLangTests {
    private static let programs = 5_000

    @Test(
        "5 000 random programs end alike: registers, trace, every cell, and why they fail",
        .enabled(if: CairoLang.python != nil, CairoLang.absence))
    func randomPrograms() throws {
        let machines = (0..<UInt64(Self.programs)).map { RandomMachine(seed: $0) }
        let input = machines.map(MachineText.line).joined(separator: "\n")
        let output = try CairoLang.run(["cells"], input: Data(input.utf8))
        let theirs = String(decoding: output, as: UTF8.self).split(separator: "\n")
        try #require(theirs.count == machines.count)
        var counts = Counts()
        for (machine, line) in zip(machines, theirs) {
            let fields = line.split(separator: "|", omittingEmptySubsequences: false)
            try compare(machine, fields, &counts)
        }
        print("cairo-lang: \(counts)")
        // The mix is what makes the comparison worth something.
        #expect(counts.long > Self.programs / 2)
        #expect(counts.failures.values.reduce(0, +) > Self.programs / 20)
        #expect(counts.failures.count >= 8)
    }

    private struct Counts: CustomStringConvertible {
        var steps = 0
        var long = 0
        var failures: [String: Int] = [:]
        var description: String {
            "\(steps) steps, \(long) programs of 50 steps or more, failures: "
                + failures.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
                .joined(separator: ", ")
        }
    }

    private func compare(
        _ random: RandomMachine, _ theirs: [Substring], _ counts: inout Counts
    ) throws {
        let pool = CellPool()
        var machine = try random.machine(steps: random.stepLimit, pool: pool)
        var failure: MachineError?
        do throws(MachineError) {
            _ = try machine.run(skipsHint: false)
            try machine.finish()
        } catch { failure = error }
        let steps = machine.steps
        let replay =
            "seed \(random.seed), ours \(failure.map { "\($0)" } ?? "-") after \(steps): "
            + MachineText.line(random)
        let kind = String(theirs.first ?? "")
        try #require(theirs.count == 6, "\(replay)")
        let made = try #require(Int(theirs[1]), "\(replay)")
        if Failures.onlyTheirs.contains(kind) {
            // Up to there both must agree.
            try #require(steps >= made, "theirs: \(kind) after \(made); \(replay)")
        } else {
            try #require(
                Failures.agree(failure, kind) && made == steps,
                "theirs: \(kind) after \(made); \(replay)")
        }
        // A step that failed may leave some of its cells behind; no one sees them.
        var again = try random.machine(steps: made, pool: pool)
        do throws(MachineError) {
            _ = try again.run(skipsHint: false)
            try again.finish()
        } catch { try #require(again.steps == made, "\(error); \(replay)") }
        let ours = MachineText.state(again)
        for (index, part) in ["registers", "trace", "memory", "relocated memory"].enumerated() {
            try #require(ours[index] == theirs[index + 2], "\(part): \(replay)")
        }
        counts.steps += made
        if made >= 50 { counts.long += 1 }
        if kind != "-" { counts.failures[kind, default: 0] += 1 }
    }
}

/// Which failures of cairo-lang's go with ours. Ours have names for what cairo-lang finds at
/// several places: it looks for a missing cell's value last, we look whether it can follow.
enum Failures {
    /// Where cairo-lang goes another way than cairo-vm, whose way we go: a frame outside the stack,
    /// whose offset alone counts here, and a hash or a bitwise operation of an address, which here
    /// has no value and fails only where one is needed.
    static let onlyTheirs: Set<String> = ["frame", "address in builtin"]

    static func agree(_ ours: MachineError?, _ theirs: String) -> Bool {
        guard let ours else { return theirs == "-" }
        return kinds(of: ours).contains(theirs)
    }

    private static func kinds(of error: MachineError) -> Set<String> {
        switch error {
        case .memory(.inconsistent): ["inconsistent"]
        case .memory(.outsideProgram): ["behind the program"]
        case .memory(.rangeCheck), .memory(.notAnInteger), .memory(.signatureMissing),
            .memory(.signatureInvalid), .builtin:
            ["builtin"]
        case .memory: []
        case .instruction: ["instruction"]
        case .pcOutsideMemory, .noDestination: ["unknown"]
        case .unknownOperand: ["unknown", "address in arithmetic", "offset"]
        case .unconstrainedResult: ["unconstrained"]
        case .assertionFailed: ["assertion"]
        case .callOverwrites: ["call"]
        case .jumpToInteger: ["jump to a number"]
        case .jumpByAddress, .addedAddresses, .subtractedAddresses,
            .subtractedAddressFromInteger, .multipliedAddress:
            ["address in arithmetic"]
        case .operandAddressNotAnAddress: ["number as address", "unknown"]
        case .apOutOfRange: ["offset", "address in arithmetic"]
        case .fpOutOfRange: ["frame"]
        case .addressOutOfRange: ["offset", "unknown", "assertion", "builtin"]
        case .autoDeduction: ["deduction"]
        case .stepLimitReached: ["step limit"]
        }
    }
}
