import CairoVM
import StarkCurve
import StarkField
import TestSupport

/// A seeded program with the memory that it starts from, put together instruction by instruction:
/// each piece is tried, and mostly kept only where the run passes through it. So runs are long, and
/// still some fail.
struct RandomMachine {
    struct Segment {
        var rule: Builtin?
        var cells: [Cell] = []
    }

    let seed: UInt64
    private(set) var program: [Cell] = []
    private(set) var segments: [Segment] = []
    /// By offset in the ECDSA segment.
    private(set) var signatures: [(offset: Int, r: Cell, s: Cell)] = []
    let stepLimit = 600
    private var words: SeededWords
    /// Instances of each builtin that the program has begun to use.
    private var used: [Builtin: Int] = [:]

    // Where the stack holds what, counted from the first frame.
    private static let small = -3
    private static let data = -4
    private static let table = -5
    private static let code = -6
    private static let large = -7
    private static let builtins: [(builtin: Builtin, place: Int)] = [
        (.rangeCheck, -8), (.pedersen, -9), (.bitwise, -10), (.ecOp, -11), (.poseidon, -12),
        (.keccak, -13), (.ecdsa, -14), (.rangeCheck96, -15),
    ]
    static let stackCount = 15

    /// Cells of the table: points of the curve, then pairs of a key and a message.
    private static var points: Int { signed.count }

    init(seed: UInt64) {
        self.seed = seed
        words = SeededWords(seed: seed)
        segments = [Segment(), Segment(), Segment()]
        for (builtin, _) in Self.builtins { segments.append(Segment(rule: builtin)) }
        fillTable()
        let isLong = below(4) != 0
        let wanted = isLong ? 60 + below(240) : 1 + below(40)
        for _ in 0..<4 { program += Encoding.push(number()) }
        var steps = 4
        var attempts = 0
        while steps < wanted, attempts < 60, program.count < 400 {
            attempts += 1
            let before = (program, used)
            program += piece()
            if let made = stepsToEnd() {
                steps = made
            } else {
                (program, used) = before
            }
        }
        // One in four ends in something that was never tried.
        if below(4) == 0 {
            for _ in 0..<(1 + below(3)) { program += below(3) == 0 ? wild() : piece() }
        }
    }

    /// Keys, messages and signatures; the keys are the points as well. The same in all programs:
    /// making them takes longer than a run.
    private static let signed: [(key: CurvePoint, hash: Felt, r: Felt, s: Felt)] = {
        (1...4 as ClosedRange<UInt64>).map { number in
            guard let secret = SecretKey(Felt(0x1234_5678_9abc_def0 &* number)),
                let key = CurvePoint(x: secret.publicKey)
            else { preconditionFailure("no key of \(number)") }
            let hash = Felt(number &* 0x0fed_cba9_8765_4321)
            let signature = ECDSA.sign(messageHash: hash, secretKey: secret)
            return (key, hash, signature.r, signature.s)
        }
    }()

    private mutating func fillTable() {
        segments[1].cells = [Cell(3 as UInt64), Cell(5 as UInt64), Cell(-2), Cell(1 as UInt64)]
        var points: [Cell] = []
        var messages: [Cell] = []
        for (index, (key, hash, r, s)) in Self.signed.enumerated() {
            points += [Cell(key.x), Cell(key.y)]
            messages += [Cell(key.x), Cell(hash)]
            // One in eight belongs to another message.
            signatures.append((2 * index, Cell(below(8) == 0 ? r + .one : r), Cell(s)))
        }
        segments[2].cells = points + messages
    }

    // MARK: - Running

    var end: Relocatable { Relocatable(segment: 0, offset: program.count) }

    /// The stack with the frame that the program starts in.
    var stack: [Cell] {
        func pointer(_ segment: Int) -> Cell { Cell(Relocatable(segment: segment, offset: 0)) }
        var cells: [Cell] = []
        for index in Self.builtins.indices.reversed() { cells.append(pointer(4 + index)) }
        cells += [
            Cell(-12345), pointer(0), pointer(3), pointer(2), Cell(7 as UInt64), pointer(1),
            Cell(end),
        ]
        return cells
    }

