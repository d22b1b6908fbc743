import StarkField

/// Reading and writing what hints name.
extension VirtualMachine {
    func place(_ reference: CellReference) throws(HintError) -> Relocatable {
        let base = reference.register == .ap ? ap : fp
        guard
            let place = Relocatable(segment: 1, offset: base).advanced(by: Int(reference.offset))
        else { throw .addressOutOfRange }
        return place
    }

    /// A number or an address.
    func any(_ operand: HintOperand) throws(HintError) -> Cell {
        switch operand {
        case .cell(let reference): return try read(try place(reference))
        case .pointed(let reference, let offset):
            let base = try address(try place(reference))
            guard let target = base.advanced(by: Int(offset)) else { throw .addressOutOfRange }
            return try read(target)
        case .immediate(let value): return value
        case .sum(let reference, let term):
            let left = try read(try place(reference))
            let right = try number(term)
            if left.isFelt { return Cell(words: CanonicalFelt.sum(left.words, right.words)) }
            guard let moved = left.uncheckedAddress.advanced(by: right) else {
                throw .addressOutOfRange
            }
            return Cell(moved)
        case .product(let reference, let term):
            let left = try integer(try place(reference))
            let right = try number(term)
            return Cell(words: CanonicalFelt.product(left.words, right.words))
        }
    }

    /// A number.
    func number(_ operand: HintOperand) throws(HintError) -> Cell {
        let value = try any(operand)
        guard value.isFelt else {
            throw .memory(.expectedInteger(Relocatable(segment: 1, offset: ap)))
        }
        return value
    }

    func number128(_ operand: HintOperand) throws(HintError) -> UInt128? {
        try number(operand).asUInt128
    }

    private func number(_ term: HintOperand.Term) throws(HintError) -> Cell {
        switch term {
        case .cell(let reference): return try integer(try place(reference))
        case .immediate(let value): return value
        }
    }

    /// An address in a cell, with a constant added.
    func buffer(_ operand: HintOperand) throws(HintError) -> Relocatable {
        switch operand {
        case .cell(let reference): return try address(try place(reference))
        case .sum(let reference, .immediate(let distance)):
            guard let target = try address(try place(reference)).advanced(by: distance) else {
                throw .addressOutOfRange
            }
            return target
        case .pointed, .immediate, .sum, .product: throw .illegalBuffer
        }
    }

    func read(_ place: Relocatable) throws(HintError) -> Cell {
        do throws(MemoryError) {
            return try memory.value(place)
        } catch { throw .memory(error) }
    }

    func integer(_ place: Relocatable) throws(HintError) -> Cell {
        do throws(MemoryError) {
            return try memory.integer(place)
        } catch { throw .memory(error) }
    }

    func address(_ place: Relocatable) throws(HintError) -> Relocatable {
        do throws(MemoryError) {
            return try memory.address(at: place)
        } catch { throw .memory(error) }
    }

    mutating func write(_ place: Relocatable, _ value: Cell) throws(HintError) {
        do throws(MemoryError) {
            try memory.insert(place, value)
        } catch { throw .memory(error) }
    }

    mutating func write(_ reference: CellReference, _ value: Cell) throws(HintError) {
        try write(try place(reference), value)
    }

    mutating func write(_ reference: CellReference, _ flag: Bool) throws(HintError) {
        try write(reference, Cell(flag ? 1 as UInt64 : 0))
    }

    /// 128-bit limbs, the lowest first; what is left must be zero.
    mutating func write(
        limbs references: [CellReference], _ value: Natural
    ) throws(HintError) {
        var rest = value
        for reference in references {
            try write(reference, Cell(rest.low128))
            rest = rest >> 128
        }
    }

    func limbs(_ operands: [HintOperand]) throws(HintError) -> Natural {
        var result = Natural.zero
        for (index, operand) in operands.enumerated() {
            result = result + (try number(operand).natural << (128 * index))
        }
        return result
    }

    mutating func newSegment() throws(HintError) -> Relocatable {
        do throws(MemoryError) {
            return try memory.addSegment()
        } catch { throw .memory(error) }
    }
}
