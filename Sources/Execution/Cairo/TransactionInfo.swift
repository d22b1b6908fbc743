import CairoVM
import StarkField
import StarkHash

/// What contracts can see of the transaction that runs.
struct TransactionInfo: Sendable {
    /// The fields that version 3 has.
    struct Current: Sendable {
        var bounds: ResourceBoundsMapping
        var tip: UInt64
        var paymasterData: [Felt]
        var nonceMode: DataAvailabilityMode
        var feeMode: DataAvailabilityMode
        var accountDeploymentData: [Felt]
        var proofFacts: [Felt]
    }

    var hash: Felt
    var version: UInt64
    var isQuery = false
    var sender: ContractAddress
    var signature: [Felt]
    var nonce: Nonce
    var maximumFee: UInt128 = 0
    /// Nil before version 3.
    var current: Current?
    /// The verdict on the signature under one public key, when someone else has already checked.
    var checkedSignature: CheckedSignature?

    /// Outside any transaction: a call that only reads.
    static let none = TransactionInfo(
        hash: .zero, version: 3, sender: .zero, signature: [], nonce: .zero,
        current: Current(
            bounds: .zero, tip: 0, paymasterData: [], nonceMode: .l2, feeMode: .l2,
            accountDeploymentData: [], proofFacts: []))

    init(
        hash: Felt, version: UInt64, isQuery: Bool = false, sender: ContractAddress,
        signature: [Felt], nonce: Nonce, current: Current? = nil
    ) {
        self.hash = hash
        self.version = version
        self.isQuery = isQuery
        self.sender = sender
        self.signature = signature
        self.nonce = nonce
        self.current = current
    }

    init(_ prepared: PreparedTransaction) {
        let transaction = prepared.transaction
        self.init(
            hash: prepared.hash, version: 3, isQuery: prepared.isQuery,
            sender: prepared.senderAddress, signature: transaction.signature,
            nonce: transaction.nonce)
        checkedSignature = prepared.signature
        switch transaction {
        case .invoke(let invoke):
            current = Current(
                bounds: invoke.resourceBounds, tip: invoke.tip,
                paymasterData: invoke.paymasterData, nonceMode: invoke.nonceDataAvailabilityMode,
                feeMode: invoke.feeDataAvailabilityMode,
                accountDeploymentData: invoke.accountDeploymentData,
                proofFacts: invoke.proofFacts)
        case .deployAccount(let deployment):
            current = Current(
                bounds: deployment.resourceBounds, tip: deployment.tip,
                paymasterData: deployment.paymasterData,
                nonceMode: deployment.nonceDataAvailabilityMode,
                feeMode: deployment.feeDataAvailabilityMode, accountDeploymentData: [],
                proofFacts: [])
        case .declare(let whole):
            let declaration = whole.transaction
            current = Current(
                bounds: declaration.resourceBounds, tip: declaration.tip,
                paymasterData: declaration.paymasterData,
                nonceMode: declaration.nonceDataAvailabilityMode,
                feeMode: declaration.feeDataAvailabilityMode,
                accountDeploymentData: declaration.accountDeploymentData, proofFacts: [])
        case .l1Handler: version = 0
        }
    }

    /// The version as a contract sees it: 2^128 is added for a query.
    func signedVersion(_ number: UInt64) -> Felt {
        HistoricTransactionHash.version(number, query: isQuery)
    }
}

/// Whether an account validates its transaction, or does what it asks for: validation may do less.
package enum ExecutionMode: Hashable, Sendable { case validate, execute }

/// Contracts at work on the state of one block: what the running transaction has done and may
/// still do. All code of contracts, Cairo's and native, reaches the world through this.
///
/// Source: the published behaviour of Starknet's sequencer (starkware-libs/sequencer, `blockifier`).
struct CallContext: Sendable {
    var state: BlockState
    let constants: VersionedConstants
    let block: BlockInfo
    let chainID: ChainID
    var transaction = TransactionInfo.none
    var mode = ExecutionMode.execute
    /// Steps that step-counting code may still take.
    var stepsLeft: UInt64 = 0
    /// Events and messages so far, which number the next.
    var eventCount = 0
    var messageCount = 0
    private(set) var depth = 0
    private(set) var outerResource: TrackedResource?
    /// Gas at the start, and when it was last seen: what a failed transaction has used.
    private var initialGas: UInt64 = 0
    private var lastGas: UInt64 = 0
    let pool: CellPool
    let fastPath: FastPath
    /// Storage addresses of balances.
    var addresses: StorageAddressCache
    /// Whether native classes may stand in for their Cairo code now.
    var usesNatives = true

