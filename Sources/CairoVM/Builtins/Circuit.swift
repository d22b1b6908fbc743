import StarkField

extension VirtualMachine {
    /// Values of circuits have four words of 96 bits.
    private static let words = 4
    private static let wordBits = 96
    /// Cells of one instance: p in four words, the values' address, the offsets' address, a count.
    private static let instance = 7

    /// Evaluates an arithmetic circuit mod p and fills in the instances of the two modulo
    /// builtins. A multiplication gate without an inverse ends the evaluation.
    ///
    /// Source: cairo-lang-runner 2.x, `casm_run/circuit.rs`.
    mutating func evaluateCircuit(
        _ additions: HintOperand, _ addition: HintOperand, _ multiplications: HintOperand,
        _ multiplication: HintOperand
    ) throws(HintError) {
        guard let additionCount = try number(additions).asUInt64, additionCount < 1 << 32,
            let multiplicationCount = try number(multiplications).asUInt64,
            multiplicationCount < 1 << 32
        else { throw .numberTooLarge }
        let addition = try buffer(addition)
        let multiplication = try buffer(multiplication)
        guard let modulus = try circuitValue(multiplication), !modulus.isZero else {
            throw .builtin(.modulo(.mulMod, .missingValue(multiplication)))
        }
        let values = try address(multiplication + 4)
        let multiplicationOffsets = try address(multiplication + 5)
        let additionOffsets =
            additionCount == 0 ? multiplicationOffsets : try address(addition + 5)
        let evaluated = try evaluate(
            values, additionOffsets, Int(additionCount), multiplicationOffsets,
            Int(multiplicationCount), modulus)
        try fillInstances(
            addition, Int(additionCount), modulusAt: multiplication, values, additionOffsets)
        try fillInstances(
            multiplication, evaluated, modulusAt: multiplication, values, multiplicationOffsets)
    }

    /// Returns how many multiplication gates have been evaluated.
    private mutating func evaluate(
        _ values: Relocatable, _ additionOffsets: Relocatable, _ additions: Int,
        _ multiplicationOffsets: Relocatable, _ multiplications: Int, _ modulus: Natural
    ) throws(HintError) -> Int {
        var addition = 0
        for multiplication in 0...multiplications {
            while addition < additions {
                let gate = additionOffsets + 3 * addition
                let left = try gateValue(values, gate)
                let right = try gateValue(values, gate + 1)
                if let left, let right {
                    try setGateValue(values, gate + 2, (left + right) % modulus)
                } else if let right, let result = try gateValue(values, gate + 2) {
                    let shifted = result + modulus
                    guard shifted >= right else {
                        throw .builtin(.modulo(.addMod, .noOperand))
                    }
                    try setGateValue(values, gate, (shifted - right) % modulus)
                } else {
                    break
                }
                addition += 1
            }
            if multiplication == multiplications { break }
            let gate = multiplicationOffsets + 3 * multiplication
            guard let right = try gateValue(values, gate + 1) else {
                throw .builtin(.modulo(.mulMod, .noOperand))
            }
            if let left = try gateValue(values, gate) {
                try setGateValue(values, gate + 2, (left * right) % modulus)
                continue
            }
            let (divisor, inverse) = Natural.greatestCommonDivisor(right, modulo: modulus)
            if divisor == .one {
                try setGateValue(values, gate, inverse)
            } else {
                // What takes the value to zero proves that there is no inverse.
                try setGateValue(values, gate, modulus / divisor)
                return multiplication
            }
        }
        return multiplications
    }

    private func valuePlace(
        _ values: Relocatable, _ offset: Relocatable
    ) throws(HintError) -> Relocatable {
        guard let place = values.advanced(by: try integer(offset)) else {
            throw .addressOutOfRange
        }
        return place
    }

    private func gateValue(
        _ values: Relocatable, _ offset: Relocatable
    ) throws(HintError) -> Natural? {
        try circuitValue(try valuePlace(values, offset))
    }

    private mutating func setGateValue(
        _ values: Relocatable, _ offset: Relocatable, _ value: Natural
    ) throws(HintError) {
        let place = try valuePlace(values, offset)
        let mask = UInt128(1) << UInt128(Self.wordBits) - 1
        for word in 0..<Self.words {
            try write(place + word, Cell((value >> (Self.wordBits * word)).low128 & mask))
        }
    }

    /// Nil where a word is missing.
    private func circuitValue(_ place: Relocatable) throws(HintError) -> Natural? {
        var value = Natural.zero
        for word in 0..<Self.words {
            let cell = memory.get(place + word)
            guard cell.isFelt else { return nil }
            value = value + cell.natural << (Self.wordBits * word)
        }
        return value
    }

    private mutating func fillInstances(
        _ builtin: Relocatable, _ count: Int, modulusAt modulus: Relocatable,
        _ values: Relocatable, _ offsets: Relocatable
    ) throws(HintError) {
        for index in 0..<count {
            let instance = builtin + Self.instance * index
            for word in 0..<Self.words {
                try write(instance + word, try integer(modulus + word))
            }
            try write(instance + 4, Cell(values))
            try write(instance + 5, Cell(offsets + 3 * index))
            try write(instance + 6, Cell(UInt64(count - index)))
        }
    }
}
