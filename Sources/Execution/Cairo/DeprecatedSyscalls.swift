import CairoVM
import StarkField

/// The system calls of Cairo 0 classes.
///
/// Source: cairo-lang 0.14.0.1, `starknet/common/syscalls.cairo`, for the layout of requests and
/// responses.
enum DeprecatedSyscalls {
    /// The hints that make one, word for word.
    static let texts: Set<String> = Set(
        [
            "call_contract", "delegate_call", "delegate_l1_handler", "deploy", "emit_event",
            "get_block_number", "get_block_timestamp", "get_caller_address",
            "get_contract_address", "get_sequencer_address", "get_tx_info", "get_tx_signature",
            "library_call", "library_call_l1_handler", "replace_class", "send_message_to_l1",
            "storage_read", "storage_write",
        ].map { "syscall_handler.\($0)(segments=segments, syscall_ptr=ids.syscall_ptr)" })
}

extension SyscallRequest {
    /// A length, and where the felts are.
    fileprivate mutating func array(
        _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) -> [Felt] {
        let count = try uint64(machine, "A length must fit within 64 bits.")
        let start = try address(machine)
        do throws(MemoryError) {
            return try machine.integers(at: start, count: Int(clamping: count))
                .compactMap(\.felt)
        } catch { throw CallContext.failure(error) }
    }
}

extension CallContext {
    mutating func perform(
        at pointer: Relocatable, _ machine: inout VirtualMachine, _ run: inout DeprecatedRun
    ) throws(CallAbort) {
        guard pointer == run.syscallPointer else {
            throw .failed(
                ErrorTrace(
                    "Bad syscall_ptr; expected: \(run.syscallPointer), got: \(pointer)."))
        }
        var request = SyscallRequest(at: pointer)
        do throws(SyscallFailure) {
            let selector = try request.felt(machine)
            guard let syscall = Syscall(selector: selector) else {
                throw .abort(
                    .failed(ErrorTrace("Invalid syscall selector: \(selector.hexString).")))
            }
            run.frame.usage.add(syscall)
            let response = try execute(syscall, &request, &machine, &run)
            do throws(MemoryError) {
                run.syscallPointer = try machine.memory.load(response, at: request.pointer)
            } catch { throw Self.failure(error) }
        } catch {
            switch error {
            case .abort(let abort): throw abort
            case .revert(let data):
                // Cairo 0 is told of no failure.
                throw .failed(ErrorTrace(PanicText.describe(data)))
            }
        }
    }

    private mutating func execute(
        _ syscall: Syscall, _ request: inout SyscallRequest, _ machine: inout VirtualMachine,
        _ run: inout DeprecatedRun
    ) throws(SyscallFailure) -> [Cell] {
        switch syscall {
        case .callContract, .libraryCall, .libraryCallL1Handler, .delegateCall,
            .delegateL1Handler:
            return try makeCall(syscall, &request, &machine, &run)
        case .deploy: return try deploy(&request, &machine, &run)
        case .emitEvent:
            let (keys, data) = (try request.array(machine), try request.array(machine))
            try orAbort { (context) throws(CallAbort) in
                try context.emit(keys: keys, data: data, &run.frame)
            }
            return []
        case .getBlockNumber: return [Cell(visibleBlock.number)]
        case .getBlockTimestamp: return [Cell(visibleBlock.timestamp)]
        case .getCallerAddress: return [Cell(run.frame.call.callerAddress)]
        case .getContractAddress: return [Cell(run.frame.call.storageAddress)]
        case .getSequencerAddress:
            if mode == .validate { throw refusedInValidate("get_sequencer_address") }
            return [Cell(block.sequencerAddress)]
        case .getTxInfo: return [Cell(try transactionInfo(&machine, &run))]
        case .getTxSignature:
            return [
                Cell(transaction.signature.count), Cell(try signature(&machine, &run)),
            ]
        case .replaceClass:
            let classHash = try request.felt(machine)
            try orAbort { (context) throws(CallAbort) in
                try context.replaceClass(classHash, onlyCairo1: false, run.frame)
            }
            return []
        case .sendMessageToL1:
            let (address, payload) = (try request.felt(machine), try request.array(machine))
            run.frame.usage.add(.sendMessageToL1, calls: 0, linear: payload.count)
            try orAbort { (context) throws(CallAbort) in
                try context.send(to: address, payload: payload, &run.frame)
            }
            return []
        case .storageRead:
            let key = try request.key(machine)
            return [
                Cell(
                    try orAbort { (context) throws(CallAbort) in
                        try context.readStorage(key, run.frame)
                    })
            ]
        case .storageWrite:
            let (key, value) = (try request.key(machine), try request.felt(machine))
            try orAbort { (context) throws(CallAbort) in
                try context.writeStorage(key, value, run.frame)
            }
            return []
        case .getBlockHash, .getClassHashAt, .getExecutionInfo, .keccak, .keccakRound, .metaTxV0,
            .secp256k1Add, .secp256k1GetPointFromX, .secp256k1GetXy, .secp256k1Mul,
            .secp256k1New, .secp256r1Add, .secp256r1GetPointFromX, .secp256r1GetXy,
            .secp256r1Mul, .secp256r1New, .sha256ProcessBlock, .sha512ProcessBlock:
            throw .abort(.failed(ErrorTrace("Unsupported syscall selector \(syscall.name).")))
        }
    }