    init(
        state: BlockState, constants: VersionedConstants, block: BlockInfo, chainID: ChainID,
        fastPath: FastPath, addresses: StorageAddressCache, pool: CellPool = CellPool()
    ) {
        self.state = state
        self.constants = constants
        self.block = block
        self.chainID = chainID
        self.fastPath = fastPath
        self.addresses = addresses
        self.pool = pool
    }

    /// Begins a phase of a transaction, with its own count of steps, events and gas.
    mutating func begin(_ mode: ExecutionMode, steps: UInt64, gas: UInt64) {
        self.mode = mode
        stepsLeft = steps
        eventCount = 0
        messageCount = 0
        depth = 0
        outerResource = nil
        initialGas = gas
        lastGas = gas
    }

    var gasUsed: UInt64 { initialGas - min(initialGas, lastGas) }

    mutating func noteGas(_ gas: UInt64, _ tracked: TrackedResource) {
        if tracked == .sierraGas { lastGas = gas }
    }

    // MARK: - Calls

    /// Runs an entry point. A panic is in what it returns; the state is as the call left it.
    ///
    /// - Parameter gas: what the caller has left; the call's own gas is in `call`.
    mutating func run(
        _ call: EntryPointCall, gas: inout UInt64
    ) throws(CallAbort) -> CallInfo {
        depth += 1
        defer { depth -= 1 }
        guard depth <= constants.callDepth else {
            throw .failed(ErrorTrace("Execution failed due to recursion depth exceeded.\n"))
        }
        let contract = try contract(call.storageAddress)
        let storageClass = state.classHash(of: contract)
        guard !storageClass.isZero else {
            throw .failed(
                ErrorTrace(
                    "Requested contract address \(PanicText.padded(call.storageAddress)) is not "
                        + "deployed.\n"))
        }
        var call = call
        let classHash = call.classHash ?? storageClass
        call.classHash = classHash
        let compiled = try declaredClass(classHash)
        let tracked = compiled.tracked(constants, inside: outerResource)
        if tracked == .cairoSteps { call.initialGas = constants.initialGasOfSteps }

        let outer = outerResource
        outerResource = tracked
        defer { outerResource = outer }
        let info: CallInfo
        do throws(EntryFailure) {
            info = try enter(call, compiled, tracked, contract)
        } catch {
            let code: Felt
            let text: String
            switch error {
            case .abort(let abort): throw abort
            case .entryPointNotFound(let selector):
                code = Panic.entryPointNotFound
                text = "Entry point \(selector.hexString) not found in contract.\n"
            case .noEntryPoints(let kind):
                code = Panic.entryPointNotFound
                text = "No entry points of type \(kind.rawValue) found in contract.\n"
            case .notEnoughGas:
                code = Panic.outOfGas
                text = "Insufficient entry point initial gas.\n"
            }
            guard constants.enablesReverts else { throw .failed(ErrorTrace(text)) }
            var failed = CallInfo(call: call, tracked: tracked)
            failed.returnData = [code]
            failed.failed = true
            return failed
        }
        if info.failed && !constants.enablesReverts {
            throw .failed(ErrorTrace(PanicSummary(of: info, .execution)))
        }
        gas -= min(gas, info.gasConsumed)
        return info
    }

    private mutating func enter(
        _ call: EntryPointCall, _ compiled: CompiledClass, _ tracked: TrackedResource,
        _ contract: BlockState.ContractIndex
    ) throws(EntryFailure) -> CallInfo {
        if usesNatives, let native = fastPath[call.classHash ?? .zero] {
            let info: CallInfo?
            do throws(CallAbort) {
                info = try runNative(native, call, tracked, contract)
            } catch { throw .abort(error) }
            if let info { return info }
        }
        switch compiled.code {
        case .casm(let casm): return try runCasm(call, casm, tracked, contract)
        case .deprecated(let deprecated, let texts):
            return try runDeprecated(call, deprecated, texts, contract)
        }
    }

