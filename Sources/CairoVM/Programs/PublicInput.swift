/// What a verifier of a run in proof mode sees.
///
/// Source: cairo-lang 0.14.0.1, `air_public_input.py` and `cairo_runner.py`
/// (`read_return_values`, `finalize_segments`).
package struct PublicInput: Hashable, Sendable {
    /// Where something begins in the relocated memory, and where its use ends.
    package struct Segment: Hashable, Sendable {
        package var name: String
        package var begin: Int
        package var stop: Int
    }

    package struct Entry: Hashable, Sendable {
        package var address: Int
        /// Relocated.
        package var value: Cell

        package init(address: Int, value: Cell) {
            self.address = address
            self.value = value
        }
    }

    package var layout: String
    package var steps: Int
    package var rangeCheckLow: Int
    package var rangeCheckHigh: Int
    /// The program, the execution, and each builtin of the layout.
    package var segments: [Segment]
    /// The program, the public part of the stack, the output; in the order of addresses.
    package var memory: [Entry]
}

/// The inputs of one instance of a builtin, which only the prover needs.
///
/// Source: `air_private_input` of cairo-lang's builtin runners.
package struct PrivateInstance: Hashable, Sendable {
    package var index: Int
    package var inputs: [Cell]
    /// The signature of an ECDSA instance.
    package var signature: [Cell]

    package init(index: Int, inputs: [Cell], signature: [Cell] = []) {
        self.index = index
        self.inputs = inputs
        self.signature = signature
    }
}

extension ProgramRun {
    /// Where each builtin's use ends, by the program's own pointers at the end of its stack, and
    /// where the pointers begin.
    ///
    /// - Throws: where a pointer is not behind the builtin's last instance.
    package func stopPointers() throws(ProgramRunError) -> (stops: [Builtin: Int], start: Int) {
        var stops: [Builtin: Int] = [:]
        var place = Relocatable(segment: 1, offset: machine.ap)
        for builtin in program.builtins.reversed() {
            place.offset -= 1
            guard let base = builtins.first(where: { $0.builtin == builtin })?.base else {
                continue
            }
            let size = builtin.cells.instance
            let used = (machine.memory.count(of: base) + size - 1) / size * size
            let expected = Relocatable(segment: base, offset: used)
            let got = machine.memory.get(place)
            guard got == Cell(expected) else {
                throw .wrongStopPointer(builtin, expected: expected, got: got)
            }
            stops[builtin] = used
        }
        return (stops, place.offset)
    }

    /// After a run in proof mode.
    package func publicInput() throws(ProgramRunError) -> PublicInput {
        let (stops, stackEnd) = try stopPointers()
        let starts = segmentStarts()
        func relocated(_ address: Relocatable) -> Int { starts[address.segment] + address.offset }
        var entries: [PublicInput.Entry] = []
        func add(_ segment: Int, _ offsets: Range<Int>) {
            for offset in offsets {
                let cell = machine.memory.get(Relocatable(segment: segment, offset: offset))
                guard cell.isPresent else { continue }
                entries.append(
                    PublicInput.Entry(
                        address: starts[segment] + offset,
                        value: cell.address.map { Cell(relocated($0)) } ?? cell))
            }
        }
        add(0, 0..<program.cells.count)
        add(1, 0..<publicStack)
        add(1, stackEnd..<machine.ap)
        if let output = builtins.first(where: { $0.builtin == .output }) {
            add(output.base, 0..<machine.memory.count(of: output.base))
        }
        let (first, last) = (machine.trace.first, machine.trace.last)
        var segments = [
            PublicInput.Segment(
                name: "program", begin: relocated(first?.pc ?? machine.pc),
                stop: relocated(last?.pc ?? machine.pc)),
            PublicInput.Segment(
                name: "execution", begin: starts[1] + (first?.ap ?? machine.ap),
                stop: starts[1] + (last?.ap ?? machine.ap)),
        ]
        for (builtin, base) in builtins {
            segments.append(
                PublicInput.Segment(
                    name: builtin.name, begin: starts[base],
                    stop: starts[base] + (stops[builtin] ?? 0)))
        }
        let limits = rangeCheckLimits()
        return PublicInput(
            layout: layout.name, steps: machine.steps, rangeCheckLow: limits?.low ?? 0,
            rangeCheckHigh: limits?.high ?? 0, segments: segments, memory: entries)
    }

    /// The instances of a builtin that the run has, with their inputs.
    package func privateInstances(of builtin: Builtin) -> [PrivateInstance] {
        guard let base = builtins.first(where: { $0.builtin == builtin })?.base else { return [] }
        let (size, inputs) = builtin.cells
        let count = (machine.memory.count(of: base) + size - 1) / size
        return (0..<count).map { index in
            let start = Relocatable(segment: base, offset: index * size)
            let signature = builtin == .ecdsa ? machine.memory.signatures[start.offset] : nil
            return PrivateInstance(
                index: index, inputs: (0..<inputs).map { machine.memory.get(start + $0) },
                signature: signature.map { [$0.r, $0.s] } ?? [])
        }
    }
}
