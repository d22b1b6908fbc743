import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("Whole programs against traces that other machines wrote", .serialized)
struct ProgramFixtureTests {
    /// A folder with a program, a trace and a memory, and the layout where one is stated.
    struct Case: CustomTestStringConvertible, Sendable {
        let folder: String
        let program: Fixtures.File
        let trace: Fixtures.File
        let memory: Fixtures.File
        let publicInput: Fixtures.File?
        let privateInput: Fixtures.File?
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
                publicInput: named("public-input") ?? named("public_input"),
                privateInput: named("private-input") ?? named("private_input"))
        }
    }()

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
        if let file = example.publicInput, let table = try Fixtures.json(file) as? [String: Any] {
            layout = table["layout"] as? String ?? layout
            mode = .proof
        }
        let found = try #require(Layout.named(layout), "layout \(layout)")
        let memory = MemoryFile.entries([UInt8](try Fixtures.read(example.memory)))
        let names = try inputNames(example.program)
        var run = try play(program, found, mode, names.map { ($0, [Cell(0 as UInt64)]) })
        if !names.isEmpty {
            // What the program was given is published with its memory alone: the first cell that is
            // zero here and something there.
            let own = MemoryFile.entries(run.memoryFile())
            let difference = try #require(
                zip(own, memory).first { $0 != $1 && $0[8...].allSatisfy { $0 == 0 } })
            let value = try #require(Felt(bigEndianBytes: difference.1[8...].reversed()))
            run = try play(program, found, mode, names.map { ($0, [Cell(value)]) })
        }
        #expect(run.traceFile() == [UInt8](try Fixtures.read(example.trace)))
        #expect(MemoryFile.entries(run.memoryFile()) == memory)
        if let file = example.publicInput {
            try comparePublicInput(try run.publicInput(), try Fixtures.json(file))
        }
        if let file = example.privateInput {
            try comparePrivateInput(run, try Fixtures.json(file))
        }
    }

    private func comparePublicInput(_ input: PublicInput, _ json: Any) throws {
        let table = try #require(json as? [String: Any])
        #expect(table["layout"] as? String == input.layout)
        #expect(table["n_steps"] as? Int == input.steps)
        #expect(table["rc_min"] as? Int == input.rangeCheckLow)
        #expect(table["rc_max"] as? Int == input.rangeCheckHigh)
        let segments = try #require(table["memory_segments"] as? [String: [String: Int]])
        let ours = input.segments.map { ($0.name, ["begin_addr": $0.begin, "stop_ptr": $0.stop]) }
        #expect(segments == Dictionary(uniqueKeysWithValues: ours))
        let memory = try #require(table["public_memory"] as? [[String: Any]])
        let entries = try memory.map { entry in
            // One page: the programs here make no others.
            #expect(entry["page"] as? Int == 0)
            let text = try #require(entry["value"] as? String)
            return PublicInput.Entry(
                address: try #require(entry["address"] as? Int),
                value: Cell(try #require(Felt(hex: text))))
        }
        #expect(entries.sorted { $0.address < $1.address } == input.memory)
    }

    /// The names of the inputs of one instance, in their order.
    private static let inputNames: [Builtin: [String]] = [
        .pedersen: ["x", "y"], .bitwise: ["x", "y"], .rangeCheck: ["value"],
        .rangeCheck96: ["value"], .ecdsa: ["pubkey", "msg"],
        .ecOp: ["p_x", "p_y", "q_x", "q_y", "m"],
        .poseidon: (0..<3).map { "input_s\($0)" }, .keccak: (0..<8).map { "input_s\($0)" },
    ]

    private func comparePrivateInput(_ run: borrowing ProgramRun, _ json: Any) throws {
        let table = try #require(json as? [String: Any])
        for (name, value) in table where !name.hasSuffix("_path") {
            let builtin = try #require(Builtin(name: name), "\(name)")
            let names = try #require(Self.inputNames[builtin], "\(name)")
            let instances = try #require(value as? [[String: Any]])
            let theirs = try instances.map { instance in
                PrivateInstance(
                    index: try #require(instance["index"] as? Int),
                    inputs: try names.map { input in
                        let text = try #require(instance[input] as? String)
                        return Cell(try #require(Felt(hex: text)))
                    })
            }
            #expect(run.privateInstances(of: builtin) == theirs, "\(name)")
        }
    }
}
