import StarkField

package enum ProgramRunError: Error, Hashable, Sendable {
    case machine(MachineError, pc: Relocatable)
    case hint(HintError, pc: Relocatable)
    case memory(MemoryError)
    case missingLabel(String)
    case unknownHint(String, pc: Int)
    case builtinNotInLayout(Builtin)
    case disorderedBuiltins
    case wrongStopPointer(Builtin, expected: Relocatable, got: Cell)
    /// The trace would have to be longer than allowed for the layout's cells.
    case tooManySteps(Int)
}

/// One run of a whole program: set up, run, ended and, for a proof, padded.
///
/// Source: cairo-lang 0.14.0.1, `cairo_runner.py`; in proof mode the stack begins with what the
/// verifier sees, `__start__` is run until `__end__`, and steps go on to a power of two.
package struct ProgramRun: ~Copyable {
    package enum Mode: Sendable {
        /// `main`, with the builtins that it asks for.
        case execution
        /// From `__start__`, with all of the layout's builtins.
        case proof
    }

    package let program: CairoProgram
    package let layout: Layout
    package let mode: Mode
    package var machine: VirtualMachine
    /// The segments of the builtins, in the layout's order.
    package private(set) var builtins: [(builtin: Builtin, base: Int)] = []
    /// Offsets of the stack that are public.
    package private(set) var publicStack = 0

    /// A run at its start.
    ///
    /// - Parameter allowsMissingBuiltins: whether a builtin that the layout lacks is zero on the
    ///   stack, as for programs that look which they have.
    package static func starting(
        _ program: CairoProgram, layout: Layout, mode: Mode, steps: Int = 1 << 30,
        limits: MemoryLimits = MemoryLimits(), allowsMissingBuiltins: Bool = false
    ) throws(ProgramRunError) -> ProgramRun {
        var run = ProgramRun(program, layout, mode, steps, limits)
        try run.setUp(allowsMissingBuiltins)
        return run
    }

    private init(
        _ program: CairoProgram, _ layout: Layout, _ mode: Mode, _ steps: Int,
        _ limits: MemoryLimits
    ) {
        self.program = program
        self.layout = layout
        self.mode = mode
        machine = VirtualMachine(program.code, limits: limits, steps: steps, recording: .trace)
    }

    private mutating func setUp(_ allowsMissingBuiltins: Bool) throws(ProgramRunError) {
        _ = try segment(nil)
        for (builtin, _) in layout.ratios
        where mode == .proof || program.builtins.contains(builtin) {
            builtins.append((builtin, try segment(builtin).segment))
        }
        var stack: [Cell] = []
        for builtin in program.builtins {
            if let base = builtins.first(where: { $0.builtin == builtin })?.base {
                stack.append(Cell(Relocatable(segment: base, offset: 0)))
            } else if allowsMissingBuiltins {
                stack.append(.zero)
            } else {
                throw .builtinNotInLayout(builtin)
            }
        }
        switch mode {
        case .proof:
            // The frame below the first points at itself.
            stack = [Cell(Relocatable(segment: 1, offset: 2)), .zero] + stack
            machine.pc.offset = try program.place("__start__")
            machine.end = Relocatable(segment: 0, offset: try program.place("__end__"))
            machine.ap = 2
            machine.fp = 2
            publicStack = stack.count
        case .execution:
            let frame = try segment(nil)
            machine.end = try segment(nil)
            stack += [Cell(frame), Cell(machine.end)]
            machine.pc.offset = try program.place("main")
            machine.ap = stack.count
            machine.fp = stack.count
        }
        do throws(MemoryError) {
            try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
            // What unused instances of the modulo builtins point to.
            if builtins.contains(where: { $0.builtin == .addMod || $0.builtin == .mulMod }) {
                let zeros = try machine.memory.addSegment()
                try machine.memory.load([Cell](repeating: .zero, count: 4), at: zeros)
                machine.memory.markAccessed(zeros, count: 4)
            }
        } catch { throw .memory(error) }
    }

    private mutating func segment(_ rule: Builtin?) throws(ProgramRunError) -> Relocatable {
        do throws(MemoryError) {
            return try machine.memory.addSegment(rule: rule)
        } catch { throw .memory(error) }
    }

    // MARK: - Running

    /// Runs to the end of the program and, for a proof, on to where the trace has room for all
    /// cells.
    ///
    /// - Parameter pads: whether the steps go on; S-two's prover pads by itself.
    package mutating func run(
        _ hints: inout ProgramHints, pads: Bool = true
    ) throws(ProgramRunError) {
        try advance(&hints)
        do throws(MachineError) {
            try machine.finish()
            if mode == .proof { try machine.completeBuiltins() }
        } catch { throw .machine(error, pc: machine.pc) }
        if machine.memory.hasTemporaryAddresses() {
            throw .memory(.unmappedTemporary(segment: -1))
        }
        guard mode == .proof, pads else { return }
        // `__end__` is a loop that does nothing.
        machine.end = Relocatable(segment: -1, offset: 0)
        try pad(to: nextPowerOfTwo(machine.steps))
        while !hasRoom() { try pad(to: nextPowerOfTwo(machine.steps + 1)) }
    }

    private func nextPowerOfTwo(_ steps: Int) -> Int {
        steps <= 1 ? 1 : 1 << (Int.bitWidth - (steps - 1).leadingZeroBitCount)
    }

    private mutating func pad(to steps: Int) throws(ProgramRunError) {
        guard steps <= 1 << 28 else { throw .tooManySteps(steps) }
        while machine.steps < steps {
            do throws(MachineError) {
                try machine.step()
            } catch { throw .machine(error, pc: machine.pc) }
        }
    }

    private mutating func advance(_ hints: inout ProgramHints) throws(ProgramRunError) {
        var skips = false
        while true {
            let stop: VirtualMachine.Stop
            do throws(MachineError) {
                stop = try machine.run(skipsHint: skips)
            } catch { throw .machine(error, pc: machine.pc) }
            guard case .hint = stop else { return }
            for hint in hints.compiled(at: machine.pc.offset) {
                do throws(HintError) {
                    try hints.perform(hint, in: &machine)
                } catch { throw .hint(error, pc: machine.pc) }
            }
            skips = true
        }
    }

    // MARK: - Room

    /// Cells that the layout gives a builtin in so many steps; nil where there is no bound.
    private func allocated(_ builtin: Builtin) -> Int? {
        guard let ratio = layout.steps(of: builtin), ratio > 0 else { return nil }
        return machine.steps / ratio * builtin.cells.instance
    }

    /// Whether the trace is long enough for the builtins, range checks, memory and diluted checks.
    private func hasRoom() -> Bool {
        var rangeCheckUnits = 0
        var memoryUnits = 0
        var dilutedUnits = 0
        for (builtin, base) in builtins {
            guard let ratio = layout.steps(of: builtin), ratio > 0 else { continue }
            guard machine.steps >= ratio, let room = allocated(builtin),
                machine.memory.count(of: base) <= room
            else { return false }
            memoryUnits += room
            if builtin == .rangeCheck { rangeCheckUnits += 8 * machine.memory.count(of: base) }
            if builtin == .rangeCheck96 { rangeCheckUnits += 6 * machine.memory.count(of: base) }
            dilutedUnits +=
                Layout.dilutedUnits(of: builtin) * (room / builtin.cells.instance)
        }
        if let (low, high) = rangeCheckLimits() {
            let free = (layout.rangeCheckUnits - 3) * machine.steps - rangeCheckUnits
            guard free >= high - low else { return false }
        }
        let total = layout.memoryUnits * machine.steps
        let free =
            total - total / layout.publicMemoryFraction - 4 * machine.steps - memoryUnits
        guard free >= machine.resources().memoryHoles else { return false }
        if let units = layout.dilutedUnits {
            guard units * machine.steps - dilutedUnits >= 1 << Layout.dilutedBits else {
                return false
            }
        }
        return true
    }

    /// The smallest and largest 16-bit number that is range-checked: offsets of instructions, and
    /// the parts of range-checked values.
    package func rangeCheckLimits() -> (low: Int, high: Int)? {
        var limits: (low: Int, high: Int)?
        func take(_ value: Int) {
            limits = limits.map { (min($0.low, value), max($0.high, value)) } ?? (value, value)
        }
        var seen: Set<Relocatable> = []
        for entry in machine.trace where seen.insert(entry.pc).inserted {
            guard let word = machine.memory.peek(entry.pc).asUInt64 else { continue }
            for shift in [0, 16, 32] { take(Int(word >> UInt64(shift) & 0xffff)) }
        }
        for (builtin, base) in builtins {
            let parts = builtin == .rangeCheck ? 8 : builtin == .rangeCheck96 ? 6 : 0
            guard parts > 0 else { continue }
            for offset in 0..<machine.memory.count(of: base) {
                let place = Relocatable(segment: base, offset: offset)
                guard let value = machine.memory.peek(place).asUInt128 else { continue }
                for part in 0..<parts {
                    take(Int(truncatingIfNeeded: value >> UInt128(16 * part) & 0xffff))
                }
            }
        }
        return limits
    }

    // MARK: - Relocation

    /// Where each segment begins in the one memory of a proof, counting from 1. In proof mode the
    /// program and each builtin take the room that the layout gives them.
    package func segmentStarts() -> [Int] {
        var starts: [Int] = []
        var next = 1
        for segment in 0..<machine.memory.segmentCount {
            starts.append(next)
            var size = machine.memory.count(of: segment)
            if mode == .proof, let entry = builtins.first(where: { $0.base == segment }) {
                size = allocated(entry.builtin) ?? size
            }
            next += size
        }
        return starts
    }

    /// The memory as one, in the reference's file format: for each cell with a value its address,
    /// eight bytes, and the value, 32 bytes, little-endian.
    package func memoryFile() -> [UInt8] {
        let starts = segmentStarts()
        var bytes: [UInt8] = []
        for segment in 0..<machine.memory.segmentCount {
            for offset in 0..<machine.memory.count(of: segment) {
                let cell = machine.memory.get(Relocatable(segment: segment, offset: offset))
                guard cell.isPresent else { continue }
                ProgramRun.append(UInt64(starts[segment] + offset), to: &bytes)
                let words =
                    cell.address.map {
                        LooseFelt(UInt64(starts[$0.segment] + $0.offset), 0, 0, 0)
                    } ?? cell.words
                for word in [words.l0, words.l1, words.l2, words.l3] {
                    ProgramRun.append(word, to: &bytes)
                }
            }
        }
        return bytes
    }

    /// The registers of each step in the reference's file format: ap, fp and pc, eight bytes each,
    /// little-endian.
    package func traceFile() -> [UInt8] {
        let starts = segmentStarts()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24 * machine.trace.count)
        for entry in machine.trace {
            ProgramRun.append(UInt64(starts[1] + entry.ap), to: &bytes)
            ProgramRun.append(UInt64(starts[1] + entry.fp), to: &bytes)
            ProgramRun.append(UInt64(starts[entry.pc.segment] + entry.pc.offset), to: &bytes)
        }
        return bytes
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
    }
}

extension CairoProgram {
    fileprivate func place(_ name: String) throws(ProgramRunError) -> Int {
        guard let place = label(name) else { throw .missingLabel(name) }
        return place
    }
}
