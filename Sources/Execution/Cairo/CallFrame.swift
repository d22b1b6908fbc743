import CairoVM
import Primitives
import StarkField

/// What one running call has gathered so far.
struct CallFrame: Sendable {
    let call: EntryPointCall
    let contract: BlockState.ContractIndex
    let tracked: TrackedResource
    var events: [OrderedEvent] = []
    var messages: [OrderedMessage] = []
    var innerCalls: [CallInfo] = []
    var usage = SyscallUsage()

    init(
        _ call: EntryPointCall, _ contract: BlockState.ContractIndex, _ tracked: TrackedResource
    ) {
        self.call = call
        self.contract = contract
        self.tracked = tracked
    }

    var classHash: ClassHash { call.classHash ?? .zero }
}

/// The work of the system calls that Cairo 0, Cairo 1 and native classes share.
extension CallContext {
    // MARK: Storage

    mutating func readStorage(
        _ key: StorageKey, _ frame: borrowing CallFrame
    ) throws(CallAbort) -> Felt {
        let cell = try cell(of: frame.contract, at: key)
        return state.value(cell)
    }

    mutating func writeStorage(
        _ key: StorageKey, _ value: Felt, _ frame: borrowing CallFrame
    ) throws(CallAbort) {
        let cell = try cell(of: frame.contract, at: key)
        state.set(cell, to: value)
    }

    // MARK: Output

    mutating func emit(
        keys: [Felt], data: [Felt], _ frame: inout CallFrame
    ) throws(CallAbort) {
        let limits = constants.eventLimits
        func exceeded(_ what: String, _ name: String, _ count: Int, _ limit: Int) -> CallAbort {
            .failed(
                ErrorTrace(
                    "Exceeded the maximum \(what), \(name): \(count), max \(name): \(limit)."))
        }
        guard eventCount < limits.count else {
            throw exceeded("number of events", "number events", eventCount + 1, limits.count)
        }
        guard keys.count <= limits.keysLength else {
            throw exceeded("keys length", "keys length", keys.count, limits.keysLength)
        }
        guard data.count <= limits.dataLength else {
            throw exceeded("data length", "data length", data.count, limits.dataLength)
        }
        frame.events.append(OrderedEvent(order: eventCount, keys: keys, data: data))
        eventCount += 1
    }

    mutating func send(
        to address: Felt, payload: [Felt], _ frame: inout CallFrame
    ) throws(CallAbort) {
        let words = address.bigEndianWords
        guard words.0 == 0, words.1 < 1 << 32 else {
            throw .failed(ErrorTrace("Out of range: \(address.hexString) is no L1 address."))
        }
        guard messageCount < Limits.messages else {
            throw .failed(
                ErrorTrace("Exceeded the maximum number of messages, \(Limits.messages)."))
        }
        guard payload.count <= Limits.messagePayload else {
            throw .failed(
                ErrorTrace("Exceeded the maximum payload length, \(Limits.messagePayload)."))
        }
        frame.messages.append(
            OrderedMessage(order: messageCount, toAddress: address, payload: payload))
        messageCount += 1
    }

    // MARK: Inner calls

    /// A call whose panic its caller is told of: what it changed is undone, and what it emitted
    /// forgotten.
    mutating func callInner(
        _ call: EntryPointCall, gas: inout UInt64, _ frame: inout CallFrame
    ) throws(SyscallFailure) -> [Felt] {
        let mark = state.mark
        let (events, messages) = (eventCount, messageCount)
        var info: CallInfo
        do throws(CallAbort) {
            info = try run(call, gas: &gas)
        } catch { throw .abort(error) }
        let returned = info.returnData
        guard info.failed else {
            frame.innerCalls.append(info)
            return returned
        }
        state.revert(to: mark)
        (eventCount, messageCount) = (events, messages)
        info.forgetOutput()
        frame.innerCalls.append(info)
        throw .revert(returned + [Panic.entryPointFailed])
    }

    // MARK: The chain

    /// The block's numbers as the running code sees them.
    var visibleBlock: (number: UInt64, timestamp: UInt64, sequencer: ContractAddress) {
        let number = block.number.rawValue
        guard mode == .validate else { return (number, block.timestamp, block.sequencerAddress) }
        return (
            number / constants.blockNumberRounding * constants.blockNumberRounding,
            block.timestamp / constants.timestampRounding * constants.timestampRounding, .zero
        )
    }

    mutating func blockHash(_ number: UInt64) throws(SyscallFailure) -> Felt {
        let current = block.number.rawValue
        guard current >= BlockExecutor.storedBlockHashDistance,
            number <= current - BlockExecutor.storedBlockHashDistance
        else {
            if mode == .validate { throw refusedInValidate("get_block_hash on recent blocks") }
            throw .revert([Panic.blockNumberOutOfRange])
        }
        do throws(CallAbort) {
            let contract = try contract(WellKnownContracts.blockHashes)
            let cell = try cell(of: contract, at: Felt(number))
            return state.value(cell)
        } catch { throw .abort(error) }
    }

    mutating func classHash(at address: ContractAddress) throws(SyscallFailure) -> ClassHash {
        if mode == .validate { throw refusedInValidate("get_class_hash_at") }
        do throws(CallAbort) {
            return try deployedClass(address)
        } catch { throw .abort(error) }
    }

    func refusedInValidate(_ name: String) -> SyscallFailure {
        .abort(
            .failed(ErrorTrace("Unauthorized syscall \(name) in execution mode Validate.")))
    }

    mutating func replaceClass(
        _ classHash: ClassHash, onlyCairo1: Bool, _ frame: borrowing CallFrame
    ) throws(CallAbort) {
        let compiled = try declaredClass(classHash)
        if onlyCairo1, !compiled.isCairo1 {
            throw .failed(
                ErrorTrace(
                    "Cannot replace V1 class hash with V0 class hash: "
                        + "\(PanicText.padded(classHash))."))
        }
        state.setClassHash(of: frame.contract, to: classHash)
    }

    /// The deployment that a contract asks for.
    mutating func deployInner(
        _ classHash: ClassHash, salt: Felt, calldata: [Felt], fromZero: Bool, gas: inout UInt64,
        _ frame: inout CallFrame
    ) throws(CallAbort) -> (ContractAddress, [Felt]) {
        if mode == .validate, constants.disablesDeployInValidate {
            throw .failed(
                ErrorTrace("Unauthorized syscall deploy in execution mode Validate."))
        }
        let deployer = frame.call.storageAddress
        let address = ContractAddresses.address(
            deployer: fromZero ? .zero : deployer, salt: salt, classHash: classHash,
            constructorCalldata: calldata)
        let info = try deploy(
            classHash, at: address, calldata: calldata, caller: deployer, codeAddress: address,
            gas: &gas)
        frame.innerCalls.append(info)
        return (address, info.returnData)
    }

    /// The version and bounds of the transaction, which some old accounts are shown as they know
    /// them.
    func shownVersion(to classHash: ClassHash, _ accounts: borrowing Set<Felt>) -> Felt {
        if transaction.version == 3, let current = transaction.current,
            current.tip <= constants.version1MaximumTip, accounts.contains(classHash)
        {
            return transaction.signedVersion(1)
        }
        return transaction.signedVersion(transaction.version)
    }
}
