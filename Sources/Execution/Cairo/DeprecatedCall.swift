import CairoVM
import StarkField

/// One running call of a Cairo 0 class.
struct DeprecatedRun: ~Copyable {
    var frame: CallFrame
    /// Where the next system call's request has to be.
    var syscallPointer: Relocatable
    var readOnly: [(start: Relocatable, count: Int)] = []
    var signature: Relocatable?
    var transactionInfo: Relocatable?
    /// The builtins of the program in the machine's order, and their segments.
    var builtins: [(builtin: Builtin, segment: Int)] = []
}

extension CallContext {
    private static let memoryLimits = MemoryLimits(cells: 1 << 23, segments: 1 << 18)
    private static let allowed: Set<Builtin> = [
        .rangeCheck, .pedersen, .ecdsa, .bitwise, .ecOp, .poseidon,
    ]
    /// Expressions that one call's hints may evaluate: some seconds' worth.
    private static let hintWork = 1 << 22

    mutating func runDeprecated(
        _ call: EntryPointCall, _ deprecated: DeprecatedClass, _ texts: HintTexts,
        _ contract: BlockState.ContractIndex
    ) throws(EntryFailure) -> CallInfo {
        guard deprecated.program.builtins.allSatisfy({ Self.allowed.contains($0) }) else {
            throw .abort(
                .failed(
                    ErrorTrace(
                        "Called builtins: \(deprecated.program.builtins.map(\.name)) are "
                            + "unsupported in a Cairo0 contract\n")))
        }
        let place = try entry(call, deprecated)
        var machine = VirtualMachine(
            deprecated.program.code, limits: Self.memoryLimits, steps: Int(clamping: stepsLeft),
            recording: .access, pool: pool)
        var run = DeprecatedRun(
            frame: CallFrame(call, contract, .cairoSteps),
            syscallPointer: Relocatable(segment: 0, offset: 0))
        do throws(CallAbort) {
            let arguments = try prepare(&machine, &run, deprecated, place)
            try go(&machine, &run, deprecated, texts)
            return try finish(&machine, &run, arguments)
        } catch { throw .abort(error) }
    }

    private func entry(
        _ call: EntryPointCall, _ deprecated: DeprecatedClass
    ) throws(EntryFailure) -> Int {
        if call.kind == .constructor, call.selector != EntryPointSelectors.constructor {
            throw .abort(
                .failed(
                    ErrorTrace("The constructor entry point must be named 'constructor'.\n")))
        }
        let points = deprecated.entryPoints[call.kind] ?? []
        if let found = points.first(where: { $0.selector == call.selector }) {
            return found.offset
        }
        guard let first = points.first else { throw .noEntryPoints(call.kind) }
        // The default entry point takes what no other does.
        guard first.selector.isZero else { throw .entryPointNotFound(call.selector) }
        return first.offset
    }

