extension VirtualMachine {
    /// One instance's inputs.
    private struct ModuloInstance {
        var modulusWords: [Cell]
        var modulus: Natural
        var values: Relocatable
        var offsets: Relocatable
        var count: Int
    }

    /// Checks that each operation of a modulo builtin holds, and that instances follow each other.
    ///
    /// Source: cairo-lang 0.14.0.1, `mod_builtin_runner.py`, `run_security_checks`, for batches of
    /// one operation.
    func checkModulo(_ segment: Int, _ builtin: Builtin) throws(BuiltinError) {
        let size = builtin.cells.instance
        let instances = (memory.count(of: segment) + size - 1) / size
        var previous: ModuloInstance?
        for index in 0..<instances {
            let place = Relocatable(segment: segment, offset: index * size)
            let instance = try moduloInstance(place, builtin)
            if let previous, previous.count > 1 {
                guard instance.modulusWords == previous.modulusWords,
                    instance.values == previous.values,
                    instance.offsets == previous.offsets + 3,
                    instance.count == previous.count - 1
                else { throw .modulo(builtin, .inconsistentInstances) }
            }
            var operands: [Natural] = []
            for operand in 0..<3 {
                guard let offset = memory.get(instance.offsets + operand).asUInt64,
                    let distance = Int(exactly: offset),
                    let place = instance.values.advanced(by: distance)
                else { throw .modulo(builtin, .missingValue(instance.offsets + operand)) }
                operands.append(try moduloValue(place, builtin).value)
            }
            let result =
                builtin == .addMod ? operands[0] + operands[1] : operands[0] * operands[1]
            // p = 0 allows nothing but equality.
            let holds =
                instance.modulus.isZero
                ? result == operands[2]
                : result % instance.modulus == operands[2] % instance.modulus
            guard holds else { throw .modulo(builtin, .wrongResult(instance: index)) }
            previous = instance
        }
        if let previous, previous.count != 1 {
            throw .modulo(builtin, .inconsistentInstances)
        }
    }

    private func moduloInstance(
        _ place: Relocatable, _ builtin: Builtin
    ) throws(BuiltinError) -> ModuloInstance {
        let (words, modulus) = try moduloValue(place, builtin)
        guard let values = memory.get(place + 4).address,
            let offsets = memory.get(place + 5).address
        else { throw .modulo(builtin, .missingValue(place + 4)) }
        guard let count = memory.get(place + 6).asUInt64.flatMap({ Int(exactly: $0) }) else {
            throw .modulo(builtin, .missingValue(place + 6))
        }
        guard count >= 1 else { throw .modulo(builtin, .countLessThanOne) }
        return ModuloInstance(
            modulusWords: words, modulus: modulus, values: values, offsets: offsets, count: count)
    }

    private func moduloValue(
        _ place: Relocatable, _ builtin: Builtin
    ) throws(BuiltinError) -> (words: [Cell], value: Natural) {
        var words: [Cell] = []
        var value = Natural.zero
        for index in 0..<4 {
            guard let target = place.advanced(by: index) else {
                throw .modulo(builtin, .missingValue(place))
            }
            let cell = memory.get(target)
            guard cell.isFelt else { throw .modulo(builtin, .missingValue(target)) }
            guard let word = cell.asUInt128, word >> 96 == 0 else {
                throw .modulo(builtin, .wordTooLarge(target))
            }
            words.append(cell)
            value = value + Natural(word) << (96 * index)
        }
        return (words, value)
    }
}
