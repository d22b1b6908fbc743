import StarkField

/// Why a run can't go on. The place is the machine's `pc`.
package enum MachineError: Error, Hashable, Sendable {
    case memory(MemoryError)
    case instruction(InstructionError)
    case pcOutsideMemory(Relocatable)
    /// An operand has no value, and none follows from the others.
    case unknownOperand(Operand, Relocatable)
    case noDestination
    case unconstrainedResult
    /// `[dst] = res` does not hold.
    case assertionFailed(destination: Cell, result: Cell)
    case callOverwrites(destination: Cell, operand0: Cell)
    case jumpToInteger
    case jumpByAddress
    case operandAddressNotAnAddress(Cell)
    case apOutOfRange
    case fpOutOfRange
    case addressOutOfRange
    case addedAddresses
    case subtractedAddresses(Relocatable, Relocatable)
    case subtractedAddressFromInteger
    case multipliedAddress
    case builtin(BuiltinError)
    case autoDeduction(Builtin, expected: Cell, got: Cell)
    case stepLimitReached

    package enum Operand: UInt8, Sendable { case operand0, operand1 }
}

/// One step's registers, for the trace.
package struct TraceEntry: Hashable, Sendable {
    package var pc: Relocatable
    package var ap: Int
    package var fp: Int
}

/// What a run keeps of its steps. Each costs something.
package enum Recording: Sendable {
    /// The values only.
    case none
    /// Which cells were touched, so that holes can be counted.
    case access
    /// The registers of every step as well.
    case trace
}

