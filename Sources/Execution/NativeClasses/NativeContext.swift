import StarkField
import StarkHash

/// What contracts can see of the transaction that runs.
struct TransactionContext: Sendable {
    var hash: Felt
    var sender: ContractAddress
    var signature: [Felt]
    /// The verdict on the signature under one public key, when someone else has already checked.
    var checkedSignature: CheckedSignature?

    static let none = TransactionContext(
        hash: .zero, sender: .zero, signature: [], checkedSignature: nil)
}

/// Native classes at work: the block's state, the events and the gas of the running transaction,
/// and the call that is running. Native code reaches the world through this alone.
struct NativeContext: Sendable {
    /// The running call.
    struct Frame: Sendable {
        var contract: BlockState.ContractIndex
        var address: ContractAddress
        var classHash: ClassHash
        var selector: Selector
        var caller: ContractAddress
        var depth: Int
    }

    var state: BlockState
    var addresses: StorageAddressCache
    let classes: NativeClasses
    var transaction = TransactionContext.none
    var events: [Event] = []
    var gasLeft: UInt64 = 0
    /// One less than a receipt holds: the last place is the fee's.
    var eventLimit = Limits.events - 1
    var frame: Frame

    init(state: BlockState, addresses: StorageAddressCache, classes: NativeClasses) {
        self.state = state
        self.addresses = addresses
        self.classes = classes
        frame = Frame(
            contract: -1, address: .zero, classHash: .zero, selector: .zero, caller: .zero,
            depth: 0)
    }

    // MARK: Gas

    mutating func charge(_ gas: UInt64) throws(NativeFailure) {
        let (left, short) = gasLeft.subtractingReportingOverflow(gas)
        if short {
            gasLeft = 0
            throw .panic(Panic.outOfGas)
        }
        gasLeft = left
    }

    // MARK: System calls

    mutating func caller() throws(NativeFailure) -> ContractAddress {
        try charge(GasSchedule.getExecutionInfo)
        return frame.caller
    }

    /// The cell of the running contract at a key; costs nothing until it is read or written.
    mutating func cell(at key: StorageKey) throws(NativeFailure) -> BlockState.CellIndex {
        do throws(StateReadError) {
            return try state.cell(of: frame.contract, at: key)
        } catch { throw .state(error) }
    }

    mutating func read(_ cell: BlockState.CellIndex) throws(NativeFailure) -> Felt {
        try charge(GasSchedule.storageRead)
        return state.value(cell)
    }

    mutating func write(_ cell: BlockState.CellIndex, _ value: Felt) throws(NativeFailure) {
        try charge(GasSchedule.storageWrite)
        state.set(cell, to: value)
    }

    mutating func read(at key: StorageKey) throws(NativeFailure) -> Felt {
        try read(cell(at: key))
    }

    mutating func write(at key: StorageKey, _ value: Felt) throws(NativeFailure) {
        try write(cell(at: key), value)
    }

    mutating func emit(keys: [Felt], data: [Felt]) throws(NativeFailure) {
        try charge(GasSchedule.emitEvent)
        guard events.count < eventLimit else {
            throw .uncatchable(.eventLimitExceeded(what: .count, limit: eventLimit))
        }
        guard keys.count <= Limits.eventKeys else {
            throw .uncatchable(.eventLimitExceeded(what: .keys, limit: Limits.eventKeys))
        }
        guard data.count <= Limits.eventData else {
            throw .uncatchable(.eventLimitExceeded(what: .data, limit: Limits.eventData))
        }
        events.append(Event(fromAddress: frame.address, keys: keys, data: data))
    }

    /// `call_contract`, and what Cairo's dispatchers make of a failure: they pass it on.
    mutating func call(
        _ contract: ContractAddress, _ selector: Selector, _ calldata: ArraySlice<Felt>
    ) throws(NativeFailure) -> [Felt] {
        try charge(GasSchedule.callContract)
        do throws(NativeFailure) {
            return try enter(
                contract, selector, calldata, caller: frame.address, kind: .external)
        } catch {
            throw passedOn(error)
        }
    }

