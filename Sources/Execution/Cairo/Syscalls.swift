import CairoVM
import StarkField
import StarkHash

extension CallContext {
    /// Carries out a system call that has been paid for; returns the cells of its response.
    mutating func execute(
        _ arguments: SyscallArguments, _ gas: inout UInt64, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        switch arguments {
        case .callContract(let address, let selector, let calldata):
            return try callContract(address, selector, calldata, &gas, &machine, &run)
        case .libraryCall(let classHash, let selector, let calldata):
            return try libraryCall(classHash, selector, calldata, &gas, &machine, &run)
        case .deploy(let classHash, let salt, let calldata, let fromZero):
            run.frame.usage.add(.deploy, calls: 0, linear: calldata.count)
            let (address, returned) = try aborting { (context) throws(CallAbort) in
                try context.deployInner(
                    classHash, salt: salt, calldata: calldata, fromZero: fromZero, gas: &gas,
                    &run.frame)
            }
            return [Cell(address)] + (try span(returned, &machine, &run))
        case .emitEvent(let keys, let data):
            try aborting { (context) throws(CallAbort) in
                try context.emit(keys: keys, data: data, &run.frame)
            }
            return []
        case .getBlockHash(let number): return [Cell(try blockHash(number))]
        case .getClassHashAt(let address): return [Cell(try classHash(at: address))]
        case .getExecutionInfo:
            return [Cell(try executionInfo(&machine, &run))]
        case .keccak(let start, let end):
            return try keccak(start, end, &gas, &machine, &run)
        case .metaTxV0(let address, let selector, let calldata, let signature):
            return try metaTransaction(
                address, selector, calldata, signature, &gas, &machine, &run)
        case .replaceClass(let classHash):
            try aborting { (context) throws(CallAbort) in
                try context.replaceClass(classHash, onlyCairo1: true, run.frame)
            }
            return []
        case .sendMessageToL1(let address, let payload):
            run.frame.usage.add(.sendMessageToL1, calls: 0, linear: payload.count)
            try aborting { (context) throws(CallAbort) in
                try context.send(to: address, payload: payload, &run.frame)
            }
            return []
        case .sha256(let state, let block): return try sha256(state, block, &machine, &run)
        case .sha512(let state, let block): return try sha512(state, block, &machine, &run)
        case .storageRead(let key):
            return [
                Cell(
                    try aborting { (context) throws(CallAbort) in
                        try context.readStorage(key, run.frame)
                    })
            ]
        case .storageWrite(let key, let value):
            try aborting { (context) throws(CallAbort) in
                try context.writeStorage(key, value, run.frame)
            }
            return []
        case .secpAdd, .secpPointFromX, .secpGetXy, .secpMul, .secpNew:
            return try secp(arguments, &machine, &run)
        }
    }

    private mutating func aborting<T>(
        _ body: (inout CallContext) throws(CallAbort) -> T
    ) throws(SyscallFailure) -> T {
        do throws(CallAbort) {
            return try body(&self)
        } catch { throw .abort(error) }
    }

    /// A new segment with these values: its start and its end.
    private func span(
        _ values: [Felt], _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        do throws(MemoryError) {
            let start = try readOnlySegment(values.map { Cell($0) }, &machine, &run)
            return [Cell(start), Cell(start + values.count)]
        } catch { throw Self.failure(error) }
    }

    static func failure(_ error: MemoryError) -> SyscallFailure {
        .abort(.failed(ErrorTrace(MachineText.describe(error))))
    }

    // MARK: Calls

    private mutating func callContract(
        _ address: ContractAddress, _ selector: Selector, _ calldata: [Felt],
        _ gas: inout UInt64, _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        let classHash = try aborting { (context) throws(CallAbort) in
            try context.deployedClass(address)
        }
        if mode == .validate, run.frame.call.storageAddress != address {
            throw refusedInValidate("call_contract")
        }
        if constants.blocksDirectExecuteCall, selector == EntryPointSelectors.execute {
            throw .revert([Panic.invalidArgument])
        }
        let call = EntryPointCall(
            kind: .external, selector: selector, calldata: calldata, storageAddress: address,
            callerAddress: run.frame.call.storageAddress, codeAddress: address, classHash: nil,
            initialGas: gas)
        return try span(
            try inside(.calledContract, address, classHash, selector) {
                (context) throws(SyscallFailure) in
                try context.callInner(call, gas: &gas, &run.frame)
            }, &machine, &run)
    }