/// The Cairo machine: three registers over a write-once memory.
///
/// Source: "Cairo – a Turing-complete STARK-friendly CPU architecture", section 4.5, with the
/// deductions of cairo-lang's `VirtualMachine`: a cell without a value gets the one that the
/// instruction's assertion, or the builtin whose segment it is in, leaves for it.
///
/// The program is segment 0; `ap` and `fp` are offsets in segment 1.
package struct VirtualMachine: ~Copyable {
    package let code: Code
    package var memory: Memory
    package var pc: Relocatable
    package var ap = 0
    package var fp = 0
    package internal(set) var steps = 0
    /// Blake2s instructions among the steps.
    package internal(set) var compressions = 0
    /// Steps that may still be made.
    package var stepsLeft: Int
    package let recording: Recording
    package internal(set) var trace: [TraceEntry] = []
    /// Where the run ends.
    package var end = Relocatable(segment: -1, offset: 0)

    package init(
        _ code: Code, limits: MemoryLimits = MemoryLimits(), steps: Int = .max,
        recording: Recording = .none, pool: CellPool? = nil
    ) {
        self.code = code
        self.recording = recording
        stepsLeft = steps
        let tracks: Bool
        switch recording {
        case .none: tracks = false
        case .access, .trace: tracks = true
        }
        memory = Memory(code: code, limits: limits, tracksAccess: tracks, pool: pool)
        pc = Relocatable(segment: 0, offset: 0)
    }

    // MARK: - One step, by the book

    /// The values of a step's operands, and where they are.
    private struct Operands {
        var destination = Cell.empty
        var operand0 = Cell.empty
        var operand1 = Cell.empty
        var result = Cell.empty
    }

    func decode(at pc: Relocatable) throws(MachineError) -> Instruction {
        let cell = memory.get(pc)
        guard cell.isPresent else { throw .pcOutsideMemory(pc) }
        do throws(InstructionError) {
            return try Instruction(cell)
        } catch { throw .instruction(error) }
    }

    /// Runs the instruction at `pc`. This is the whole machine; the run loop has the common cases
    /// of it again, faster, and comes here for the rest and for every error.
    package mutating func step() throws(MachineError) {
        guard stepsLeft > 0 else { throw .stepLimitReached }
        let instruction = try decode(at: pc)
        let destinationAddress = try address(
            instruction.destinationRegister, instruction.destinationOffset)
        let operand0Address = try address(instruction.operand0Register, instruction.operand0Offset)
        var operands = Operands()
        operands.destination = memory.get(destinationAddress)
        operands.operand0 = memory.get(operand0Address)
        let operand1Address = try operand1Address(instruction, operand0: operands.operand0)
        operands.operand1 = memory.get(operand1Address)

        if !operands.operand0.isPresent {
            let deduced = try deducedByBuiltin(operand0Address)
            if deduced.isPresent {
                operands.operand0 = deduced
                try insertDeduced(operand0Address, deduced)
            } else {
                try deduceOperand0(instruction, operand0Address, &operands)
                try insert(operand0Address, operands.operand0)
            }
        }
        if !operands.operand1.isPresent {
            let deduced = try deducedByBuiltin(operand1Address)
            if deduced.isPresent {
                operands.operand1 = deduced
                try insertDeduced(operand1Address, deduced)
            } else {
                try deduceOperand1(instruction, operand1Address, &operands)
                try insert(operand1Address, operands.operand1)
            }
        }
        if !operands.result.isPresent {
            switch instruction.result {
            case .operand1: operands.result = operands.operand1
            case .sum: operands.result = try sum(instruction, operands)
            case .product: operands.result = try product(instruction, operands)
            case .unconstrained: break
            }
        }
        if !operands.destination.isPresent {
            switch instruction.opcode {
            case .assertEqual where operands.result.isPresent:
                operands.destination = operands.result
            case .call: operands.destination = Cell(Relocatable(segment: 1, offset: fp))
            default: throw .noDestination
            }
            try insert(destinationAddress, operands.destination)
        }
        try check(instruction, operands)
        record()
        memory.markAccessed(destinationAddress)
        memory.markAccessed(operand0Address)
        memory.markAccessed(operand1Address)
        memory.markAccessed(pc)
        switch instruction.extension {
        case .none, .qm31: break
        case .blake, .blakeFinalize:
            try compress(
                state: operands.operand0, message: operands.operand1,
                counter: (destinationAddress, operands.destination),
                isLast: instruction.extension == .blakeFinalize)
        }
        try update(instruction, operands)
        steps += 1
        stepsLeft -= 1
    }

    private mutating func record() {
        if case .trace = recording { trace.append(TraceEntry(pc: pc, ap: ap, fp: fp)) }
    }

    private func address(
        _ register: Instruction.Register, _ offset: Int16
    ) throws(MachineError) -> Relocatable {
        let base = register == .ap ? ap : fp
        guard
            let address = Relocatable(segment: 1, offset: base).advanced(by: Int(offset))
        else { throw .addressOutOfRange }
        return address
    }

    private func operand1Address(
        _ instruction: Instruction, operand0: Cell
    ) throws(MachineError) -> Relocatable {
        switch instruction.operand1Source {
        case .ap: return try address(.ap, instruction.operand1Offset)
        case .fp: return try address(.fp, instruction.operand1Offset)
        case .immediate:
            guard instruction.operand1Offset == 1 else {
                throw .instruction(.immediateOffset(Int(instruction.operand1Offset)))
            }
            return pc + 1
        case .operand0:
            guard operand0.isPresent else {
                throw .unknownOperand(
                    .operand0,
                    try address(
                        instruction.operand0Register, instruction.operand0Offset))
            }
            guard let base = operand0.address else {
                throw .operandAddressNotAnAddress(operand0)
            }
            guard let address = base.advanced(by: Int(instruction.operand1Offset)) else {
                throw .addressOutOfRange
            }
            return address
        }
    }

    private mutating func deduceOperand0(
        _ instruction: Instruction, _ address: Relocatable, _ operands: inout Operands
    ) throws(MachineError) {
        switch instruction.opcode {
        case .call: operands.operand0 = Cell(pc + instruction.size)
        case .assertEqual:
            guard operands.destination.isPresent, operands.operand1.isPresent else { break }
            switch instruction.result {
            case .sum:
                operands.operand0 = try difference(
                    instruction, operands.destination, operands.operand1)
                operands.result = operands.destination
            case .product:
                if let quotient = try quotient(
                    instruction, operands.destination, operands.operand1)
                {
                    operands.operand0 = quotient
                    operands.result = operands.destination
                }
            case .operand1, .unconstrained: break
            }
        case .none, .ret: break
        }
        guard operands.operand0.isPresent else { throw .unknownOperand(.operand0, address) }
    }

    private mutating func deduceOperand1(
        _ instruction: Instruction, _ address: Relocatable, _ operands: inout Operands
    ) throws(MachineError) {
        if instruction.opcode == .assertEqual, operands.destination.isPresent {
            switch instruction.result {
            case .operand1: operands.operand1 = operands.destination
            case .sum:
                operands.operand1 =
                    (try? difference(instruction, operands.destination, operands.operand0))
                    ?? .empty
            case .product:
                operands.operand1 =
                    try quotient(instruction, operands.destination, operands.operand0) ?? .empty
            case .unconstrained: break
            }
            if operands.operand1.isPresent { operands.result = operands.destination }
        }
        guard operands.operand1.isPresent else { throw .unknownOperand(.operand1, address) }
    }

    private func check(_ instruction: Instruction, _ operands: Operands) throws(MachineError) {
        switch instruction.opcode {
        case .assertEqual:
            guard operands.result.isPresent else { throw .unconstrainedResult }
            guard operands.result == operands.destination else {
                throw .assertionFailed(
                    destination: operands.destination, result: operands.result)
            }
        case .call:
            guard operands.operand0 == Cell(pc + instruction.size),
                operands.destination == Cell(Relocatable(segment: 1, offset: fp))
            else {
                throw .callOverwrites(
                    destination: operands.destination, operand0: operands.operand0)
            }
        case .none, .ret: break
        }
    }

    private mutating func update(
        _ instruction: Instruction, _ operands: Operands
    ) throws(MachineError) {
        let newFP: Int
        switch instruction.opcode {
        case .call: newFP = ap + 2
        case .ret:
            if let address = operands.destination.address {
                newFP = address.offset
            } else if let offset = operands.destination.asUInt64.flatMap({ Int(exactly: $0) }) {
                newFP = offset
            } else {
                throw .fpOutOfRange
            }
        case .none, .assertEqual: newFP = fp
        }
        switch instruction.apUpdate {
        case .regular: break
        case .add1: ap += 1
        case .add2: ap += 2
        case .addResult:
            guard operands.result.isPresent else { throw .unconstrainedResult }
            guard operands.result.isFelt,
                let new = Relocatable(segment: 1, offset: ap).advanced(by: operands.result)
            else { throw .apOutOfRange }
            ap = new.offset
        }
        fp = newFP
        switch instruction.pcUpdate {
        case .regular: pc = pc + instruction.size
        case .jump:
            guard let target = operands.result.address else { throw .jumpToInteger }
            pc = target
        case .jumpRelative:
            guard operands.result.isPresent else { throw .unconstrainedResult }
            pc = try jumped(by: operands.result)
        case .jumpIfNotZero:
            pc =
                operands.destination.isZero
                ? pc + instruction.size : try jumped(by: operands.operand1)
        }
    }

    private func jumped(by distance: Cell) throws(MachineError) -> Relocatable {
        guard distance.isFelt else { throw .jumpByAddress }
        guard let target = pc.advanced(by: distance) else { throw .addressOutOfRange }
        return target
    }

    mutating func insertDeduced(_ address: Relocatable, _ value: Cell) throws(MachineError) {
        do throws(MemoryError) {
            try memory.insertDeduced(address, value)
        } catch { throw .memory(error) }
    }

    mutating func insert(_ address: Relocatable, _ value: Cell) throws(MachineError) {
        do throws(MemoryError) {
            try memory.insert(address, value)
        } catch { throw .memory(error) }
    }
}

