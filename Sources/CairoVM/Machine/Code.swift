/// A program's cells, each taken apart once as the instruction it may be. Every run of the program
/// shares them: nothing changes after the initialiser, which is why it is unchecked.
package final class Code: @unchecked Sendable {
    /// What the run loop knows of an instruction without looking further: 16 bytes.
    struct Decoded {
        /// The instructions that compilers make most; the rest runs through the general step.
        enum Kind: UInt8 {
            case general
            /// `[dst] = immediate`
            case assertImmediate
            /// `[dst] = [register + offset]`
            case assertCell
            /// `[dst] = [[op0] + offset]`
            case assertPointed
            /// `[dst] = [op0] + immediate`, and the same with a cell
            case addImmediate
            case addCell
            case multiplyImmediate
            case multiplyCell
            /// `call rel immediate`
            case callRelative
            case ret
            /// `jmp rel immediate`
            case jumpRelative
            /// `jmp rel immediate if [dst] != 0`
            case jumpIfNotZero
            /// `ap += immediate`
            case advanceAP
        }

        var kind: Kind
        /// What the instruction adds to ap by itself: 0 or 1.
        var apStep: UInt8
        var bits: UInt8
        var destinationOffset: Int16
        var operand0Offset: Int16
        var operand1Offset: Int16
        /// The immediate of jumps, calls and `ap +=`.
        var distance: Int32

        static let destinationIsFP: UInt8 = 1
        static let operand0IsFP: UInt8 = 2
        static let operand1IsFP: UInt8 = 4
        static let hasHint: UInt8 = 8

        static let general = Decoded(
            kind: .general, apStep: 0, bits: 0, destinationOffset: 0, operand0Offset: 0,
            operand1Offset: 0, distance: 0)
    }

    let cells: UnsafePointer<Cell>
    package let cellCount: Int
    /// One for each cell, and one more, which is general, for a counter that runs off the end.
    let instructions: UnsafePointer<Decoded>

    /// - Parameter hinted: the places with hints.
    package init(_ program: [Cell], hinted: some Sequence<Int>) {
        let cells = UnsafeMutablePointer<Cell>.allocate(capacity: max(program.count, 1))
        for index in program.indices { (cells + index).initialize(to: program[index]) }
        let instructions = UnsafeMutablePointer<Decoded>.allocate(capacity: program.count + 2)
        for index in 0..<(program.count + 2) {
            (instructions + index).initialize(to: Code.decoded(program, index))
        }
        for place in hinted where place >= 0 && place < program.count {
            instructions[place].bits |= Decoded.hasHint
        }
        self.cells = UnsafePointer(cells)
        self.cellCount = program.count
        self.instructions = UnsafePointer(instructions)
    }

    deinit {
        cells.deallocate()
        instructions.deallocate()
    }

    package subscript(place: Int) -> Cell {
        precondition(place >= 0 && place < cellCount, "cell \(place) of \(cellCount)")
        return cells[place]
    }

    private static func decoded(_ program: [Cell], _ place: Int) -> Decoded {
        guard place < program.count, let instruction = try? Instruction(program[place]),
            instruction.extension == .none
        else { return .general }
        var result = Decoded.general
        result.destinationOffset = instruction.destinationOffset
        result.operand0Offset = instruction.operand0Offset
        result.operand1Offset = instruction.operand1Offset
        if instruction.destinationRegister == .fp { result.bits |= Decoded.destinationIsFP }
        if instruction.operand0Register == .fp { result.bits |= Decoded.operand0IsFP }
        if instruction.operand1Source == .fp { result.bits |= Decoded.operand1IsFP }
        var immediate: Cell?
        if instruction.operand1Source == .immediate {
            // Other offsets than 1 are an error that the general step reports.
            guard instruction.operand1Offset == 1, place + 1 < program.count,
                program[place + 1].isFelt
            else { return result }
            immediate = program[place + 1]
            if let distance = program[place + 1].asInt, let short = Int32(exactly: distance) {
                result.distance = short
            } else if instruction.opcode != .assertEqual {
                return result
            }
        }
        result.kind = kind(of: instruction, hasImmediate: immediate != nil)
        switch instruction.apUpdate {
        case .add1: result.apStep = 1
        case .regular, .add2, .addResult: break
        }
        return result
    }

    private static func kind(of instruction: Instruction, hasImmediate: Bool) -> Decoded.Kind {
        switch instruction.opcode {
        case .assertEqual:
            guard instruction.pcUpdate == .regular, instruction.apUpdate != .addResult else {
                return .general
            }
            switch (instruction.result, instruction.operand1Source) {
            case (.operand1, .immediate): return .assertImmediate
            case (.operand1, .fp), (.operand1, .ap): return .assertCell
            case (.operand1, .operand0): return .assertPointed
            case (.sum, .immediate): return .addImmediate
            case (.sum, .fp), (.sum, .ap): return .addCell
            case (.product, .immediate): return .multiplyImmediate
            case (.product, .fp), (.product, .ap): return .multiplyCell
            default: return .general
            }
        case .call:
            return hasImmediate && instruction.result == .operand1
                && instruction.pcUpdate == .jumpRelative ? .callRelative : .general
        case .ret:
            return instruction.operand0Offset == -1 && instruction.operand0Register == .fp
                && instruction.apUpdate == .regular ? .ret : .general
        case .none:
            guard hasImmediate else { return .general }
            switch instruction.pcUpdate {
            case .jumpRelative:
                return instruction.result == .operand1 && instruction.apUpdate != .addResult
                    ? .jumpRelative : .general
            case .jumpIfNotZero:
                return instruction.apUpdate != .addResult ? .jumpIfNotZero : .general
            case .regular:
                return instruction.result == .operand1 && instruction.apUpdate == .addResult
                    ? .advanceAP : .general
            case .jump: return .general
            }
        }
    }
}
