import CairoVM
import StarkField
import Testing

@Suite("Instructions beyond the paper's", .serialized)
struct ExtensionTests {
    private static func packed(_ parts: [UInt64]) -> Cell {
        Cell(
            words: LooseFelt(
                parts[0] | parts[1] << 36, parts[1] >> 28 | parts[2] << 8 | parts[3] << 44,
                parts[3] >> 20, 0))
    }

    /// `[ap] = [fp + a] op [fp + b]; ap++` in QM31, with the place of the unknown as given.
    private static func instruction(
        destination: (Int, Bool), operand0: (Int, Bool), operand1: (Int, Bool), isProduct: Bool
    ) -> Cell {
        let plain = Encoding.instruction(
            destination: destination.0, isFP: destination.1, operand0: operand0.0,
            operand0IsFP: operand0.1, operand1: operand1.0, source: operand1.1 ? .fp : .ap,
            result: isProduct ? 2 : 1, ap: 2, opcode: 4)
        return Cell(UInt128(plain.asUInt64 ?? 0) | 3 << 63)
    }

    private func run(_ program: [Cell], stack: [Cell]) throws -> [Cell] {
        var machine = VirtualMachine(Code(program, hinted: []), steps: 100)
        _ = try machine.memory.addSegment()
        try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
        machine.ap = stack.count
        machine.fp = stack.count
        machine.end = Relocatable(segment: 0, offset: program.count)
        _ = try machine.run(skipsHint: false)
        return (stack.count..<machine.ap).map {
            machine.memory.get(Relocatable(segment: 1, offset: $0))
        }
    }

    /// The numbers are those of a program among cairo-vm's tests.
    @Test("QM31 adds, multiplies, and finds the operand that is missing")
    func packedElements() throws {
        let x = Self.packed([1_414_213_562, 1_732_050_807, 1_618_033_988, 1_234_567_890])
        let y = Self.packed([1_259_921_049, 1_442_249_570, 1_847_759_065, 2_094_551_481])
        let sum = Self.packed([526_650_964, 1_026_816_730, 1_318_309_406, 1_181_635_724])
        let product = Self.packed([947_980_980, 1_510_986_506, 623_360_030, 1_260_310_989])
        let stack = [x, y, sum, product]
        let results = try run(
            [
                Self.instruction(
                    destination: (0, false), operand0: (-4, true), operand1: (-3, true),
                    isProduct: false),
                Self.instruction(
                    destination: (0, false), operand0: (-4, true), operand1: (-3, true),
                    isProduct: true),
                Self.instruction(
                    destination: (-2, true), operand0: (0, false), operand1: (-3, true),
                    isProduct: false),
                Self.instruction(
                    destination: (-1, true), operand0: (0, false), operand1: (-3, true),
                    isProduct: true),
                Self.instruction(
                    destination: (-1, true), operand0: (-4, true), operand1: (0, false),
                    isProduct: true),
            ], stack: stack)
        #expect(results == [sum, product, x, x, y])
    }

    @Test("A number that is no packed element is refused")
    func unpacked() throws {
        let program = [
            Self.instruction(
                destination: (0, false), operand0: (-1, true), operand1: (-2, true),
                isProduct: false)
        ]
        for bad in [Cell(1 << 31 - 1 as UInt64), Cell(1 << 35 as UInt64), Cell(-1)] {
            #expect(throws: MachineError.instruction(.notPacked(bad))) {
                try run(program, stack: [Cell(1 as UInt64), bad])
            }
        }
    }

    @Test("Flags that an extension has no meaning for, and other extensions, are refused")
    func flags() throws {
        let ret = UInt128(Encoding.ret.asUInt64 ?? 0)
        for number in 1...3 as ClosedRange<UInt128> {
            #expect(throws: MachineError.instruction(.invalidExtensionFlags(0x208b))) {
                try run([Cell(ret | number << 63)], stack: [Cell(1 as UInt64), Cell(2 as UInt64)])
            }
        }
        #expect(throws: MachineError.instruction(.invalidExtension(4))) {
            try run([Cell(ret | 4 << 63)], stack: [Cell(1 as UInt64), Cell(2 as UInt64)])
        }
    }
}
