import CairoVM
import StarkField
import TestSupport
import Testing

@Suite("Hints of compiled classes", .serialized)
struct CasmHintTests {
    /// A machine whose stack begins with these cells; ap is behind them.
    private func machine(_ cells: [Cell]) throws -> VirtualMachine {
        var machine = VirtualMachine(Code([Cell(0 as UInt64)], hinted: []))
        _ = try machine.memory.addSegment()
        try machine.memory.load(cells, at: Relocatable(segment: 1, offset: 0))
        machine.ap = cells.count
        machine.fp = cells.count
        return machine
    }

    private func operand(_ place: Int, of count: Int) -> HintOperand {
        .cell(CellReference(.fp, Int16(place - count)))
    }

    private func result(_ index: Int) -> CellReference { CellReference(.ap, Int16(index)) }

    private func read(_ machine: borrowing VirtualMachine, _ index: Int) throws -> UInt128 {
        try machine.memory.uint128(Relocatable(segment: 1, offset: machine.ap + index))
    }

    private func natural(_ limbs: [UInt128]) -> Natural {
        limbs.reversed().reduce(.zero) { ($0 << 128) + Natural($1) }
    }

    private func random(_ words: inout SeededWords) -> UInt128 {
        let wide = UInt128(words.next()) << 64 | UInt128(words.next())
        return wide >> UInt128(words.next() % 128)
    }

    @Test("Division: quotient and remainder give the dividend back, in 128, 256 and 512 bits")
    func division() throws {
        var words = SeededWords(seed: 1)
        for _ in 0..<300 {
            let limbs = (0..<6).map { _ in random(&words) }
            let divisor = natural([limbs[4] | 1, limbs[5]])
            for width in [2, 4] {
                var vm = try machine(limbs.enumerated().map { Cell($1 | ($0 == 4 ? 1 : 0)) })
                var state = HintState()
                try vm.perform(
                    .divide256(
                        dividend: (0..<width).map { operand($0, of: 6) },
                        divisor: [operand(4, of: 6), operand(5, of: 6)],
                        quotient: (0..<width).map(result),
                        remainder: [result(width), result(width + 1)]), &state)
                var values: [UInt128] = []
                for index in 0..<(width + 2) { values.append(try read(vm, index)) }
                let quotient = natural(Array(values[..<width]))
                let remainder = natural(Array(values[width...]))
                #expect(quotient * divisor + remainder == natural(Array(limbs[..<width])))
                #expect(remainder < divisor)
            }
            var vm = try machine([Cell(limbs[0]), Cell(limbs[1] | 1)])
            var state = HintState()
            try vm.perform(
                .divide(
                    operand(0, of: 2), operand(1, of: 2), quotient: result(0),
                    remainder: result(1)), &state)
            let (quotient, remainder) = (try read(vm, 0), try read(vm, 1))
            #expect(quotient == limbs[0] / (limbs[1] | 1))
            #expect(remainder == limbs[0] % (limbs[1] | 1))
        }
    }

