import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("What S-two's prover is given of a run", .serialized)
struct ProverInputTests {
    /// A file of the prover's input, and the program of the same name beside it.
    struct Case: CustomTestStringConvertible, Sendable {
        let program: Fixtures.File
        let input: Fixtures.File
        var testDescription: String { input.path }
    }

    static let cases: [Case] = {
        let files = Fixtures.files(under: "vm", suffix: ".json")
        return files.compactMap { input in
            let end = ".prover_input.json"
            guard input.path.hasSuffix(end) else { return nil }
            let path = String(input.path.dropLast(end.count)) + ".json"
            return files.first { $0.path == path }.map { Case(program: $0, input: input) }
        }
    }()

    private struct Input: Decodable {
        struct State: Decodable, Hashable {
            var pc: Int
            var ap: Int
            var fp: Int
        }
        struct Transitions: Decodable {
            var initial_state: State
            var final_state: State
            var casm_states_by_opcode: [String: [State]]
        }
        struct Memory: Decodable {
            var address_to_id: [UInt32]
            var f252_values: [[UInt32]]
            var small_values: [UInt64]
        }
        struct Segment: Decodable, Hashable {
            var begin_addr: Int
            var stop_ptr: Int
        }
        var state_transitions: Transitions
        var memory: Memory
        var pc_count: Int
        var public_memory_addresses: [Int]
        var builtin_segments: [String: Segment]

        /// Nil where nothing is known of the address.
        func value(_ address: Int) -> Cell? {
            guard address < memory.address_to_id.count else { return nil }
            let id = memory.address_to_id[address]
            // All ones below bit 30 means none; bit 30 marks a value that is not small.
            if id == 1 << 30 - 1 { return nil }
            if id < 1 << 30 { return Cell(memory.small_values[Int(id)]) }
            let limbs = memory.f252_values[Int(id - 1 << 30)]
            func word(_ index: Int) -> UInt64 {
                UInt64(limbs[2 * index]) | UInt64(limbs[2 * index + 1]) << 32
            }
            return Cell(words: LooseFelt(word(0), word(1), word(2), word(3)))
        }
    }

    /// The states by opcode and the numbering of values are the prover's own; which states there
    /// are, and what each address holds, are the machine's.
    @Test(
        "States, memory, public addresses and builtins' segments are the same",
        .enabled(if: Fixtures.has("vm"), Comment(rawValue: Fixtures.absence(of: "vm"))),
        arguments: cases)
    func reproduces(_ example: Case) throws {
        let input = try JSONDecoder().decode(Input.self, from: Fixtures.read(example.input))
        let program = try CairoProgram(json: [UInt8](Fixtures.read(example.program)))
        let layout = try #require(Layout.named("all_cairo_stwo"))
        var run = try ProgramRun.starting(
            program, layout: layout, mode: .proof, allowsMissingBuiltins: true)
        var hints = ProgramHints(program)
        try run.run(&hints, pads: false)
        // Each builtin has room for a power of two of instances.
        var starts: [Int] = []
        var next = 1
        var segments: [String: Input.Segment] = [:]
        for segment in 0..<run.machine.memory.segmentCount {
            starts.append(next)
            var size = run.machine.memory.count(of: segment)
            if let builtin = run.builtins.first(where: { $0.base == segment })?.builtin {
                if builtin != .output {
                    let cells = builtin.cells.instance
                    let count = (size + cells - 1) / cells
                    size =
                        count == 0 ? 0 : cells << (Int.bitWidth - (count - 1).leadingZeroBitCount)
                }
                let name = builtin == .output ? builtin.name : builtin.name + "_builtin"
                if size > 0 {
                    segments[name] = Input.Segment(begin_addr: next, stop_ptr: next + size)
                }
            }
            next += size
        }
        #expect(input.builtin_segments == segments)

        let states = run.machine.trace.map { entry in
            Input.State(
                pc: starts[entry.pc.segment] + entry.pc.offset, ap: starts[1] + entry.ap,
                fp: starts[1] + entry.fp)
        }
        let theirs = input.state_transitions.casm_states_by_opcode.values.flatMap { $0 }
        #expect(theirs.count == states.count)
        #expect(counted(theirs) == counted(states))
        #expect(input.state_transitions.initial_state == states.first)
        let machine = Input.State(
            pc: starts[0] + run.machine.pc.offset, ap: starts[1] + run.machine.ap,
            fp: starts[1] + run.machine.fp)
        #expect(input.state_transitions.final_state == machine)
        #expect(input.pc_count == Set(states.map(\.pc)).count)

        var known = 0
        for segment in 0..<run.machine.memory.segmentCount {
            for offset in 0..<run.machine.memory.count(of: segment) {
                let cell = run.machine.memory.get(Relocatable(segment: segment, offset: offset))
                guard cell.isPresent else { continue }
                let value = cell.address.map { Cell(starts[$0.segment] + $0.offset) } ?? cell
                known += 1
                if input.value(starts[segment] + offset) != value {
                    Issue.record("\(segment):\(offset) is \(value)")
                }
            }
        }
        #expect(known > 5000)
        // What else they have fills up the builtins' room, or is a hole, and zero.
        let rooms = segments.values
        for address in 1..<input.memory.address_to_id.count where input.value(address) != nil {
            let segment = starts.lastIndex { $0 <= address } ?? 0
            let offset = address - starts[segment]
            if run.machine.memory.get(Relocatable(segment: segment, offset: offset)).isPresent {
                continue
            }
            let isRoom = rooms.contains { $0.begin_addr <= address && address < $0.stop_ptr }
            #expect(isRoom || input.value(address) == .zero, "\(address)")
        }
        let (_, stackEnd) = try run.stopPointers()
        var addresses = (0..<program.cells.count).map { starts[0] + $0 }
        addresses += (0..<run.publicStack).map { starts[1] + $0 }
        addresses += (stackEnd..<run.machine.ap).map { starts[1] + $0 }
        if let output = run.builtins.first(where: { $0.builtin == .output })?.base {
            addresses += (0..<run.machine.memory.count(of: output)).map { starts[output] + $0 }
        }
        #expect(input.public_memory_addresses.sorted() == addresses)
    }

    private func counted(_ states: [Input.State]) -> [Input.State: Int] {
        states.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}