    private mutating func libraryCall(
        _ classHash: ClassHash, _ selector: Selector, _ calldata: [Felt], _ gas: inout UInt64,
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        let outer = run.frame.call
        let call = EntryPointCall(
            kind: .external, selector: selector, calldata: calldata,
            storageAddress: outer.storageAddress, callerAddress: outer.callerAddress,
            codeAddress: nil, classHash: classHash, type: .delegate, initialGas: gas)
        return try span(
            try inside(.libraryCall, outer.storageAddress, classHash, selector) {
                (context) throws(SyscallFailure) in
                try context.callInner(call, gas: &gas, &run.frame)
            }, &machine, &run)
    }

    /// Adds a call's line to an error that comes out of it.
    mutating func inside<T>(
        _ place: ErrorTrace.Place, _ address: ContractAddress, _ classHash: ClassHash,
        _ selector: Selector,
        _ body: (inout CallContext) throws(SyscallFailure) -> T
    ) throws(SyscallFailure) -> T {
        do throws(SyscallFailure) {
            return try body(&self)
        } catch {
            guard case .abort(.failed(let trace)) = error else { throw error }
            throw .abort(
                .failed(trace.inside(.entryPoint(place, address, classHash, selector))))
        }
    }

    /// `meta_tx_v0`: runs another account's `__execute__` as a transaction of version 0 would.
    private mutating func metaTransaction(
        _ address: ContractAddress, _ selector: Selector, _ calldata: [Felt],
        _ signature: [Felt], _ gas: inout UInt64, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        run.frame.usage.add(.metaTxV0, calls: 0, linear: calldata.count)
        if mode == .validate { throw refusedInValidate("meta_tx_v0") }
        guard selector == EntryPointSelectors.execute else {
            throw .revert([Panic.invalidArgument])
        }
        let classHash = try aborting { (context) throws(CallAbort) in
            try context.deployedClass(address)
        }
        let outer = transaction
        let hash = HistoricTransactionHash.invokeV0(
            version: outer.signedVersion(0), contractAddress: address, selector: selector,
            calldata: calldata, maxFee: .zero, chainID: chainID)
        transaction = TransactionInfo(
            hash: hash, version: 0, isQuery: outer.isQuery, sender: address,
            signature: signature, nonce: .zero)
        defer { transaction = outer }
        let call = EntryPointCall(
            kind: .external, selector: selector, calldata: calldata, storageAddress: address,
            callerAddress: .zero, codeAddress: address, classHash: nil, initialGas: gas)
        return try span(
            try inside(.calledContract, address, classHash, selector) {
                (context) throws(SyscallFailure) in
                try context.callInner(call, gas: &gas, &run.frame)
            }, &machine, &run)
    }

    // MARK: Hashes

    private static let keccakRate = 17

    private mutating func keccak(
        _ start: Relocatable, _ end: Relocatable, _ gas: inout UInt64,
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        guard start.segment == end.segment, end.offset >= start.offset else {
            throw .abort(.failed(ErrorTrace("The span from \(start) to \(end) has no length.")))
        }
        let words = try self.words(start, end.offset - start.offset, machine)
        guard words.count.isMultiple(of: Self.keccakRate) else {
            throw .revert([Panic.invalidInputLength])
        }
        let rounds = words.count / Self.keccakRate
        let cost = UInt64(rounds) * constants.cost(of: .keccakRound, linear: 0)
        guard cost <= gas else { throw .revert([Panic.outOfGas]) }
        gas -= cost
        var state = InlineArray<25, UInt64>(repeating: 0)
        for round in 0..<rounds {
            for index in 0..<Self.keccakRate {
                state[index] ^= words[round * Self.keccakRate + index]
            }
            Keccak256.permute(&state)
        }
        run.frame.usage.add(.keccak, calls: rounds)
        return [
            Cell(UInt128(state[1]) << 64 | UInt128(state[0])),
            Cell(UInt128(state[3]) << 64 | UInt128(state[2])),
        ]
    }

    private func words(
        _ start: Relocatable, _ count: Int, _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) -> [UInt64] {
        var result: [UInt64] = []
        let cells: [Cell]
        do throws(MemoryError) {
            cells = try machine.integers(at: start, count: count)
        } catch { throw Self.failure(error) }
        result.reserveCapacity(cells.count)
        for cell in cells {
            guard let word = cell.asUInt64 else {
                throw .abort(
                    .failed(
                        ErrorTrace(
                            "Invalid syscall input: \(cell); Invalid input for the keccak "
                                + "syscall.")))
            }
            result.append(word)
        }
        return result
    }

    private mutating func sha256(
        _ state: Relocatable, _ block: Relocatable, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        let block = try smallWords(block, 16, UInt32.self, machine)
        let state = try smallWords(state, 8, UInt32.self, machine)
        let result = HashSteps.sha256(state, schedule: HashSteps.schedule(block))
        return [
            try append(result.map { Cell(UInt64($0)) }, after: &run.sha256End, &machine)
        ]
    }