    @Test("Division by zero ends the run with an error")
    func divisionByZero() throws {
        var vm = try machine([Cell(5 as UInt64), Cell(0 as UInt64)])
        var state = HintState()
        #expect(throws: HintError.divisionByZero) {
            try vm.perform(
                .divide(
                    operand(0, of: 2), operand(1, of: 2), quotient: result(0),
                    remainder: result(1)), &state)
        }
    }

    @Test("Products of 128 bits, square roots of 256 and linear splits keep what they promise")
    func arithmetic() throws {
        var words = SeededWords(seed: 2)
        for _ in 0..<300 {
            let (a, b) = (random(&words), random(&words))
            var vm = try machine([Cell(a), Cell(b), Cell(b >> 64 | 1)])
            var state = HintState()
            try vm.perform(
                .wideMultiply128(
                    operand(0, of: 3), operand(1, of: 3), high: result(0), low: result(1)),
                &state)
            let (high, low) = (try read(vm, 0), try read(vm, 1))
            #expect(natural([low, high]) == Natural(a) * Natural(b))

            try vm.perform(
                .squareRoot256(
                    low: operand(0, of: 3), high: operand(1, of: 3), root0: result(2),
                    root1: result(3), remainderLow: result(4), remainderHigh: result(5),
                    isLarge: result(6)), &state)
            var parts: [UInt128] = []
            for index in 2..<7 { parts.append(try read(vm, index)) }
            let root = Natural(parts[0]) + (Natural(parts[1]) << 64)
            let remainder = natural([parts[2], parts[3]])
            #expect(root * root + remainder == natural([a, b]))
            #expect(remainder <= root + root)
            #expect((root + root - remainder >= Natural.one << 128) == (parts[4] == 1))

            try vm.perform(
                .linearSplit(
                    operand(0, of: 3), scalar: operand(2, of: 3),
                    maximum: .immediate(Cell(1000 as UInt64)), x: result(7), y: result(8)),
                &state)
            let (x, y) = (try read(vm, 7), try read(vm, 8))
            #expect(x <= 1000)
            #expect(Natural(x) * Natural(b >> 64 | 1) + Natural(y) == Natural(a))
        }
    }

    @Test("An inverse mod n, or a common divisor that shows that there is none")
    func inverse() throws {
        var words = SeededWords(seed: 3)
        var inverses = 0
        for round in 0..<300 {
            let b = [random(&words), random(&words)]
            var n = [random(&words) | 1, random(&words)]
            if round % 3 == 0 { n[0] &-= 1 }
            if n == [0, 0] { n[0] = 2 }
            var vm = try machine((b + n).map { Cell($0) })
            var state = HintState()
            try vm.perform(
                .invert256(
                    b: [operand(0, of: 4), operand(1, of: 4)],
                    n: [operand(2, of: 4), operand(3, of: 4)],
                    noInverse: [result(0), result(1)], s: [result(2), result(3)],
                    t: [result(4), result(5)]), &state)
            let s = natural([try read(vm, 2), try read(vm, 3)])
            let t = natural([try read(vm, 4), try read(vm, 5)])
            if try read(vm, 0) == 0 {
                inverses += 1
                // s b - 1 = t n
                #expect(s * natural(b) == t * natural(n) + .one)
                #expect(s < natural(n))
            } else {
                let divisor = natural([try read(vm, 0), try read(vm, 1)])
                #expect(divisor * s == natural(b))
                #expect(divisor * t == natural(n))
            }
        }
        #expect(inverses > 50 && inverses < 290)
    }

    @Test("The two shorter arcs of a comparison, as remainders and quotients in range")
    func arcs() throws {
        var words = SeededWords(seed: 4)
        let bounds = [
            Natural(0x02aa_aaaa_aaaa_aab0_5555_5555_5555_5556 as UInt128),
            Natural(0x0400_0000_0000_0008_8000_0000_0000_0001 as UInt128),
        ]
        for _ in 0..<300 {
            let (x, y) = (
                Felt(reducingBigEndianWords: words.words()),
                Felt(reducingBigEndianWords: words.words())
            )
            let (a, b) = (min(x, y), max(x, y))
            var vm = VirtualMachine(Code([Cell(0 as UInt64)], hinted: []))
            _ = try vm.memory.addSegment()
            let checks = try vm.memory.addSegment(rule: .rangeCheck)
            try vm.memory.load(
                [Cell(a), Cell(b), Cell(checks)], at: Relocatable(segment: 1, offset: 0))
            vm.ap = 3
            vm.fp = 3
            var state = HintState()
            try vm.perform(
                .findSmallArcs(
                    rangeCheck: operand(2, of: 3), a: operand(0, of: 3), b: operand(1, of: 3)),
                &state)
            try vm.perform(.isFirstArcExcluded(result(0)), &state)
            try vm.perform(.isSecondArcExcluded(result(1)), &state)
            let excluded =
                try read(vm, 0) == 0 ? 0 : try read(vm, 1) == 0 ? 1 : 2
            var arcs = [a, b - a, -Felt.one - b]
            let longest = arcs.remove(at: excluded)
            arcs.sort()
            #expect(arcs[1] <= longest)
            for index in 0..<2 {
                let remainder = try vm.memory.uint128(checks + 2 * index)
                let quotient = try vm.memory.uint128(checks + (2 * index + 1))
                let value = Natural(quotient) * bounds[index] + Natural(remainder)
                #expect(Cell(arcs[index]) == Cell(value.felt))
            }
        }
    }

    @Test("Square roots of the field are the smaller ones, of the value or of three times it")
    func fieldRoots() throws {
        var words = SeededWords(seed: 5)
        for _ in 0..<100 {
            let value = Felt(reducingBigEndianWords: words.words())
            var vm = try machine([Cell(value)])
            var state = HintState()
            try vm.perform(.fieldSquareRoot(operand(0, of: 1), result(0)), &state)
            let root = try #require(
                try vm.memory.integer(Relocatable(segment: 1, offset: 1)).felt)
            #expect(root * root == value || root * root == value * 3)
            #expect(root <= -root)
        }
    }

    @Test("A dictionary's squash goes through its keys in order and through each one's accesses")
    func squash() throws {
        // Keys of six accesses; each access takes three cells.
        let keys: [UInt64] = [9, 4, 9, 7, 4, 9]
        var vm = VirtualMachine(Code([Cell(0 as UInt64)], hinted: []))
        _ = try vm.memory.addSegment()
        let accesses = try vm.memory.addSegment()
        try vm.memory.load(
            keys.flatMap { [Cell($0), Cell(0 as UInt64), Cell(1 as UInt64)] }, at: accesses)
        let checks = try vm.memory.addSegment(rule: .rangeCheck)
        try vm.memory.load(
            [Cell(accesses), Cell(checks)], at: Relocatable(segment: 1, offset: 0))
        vm.ap = 2
        vm.fp = 2
        var state = HintState()
        var next = 0
        func fresh() -> CellReference {
            next += 1
            return result(next)
        }
        func value(_ reference: CellReference, _ vm: borrowing VirtualMachine) throws -> UInt64 {
            try vm.memory.uint64(Relocatable(segment: 1, offset: vm.ap + Int(reference.offset)))
        }
        let (big, first) = (fresh(), fresh())
        try vm.perform(
            .initializeSquash(
                accesses: operand(0, of: 2), count: .immediate(Cell(6 as UInt64)), bigKeys: big,
                firstKey: first), &state)
        #expect(try value(big, vm) == 0)
        var order = [try value(first, vm)]
        var indices: [[UInt64]] = []
        for round in 0..<3 {
            if round > 0 {
                let key = fresh()
                try vm.perform(.nextDictionaryKey(key), &state)
                order.append(try value(key, vm))
            }
            try vm.perform(
                .currentAccessIndex(
                    .sum(CellReference(.fp, -1), .immediate(Cell(UInt64(round))))), &state)
            var index = try vm.memory.uint64(checks + round)
            var here = [index]
            while true {
                let goesOn = fresh()
                try vm.perform(.shouldContinueSquashLoop(goesOn), &state)
                guard try value(goesOn, vm) == 1 else { break }
                let delta = fresh()
                try vm.perform(.currentAccessDelta(delta), &state)
                index += try value(delta, vm) + 1
                here.append(index)
            }
            indices.append(here)
        }
        #expect(order == [4, 7, 9])
        #expect(indices == [[1, 4], [3], [0, 2, 5]])
        #expect(throws: HintError.noKeys) { try vm.perform(.nextDictionaryKey(fresh()), &state) }
    }
}
