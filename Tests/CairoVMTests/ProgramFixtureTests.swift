import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("Whole programs against traces that other machines wrote")
struct ProgramFixtureTests {
    /// A folder with a program, a trace and a memory, and the layout where one is stated.
    struct Case: CustomTestStringConvertible, Sendable {
        let folder: String
        let program: Fixtures.File
        let trace: Fixtures.File
        let memory: Fixtures.File
        let publicInput: Fixtures.File?
        var testDescription: String { folder }
    }

    static let cases: [Case] = {
        let files = Fixtures.files(under: "vm")
        let folders = Dictionary(grouping: files) {
            $0.path.split(separator: "/").dropLast().joined(separator: "/")
        }
        return folders.sorted { $0.key < $1.key }.compactMap { folder, files in
            func named(_ part: String) -> Fixtures.File? { files.first { $0.name.contains(part) } }
            guard let trace = named("trace"), let memory = named("memory"),
                let program = files.first(where: {
                    $0.name.hasSuffix(".json") && !$0.name.contains("input")
                })
            else { return nil }
            return Case(
                folder: folder, program: program, trace: trace, memory: memory,
                publicInput: named("public-input"))
        }
    }()

    /// The memory file's entries: a machine may write them in the order in which cells came to be.
    private func entries(_ bytes: [UInt8]) -> [[UInt8]] {
        let entries = stride(from: 0, to: bytes.count, by: 40).map {
            Array(bytes[$0..<min($0 + 40, bytes.count)])
        }
        return entries.sorted { left, right in
            left.prefix(8).reversed().lexicographicallyPrecedes(right.prefix(8).reversed())
        }
    }

    private func play(
        _ program: CairoProgram, _ layout: Layout, _ mode: ProgramRun.Mode,
        _ input: [(name: String, value: [Cell])]
    ) throws -> ProgramRun {
        var run = try ProgramRun.starting(
            program, layout: layout, mode: mode, allowsMissingBuiltins: true)
        var hints = ProgramHints(program)
        hints.setInput(input)
        try run.run(&hints)
        return run
    }

    /// The names under which hints look into their input.
    private func inputNames(_ file: Fixtures.File) throws -> [String] {
        let text = String(decoding: try Fixtures.read(file), as: UTF8.self)
        let pattern = /program_input\[\\?["'](\w+)\\?["']\]/
        return Set(text.matches(of: pattern).map { String($0.1) }).sorted()
    }

    @Test(
        "The trace is the same byte for byte, and the memory cell for cell",
        .enabled(if: Fixtures.has("vm"), Comment(rawValue: Fixtures.absence(of: "vm"))),
        arguments: cases)
    func reproduces(_ example: Case) throws {
        let program = try CairoProgram(json: [UInt8](Fixtures.read(example.program)))
        var layout = "plain"
        var mode = ProgramRun.Mode.execution
        var limits: (Int, Int)?
        if let file = example.publicInput, let table = try Fixtures.json(file) as? [String: Any] {
            layout = table["layout"] as? String ?? layout
            mode = .proof
            if let low = table["rc_min"] as? Int, let high = table["rc_max"] as? Int {
                limits = (low, high)
            }
        }
        let found = try #require(Layout.named(layout), "layout \(layout)")
        let memory = entries([UInt8](try Fixtures.read(example.memory)))
        let names = try inputNames(example.program)
        var run = try play(program, found, mode, names.map { ($0, [Cell(0 as UInt64)]) })
        if !names.isEmpty {
            // What the program was given is published with its memory alone: the first cell that is
            // zero here and something there.
            let own = entries(run.memoryFile())
            let difference = try #require(
                zip(own, memory).first { $0 != $1 && $0[8...].allSatisfy { $0 == 0 } })
            let value = try #require(Felt(bigEndianBytes: difference.1[8...].reversed()))
            run = try play(program, found, mode, names.map { ($0, [Cell(value)]) })
        }
        #expect(run.traceFile() == [UInt8](try Fixtures.read(example.trace)))
        #expect(entries(run.memoryFile()) == memory)
        if let limits {
            #expect(run.rangeCheckLimits()?.low == limits.0)
            #expect(run.rangeCheckLimits()?.high == limits.1)
        }
    }
}