    /// A machine at its start.
    func machine(
        steps: Int, recording: Recording = .trace, pool: CellPool? = nil
    ) throws -> VirtualMachine {
        var machine = VirtualMachine(
            Code(program, hinted: []), steps: steps, recording: recording, pool: pool)
        for segment in segments { _ = try machine.memory.addSegment(rule: segment.rule) }
        for (offset, r, s) in signatures { machine.memory.signatures[offset] = (r, s) }
        for (index, segment) in segments.enumerated() {
            try machine.memory.load(
                index == 0 ? stack : segment.cells, at: Relocatable(segment: index + 1, offset: 0))
        }
        machine.ap = Self.stackCount
        machine.fp = Self.stackCount
        machine.end = end
        return machine
    }

    /// Nil where the run does not come to the program's end.
    private func stepsToEnd() -> Int? {
        guard var machine = try? machine(steps: stepLimit, recording: .none),
            (try? machine.run(skipsHint: false)) != nil
        else { return nil }
        return machine.steps
    }

    // MARK: - Choices

    private mutating func below(_ bound: Int) -> Int { Int(words.next() % UInt64(bound)) }

    private mutating func number() -> Cell {
        switch below(12) {
        case 0: Cell(-below(1000))
        case 1: Cell(UInt128(words.next()) << 64 | UInt128(words.next()))
        case 2: Cell(Felt(reducingBigEndianWords: words.words()))
        case 3: Cell(UInt64.max - UInt64(below(3)))
        case 4: Cell(-1 - below(2))
        default: Cell(UInt64(below(100)))
        }
    }

    /// Mostly cells that are there: just below ap, or on the first frame's stack.
    private mutating func place() -> (offset: Int, isFP: Bool) {
        switch below(12) {
        case 0: (below(8) - 5, below(2) == 0)
        case 1...3: (-3 - below(Self.stackCount - 3), true)
        default: (-1 - below(5), false)
        }
    }

    // MARK: - Pieces

    private mutating func piece() -> [Cell] {
        switch below(20) {
        case 0, 1: return jumpOver()
        case 2, 3: return loop()
        case 4: return recursion()
        case 5, 6: return function()
        case 7, 8, 9: return builtin()
        case 10: return absoluteJump()
        case 11:
            return [
                // ap moves by a number, or by a cell.
                Encoding.instruction(
                    destination: -1, isFP: true, operand0: -1, operand0IsFP: true, ap: 1),
                Cell(UInt64(below(4))),
            ]
        default: return straight().cells
        }
    }

