import CairoVM
import StarkField

/// One running call of a Cairo 1 class: what its system calls keep between each other.
struct CasmRun: ~Copyable {
    var frame: CallFrame
    /// Where the next system call's request is.
    var syscallPointer: Relocatable
    /// Segments that the class must not add to, and their lengths.
    var readOnly: [(start: Relocatable, count: Int)] = []
    var executionInfo: Relocatable?
    var secpSegment: Relocatable?
    var secpPoints: [Relocatable: SecpHandle] = [:]
    var sha256End: Relocatable?
    var sha512End: Relocatable?
    /// Of which the constants' prices of builtins are a part.
    let isGas: Bool

    enum SecpHandle: Sendable {
        case k1(SecpPoint)
        case r1(SecpPoint)
    }
}

extension CallContext {
    /// Cells of one call's memory: 256 MB at most, and no more segments than would take as much.
    private static let memoryLimits = MemoryLimits(cells: 1 << 23, segments: 1 << 18)
    private static let returnValueCount = 5

    mutating func runCasm(
        _ call: EntryPointCall, _ casm: CasmClass, _ tracked: TrackedResource,
        _ contract: BlockState.ContractIndex
    ) throws(EntryFailure) -> CallInfo {
        if call.kind == .constructor, call.selector != EntryPointSelectors.constructor {
            throw .abort(
                .failed(
                    ErrorTrace("The constructor entry point must be named 'constructor'.\n")))
        }
        guard let entryPoint = casm.entryPoint(call.kind, call.selector) else {
            throw casm.entryPoints[call.kind]?.isEmpty ?? true
                ? .noEntryPoints(call.kind) : .entryPointNotFound(call.selector)
        }
        guard call.initialGas >= constants.entryPointInitialBudget else { throw .notEnoughGas }
        let isGas = tracked == .sierraGas
        // Gas bounds gas-counting code: a step costs `stepGas`. Twice as many is what no compiled
        // class reaches.
        let steps =
            isGas
            ? call.initialGas / max(1, constants.stepGas / 2) + 1_000_000
            : stepsLeft
        var machine = VirtualMachine(
            casm.code, limits: Self.memoryLimits, steps: Int(clamping: steps),
            recording: isGas ? .none : .access, pool: pool)
        var run = CasmRun(
            frame: CallFrame(call, contract, tracked),
            syscallPointer: Relocatable(segment: 0, offset: 0), isGas: isGas)
        do throws(CallAbort) {
            let arguments = try prepare(&machine, &run, entryPoint)
            try go(&machine, &run, casm)
            return try finish(&machine, &run, entryPoint, arguments)
        } catch { throw .abort(error) }
    }

    // MARK: - Before

