import CairoVM
import Testing

@Suite("The run loop and the step that it hurries", .serialized)
struct RunLoopTests {
    /// A stack with numbers, pointers to data and to builtins' segments, and the way back.
    private func prepare(_ machine: inout VirtualMachine) throws {
        _ = try machine.memory.addSegment()
        let data = try machine.memory.addSegment()
        let rangeCheck = try machine.memory.addSegment(rule: .rangeCheck)
        let pedersen = try machine.memory.addSegment(rule: .pedersen)
        let bitwise = try machine.memory.addSegment(rule: .bitwise)
        machine.end = try machine.memory.addSegment()
        try machine.memory.load([Cell(1 as UInt64), Cell(2 as UInt64), Cell(-3)], at: data)
        try machine.memory.load([Cell(1 as UInt64), Cell(2 as UInt64)], at: pedersen)
        try machine.memory.load([Cell(12 as UInt64), Cell(10 as UInt64)], at: bitwise)
        let stack = [
            Cell(7 as UInt64), Cell(rangeCheck), Cell(data), Cell(pedersen), Cell(bitwise),
            Cell(Relocatable(segment: 1, offset: 0)), Cell(0 as UInt64), Cell(machine.end),
        ]
        try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
        machine.ap = stack.count
        machine.fp = stack.count
    }

    private func cells(_ machine: borrowing VirtualMachine) -> [[Cell]] {
        (1..<machine.memory.segmentCount).map { segment in
            (0..<machine.memory.count(of: segment)).map {
                machine.memory.get(Relocatable(segment: segment, offset: $0))
            }
        }
    }

    @Test("Both do the same with 20 000 random programs, to the last cell and error")
    func twins() throws {
        var steps = 0
        var ended = 0
        let pool = CellPool()
        for seed in 0..<20_000 as Range<UInt64> {
            let program = RandomProgram(seed: seed, length: 10 + Int(seed % 50))
            let code = Code(program.cells, hinted: [])
            var fast = VirtualMachine(code, steps: 300, recording: .trace, pool: pool)
            var slow = VirtualMachine(code, steps: 300, recording: .trace)
            try prepare(&fast)
            try prepare(&slow)
            var fastError: MachineError?
            var slowError: MachineError?
            do throws(MachineError) {
                _ = try fast.run(skipsHint: false)
                ended += 1
            } catch { fastError = error }
            do throws(MachineError) {
                while slow.pc != slow.end { try slow.step() }
            } catch { slowError = error }
            let isSame =
                fastError == slowError && fast.pc == slow.pc && fast.ap == slow.ap
                && fast.fp == slow.fp && fast.steps == slow.steps && fast.trace == slow.trace
                && cells(fast) == cells(slow) && fast.resources() == slow.resources()
            try #require(isSame, "seed \(seed): \(String(describing: fastError))")
            steps += fast.steps
        }
        #expect(steps > 100_000)
        #expect(ended > 500)
    }

    @Test("Both do the same with 2 000 long programs that use every builtin, in each recording")
    func longTwins() throws {
        var steps = 0
        let pool = CellPool()
        for seed in 100_000..<102_000 as Range<UInt64> {
            let random = RandomMachine(seed: seed)
            let recording = [Recording.none, .access, .trace][Int(seed % 3)]
            var fast = try random.machine(
                steps: random.stepLimit, recording: recording, pool: pool)
            var slow = try random.machine(steps: random.stepLimit, recording: recording)
            var fastError: MachineError?
            var slowError: MachineError?
            do throws(MachineError) {
                _ = try fast.run(skipsHint: false)
                try fast.finish()
            } catch { fastError = error }
            do throws(MachineError) {
                while slow.pc != slow.end { try slow.step() }
                try slow.finish()
            } catch { slowError = error }
            let isSame =
                fastError == slowError && MachineText.state(fast) == MachineText.state(slow)
                && fast.resources() == slow.resources()
            try #require(isSame, "seed \(seed): \(String(describing: fastError))")
            steps += fast.steps
        }
        #expect(steps > 150_000)
    }

    @Test("A run stops where it may not go on, and says why")
    func limits() throws {
        let loop = [
            Encoding.instruction(
                destination: -1, isFP: true, operand0: -1, operand0IsFP: true, pc: 2),
            Cell(0 as UInt64),
        ]
        var endless = VirtualMachine(Code(loop, hinted: []), steps: 1000)
        try prepare(&endless)
        #expect(throws: MachineError.stepLimitReached) { try endless.run(skipsHint: false) }
        #expect(endless.steps == 1000)

        // [ap] = 1; ap++ for ever.
        let push = Encoding.push(Cell(1 as UInt64)) + [loop[0], Cell(-2)]
        var hungry = VirtualMachine(
            Code(push, hinted: []), limits: MemoryLimits(cells: 1 << 12), steps: 1 << 20)
        try prepare(&hungry)
        #expect(throws: MachineError.memory(.limitExceeded(cells: 1 << 12))) {
            try hungry.run(skipsHint: false)
        }

        // A write far behind a segment's end.
        var far = VirtualMachine(Code(push, hinted: []), limits: MemoryLimits(cells: 1 << 12))
        try prepare(&far)
        #expect(throws: MemoryError.limitExceeded(cells: 1 << 12)) {
            try far.memory.insert(Relocatable(segment: 2, offset: 1 << 40), Cell(1 as UInt64))
        }
        #expect(throws: MemoryError.outsideProgram(Relocatable(segment: 0, offset: 4))) {
            try far.memory.insert(Relocatable(segment: 0, offset: 4), Cell(1 as UInt64))
        }
    }
}
