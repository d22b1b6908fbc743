import CairoVM
import TestSupport

/// Puts instructions together, by the encoding of the Cairo paper, section 4.4.
enum Encoding {
    enum Source: UInt64 { case operand0 = 0, immediate = 1, fp = 2, ap = 4 }

    static func instruction(
        destination: Int, isFP: Bool, operand0: Int, operand0IsFP: Bool, operand1: Int = 1,
        source: Source = .immediate, result: UInt64 = 0, pc: UInt64 = 0, ap: UInt64 = 0,
        opcode: UInt64 = 0
    ) -> Cell {
        var flags: UInt64 = (isFP ? 1 : 0) | (operand0IsFP ? 2 : 0)
        flags |= source.rawValue << 2 | result << 5 | pc << 7 | ap << 10 | opcode << 12
        let offsets =
            UInt64(destination + 0x8000) | UInt64(operand0 + 0x8000) << 16
            | UInt64(operand1 + 0x8000) << 32
        return Cell(offsets | flags << 48)
    }

    static let ret = instruction(
        destination: -2, isFP: true, operand0: -1, operand0IsFP: true, operand1: -1, source: .fp,
        pc: 1, opcode: 2)

    /// `[ap] = value; ap++`
    static func push(_ value: Cell) -> [Cell] {
        [
            instruction(
                destination: 0, isFP: false, operand0: -1, operand0IsFP: true, ap: 2, opcode: 4),
            value,
        ]
    }
}

/// A program of random instructions that mostly make sense, so that runs go on for a while.
struct RandomProgram {
    var cells: [Cell] = []
    private var words: SeededWords

    init(seed: UInt64, length: Int = 60) {
        words = SeededWords(seed: seed)
        // Something on the stack to work with.
        for _ in 0..<4 { cells += Encoding.push(small()) }
        while cells.count < length { cells += instruction() }
        for _ in 0..<4 { cells.append(Encoding.ret) }
    }

    private mutating func below(_ bound: Int) -> Int { Int(words.next() % UInt64(bound)) }

    private mutating func small() -> Cell {
        switch below(5) {
        case 0: Cell(-below(1000))
        case 1: Cell(UInt128(words.next()) << 64 | UInt128(words.next()))
        default: Cell(UInt64(below(100)))
        }
    }

    /// Mostly cells that are there: just below ap, or the arguments below fp.
    private mutating func place() -> (offset: Int, isFP: Bool) {
        switch below(10) {
        case 0: (below(8) - 5, below(2) == 0)
        case 1...4: (-3 - below(5), true)
        default: (-1 - below(4), false)
        }
    }

    private mutating func instruction() -> [Cell] {
        let (a, aIsFP) = place()
        let (b, bIsFP) = place()
        switch below(14) {
        case 0, 1: return Encoding.push(small())
        case 2, 3, 4:
            // [ap] = a op b; ap++
            return [
                Encoding.instruction(
                    destination: 0, isFP: false, operand0: a, operand0IsFP: aIsFP, operand1: b,
                    source: bIsFP ? .fp : .ap, result: UInt64(below(3)), ap: 2, opcode: 4)
            ]
        case 5, 6:
            // [ap] = a op immediate; ap++
            return [
                Encoding.instruction(
                    destination: 0, isFP: false, operand0: a, operand0IsFP: aIsFP,
                    result: UInt64(below(3)), ap: 2, opcode: 4),
                small(),
            ]
        case 7:
            // An operand that follows from the others: a + [ap] = b, or a = [ap] + b.
            return [
                Encoding.instruction(
                    destination: a, isFP: aIsFP, operand0: 0, operand0IsFP: false, operand1: b,
                    source: bIsFP ? .fp : .ap, result: UInt64(1 + below(2)), ap: 2, opcode: 4)
            ]
        case 8:
            // A cell behind a pointer, read or written.
            return [
                Encoding.instruction(
                    destination: below(2) == 0 ? 0 : -1, isFP: false, operand0: -3 - below(6),
                    operand0IsFP: true, operand1: below(6), source: .operand0, ap: 2, opcode: 4)
            ]
        case 9:
            return [
                Encoding.instruction(
                    destination: a, isFP: aIsFP, operand0: -1, operand0IsFP: true, pc: 4,
                    ap: UInt64([0, 2][below(2)])), Cell(2 + below(6)),
            ]
        case 10:
            return [
                Encoding.instruction(
                    destination: -1, isFP: true, operand0: -1, operand0IsFP: true, pc: 2),
                Cell(2 + below(4)),
            ]
        case 11:
            return [
                Encoding.instruction(
                    destination: 0, isFP: false, operand0: 1, operand0IsFP: false, pc: 2, opcode: 1),
                Cell(2 + below(8)),
            ]
        case 12:
            return [
                Encoding.instruction(
                    destination: -1, isFP: true, operand0: -1, operand0IsFP: true, ap: 1),
                Cell(UInt64(below(3))),
            ]
        default:
            // Anything, to meet errors as well.
            return [
                Encoding.instruction(
                    destination: below(8) - 5, isFP: below(2) == 0, operand0: below(8) - 5,
                    operand0IsFP: below(2) == 0, operand1: below(8) - 5,
                    source: [.operand0, .fp, .ap][below(3)], result: UInt64(below(3)),
                    ap: UInt64([0, 2][below(2)]), opcode: 4)
            ]
        }
    }
}
