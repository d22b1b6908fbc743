import StarkCurve
import StarkField
import StarkHash

extension Memory {
    /// What a builtin asks of a value that is written into its segment.
    mutating func check(
        _ address: Relocatable, _ value: Cell, _ rule: Builtin
    ) throws(MemoryError) {
        switch rule {
        case .rangeCheck:
            guard value.isFelt else { throw .notAnInteger(rule, address) }
            guard value.asUInt128 != nil else { throw .rangeCheck(address, value, bits: 128) }
        case .rangeCheck96:
            guard value.isFelt else { throw .notAnInteger(rule, address) }
            guard let small = value.asUInt128, small >> 96 == 0 else {
                throw .rangeCheck(address, value, bits: 96)
            }
        case .ecdsa: try checkSignature(address)
        case .pedersen, .bitwise, .ecOp, .keccak, .poseidon:
            let (size, inputs) = rule.cells
            if address.offset % size >= inputs { noteUnverified(address) }
        case .output, .segmentArena, .addMod, .mulMod: break
        }
    }

    /// A key and a message must have a signature that a hint has named before.
    private func checkSignature(_ address: Relocatable) throws(MemoryError) {
        let key = Relocatable(segment: address.segment, offset: address.offset & ~1)
        let message = key + 1
        let (keyCell, messageCell) = (get(key), get(message))
        guard keyCell.isPresent, messageCell.isPresent else {
            let one = keyCell.isPresent ? keyCell : messageCell
            guard one.isFelt else { throw .notAnInteger(.ecdsa, address) }
            return
        }
        guard let publicKey = keyCell.felt else { throw .notAnInteger(.ecdsa, key) }
        guard let hash = messageCell.felt else { throw .notAnInteger(.ecdsa, message) }
        guard let signature = signatures[key.offset], let r = signature.r.felt,
            let s = signature.s.felt
        else { throw .signatureMissing(key) }
        guard
            ECDSA.verify(
                messageHash: hash, signature: StarkSignature(r: r, s: s), publicKey: publicKey)
        else { throw .signatureInvalid(key) }
    }
}

extension VirtualMachine {
    /// The value that the builtin of this segment gives the cell; empty where there is none.
    mutating func deducedByBuiltin(_ address: Relocatable) throws(MachineError) -> Cell {
        guard let builtin = memory.rule(of: address.segment), builtin.deduces else {
            return .empty
        }
        do throws(BuiltinError) {
            return try memory.deduce(address, builtin)
        } catch { throw .builtin(error) }
    }
}

extension Memory {
    /// The output cell's value, once all inputs of its instance are there.
    mutating func deduce(
        _ address: Relocatable, _ builtin: Builtin
    ) throws(BuiltinError) -> Cell {
        let (size, inputs) = builtin.cells
        let index = address.offset % size
        if index < inputs { return .empty }
        let start = Relocatable(segment: address.segment, offset: address.offset - index)
        // Inputs stay as they are (I1), so what followed from them still does.
        if let outputs = lastInstance, outputs.start == start {
            return outputs.values[index - inputs]
        }
        for input in 0..<inputs where !peek(start + input).isPresent { return .empty }
        switch builtin {
        case .pedersen:
            guard let left = get(start).felt, let right = get(start + 1).felt else {
                return .empty
            }
            return Cell(Pedersen.hash(left, right))
        case .bitwise: return try bitwise(start, index)
        case .poseidon:
            var state = (
                try felt(start, builtin), try felt(start + 1, builtin),
                try felt(start + 2, builtin)
            )
            Poseidon.permute(&state)
            lastInstance = (start, [Cell(state.0), Cell(state.1), Cell(state.2)])
        case .keccak: lastInstance = (start, try keccak(start))
        case .ecOp: lastInstance = (start, try curveOperation(start))
        case .output, .rangeCheck, .rangeCheck96, .ecdsa, .segmentArena, .addMod, .mulMod:
            return .empty
        }
        return lastInstance?.values[index - inputs] ?? .empty
    }

    private func felt(
        _ address: Relocatable, _ builtin: Builtin
    ) throws(BuiltinError) -> Felt {
        guard let value = get(address).felt else { throw .expectedInteger(builtin, address) }
        return value
    }

    private func bitwise(_ start: Relocatable, _ index: Int) throws(BuiltinError) -> Cell {
        let (x, y) = (get(start), get(start + 1))
        guard x.isFelt, y.isFelt else { return .empty }
        for (place, cell) in [(start, x), (start + 1, y)] where cell.words.l3 >> 59 != 0 {
            throw .inputTooLarge(.bitwise, place, cell, bits: 251)
        }
        let (a, b) = (x.words, y.words)
        switch index {
        case 2: return Cell(words: LooseFelt(a.l0 & b.l0, a.l1 & b.l1, a.l2 & b.l2, a.l3 & b.l3))
        case 3: return Cell(words: LooseFelt(a.l0 ^ b.l0, a.l1 ^ b.l1, a.l2 ^ b.l2, a.l3 ^ b.l3))
        default:
            return Cell(words: LooseFelt(a.l0 | b.l0, a.l1 | b.l1, a.l2 | b.l2, a.l3 | b.l3))
        }
    }

    /// Eight words of 200 bits in, eight out.
    private func keccak(_ start: Relocatable) throws(BuiltinError) -> [Cell] {
        // Lanes of 64 bits are put together from the words, and taken apart again.
        var state = InlineArray<25, UInt64>(repeating: 0)
        for word in 0..<8 {
            let cell = get(start + word)
            guard cell.isFelt else { throw .expectedInteger(.keccak, start + word) }
            let words = cell.words
            guard words.l3 >> 8 == 0 else {
                throw .inputTooLarge(.keccak, start + word, cell, bits: 200)
            }
            let bit = 200 * word
            let (lane, shift) = (bit / 64, UInt64(bit % 64))
            for (index, limb) in [words.l0, words.l1, words.l2, words.l3].enumerated() {
                if lane + index < 25 { state[lane + index] |= limb << shift }
                if shift > 0, lane + index + 1 < 25 {
                    state[lane + index + 1] |= limb >> (64 - shift)
                }
            }
        }
        Keccak256.permute(&state)
        return (0..<8).map { word in
            let bit = 200 * word
            let (lane, shift) = (bit / 64, UInt64(bit % 64))
            func limb(_ index: Int) -> UInt64 {
                let low = lane + index < 25 ? state[lane + index] >> shift : 0
                guard shift > 0, lane + index + 1 < 25 else { return low }
                return low | state[lane + index + 1] << (64 - shift)
            }
            return Cell(words: LooseFelt(limb(0), limb(1), limb(2), limb(3) & 0xff))
        }
    }

    /// P + m Q.
    private func curveOperation(_ start: Relocatable) throws(BuiltinError) -> [Cell] {
        var inputs: [Felt] = []
        for offset in 0..<5 { inputs.append(try felt(start + offset, .ecOp)) }
        guard let p = CurvePoint(x: inputs[0], y: inputs[1]) else {
            throw .pointNotOnCurve(start)
        }
        guard let q = CurvePoint(x: inputs[2], y: inputs[3]) else {
            throw .pointNotOnCurve(start + 2)
        }
        guard let sum = CurveSum.adding(to: p, q, times: inputs[4]) else {
            throw .sameXCoordinate(start)
        }
        return [Cell(sum.x), Cell(sum.y)]
    }
}
