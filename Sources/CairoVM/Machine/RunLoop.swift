import StarkField

extension VirtualMachine {
    /// Why the run loop came back.
    package enum Stop: Sendable {
        /// `pc` is at the end.
        case ended
        /// The instruction at `pc` has hints that come first.
        case hint
    }

    /// Runs until the end, or until an instruction has hints.
    ///
    /// - Parameter skipsHint: whether the hints of the first instruction have been seen to.
    package mutating func run(skipsHint: Bool) throws(MachineError) -> Stop {
        var skips = skipsHint
        while true {
            if pc == end { return .ended }
            if pc.segment != 0 {
                try step()
                skips = false
                continue
            }
            guard pc.offset >= 0, pc.offset < code.cellCount else { throw .pcOutsideMemory(pc) }
            let stop: KernelStop
            switch recording {
            case .none: stop = kernel(skips, tracks: false, traces: false)
            case .access: stop = kernel(skips, tracks: true, traces: false)
            case .trace: stop = kernel(skips, tracks: true, traces: true)
            }
            skips = false
            switch stop {
            case .hint: return .hint
            case .general:
                if pc == end { return .ended }
                try step()
            }
        }
    }

    private enum KernelStop { case hint, general }

    /// The common instructions, with the registers in local variables. It changes nothing when it
    /// meets anything that it does not expect, and leaves that to the general step: a missing
    /// operand that doesn't follow at once, a full segment, an error, the end, the last step.
    @inline(__always)
    private mutating func kernel(
        _ skipsHint: Bool, tracks: Bool, traces: Bool
    ) -> KernelStop {
        let instructions = code.instructions
        let program = code.cells
        let programCount = code.cellCount
        let stop = end.segment == 0 ? end.offset : -1
        let segments = memory.segments
        let segmentCount = memory.segmentCount
        let stack = segments[1].cells
        let room = UInt(bitPattern: segments[1].capacity)
        let touched = segments[1].accessed
        var top = segments[1].count
        var pc = self.pc.offset
        var ap = self.ap
        var fp = self.fp
        let start = stepsLeft
        var left = start
        var hintMask = skipsHint ? 0 : Code.Decoded.hasHint
        var result = KernelStop.general

        loop: while left > 0, pc != stop {
            let instruction = instructions[pc]
            if instruction.bits & hintMask != 0 {
                result = .hint
                break
            }
            hintMask = Code.Decoded.hasHint
            let destination =
                (instruction.bits & Code.Decoded.destinationIsFP != 0 ? fp : ap)
                &+ Int(instruction.destinationOffset)
            let operand0 =
                (instruction.bits & Code.Decoded.operand0IsFP != 0 ? fp : ap)
                &+ Int(instruction.operand0Offset)
            guard UInt(bitPattern: destination) < room, UInt(bitPattern: operand0) < room else {
                break loop
            }
            let oldPC = pc
            let oldAP = ap
            let oldFP = fp
            /// Where the second operand is, if it is in a cell of the stack.
            let second =
                (instruction.bits & Code.Decoded.operand1IsFP != 0 ? fp : ap)
                &+ Int(instruction.operand1Offset)
            var operand1 = operand0

            switch instruction.kind {
            case .general: break loop

            case .assertImmediate:
                guard operand0 < top, stack[operand0].isPresent,
                    VirtualMachine.assign(stack, &top, destination, program[pc &+ 1])
                else { break loop }
                pc &+= 2

            case .assertCell:
                operand1 = second
                guard operand0 < top, stack[operand0].isPresent,
                    UInt(bitPattern: operand1) < room,
                    VirtualMachine.equate(stack, &top, destination, operand1)
                else { break loop }
                pc &+= 1

            case .assertPointed:
                guard operand0 < top else { break loop }
                let pointer = stack[operand0]
                guard pointer.isAddress else { break loop }
                let index = Int(truncatingIfNeeded: pointer.l1)
                guard UInt(bitPattern: index) < UInt(bitPattern: segmentCount) else {
                    break loop
                }
                let offset =
                    Int(truncatingIfNeeded: pointer.l0) &+ Int(instruction.operand1Offset)
                if index == 1 {
                    guard UInt(bitPattern: offset) < room,
                        VirtualMachine.equate(stack, &top, destination, offset)
                    else { break loop }
                    operand1 = offset
                } else {
                    let segment = segments + index
                    let count = segment.pointee.count
                    guard UInt(bitPattern: offset) < UInt(bitPattern: segment.pointee.capacity)
                    else { break loop }
                    let value =
                        offset < count ? segment.pointee.cells[offset] : Cell.empty
                    if value.isPresent {
                        guard !VirtualMachine.isTemporary(value),
                            VirtualMachine.assign(stack, &top, destination, value)
                        else { break loop }
                    } else {
                        let old = VirtualMachine.load(stack, top, destination)
                        guard old.isPresent, offset <= count else { break loop }
                        if let rule = segment.pointee.rule {
                            guard VirtualMachine.accepts(rule, offset, old) else { break loop }
                        }
                        segment.pointee.cells[offset] = old
                        if offset == count { segment.pointee.count = count &+ 1 }
                    }
                    if tracks, index != 0 { segment.pointee.accessed![offset] = 1 }
                }
                pc &+= 1

            case .addImmediate, .addCell:
                let right: Cell
                if instruction.kind == .addImmediate {
                    right = program[pc &+ 1]
                } else {
                    operand1 = second
                    guard UInt(bitPattern: operand1) < room else { break loop }
                    right = VirtualMachine.load(stack, top, operand1)
                }
                let left0 = VirtualMachine.load(stack, top, operand0)
                if left0.isPresent && right.isPresent {
                    guard let value = VirtualMachine.fastSum(left0, right),
                        VirtualMachine.assign(stack, &top, destination, value)
                    else { break loop }
                } else {
                    // One of the two follows from the sum.
                    let known = left0.isPresent ? left0 : right
                    let old = VirtualMachine.load(stack, top, destination)
                    guard old.isPresent, known.isPresent,
                        let value = VirtualMachine.fastDifference(old, known),
                        VirtualMachine.assign(
                            stack, &top, left0.isPresent ? operand1 : operand0, value)
                    else { break loop }
                }
                pc &+= instruction.kind == .addImmediate ? 2 : 1

            case .multiplyImmediate, .multiplyCell:
                let right: Cell
                if instruction.kind == .multiplyImmediate {
                    right = program[pc &+ 1]
                } else {
                    operand1 = second
                    guard UInt(bitPattern: operand1) < room else { break loop }
                    right = VirtualMachine.load(stack, top, operand1)
                }
                let left0 = VirtualMachine.load(stack, top, operand0)
                guard left0.isFelt, right.isFelt,
                    VirtualMachine.assign(
                        stack, &top, destination, VirtualMachine.fastProduct(left0, right))
                else { break loop }
                pc &+= instruction.kind == .multiplyImmediate ? 2 : 1

            case .callRelative:
                let target = pc &+ Int(instruction.distance)
                // The two cells at ap are new.
                guard UInt(bitPattern: target) < UInt(bitPattern: programCount), destination == top
                else { break loop }
                stack[destination] = Cell(Relocatable(segment: 1, offset: fp))
                stack[operand0] = Cell(Relocatable(segment: 0, offset: pc &+ 2))
                top = operand0 &+ 1
                ap &+= 2
                fp = ap
                pc = target

            case .ret:
                guard operand0 < top else { break loop }
                let frame = stack[destination]
                let target = stack[operand0]
                guard frame.isAddress, target.isAddress, target.l1 == 0,
                    target.l0 < UInt64(UInt(bitPattern: programCount))
                else { break loop }
                fp = Int(truncatingIfNeeded: frame.l0)
                pc = Int(truncatingIfNeeded: target.l0)

            case .jumpRelative:
                let target = pc &+ Int(instruction.distance)
                guard UInt(bitPattern: target) < UInt(bitPattern: programCount),
                    destination < top, operand0 < top, stack[destination].isPresent,
                    stack[operand0].isPresent
                else { break loop }
                pc = target

            case .jumpIfNotZero:
                guard destination < top, operand0 < top else { break loop }
                let condition = stack[destination]
                guard condition.isPresent, stack[operand0].isPresent else { break loop }
                let target = condition.isZero ? pc &+ 2 : pc &+ Int(instruction.distance)
                guard UInt(bitPattern: target) < UInt(bitPattern: programCount) else {
                    break loop
                }
                pc = target

            case .advanceAP:
                guard destination < top, operand0 < top, stack[destination].isPresent,
                    stack[operand0].isPresent
                else { break loop }
                let new = ap &+ Int(instruction.distance)
                guard new >= 0 else { break loop }
                ap = new
                pc &+= 2
            }

            if tracks {
                touched![destination] = 1
                touched![operand0] = 1
                touched![operand1] = 1
            }
            if traces {
                trace.append(
                    TraceEntry(
                        pc: Relocatable(segment: 0, offset: oldPC), ap: oldAP, fp: oldFP))
            }
            ap &+= Int(instruction.apStep)
            left &-= 1
        }

        memory.setCount(1, top)
        self.pc.offset = pc
        self.ap = ap
        self.fp = fp
        stepsLeft = left
        steps += start - left
        return result
    }

