import CairoVM
import StarkField

/// What a system call's request says, read one value after the other.
struct SyscallRequest: ~Copyable {
    private(set) var pointer: Relocatable

    init(at pointer: Relocatable) { self.pointer = pointer }

    private func fail(_ error: MemoryError) -> SyscallFailure {
        .abort(.failed(ErrorTrace(MachineText.describe(error))))
    }

    mutating func cell(_ machine: borrowing VirtualMachine) throws(SyscallFailure) -> Cell {
        do throws(MemoryError) {
            let cell = try machine.memory.integer(pointer)
            pointer.offset += 1
            return cell
        } catch { throw fail(error) }
    }

    mutating func felt(_ machine: borrowing VirtualMachine) throws(SyscallFailure) -> Felt {
        try cell(machine).felt ?? .zero
    }

    mutating func address(
        _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) -> Relocatable {
        do throws(MemoryError) {
            let address = try machine.memory.address(at: pointer)
            pointer.offset += 1
            return address
        } catch { throw fail(error) }
    }

    /// A contract's address or a storage key: below 2^251.
    mutating func key(_ machine: borrowing VirtualMachine) throws(SyscallFailure) -> Felt {
        let value = try felt(machine)
        guard value.bigEndianWords.0 < 1 << 59 else {
            throw .abort(
                .failed(ErrorTrace("Out of range \(value.hexString): not below 2^251.")))
        }
        return value
    }

    mutating func flag(
        _ machine: borrowing VirtualMachine, _ what: String
    ) throws(SyscallFailure) -> Bool {
        let value = try felt(machine)
        if value.isZero { return false }
        if value == .one { return true }
        throw .abort(
            .failed(ErrorTrace("Invalid syscall input: \(value.hexString); \(what)")))
    }

    mutating func uint64(
        _ machine: borrowing VirtualMachine, _ what: String
    ) throws(SyscallFailure) -> UInt64 {
        let value = try cell(machine)
        guard let small = value.asUInt64 else {
            throw .abort(.failed(ErrorTrace("Invalid syscall input: \(value); \(what)")))
        }
        return small
    }

    mutating func u256(_ machine: borrowing VirtualMachine) throws(SyscallFailure) -> Words256 {
        let (low, high) = (try cell(machine), try cell(machine))
        guard let low = low.asUInt128, let high = high.asUInt128 else {
            throw .abort(.failed(ErrorTrace("A half of a u256 is not below 2^128.")))
        }
        return Words256(low: low, high: high)
    }

    /// A span: its start and its end.
    mutating func felts(_ machine: borrowing VirtualMachine) throws(SyscallFailure) -> [Felt] {
        let (start, end) = (try address(machine), try address(machine))
        guard start.segment == end.segment, end.offset >= start.offset else {
            throw .abort(.failed(ErrorTrace("The span from \(start) to \(end) has no length.")))
        }
        do throws(MemoryError) {
            return try machine.integers(at: start, count: end.offset - start.offset)
                .compactMap(\.felt)
        } catch { throw fail(error) }
    }
}

extension CallContext {
    /// Carries out the system call whose request is next.
    mutating func perform(
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(CallAbort) {
        var request = SyscallRequest(at: run.syscallPointer)
        do throws(SyscallFailure) {
            let selector = try request.felt(machine)
            guard let syscall = Syscall(selector: selector) else {
                throw .abort(
                    .failed(ErrorTrace("Invalid syscall selector: \(selector.hexString).")))
            }
            // Of keccak the rounds count, which only its data tells.
            if syscall != .keccak { run.frame.usage.add(syscall) }
            let gas = try request.uint64(machine, "Unexpected gas.")
            try perform(syscall, gas, &request, &machine, &run)
        } catch {
            switch error {
            case .abort(let abort): throw abort
            case .revert(let data):
                // Every handler answers its own reverts.
                preconditionFailure("an unanswered revert of a system call: \(data)")
            }
        }
    }

    private mutating func perform(
        _ syscall: Syscall, _ gas: UInt64, _ request: inout SyscallRequest,
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) {
        let arguments = try SyscallArguments(syscall, &request, machine)
        // The compiler has charged the base cost already.
        let cost =
            constants.cost(of: syscall, linear: arguments.linearLength) - constants.syscallBaseGas
        guard gas >= cost else {
            return try answer(
                .failure([Panic.outOfGas]), gas: gas, at: request.pointer, &machine, &run)
        }
        var left = gas - cost
        noteGas(left, run.frame.tracked)
        let response: SyscallResponse
        do throws(SyscallFailure) {
            response = .success(try execute(arguments, &left, &machine, &run))
        } catch {
            guard case .revert(let data) = error else { throw error }
            response = .failure(data)
        }
        try answer(response, gas: left, at: request.pointer, &machine, &run)
    }

    private enum SyscallResponse {
        case success([Cell])
        case failure([Felt])
    }

    private mutating func answer(
        _ response: SyscallResponse, gas: UInt64, at place: Relocatable,
        _ machine: inout VirtualMachine, _ run: inout CasmRun
    ) throws(SyscallFailure) {
        do throws(MemoryError) {
            var cells = [Cell(gas)]
            switch response {
            case .success(let values): cells += [.zero] + values
            case .failure(let data):
                let start = try machine.memory.addSegment()
                let end = try machine.memory.load(data.map { Cell($0) }, at: start)
                cells += [Cell(1 as UInt64), Cell(start), Cell(end)]
            }
            run.syscallPointer = try machine.memory.load(cells, at: place)
        } catch { throw .abort(.failed(ErrorTrace(MachineText.describe(error)))) }
    }
}

/// The arguments of a system call, read before anything is charged for it.
enum SyscallArguments {
    case callContract(ContractAddress, Selector, [Felt])
    case libraryCall(ClassHash, Selector, [Felt])
    case deploy(ClassHash, salt: Felt, [Felt], fromZero: Bool)
    case emitEvent(keys: [Felt], data: [Felt])
    case getBlockHash(UInt64)
    case getClassHashAt(ContractAddress)
    case getExecutionInfo
    case keccak(start: Relocatable, end: Relocatable)
    case metaTxV0(ContractAddress, Selector, [Felt], signature: [Felt])
    case replaceClass(ClassHash)
    case secpAdd(isK1: Bool, Relocatable, Relocatable)
    case secpPointFromX(isK1: Bool, Words256, yIsOdd: Bool)
    case secpGetXy(isK1: Bool, Relocatable)
    case secpMul(isK1: Bool, Relocatable, Words256)
    case secpNew(isK1: Bool, Words256, Words256)
    case sendMessageToL1(Felt, [Felt])
    case sha256(state: Relocatable, block: Relocatable)
    case sha512(state: Relocatable, block: Relocatable)
    case storageRead(StorageKey)
    case storageWrite(StorageKey, Felt)