    /// A callee's failure as its caller reports it.
    private func passedOn(_ failure: NativeFailure) -> NativeFailure {
        guard case .panic(let data, let frames) = failure else { return failure }
        return .panic(data: data + [Panic.entryPointFailed], frames: frames)
    }

    /// Runs an entry point with nothing charged for getting there. On failure the state and the
    /// events are as before, and a panic has this call's frame.
    mutating func enter(
        _ contract: ContractAddress, _ selector: Selector, _ calldata: ArraySlice<Felt>,
        caller: ContractAddress, kind: NativeClass.EntryPointKind
    ) throws(NativeFailure) -> [Felt] {
        let index: BlockState.ContractIndex
        do throws(StateReadError) {
            index = try state.contract(contract)
        } catch { throw .state(error) }
        let classHash = state.classHash(of: index)
        if classHash.isZero { throw .uncatchable(.contractNotDeployed(contract)) }
        guard frame.depth < GasSchedule.maximumCallDepth else {
            throw .uncatchable(.callDepthExceeded(limit: GasSchedule.maximumCallDepth))
        }
        guard let native = classes[classHash] else {
            throw .uncatchable(.classNotDeclared(classHash))
        }

        let outer = frame
        let mark = state.mark
        let eventCount = events.count
        frame = Frame(
            contract: index, address: contract, classHash: classHash, selector: selector,
            caller: caller, depth: outer.depth + 1)
        do throws(NativeFailure) {
            guard let entryPoint = native.entryPoint(selector, kind) else {
                throw .panic(Panic.entryPointNotFound)
            }
            try charge(
                GasSchedule.entry + GasSchedule.perArgumentFelt * UInt64(calldata.count))
            let result = try entryPoint.run(&self, calldata)
            frame = outer
            return result
        } catch {
            frame = outer
            state.revert(to: mark)
            events.removeLast(events.count - eventCount)
            guard case .panic(let data, let frames) = error else { throw error }
            let failed = FailedFrame(
                contract: contract, classHash: classHash, selector: selector)
            throw .panic(data: data, frames: frames + [failed])
        }
    }

    /// `deploy`: sets the class of the address, which must be free, and runs the constructor with
    /// the running contract as the caller.
    mutating func deploy(
        _ classHash: ClassHash, salt: Felt, calldata: ArraySlice<Felt>, fromZero: Bool
    ) throws(NativeFailure) -> ContractAddress {
        try charge(GasSchedule.deploy + GasSchedule.deployPerFelt * UInt64(calldata.count))
        let address = ContractAddresses.address(
            deployer: fromZero ? .zero : frame.address, salt: salt, classHash: classHash,
            constructorCalldata: Array(calldata))
        do throws(NativeFailure) {
            try construct(address, classHash, calldata, caller: frame.address)
        } catch {
            throw passedOn(error)
        }
        return address
    }

    /// Puts a contract at an address and runs its constructor.
    mutating func construct(
        _ address: ContractAddress, _ classHash: ClassHash, _ calldata: ArraySlice<Felt>,
        caller: ContractAddress
    ) throws(NativeFailure) {
        let index: BlockState.ContractIndex
        do throws(StateReadError) {
            index = try state.contract(address)
        } catch { throw .state(error) }
        guard state.classHash(of: index).isZero else {
            throw .uncatchable(.alreadyDeployed(address))
        }
        guard let native = classes[classHash] else {
            throw .uncatchable(.classNotDeclared(classHash))
        }
        let mark = state.mark
        state.setClassHash(of: index, to: classHash)
        do throws(NativeFailure) {
            if native.hasConstructor {
                _ = try enter(
                    address, NativeClass.constructorSelector, calldata, caller: caller,
                    kind: .constructor)
            } else if !calldata.isEmpty {
                throw .panic(Panic.inputTooLong)
            }
        } catch {
            state.revert(to: mark)
            throw error
        }
    }
}