    /// Whether a builtin lets a value into its segment without more ado; false for what the general
    /// step should see. The same as `Memory.check`, where it says yes.
    @inline(__always)
    private static func accepts(_ rule: Builtin, _ offset: Int, _ value: Cell) -> Bool {
        switch rule {
        case .rangeCheck: value.asUInt128 != nil
        case .output: true
        // The inputs of an instance are free.
        case .pedersen: offset % 3 < 2
        case .bitwise: offset % 5 < 2
        case .poseidon: offset % 6 < 3
        case .ecOp: offset % 7 < 5
        case .keccak: offset % 16 < 8
        case .ecdsa, .segmentArena, .rangeCheck96, .addMod, .mulMod: false
        }
    }

    @inline(__always)
    private static func load(
        _ stack: UnsafeMutablePointer<Cell>, _ top: Int, _ place: Int
    ) -> Cell {
        place < top ? stack[place] : .empty
    }

    /// Gives a cell of the stack a value, or says whether it has just that one. The place lies in
    /// the stack's room.
    @inline(__always)
    private static func assign(
        _ stack: UnsafeMutablePointer<Cell>, _ top: inout Int, _ place: Int, _ value: Cell
    ) -> Bool {
        if place < top {
            let old = stack[place]
            if old.isPresent { return old == value }
        } else {
            while top < place {
                stack[top] = .empty
                top &+= 1
            }
            top = place &+ 1
        }
        stack[place] = value
        return true
    }

