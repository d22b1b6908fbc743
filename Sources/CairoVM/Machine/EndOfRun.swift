/// What a run has used.
package struct RunResources: Hashable, Sendable {
    package var steps = 0
    /// Cells below a segment's last value that no step has touched.
    package var memoryHoles = 0
    /// Compressions by Blake2s instructions.
    package var compressions = 0
    /// Instances of each builtin, by `Builtin.rawValue`.
    package var instances = [Int](repeating: 0, count: Builtin.allCases.count)

    package init() {}

    package subscript(builtin: Builtin) -> Int {
        get { instances[Int(builtin.rawValue)] }
        set { instances[Int(builtin.rawValue)] = newValue }
    }
}

extension VirtualMachine {
    /// Moves temporary segments into place and checks what the program wrote into output cells of
    /// builtins by itself.
    package mutating func finish() throws(MachineError) {
        do throws(MemoryError) {
            try memory.relocateTemporary()
        } catch { throw .memory(error) }
        for address in memory.unverified {
            let builtin = memory.rule(of: address.segment) ?? .output
            let expected = try deducedByBuiltin(address)
            let got = memory.get(address)
            guard !expected.isPresent || expected == got else {
                throw .autoDeduction(builtin, expected: expected, got: got)
            }
        }
    }

    /// Gives every output cell of every instance its value, as a proof wants it.
    package mutating func completeBuiltins() throws(MachineError) {
        for segment in 1..<memory.segmentCount {
            guard let builtin = memory.rule(of: segment), builtin.deduces else { continue }
            let (size, inputs) = builtin.cells
            let instances = (memory.count(of: segment) + size - 1) / size
            for instance in 0..<instances {
                for index in inputs..<size {
                    let address = Relocatable(segment: segment, offset: instance * size + index)
                    if memory.peek(address).isPresent { continue }
                    let value = try deducedByBuiltin(address)
                    if value.isPresent { try insertDeduced(address, value) }
                }
            }
        }
    }

    /// What was used; needs a recording of access for the holes.
    package func resources() -> RunResources {
        var result = RunResources()
        result.steps = steps
        result.compressions = compressions
        for segment in 1..<memory.segmentCount {
            let rule = memory.rule(of: segment)
            if let rule {
                let count = memory.count(of: segment)
                let (size, _) = rule.cells
                switch rule {
                case .segmentArena: result[rule] += max(0, count - size + size - 1) / size
                default: result[rule] += (count + size - 1) / size
                }
            }
            guard rule == nil || rule == .output else { continue }
            let touched = memory.accessedCount(of: segment)
            if touched > 0 { result.memoryHoles += max(0, memory.count(of: segment) - touched) }
        }
        return result
    }

    /// Whether a finished run may be trusted by who relies on its builtins: every instance has all
    /// its inputs, and no address is left in a temporary segment.
    ///
    /// Source: cairo-lang 0.14.0.1, `security.py` and `BuiltinRunner.run_security_checks`.
    package func checkSecurity() throws(MachineError) {
        if memory.hasTemporaryAddresses() {
            throw .memory(.unmappedTemporary(segment: -1))
        }
        for segment in 1..<memory.segmentCount {
            guard let builtin = memory.rule(of: segment) else { continue }
            do throws(BuiltinError) {
                try checkInstances(segment, builtin)
            } catch { throw .builtin(error) }
        }
    }

    private func checkInstances(_ segment: Int, _ builtin: Builtin) throws(BuiltinError) {
        switch builtin {
        case .output, .segmentArena: return
        case .addMod, .mulMod: return try checkModulo(segment, builtin)
        case .pedersen, .rangeCheck, .rangeCheck96, .ecdsa, .bitwise, .ecOp, .keccak, .poseidon:
            break
        }
        let (size, inputs) = builtin.cells
        let count = memory.count(of: segment)
        for instance in 0..<((count + size - 1) / size) {
            for index in 0..<inputs {
                let place = Relocatable(segment: segment, offset: instance * size + index)
                guard memory.peek(place).isPresent else { throw .missingCells(builtin) }
            }
        }
    }
}