    private mutating func sha512(
        _ state: Relocatable, _ block: Relocatable, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        let block = try smallWords(block, 16, UInt64.self, machine)
        let state = try smallWords(state, 8, UInt64.self, machine)
        let result = SHA512Compression.compress(state, block)
        return [try append(result.map { Cell($0) }, after: &run.sha512End, &machine)]
    }

    private func smallWords<Word: FixedWidthInteger & UnsignedInteger>(
        _ start: Relocatable, _ count: Int, _: Word.Type, _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) -> [Word] {
        var result: [Word] = []
        let cells: [Cell]
        do throws(MemoryError) {
            cells = try machine.integers(at: start, count: count)
        } catch { throw Self.failure(error) }
        for cell in cells {
            guard let wide = cell.asUInt64, let word = Word(exactly: wide) else {
                throw .abort(.failed(ErrorTrace("\(cell) is no word of a hash function.")))
            }
            result.append(word)
        }
        return result
    }

    /// Puts a state of a hash function behind those before it; returns where.
    private func append(
        _ cells: [Cell], after end: inout Relocatable?, _ machine: inout VirtualMachine
    ) throws(SyscallFailure) -> Cell {
        do throws(MemoryError) {
            let start = if let end { end } else { try machine.memory.addSegment() }
            end = try machine.memory.load(cells, at: start)
            return Cell(start)
        } catch { throw Self.failure(error) }
    }

    // MARK: secp256k1 and secp256r1

    private func curve(_ isK1: Bool) -> SecpCurve { isK1 ? .k1 : .r1 }

    private mutating func secp(
        _ arguments: SyscallArguments, _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        switch arguments {
        case .secpNew(let isK1, let x, let y):
            try Self.check(x, y, curve(isK1))
            return try optional(curve(isK1).point(x: x, y: y), isK1, &machine, &run)
        case .secpPointFromX(let isK1, let x, let yIsOdd):
            try Self.check(x, x, curve(isK1))
            return try optional(curve(isK1).point(x: x, yIsOdd: yIsOdd), isK1, &machine, &run)
        case .secpAdd(let isK1, let left, let right):
            let sum = curve(isK1).sum(
                try point(left, isK1, run), try point(right, isK1, run))
            return [try keep(sum, isK1, &machine, &run)]
        case .secpMul(let isK1, let place, let factor):
            let product = curve(isK1).product(try point(place, isK1, run), factor)
            return [try keep(product, isK1, &machine, &run)]
        case .secpGetXy(let isK1, let place):
            switch try point(place, isK1, run) {
            case .infinity: return [.zero, .zero, .zero, .zero]
            case .affine(let x, let y):
                return [Cell(x.low), Cell(x.high), Cell(y.low), Cell(y.high)]
            }
        default: preconditionFailure("no call of the secp family: \(arguments)")
        }
    }

    private static func check(
        _ x: Words256, _ y: Words256, _ curve: SecpCurve
    ) throws(SyscallFailure) {
        guard x < curve.field.modulus, y < curve.field.modulus else {
            throw .revert([Panic.invalidArgument])
        }
    }

    private func point(
        _ place: Relocatable, _ isK1: Bool, _ run: borrowing CasmRun
    ) throws(SyscallFailure) -> SecpPoint {
        switch (run.secpPoints[place], isK1) {
        case (.k1(let point), true), (.r1(let point), false): return point
        default:
            throw .abort(
                .failed(
                    ErrorTrace("Invalid syscall input: \(place); Invalid Secp point address")))
        }
    }

    /// A handle for a point: the address of six cells that stay empty.
    private func keep(
        _ point: SecpPoint, _ isK1: Bool, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> Cell {
        do throws(MemoryError) {
            let segment =
                if let known = run.secpSegment { known } else { try machine.memory.addSegment() }
            run.secpSegment = segment
            let place = segment + 6 * run.secpPoints.count
            run.secpPoints[place] = isK1 ? .k1(point) : .r1(point)
            return Cell(place)
        } catch { throw Self.failure(error) }
    }

    /// Cairo's `Option`: zero and the point, or one and nothing.
    private func optional(
        _ point: SecpPoint?, _ isK1: Bool, _ machine: inout VirtualMachine,
        _ run: inout CasmRun
    ) throws(SyscallFailure) -> [Cell] {
        guard let point else { return [Cell(1 as UInt64), .zero] }
        return [.zero, try keep(point, isK1, &machine, &run)]
    }
}
