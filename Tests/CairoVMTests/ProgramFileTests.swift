import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("Compiled programs without a published run", .serialized)
struct ProgramFileTests {
    /// What a program is given: its hints look for these names.
    private static let input: [(name: String, value: [Cell])] = [
        ("second_element", [Cell(5 as UInt64)]), ("fibonacci_claim_index", [Cell(10 as UInt64)]),
        ("output", [Cell(4 as UInt64), Cell(5 as UInt64)]),
    ]

    private enum Outcome: Equatable {
        case ran
        case wrongPrime, noData, hintOutside, noMain
        /// The run itself fails.
        case failed
    }

    /// What the file itself says of how it must end; nil where only a run can tell.
    private func expected(_ table: [String: Any]) -> Outcome? {
        let prime = "0x800000000000011000000000000000000000000000000000000000000000001"
        guard table["prime"] as? String == prime else { return .wrongPrime }
        guard let data = table["data"] as? [String] else { return .noData }
        let places = (table["hints"] as? [String: Any] ?? [:]).keys
        if places.contains(where: { (Int($0) ?? .max) >= data.count }) { return .hintOutside }
        let identifiers = table["identifiers"] as? [String: [String: Any]] ?? [:]
        if identifiers["__main__.main"]?["pc"] as? Int == nil { return .noMain }
        return nil
    }

    private func outcome(_ file: Fixtures.File) throws -> Outcome {
        do {
            let program = try CairoProgram(json: [UInt8](try Fixtures.read(file)))
            let layout = try #require(Layout.named("all_cairo"))
            var run = try ProgramRun.starting(program, layout: layout, mode: .execution)
            var hints = ProgramHints(program)
            hints.setInput(Self.input)
            try run.run(&hints)
            _ = try run.stopPointers()
            try run.machine.checkSecurity()
            return .ran
        } catch let error as ClassError {
            switch error {
            case .wrongPrime: return .wrongPrime
            case .missing("data", _): return .noData
            case .unknownName("hints", _): return .hintOutside
            default: throw error
            }
        } catch let error as ProgramRunError {
            switch error {
            case .missingLabel("main"): return .noMain
            case .machine: return .failed
            default: throw error
            }
        }
    }

    @Test(
        "Each runs to its end with its builtins' pointers right, or says what is wrong with it",
        .enabled(if: Fixtures.has("vm"), Comment(rawValue: Fixtures.absence(of: "vm"))))
    func programs() throws {
        let published = Set(ProgramFixtureTests.cases.map(\.program.path))
        var counts: [String: Int] = [:]
        for file in Fixtures.files(under: "vm", suffix: ".json")
        where !published.contains(file.path) {
            guard let table = try Fixtures.json(file) as? [String: Any], table["prime"] != nil
            else { continue }
            let got = try outcome(file)
            if let expected = expected(table) {
                #expect(got == expected, "\(file)")
            } else {
                #expect(got == .ran || got == .failed, "\(file)")
            }
            counts["\(got)", default: 0] += 1
        }
        print("programs: \(counts.sorted { $0.key < $1.key })")
        #expect(counts["ran", default: 0] >= 9)
        // No code, a word that is no instruction, a jump out of the program, and a function of a
        // contract, which has other arguments.
        #expect(counts["failed", default: 0] <= 4)
    }

    @Test(
        "The facts of a proof end in the output of its run",
        .enabled(if: Fixtures.has("vm"), Comment(rawValue: Fixtures.absence(of: "vm"))))
    func facts() throws {
        let outputs = try CairoPieTests.cases.compactMap { example -> [Cell]? in
            guard let pie = try CairoPie([UInt8](Fixtures.read(example.file))),
                let segment = pie.builtinSegments.first(where: { $0.builtin == .output })
            else { return nil }
            return pie.memory.filter { $0.address.segment == segment.segment.index }
                .sorted { $0.address.offset < $1.address.offset }.map(\.value)
        }
        var compared = 0
        for file in Fixtures.files(under: "vm", suffix: ".json") {
            guard let texts = try Fixtures.json(file) as? [String] else { continue }
            let facts = try texts.map { Cell(try #require(Felt(hex: $0))) }
            // One task; its size with itself and the program's hash; the hash; the output.
            let output = Array(facts.dropFirst(3))
            #expect(facts.first == Cell(1 as UInt64))
            #expect(facts[1] == Cell(UInt64(output.count + 2)))
            #expect(outputs.contains(output), "\(file)")
            compared += 1
        }
        #expect(compared > 0)
    }
}