// MARK: - Arithmetic of cells

extension VirtualMachine {
    private func sum(
        _ instruction: Instruction, _ operands: Operands
    ) throws(MachineError) -> Cell {
        let (a, b) = (operands.operand0, operands.operand1)
        guard instruction.extension == .qm31 else { return try sum(a, b) }
        return (try packed(a) + packed(b)).cell
    }

    private func product(
        _ instruction: Instruction, _ operands: Operands
    ) throws(MachineError) -> Cell {
        let (a, b) = (operands.operand0, operands.operand1)
        guard instruction.extension == .qm31 else { return try product(a, b) }
        return (try packed(a) * packed(b)).cell
    }

    private func difference(
        _ instruction: Instruction, _ a: Cell, _ b: Cell
    ) throws(MachineError) -> Cell {
        guard instruction.extension == .qm31 else { return try difference(a, b) }
        return (try packed(a) - packed(b)).cell
    }

    private func quotient(
        _ instruction: Instruction, _ a: Cell, _ b: Cell
    ) throws(MachineError) -> Cell? {
        guard instruction.extension == .qm31 else { return quotient(a, b) }
        guard let inverse = try packed(b).inverse else { return nil }
        return (try packed(a) * inverse).cell
    }

    func sum(_ a: Cell, _ b: Cell) throws(MachineError) -> Cell {
        if a.isFelt && b.isFelt { return Cell(words: CanonicalFelt.sum(a.words, b.words)) }
        let (address, distance) = a.isAddress ? (a, b) : (b, a)
        guard distance.isFelt else { throw .addedAddresses }
        guard let moved = address.uncheckedAddress.advanced(by: distance) else {
            throw .addressOutOfRange
        }
        return Cell(moved)
    }

    func product(_ a: Cell, _ b: Cell) throws(MachineError) -> Cell {
        guard a.isFelt, b.isFelt else { throw .multipliedAddress }
        return Cell(words: CanonicalFelt.product(a.words, b.words))
    }

    func difference(_ a: Cell, _ b: Cell) throws(MachineError) -> Cell {
        switch (a.isFelt, b.isFelt) {
        case (true, true): return Cell(words: CanonicalFelt.difference(a.words, b.words))
        case (false, true):
            let negated = CanonicalFelt.difference(LooseFelt(0, 0, 0, 0), b.words)
            guard let moved = a.uncheckedAddress.advanced(by: Cell(words: negated)) else {
                throw .addressOutOfRange
            }
            return Cell(moved)
        case (false, false):
            let (from, to) = (b.uncheckedAddress, a.uncheckedAddress)
            guard from.segment == to.segment else { throw .subtractedAddresses(to, from) }
            return Cell(to.offset - from.offset)
        case (true, false): throw .subtractedAddressFromInteger
        }
    }

    /// Nil where the quotient isn't one number.
    func quotient(_ a: Cell, _ b: Cell) -> Cell? {
        guard let dividend = a.felt, let inverse = b.felt?.inverse() else { return nil }
        return Cell(dividend * inverse)
    }
}