    private mutating func orAbort<T>(
        _ body: (inout CallContext) throws(CallAbort) -> T
    ) throws(SyscallFailure) -> T {
        do throws(CallAbort) {
            return try body(&self)
        } catch { throw .abort(error) }
    }

    private mutating func makeCall(
        _ syscall: Syscall, _ request: inout SyscallRequest, _ machine: inout VirtualMachine,
        _ run: inout DeprecatedRun
    ) throws(SyscallFailure) -> [Cell] {
        let outer = run.frame.call
        let isLibraryCall = syscall == .libraryCall || syscall == .libraryCallL1Handler
        let target =
            isLibraryCall ? try request.felt(machine) : try request.key(machine)
        let selector = try request.felt(machine)
        let calldata = try request.array(machine)
        var call = EntryPointCall(
            kind: .external, selector: selector, calldata: calldata,
            storageAddress: outer.storageAddress, callerAddress: outer.callerAddress,
            codeAddress: nil, classHash: nil, type: .delegate,
            initialGas: constants.initialGasOfSteps)
        let classHash: ClassHash
        if isLibraryCall {
            classHash = target
        } else {
            classHash = try orAbort { (context) throws(CallAbort) in
                try context.deployedClass(target)
            }
            call.codeAddress = target
        }
        if syscall == .libraryCallL1Handler || syscall == .delegateL1Handler {
            call.kind = .l1Handler
        }
        if syscall == .callContract {
            if mode == .validate, outer.storageAddress != target {
                throw refusedInValidate("call_contract")
            }
            if constants.blocksDirectExecuteCall, selector == EntryPointSelectors.execute {
                throw .abort(
                    .failed(ErrorTrace("Calling `__execute__` directly is not allowed.")))
            }
            call.type = .call
            call.storageAddress = target
            call.callerAddress = outer.storageAddress
        } else {
            call.classHash = classHash
        }
        let place: ErrorTrace.Place = syscall == .callContract ? .calledContract : .libraryCall
        let info = try runOrFail(call, place, classHash)
        run.frame.innerCalls.append(info)
        do throws(MemoryError) {
            let start = try readOnlySegment(info.returnData.map { Cell($0) }, &machine, &run)
            return [Cell(info.returnData.count), Cell(start)]
        } catch { throw Self.failure(error) }
    }

    /// A call whose failure nothing can catch; its line is added to the error.
    private mutating func runOrFail(
        _ call: EntryPointCall, _ place: ErrorTrace.Place, _ classHash: ClassHash
    ) throws(SyscallFailure) -> CallInfo {
        var gas = call.initialGas
        do throws(CallAbort) {
            return try runOrFail(call, gas: &gas)
        } catch {
            guard case .failed(let trace) = error else { throw .abort(error) }
            throw .abort(
                .failed(
                    trace.inside(
                        .entryPoint(place, call.storageAddress, classHash, call.selector))))
        }
    }

    private mutating func deploy(
        _ request: inout SyscallRequest, _ machine: inout VirtualMachine,
        _ run: inout DeprecatedRun
    ) throws(SyscallFailure) -> [Cell] {
        let (classHash, salt) = (try request.felt(machine), try request.felt(machine))
        let calldata = try request.array(machine)
        let fromZero = try request.flag(
            machine, "The deploy_from_zero field in the deploy system call must be 0 or 1.")
        run.frame.usage.add(.deploy, calls: 0, linear: calldata.count)
        let (address, _) = try orAbort { (context) throws(CallAbort) in
            var gas = context.constants.initialGasOfSteps
            return try context.deployInner(
                classHash, salt: salt, calldata: calldata, fromZero: fromZero, gas: &gas,
                &run.frame)
        }
        // What the constructor returned is not passed on.
        return [Cell(address), .zero, .zero]
    }

    private mutating func signature(
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun
    ) throws(SyscallFailure) -> Relocatable {
        if let known = run.signature { return known }
        do throws(MemoryError) {
            let start = try readOnlySegment(
                transaction.signature.map { Cell($0) }, &machine, &run)
            run.signature = start
            return start
        } catch { throw Self.failure(error) }
    }

    private mutating func transactionInfo(
        _ machine: inout VirtualMachine, _ run: inout DeprecatedRun
    ) throws(SyscallFailure) -> Relocatable {
        let version = shownVersion(to: run.frame.classHash, constants.version1AccountsCairo0)
        // An older version is shown in a segment of its own each time.
        let isReal = version == transaction.signedVersion(transaction.version)
        if isReal, let known = run.transactionInfo { return known }
        let signature = try signature(&machine, &run)
        do throws(MemoryError) {
            let start = try readOnlySegment(
                [
                    Cell(version), Cell(transaction.sender), Cell(transaction.maximumFee),
                    Cell(transaction.signature.count), Cell(signature), Cell(transaction.hash),
                    Cell(chainID), Cell(transaction.nonce),
                ], &machine, &run)
            if isReal { run.transactionInfo = start }
            return start
        } catch { throw Self.failure(error) }
    }
}