    /// An instruction that goes on to the next, and how far it moves ap.
    private mutating func straight() -> (cells: [Cell], distance: Int) {
        let (a, aIsFP) = place()
        let (b, bIsFP) = place()
        let source: Encoding.Source = bIsFP ? .fp : .ap
        switch below(14) {
        case 0, 1: return (Encoding.push(number()), 1)
        case 2, 3, 4:
            return (
                [
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: a, operand0IsFP: aIsFP, operand1: b,
                        source: source, result: UInt64(below(3)), ap: 2, opcode: 4)
                ], 1
            )
        case 5, 6:
            return (
                [
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: a, operand0IsFP: aIsFP,
                        result: UInt64(below(3)), ap: 2, opcode: 4), number(),
                ], 1
            )
        case 7, 8:
            // The first operand follows from the others, or the second.
            let isFirst = below(2) == 0
            return (
                [
                    Encoding.instruction(
                        destination: a, isFP: aIsFP, operand0: isFirst ? 0 : b,
                        operand0IsFP: isFirst ? false : bIsFP, operand1: isFirst ? b : 0,
                        source: isFirst ? source : .ap, result: UInt64(below(3)), ap: 2, opcode: 4)
                ], 1
            )
        case 9:
            // With an immediate, the first operand follows.
            return (
                [
                    Encoding.instruction(
                        destination: a, isFP: aIsFP, operand0: 0, operand0IsFP: false,
                        result: UInt64(1 + below(2)), ap: 2, opcode: 4), number(),
                ], 1
            )
        case 10, 11:
            // A cell behind a pointer: read, or written, or both are there and must agree.
            let pointers = [Self.data, Self.table, Self.data, Self.code]
            let isRead = below(2) == 0
            return (
                [
                    Encoding.instruction(
                        destination: isRead ? 0 : -1, isFP: false,
                        operand0: below(4) == 0 ? a : pointers[below(4)],
                        operand0IsFP: below(4) == 0 ? aIsFP : true, operand1: below(12),
                        source: .operand0, result: below(6) == 0 ? 1 : 0, ap: isRead ? 2 : 0,
                        opcode: 4)
                ], isRead ? 1 : 0
            )
        case 12:
            // No assertion: only the operands must be there.
            return (
                [
                    Encoding.instruction(
                        destination: a, isFP: aIsFP, operand0: b, operand0IsFP: bIsFP, operand1: b,
                        source: source, result: UInt64(below(3)), ap: 2)
                ], 1
            )
        default:
            // A pointer moves.
            return (
                [
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: Self.data, operand0IsFP: true,
                        result: 1, ap: 2, opcode: 4), Cell(UInt64(below(20))),
                ], 1
            )
        }
    }

    private mutating func body(_ count: Int) -> (cells: [Cell], distance: Int) {
        var result: (cells: [Cell], distance: Int) = ([], 0)
        for _ in 0..<count {
            let next = straight()
            result.cells += next.cells
            result.distance += next.distance
        }
        return result
    }

    private static func jump(_ distance: Int) -> [Cell] {
        [
            Encoding.instruction(
                destination: -1, isFP: true, operand0: -1, operand0IsFP: true, pc: 2),
            Cell(distance),
        ]
    }

    private static func call(_ distance: Int) -> [Cell] {
        [
            Encoding.instruction(
                destination: 0, isFP: false, operand0: 1, operand0IsFP: false, pc: 2, opcode: 1),
            Cell(distance),
        ]
    }

    /// `jmp rel distance if [place] != 0`
    private static func branch(_ distance: Int, _ place: Int, isFP: Bool) -> [Cell] {
        [
            Encoding.instruction(
                destination: place, isFP: isFP, operand0: -1, operand0IsFP: true, pc: 4),
            Cell(distance),
        ]
    }

    /// `[ap] = [place] - 1; ap++`
    private static func decrement(_ place: Int, isFP: Bool) -> [Cell] {
        [
            Encoding.instruction(
                destination: 0, isFP: false, operand0: place, operand0IsFP: isFP, result: 1, ap: 2,
                opcode: 4), Cell(-1),
        ]
    }

    private mutating func jumpOver() -> [Cell] {
        let skipped = body(1 + below(2)).cells
        switch below(3) {
        case 0: return Self.jump(2 + skipped.count) + skipped
        case 1:
            let (place, isFP) = place()
            return Self.branch(2 + skipped.count, place, isFP: isFP) + skipped
        default:
            // The distance is in a cell.
            return Encoding.push(Cell(UInt64(1 + skipped.count))) + [
                Encoding.instruction(
                    destination: -1, isFP: true, operand0: -1, operand0IsFP: true, operand1: -1,
                    source: .ap, pc: 2)
            ] + skipped
        }
    }

    private mutating func absoluteJump() -> [Cell] {
        let skipped = body(1).cells
        // The pointer takes two cells, the jump one.
        let target = program.count + 3 + skipped.count
        return [
            Encoding.instruction(
                destination: 0, isFP: false, operand0: Self.code, operand0IsFP: true, result: 1,
                ap: 2, opcode: 4), Cell(target),
            Encoding.instruction(
                destination: -1, isFP: true, operand0: -1, operand0IsFP: true, operand1: -1,
                source: .ap, pc: 1),
        ] + skipped
    }

    private mutating func loop() -> [Cell] {
        let (inner, distance) = body(1 + below(5))
        let step = inner + Self.decrement(-1 - distance, isFP: false)
        return Encoding.push(Cell(UInt64(2 + below(14)))) + step
            + Self.branch(-step.count, -1, isFP: false)
    }

    private mutating func recursion() -> [Cell] {
        let inner = body(below(3)).cells
        let decrement = Self.decrement(-3, isFP: true)
        var function = Self.branch(3, -3, isFP: true) + [Encoding.ret] + inner + decrement
        function += Self.call(-function.count) + [Encoding.ret]
        return Self.jump(2 + function.count) + function
            + Encoding.push(Cell(UInt64(1 + below(10)))) + Self.call(-function.count - 2)
    }

    private mutating func function() -> [Cell] {
        let inner = body(1 + below(4)).cells
        let function = inner + [Encoding.ret]
        var cells = Self.jump(2 + function.count) + function
        for _ in 0..<(1 + below(3)) {
            cells += Encoding.push(number())
            if below(4) == 0 {
                // By its address.
                cells += [
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: Self.code, operand0IsFP: true,
                        result: 1, ap: 2, opcode: 4), Cell(program.count + 2),
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: 1, operand0IsFP: false,
                        operand1: -1, source: .ap, pc: 1, opcode: 1),
                ]
            } else {
                cells += Self.call(2 - cells.count)
            }
        }
        return cells
    }

    // MARK: - Builtins

    /// Fills the inputs of the builtin's next instance and mostly reads an output.
    private mutating func builtin() -> [Cell] {
        // What takes Python long comes seldom.
        let choice = [0, 0, 0, 0, 7, 7, 1, 2, 2, 2, 2, 4, 0, 2, 4, 7]
        let (builtin, place) =
            below(40) == 0
            ? Self.builtins[[3, 5, 6][below(3)]] : Self.builtins[choice[below(choice.count)]]
        let (size, inputs) = builtin.cells
        let instance = used[builtin, default: 0]
        used[builtin] = instance + 1
        var cells: [Cell] = []
        for input in 0..<inputs {
            cells += self.input(builtin, input, instance)
            cells.append(behind(place, size * instance + input, isRead: false))
        }
        guard inputs < size, below(8) != 0 else { return cells }
        let output = inputs + below(size - inputs)
        if below(30) == 0 {
            // The program sets it, which is found out when the run ends.
            cells += Encoding.push(number())
            cells.append(behind(place, size * instance + output, isRead: false))
        } else {
            cells.append(behind(place, size * instance + output, isRead: true))
        }
        return cells
    }

    /// Leaves an input at the top of the stack.
    private mutating func input(_ builtin: Builtin, _ input: Int, _ instance: Int) -> [Cell] {
        switch (builtin, input) {
        case (.ecOp, 0...3):
            let point = below(Self.points / 2) + (input < 2 ? 0 : Self.points / 2)
            return [behind(Self.table, 2 * point + input % 2, isRead: true)]
        case (.ecdsa, _):
            return [
                behind(
                    Self.table, 2 * Self.points + 2 * (instance % Self.points) + input, isRead: true
                )
            ]
        case (.keccak, _): return Encoding.push(Cell(words.next()))
        case (.rangeCheck96, _), (.rangeCheck, _):
            return Encoding.push(below(20) == 0 ? number() : Cell(words.next()))
        default:
            if below(3) == 0 {
                let (place, isFP) = place()
                return [
                    Encoding.instruction(
                        destination: 0, isFP: false, operand0: -1, operand0IsFP: true,
                        operand1: place, source: isFP ? .fp : .ap, ap: 2, opcode: 4)
                ]
            }
            return Encoding.push(number())
        }
    }

    /// `[ap] = [[fp + place] + offset]; ap++`, or `[ap - 1] = [[fp + place] + offset]`
    private func behind(_ place: Int, _ offset: Int, isRead: Bool) -> Cell {
        Encoding.instruction(
            destination: isRead ? 0 : -1, isFP: false, operand0: place, operand0IsFP: true,
            operand1: offset, source: .operand0, ap: isRead ? 2 : 0, opcode: 4)
    }

    // MARK: - Anything

    /// Any instruction, well formed or not.
    private mutating func wild() -> [Cell] {
        switch below(6) {
        case 0: return [Cell(words.next() >> UInt64(below(3)))]
        case 1: return [Encoding.ret]
        case 2: return [number(), number()]
        default:
            let (a, aIsFP) = place()
            let (b, bIsFP) = place()
            return [
                Encoding.instruction(
                    destination: a, isFP: aIsFP, operand0: b, operand0IsFP: bIsFP,
                    operand1: below(3) == 0 ? 1 : below(8) - 4,
                    source: [.operand0, .immediate, .fp, .ap][below(4)],
                    result: UInt64(below(3)), pc: [0, 0, 1, 2, 4][below(5)],
                    ap: UInt64(below(3)), opcode: [0, 4, 4, 4, 1, 2][below(6)]), number(),
            ]
        }
    }
}