    /// Makes two cells of the stack one: what either has, the other gets, and both must agree.
    @inline(__always)
    private static func equate(
        _ stack: UnsafeMutablePointer<Cell>, _ top: inout Int, _ destination: Int, _ place: Int
    ) -> Bool {
        let value = load(stack, top, place)
        if value.isPresent { return !isTemporary(value) && assign(stack, &top, destination, value) }
        let old = load(stack, top, destination)
        return old.isPresent && assign(stack, &top, place, old)
    }

    /// Whether a cell points into a temporary segment, which may by now be somewhere else.
    @inline(__always)
    private static func isTemporary(_ cell: Cell) -> Bool {
        cell.l3 & Cell.addressBit != 0 && Int64(bitPattern: cell.l1) < 0
    }

    /// Nil for what the general step should see.
    @inline(__always)
    private static func fastSum(_ a: Cell, _ b: Cell) -> Cell? {
        if a.isFelt && b.isFelt {
            if a.l1 | a.l2 | b.l1 | b.l2 | (a.l3 ^ Cell.presentBit) | (b.l3 ^ Cell.presentBit)
                == 0
            {
                let (sum, carry) = a.l0.addingReportingOverflow(b.l0)
                return Cell(raw: sum, carry ? 1 : 0, 0, Cell.presentBit)
            }
            return Cell(words: CanonicalFelt.sum(a.words, b.words))
        }
        let (address, distance) = a.isAddress ? (a, b) : (b, a)
        // Small steps of addresses that are not temporary.
        guard let step = distance.asUInt64, step < 1 << 32, address.isAddress,
            Int64(bitPattern: address.l1) >= 0, address.l0 < (1 << 62) - (1 << 32)
        else { return nil }
        return Cell(raw: address.l0 &+ step, address.l1, 0, Cell.kindBits)
    }

    @inline(__always)
    private static func fastDifference(_ a: Cell, _ b: Cell) -> Cell? {
        guard b.isFelt else { return nil }
        if a.isFelt {
            return Cell(words: CanonicalFelt.difference(a.words, b.words))
        }
        guard let step = b.asUInt64, Int64(bitPattern: a.l1) >= 0, step <= a.l0 else { return nil }
        return Cell(raw: a.l0 &- step, a.l1, 0, Cell.kindBits)
    }

    @inline(__always)
    private static func fastProduct(_ a: Cell, _ b: Cell) -> Cell {
        if let x = a.asUInt64, let y = b.asUInt64 {
            let wide = x.multipliedFullWidth(by: y)
            return Cell(raw: wide.low, wide.high, 0, Cell.presentBit)
        }
        return Cell(words: CanonicalFelt.product(a.words, b.words))
    }
}