    private mutating func prepare(
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun,
        _ deprecated: DeprecatedClass, _ place: Int
    ) throws(CallAbort) -> Int {
        do throws(MemoryError) {
            _ = try machine.memory.addSegment()
            for builtin in Builtin.allCases where deprecated.program.builtins.contains(builtin) {
                run.builtins.append(
                    (builtin, try machine.memory.addSegment(rule: builtin).segment))
            }
            run.syscallPointer = try machine.memory.addSegment()
            let implicit =
                [Cell(run.syscallPointer)]
                + run.builtins.map { Cell(Relocatable(segment: $0.segment, offset: 0)) }
            let implicitStart = try machine.memory.addSegment()
            try machine.memory.load(implicit, at: implicitStart)
            let call = run.frame.call
            let calldata = try readOnlySegment(call.calldata.map { Cell($0) }, &machine, &run)
            var stack = [
                Cell(call.selector), Cell(implicitStart), Cell(call.calldata.count),
                Cell(calldata),
            ]
            let arguments = stack.count
            machine.end = try machine.memory.addSegment()
            stack += [.zero, Cell(machine.end)]
            try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
            machine.pc.offset = place
            machine.ap = stack.count
            machine.fp = stack.count
            return arguments
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
    }

    func readOnlySegment(
        _ cells: [Cell], _ machine: inout VirtualMachine, _ run: inout DeprecatedRun
    ) throws(MemoryError) -> Relocatable {
        let start = try machine.memory.addSegment()
        try machine.memory.load(cells, at: start)
        run.readOnly.append((start, cells.count))
        return start
    }

    private mutating func go(
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun,
        _ deprecated: DeprecatedClass, _ texts: HintTexts
    ) throws(CallAbort) {
        var hints = ProgramHints(deprecated.program, texts: texts, work: Self.hintWork)
        var skips = false
        while true {
            let stop: VirtualMachine.Stop
            do throws(MachineError) {
                stop = try machine.run(skipsHint: skips)
            } catch {
                stepsLeft = UInt64(max(0, machine.stepsLeft))
                throw trace(ErrorTrace(MachineText.describe(error) + "\n"), machine)
            }
            stepsLeft = UInt64(max(0, machine.stepsLeft))
            guard case .hint = stop else { return }
            for hint in hints.compiled(at: machine.pc.offset) {
                if DeprecatedSyscalls.texts.contains(hint.text) {
                    try makeSyscall(hint, hints, &machine, &run)
                } else {
                    do throws(HintError) {
                        try hints.perform(hint, in: &machine)
                    } catch {
                        throw trace(ErrorTrace(MachineText.describe(error) + "\n"), machine)
                    }
                }
            }
            skips = true
        }
    }

    private mutating func makeSyscall(
        _ hint: CairoProgram.Hint, _ hints: borrowing ProgramHints,
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun
    ) throws(CallAbort) {
        let pointer: Relocatable
        do throws(HintError) {
            pointer = try hints.pointer(named: "syscall_ptr", of: hint, in: machine)
        } catch { throw trace(ErrorTrace(MachineText.describe(error) + "\n"), machine) }
        do throws(CallAbort) {
            try perform(at: pointer, &machine, &run)
        } catch {
            guard case .failed(let inner) = error else { throw error }
            throw trace(inner, machine)
        }
        // Inner calls share the count of steps.
        machine.stepsLeft = Int(clamping: stepsLeft)
    }

    private func trace(_ inner: ErrorTrace, _ machine: borrowing VirtualMachine) -> CallAbort {
        .failed(inner.inside(.machine(pc: machine.pc, callSites: machine.callSites())))
    }

    private mutating func finish(
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun, _ arguments: Int
    ) throws(CallAbort) -> CallInfo {
        let values: [Cell]
        do throws(MachineError) {
            try machine.finish()
            try machine.checkSecurity()
            machine.memory.markAccessed(Relocatable(segment: 1, offset: 0), count: arguments)
            for (start, count) in run.readOnly {
                machine.memory.markAccessed(start, count: count)
            }
            values = try machine.returnValues(run.builtins.count + 3)
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
        try check(values, machine, run)
        guard let count = values[values.count - 2].asUInt64, count < 1 << 32,
            let start = values[values.count - 1].address
        else { throw invalid("Return data") }
        var info = CallInfo(call: run.frame.call, tracked: .cairoSteps)
        do throws(MemoryError) {
            info.returnData = try machine.integers(at: start, count: Int(count))
                .compactMap(\.felt)
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
        complete(&info, run.frame, machine.resources())
        return info
    }

    /// Whether what the class returned of its implicit arguments is what it may have used.
    private func check(
        _ values: [Cell], _ machine: borrowing VirtualMachine, _ run: borrowing DeprecatedRun
    ) throws(CallAbort) {
        let resources = machine.resources()
        for (index, entry) in run.builtins.enumerated() {
            let used = resources[entry.builtin] * entry.builtin.cells.instance
            guard
                values[index + 1] == Cell(Relocatable(segment: entry.segment, offset: used))
            else { throw invalid("Stop pointer of \(entry.builtin.name)") }
        }
        guard values[0] == Cell(run.syscallPointer),
            machine.memory.count(of: run.syscallPointer.segment) == run.syscallPointer.offset
        else { throw invalid("Syscall segment size") }
        for (start, count) in run.readOnly
        where machine.memory.count(of: start.segment) != count {
            throw invalid("Read-only segments")
        }
    }

    private func invalid(_ what: String) -> CallAbort {
        .failed(ErrorTrace("Validation failed: \(what).\n"))
    }
}