    /// Lays out the segments and the stack; returns the number of arguments.
    private mutating func prepare(
        _ machine: inout VirtualMachine, _ run: inout CasmRun,
        _ entryPoint: CasmClass.EntryPoint
    ) throws(CallAbort) -> Int {
        do throws(MemoryError) {
            _ = try machine.memory.addSegment()
            let prices = try machine.memory.addSegment()
            let builtins = constants.builtinGas
            let priced: [Builtin] = [.pedersen, .bitwise, .ecOp, .poseidon, .addMod, .mulMod]
            var table = priced.map { Cell(builtins[$0] ?? 0) }
            table.append(Cell(constants.blakeGas))
            try machine.memory.load(table, at: prices)
            run.readOnly.append((prices, table.count))
            var stack: [Cell] = []
            for builtin in entryPoint.builtins {
                let segment = try machine.memory.addSegment(rule: builtin)
                guard builtin == .segmentArena else {
                    stack.append(Cell(segment))
                    continue
                }
                let infos = try machine.memory.addSegment()
                try machine.memory.load([Cell(infos), .zero, .zero], at: segment)
                stack.append(Cell(segment + 3))
            }
            run.syscallPointer = try machine.memory.addSegment()
            let gas = run.frame.call.initialGas - constants.entryPointInitialBudget
            stack += [Cell(gas), Cell(run.syscallPointer)]
            let calldata = try readOnlySegment(
                run.frame.call.calldata.map { Cell($0) }, &machine, &run)
            stack += [Cell(calldata), Cell(calldata + run.frame.call.calldata.count)]
            let arguments = stack.count
            machine.end = try machine.memory.addSegment()
            stack += [.zero, Cell(machine.end)]
            try machine.memory.load(stack, at: Relocatable(segment: 1, offset: 0))
            machine.pc.offset = entryPoint.offset
            machine.ap = stack.count
            machine.fp = stack.count
            return arguments
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
    }

    func readOnlySegment(
        _ cells: [Cell], _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(MemoryError) -> Relocatable {
        let start = try machine.memory.addSegment()
        try machine.memory.load(cells, at: start)
        run.readOnly.append((start, cells.count))
        return start
    }

    // MARK: - During

    private mutating func go(
        _ machine: inout VirtualMachine, _ run: inout CasmRun, _ casm: CasmClass
    ) throws(CallAbort) {
        var hints = HintState()
        var skips = false
        while true {
            let stop: VirtualMachine.Stop
            do throws(MachineError) {
                stop = try machine.run(skipsHint: skips)
            } catch {
                noteSteps(machine, run)
                throw trace(ErrorTrace(MachineText.describe(error) + "\n"), machine, run)
            }
            guard case .hint = stop else { break }
            for hint in casm.hints(at: machine.pc.offset) {
                if case .systemCall = hint {
                    // Inner calls share the count of steps.
                    noteSteps(machine, run)
                    do throws(CallAbort) {
                        try perform(&machine, &run)
                    } catch {
                        guard case .failed(let inner) = error else { throw error }
                        throw trace(inner, machine, run)
                    }
                    if !run.isGas { machine.stepsLeft = Int(clamping: stepsLeft) }
                    continue
                }
                do throws(HintError) {
                    try machine.perform(hint, &hints)
                } catch {
                    noteSteps(machine, run)
                    throw trace(ErrorTrace(MachineText.describe(error) + "\n"), machine, run)
                }
            }
            skips = true
        }
        noteSteps(machine, run)
    }

    private mutating func noteSteps(_ machine: borrowing VirtualMachine, _ run: borrowing CasmRun) {
        if !run.isGas { stepsLeft = UInt64(max(0, machine.stepsLeft)) }
    }

    private func trace(
        _ inner: ErrorTrace, _ machine: borrowing VirtualMachine, _ run: borrowing CasmRun
    ) -> CallAbort {
        if run.isGas && constants.stripsMachineFrames { return .failed(inner) }
        return .failed(
            inner.inside(.machine(pc: machine.pc, callSites: machine.callSites())))
    }

    // MARK: - After

    private mutating func finish(
        _ machine: inout VirtualMachine, _ run: inout CasmRun,
        _ entryPoint: CasmClass.EntryPoint, _ arguments: Int
    ) throws(CallAbort) -> CallInfo {
        do throws(MachineError) {
            try machine.finish()
            try fillHoles(&machine, entryPoint)
            try machine.checkSecurity()
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
        if !run.isGas {
            machine.memory.markAccessed(Relocatable(segment: 1, offset: 0), count: arguments)
            for (start, count) in run.readOnly {
                machine.memory.markAccessed(start, count: count)
            }
        }
        let values: [Cell]
        do throws(MachineError) {
            values = try machine.returnValues(Self.returnValueCount)
        } catch { throw .failed(ErrorTrace(MachineText.describe(error) + "\n")) }
        let failed: Bool
        switch values[2] {
        case .zero: failed = false
        case Cell(1 as UInt64): failed = true
        default: throw malformed("Failure flag expected to be either 0 or 1.")
        }
        guard let gas = values[0].asUInt64, gas <= run.frame.call.initialGas else {
            throw malformed("Unexpected remaining gas: \(values[0]).")
        }
        guard let start = values[3].address, let end = values[4].address,
            start.segment == end.segment, end.offset >= start.offset
        else { throw malformed("Error extracting return data.") }
        var info = CallInfo(call: run.frame.call, tracked: run.frame.tracked)
        do throws(MemoryError) {
            info.returnData = try machine.integers(
                at: start, count: end.offset - start.offset
            ).compactMap(\.felt)
        } catch { throw malformed(MachineText.describe(error)) }
        info.failed = failed
        info.gasConsumed = run.isGas ? run.frame.call.initialGas - gas : 0
        complete(&info, run.frame, machine.resources())
        return info
    }

    private func malformed(_ what: String) -> CallAbort {
        .failed(ErrorTrace("Malformed return data : \(what).\n"))
    }

    /// Takes over what a frame has gathered, and adds up the resources.
    func complete(
        _ info: inout CallInfo, _ frame: borrowing CallFrame, _ machine: RunResources
    ) {
        info.events = frame.events
        info.messages = frame.messages
        info.innerCalls = frame.innerCalls
        var own = ExecutionResources(machine)
        if constants.countsArenaCells { own[.segmentArena] *= 3 }
        own += constants.resources(of: frame.usage)
        info.ownResources = own
        if frame.tracked == .cairoSteps { info.resources = own }
        for inner in frame.innerCalls { info.resources += inner.resources }
    }

    /// The cells of `range_check96` that a circuit left out, up to where the class says it ends.
    private func fillHoles(
        _ machine: inout VirtualMachine, _ entryPoint: CasmClass.EntryPoint
    ) throws(MachineError) {
        guard
            let offset = entryPoint.builtins.reversed().firstIndex(of: .rangeCheck96).map({
                entryPoint.builtins.reversed().distance(
                    from: entryPoint.builtins.reversed().startIndex, to: $0)
            })
        else { return }
        let place = machine.ap - (Self.returnValueCount + 1 + offset)
        guard place >= 0,
            let stop = machine.memory.get(Relocatable(segment: 1, offset: place)).address,
            machine.memory.rule(of: stop.segment) == .rangeCheck96
        else { throw .builtin(.missingCells(.rangeCheck96)) }
        // No further than what the run has written, doubled: a pointer can be any number.
        let count = machine.memory.count(of: stop.segment)
        guard stop.offset <= 2 * count + 64 else {
            throw .builtin(.missingCells(.rangeCheck96))
        }
        try machine.fillHoles(of: stop.segment, below: stop.offset)
    }
}