    /// Runs an entry point whose panic fails the caller, too, without a chance to catch it.
    mutating func runOrFail(
        _ call: EntryPointCall, gas: inout UInt64
    ) throws(CallAbort) -> CallInfo {
        let info = try run(call, gas: &gas)
        noteGas(gas, info.tracked)
        if info.failed { throw .failed(ErrorTrace(PanicSummary(of: info, .execution))) }
        return info
    }

    /// Puts a contract at an address and runs its constructor.
    mutating func deploy(
        _ classHash: ClassHash, at address: ContractAddress, calldata: [Felt],
        caller: ContractAddress, codeAddress: ContractAddress?, gas: inout UInt64
    ) throws(CallAbort) -> CallInfo {
        var selector: Selector?
        do throws(CallAbort) {
            let contract = try contract(address)
            guard state.classHash(of: contract).isZero else {
                throw .failed(
                    ErrorTrace(
                        "Deployment failed: contract already deployed at address "
                            + PanicText.padded(address) + "\n"))
            }
            guard !address.isZero else {
                throw .failed(ErrorTrace("Cannot deploy contract at address 0.\n"))
            }
            state.setClassHash(of: contract, to: classHash)
            let compiled = try declaredClass(classHash)
            selector = compiled.constructor
            guard let selector else {
                return try emptyConstructor(
                    classHash, compiled, at: address, calldata: calldata, caller: caller,
                    codeAddress: codeAddress, gas: gas)
            }
            return try runOrFail(
                EntryPointCall(
                    kind: .constructor, selector: selector, calldata: calldata,
                    storageAddress: address, callerAddress: caller, codeAddress: codeAddress,
                    classHash: nil, initialGas: gas),
                gas: &gas)
        } catch {
            guard case .failed(let trace) = error else { throw error }
            throw .failed(
                trace.inside(.entryPoint(.constructor, address, classHash, selector)))
        }
    }

    private func emptyConstructor(
        _ classHash: ClassHash, _ compiled: CompiledClass, at address: ContractAddress,
        calldata: [Felt], caller: ContractAddress, codeAddress: ContractAddress?, gas: UInt64
    ) throws(CallAbort) -> CallInfo {
        guard calldata.isEmpty else {
            throw .failed(
                ErrorTrace(
                    "Invalid input: constructor_calldata; Cannot pass calldata to a contract with "
                        + "no constructor.\n"))
        }
        let tracked = compiled.tracked(constants, inside: outerResource)
        return CallInfo(
            call: EntryPointCall(
                kind: .constructor, selector: EntryPointSelectors.constructor, calldata: [],
                storageAddress: address, callerAddress: caller, codeAddress: codeAddress,
                classHash: classHash,
                initialGas: tracked == .cairoSteps ? constants.initialGasOfSteps : gas),
            tracked: tracked)
    }

    // MARK: - The state

    mutating func contract(
        _ address: ContractAddress
    ) throws(CallAbort) -> BlockState.ContractIndex {
        do throws(StateReadError) {
            return try state.contract(address)
        } catch { throw .state(error) }
    }

    /// The class of the contract at an address; zero where there is none.
    mutating func deployedClass(
        _ address: ContractAddress
    ) throws(CallAbort) -> ClassHash {
        // In two steps: `state` must be read after it knows the contract.
        let contract = try contract(address)
        return state.classHash(of: contract)
    }

    mutating func cell(
        of contract: BlockState.ContractIndex, at key: StorageKey
    ) throws(CallAbort) -> BlockState.CellIndex {
        do throws(StateReadError) {
            return try state.cell(of: contract, at: key)
        } catch { throw .state(error) }
    }

    mutating func declaredClass(_ hash: ClassHash) throws(CallAbort) -> CompiledClass {
        let found: CompiledClass?
        do throws(StateReadError) {
            found = try state.compiledClass(hash)
        } catch { throw .state(error) }
        guard let found else {
            throw .failed(
                ErrorTrace("Class with hash \(PanicText.padded(hash)) is not declared.\n"))
        }
        return found
    }
}

/// The entry points that the system itself calls.
enum EntryPointSelectors {
    static let validate = selector("__validate__")
    static let validateDeploy = selector("__validate_deploy__")
    static let validateDeclare = selector("__validate_declare__")
    static let execute = selector("__execute__")
    static let transfer = selector("transfer")
    static let constructor = selector("constructor")
}
