/// What is wrong with an instruction's encoding.
package enum InstructionError: Error, Hashable, Sendable {
    case notAnInteger
    /// An integer of 2^128 or more.
    case encodingTooLarge
    /// The bits above the 63rd name none.
    case invalidExtension(UInt64)
    /// An extension's operands are not in the form that it asks for.
    case invalidExtensionFlags(UInt16)
    /// A cell of a Blake2s operand is no word of 32 bits.
    case notAWord(Relocatable)
    /// A number is no packed element of QM31.
    case notPacked(Cell)
    case invalidOperand1Source(UInt16)
    case invalidResult(UInt16)
    case invalidPCUpdate(UInt16)
    case invalidAPUpdate(UInt16)
    case invalidOpcode(UInt16)
    case immediateOffset(Int)
}

/// One instruction of the Cairo machine, taken apart.
///
/// Source: L. Goldberg, S. Papini, M. Riabzev, "Cairo – a Turing-complete STARK-friendly CPU
/// architecture", sections 4.4 and 4.5; the checks of calls and returns are those of cairo-vm 3.
struct Instruction: Hashable, Sendable {
    enum Register: UInt8, Sendable { case ap, fp }
    enum Operand1Source: UInt8, Sendable { case operand0, immediate, fp, ap }
    enum Result: UInt8, Sendable { case operand1, sum, product, unconstrained }
    enum PCUpdate: UInt8, Sendable { case regular, jump, jumpRelative, jumpIfNotZero }
    enum APUpdate: UInt8, Sendable { case regular, addResult, add1, add2 }
    enum Opcode: UInt8, Sendable { case none, call, ret, assertEqual }
    /// What S-two's Cairo has beyond the paper (Extensions.swift).
    enum Extension: UInt64, Sendable { case none, blake, blakeFinalize, qm31 }

    var destinationOffset: Int16
    var operand0Offset: Int16
    var operand1Offset: Int16
    var destinationRegister: Register
    var operand0Register: Register
    var operand1Source: Operand1Source
    var result: Result
    var pcUpdate: PCUpdate
    var apUpdate: APUpdate
    var opcode: Opcode
    var `extension`: Extension

    /// Cells that it takes in the program.
    var size: Int { operand1Source == .immediate ? 2 : 1 }

    init(_ cell: Cell) throws(InstructionError) {
        guard cell.isFelt else { throw .notAnInteger }
        guard let wide = cell.asUInt128 else { throw .encodingTooLarge }
        let word = UInt64(truncatingIfNeeded: wide) & (1 << 63 - 1)
        let number = UInt64(truncatingIfNeeded: wide >> 63)
        guard wide >> 65 == 0, let named = Extension(rawValue: number) else {
            throw .invalidExtension(number)
        }
        `extension` = named
        func offset(_ shift: Int) -> Int16 {
            Int16(truncatingIfNeeded: Int(UInt16(truncatingIfNeeded: word >> shift)) - 0x8000)
        }
        destinationOffset = offset(0)
        operand0Offset = offset(16)
        operand1Offset = offset(32)
        let flags = UInt16(truncatingIfNeeded: word >> 48)
        destinationRegister = flags & 1 == 0 ? .ap : .fp
        operand0Register = flags & 2 == 0 ? .ap : .fp

        let source = flags >> 2 & 7
        switch source {
        case 0: operand1Source = .operand0
        case 1: operand1Source = .immediate
        case 2: operand1Source = .fp
        case 4: operand1Source = .ap
        default: throw .invalidOperand1Source(source)
        }
        let pc = flags >> 7 & 7
        switch pc {
        case 0: pcUpdate = .regular
        case 1: pcUpdate = .jump
        case 2: pcUpdate = .jumpRelative
        case 4: pcUpdate = .jumpIfNotZero
        default: throw .invalidPCUpdate(pc)
        }
        let logic = flags >> 5 & 3
        switch (logic, pcUpdate == .jumpIfNotZero) {
        case (0, true): result = .unconstrained
        case (0, false): result = .operand1
        case (1, false): result = .sum
        case (2, false): result = .product
        default: throw .invalidResult(logic)
        }
        let code = flags >> 12 & 7
        switch code {
        case 0: opcode = .none
        case 1: opcode = .call
        case 2: opcode = .ret
        case 4: opcode = .assertEqual
        default: throw .invalidOpcode(code)
        }
        let ap = flags >> 10 & 3
        switch (ap, opcode == .call) {
        case (0, true): apUpdate = .add2
        case (0, false): apUpdate = .regular
        case (1, false): apUpdate = .addResult
        case (2, false): apUpdate = .add1
        default: throw .invalidAPUpdate(ap)
        }
        switch opcode {
        case .call:
            guard destinationOffset == 0, operand0Offset == 1, destinationRegister == .ap,
                operand0Register == .ap
            else { throw .invalidOpcode(code) }
        case .ret:
            guard destinationOffset == -2, operand1Offset == -1, destinationRegister == .fp,
                operand1Source == .fp, result == .operand1, pcUpdate == .jump
            else { throw .invalidOpcode(code) }
        case .none, .assertEqual: break
        }
        let isPlain = pcUpdate == .regular && (ap == 0 || ap == 2)
        let isValid =
            switch `extension` {
            case .none: true
            case .blake, .blakeFinalize:
                isPlain && opcode == .none && result == .operand1
                    && (operand1Source == .fp || operand1Source == .ap)
            case .qm31:
                isPlain && opcode == .assertEqual && (result == .sum || result == .product)
                    && operand1Source != .operand0
            }
        guard isValid else { throw .invalidExtensionFlags(flags) }
    }
}