    init(
        _ syscall: Syscall, _ request: inout SyscallRequest,
        _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) {
        switch syscall {
        case .callContract:
            self = .callContract(
                try request.key(machine), try request.felt(machine), try request.felts(machine))
        case .libraryCall:
            self = .libraryCall(
                try request.felt(machine), try request.felt(machine), try request.felts(machine))
        case .deploy:
            let (classHash, salt) = (try request.felt(machine), try request.felt(machine))
            let calldata = try request.felts(machine)
            self = .deploy(
                classHash, salt: salt, calldata,
                fromZero: try request.flag(
                    machine,
                    "The deploy_from_zero field in the deploy system call must be 0 or 1."))
        case .emitEvent:
            self = .emitEvent(keys: try request.felts(machine), data: try request.felts(machine))
        case .getBlockHash:
            self = .getBlockHash(
                try request.uint64(machine, "Block number must fit within 64 bits."))
        case .getClassHashAt: self = .getClassHashAt(try request.key(machine))
        case .getExecutionInfo: self = .getExecutionInfo
        case .keccak:
            self = .keccak(start: try request.address(machine), end: try request.address(machine))
        case .metaTxV0:
            self = .metaTxV0(
                try request.key(machine), try request.felt(machine), try request.felts(machine),
                signature: try request.felts(machine))
        case .replaceClass: self = .replaceClass(try request.felt(machine))
        case .secp256k1Add, .secp256r1Add:
            self = .secpAdd(
                isK1: syscall == .secp256k1Add, try request.address(machine),
                try request.address(machine))
        case .secp256k1GetPointFromX, .secp256r1GetPointFromX:
            let x = try request.u256(machine)
            self = .secpPointFromX(
                isK1: syscall == .secp256k1GetPointFromX, x,
                yIsOdd: try request.flag(machine, "Invalid y parity"))
        case .secp256k1GetXy, .secp256r1GetXy:
            self = .secpGetXy(isK1: syscall == .secp256k1GetXy, try request.address(machine))
        case .secp256k1Mul, .secp256r1Mul:
            self = .secpMul(
                isK1: syscall == .secp256k1Mul, try request.address(machine),
                try request.u256(machine))
        case .secp256k1New, .secp256r1New:
            self = .secpNew(
                isK1: syscall == .secp256k1New, try request.u256(machine),
                try request.u256(machine))
        case .sendMessageToL1:
            self = .sendMessageToL1(try request.felt(machine), try request.felts(machine))
        case .sha256ProcessBlock:
            self = .sha256(
                state: try request.address(machine), block: try request.address(machine))
        case .sha512ProcessBlock:
            self = .sha512(
                state: try request.address(machine), block: try request.address(machine))
        case .storageRead:
            try Self.checkDomain(&request, machine)
            self = .storageRead(try request.key(machine))
        case .storageWrite:
            try Self.checkDomain(&request, machine)
            self = .storageWrite(try request.key(machine), try request.felt(machine))
        case .delegateCall, .delegateL1Handler, .getBlockNumber, .getBlockTimestamp,
            .getCallerAddress, .getContractAddress, .getSequencerAddress, .getTxInfo,
            .getTxSignature, .keccakRound, .libraryCallL1Handler:
            throw .abort(.failed(ErrorTrace("Unsupported syscall selector \(syscall.name).")))
        }
    }

    private static func checkDomain(
        _ request: inout SyscallRequest, _ machine: borrowing VirtualMachine
    ) throws(SyscallFailure) {
        let domain = try request.felt(machine)
        guard domain.isZero else {
            throw .abort(
                .failed(ErrorTrace("Invalid address domain: \(domain.hexString).")))
        }
    }

    /// What a cost that grows is counted in.
    var linearLength: Int {
        switch self {
        case .deploy(_, _, let calldata, _): calldata.count
        case .metaTxV0(_, _, let calldata, _): calldata.count
        case .sendMessageToL1(_, let payload): payload.count
        default: 0
        }
    }
}
