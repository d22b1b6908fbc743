import Primitives
package import StarkField
import StarkHash

/// What all transactions of a block share.
package struct BlockContext: Hashable, Sendable {
    package var info: BlockInfo
    package var chainID: ChainID
    /// Whether the block's diff allocates key aliases (Starknet 0.13.4).
    package var usesStatefulCompression: Bool

    package init(info: BlockInfo, chainID: ChainID, usesStatefulCompression: Bool = true) {
        self.info = info
        self.chainID = chainID
        self.usesStatefulCompression = usesStatefulCompression
    }

    var usesBlobs: Bool { info.l1DataAvailabilityMode == .blob }
}

/// The end of a block's execution.
package struct ExecutedBlock: Sendable {
    /// Canonical; only real changes.
    package let diff: StateDiff
    /// For the next block's executor.
    package let addresses: StorageAddressCache
}

/// Executes the transactions of one block, in order, on a state view.
///
/// The result depends on the context, the view's contents and the transactions alone. How the
/// transactions are grouped into calls makes no difference, and an invalid transaction leaves no
/// trace. A thrown `StateReadError` leaves the executor useless.
package struct BlockExecutor: Sendable {
    package let context: BlockContext
    var native: NativeContext
    /// The fee token's contract and whether it can take fees at all.
    private let feeToken: BlockState.ContractIndex
    private let hasFeeToken: Bool
    /// Included transactions and their gas.
    package private(set) var transactionCount = 0
    package private(set) var totalGas = GasVector.zero

    /// Blocks keep the hash of the block so many before in contract 1.
    package static let storedBlockHashDistance: UInt64 = 10

    /// - Parameter oldBlockHash: the hash of the block ten below; nil if and only if there is none.
    package init(
        _ context: BlockContext, on view: StateView, oldBlockHash: Felt?,
        classes: NativeClasses = .standard,
        addresses: StorageAddressCache = StorageAddressCache()
    ) throws(StateReadError) {
        let number = context.info.number.rawValue
        let distance = BlockExecutor.storedBlockHashDistance
        precondition(
            (oldBlockHash != nil) == (number >= distance),
            "block \(number) with old hash \(String(describing: oldBlockHash))")
        try self.init(queries: context, on: view, classes: classes, addresses: addresses)
        if let oldBlockHash {
            let contract = try native.state.contract(WellKnownContracts.blockHashes)
            let cell = try native.state.cell(of: contract, at: Felt(number - distance))
            native.state.set(cell, to: oldBlockHash)
        }
    }

    /// An executor that never makes a block: for calls, estimates and admission.
    package init(
        queries context: BlockContext, on view: StateView, classes: NativeClasses = .standard,
        addresses: StorageAddressCache = StorageAddressCache()
    ) throws(StateReadError) {
        self.context = context
        var state = BlockState(base: view)
        feeToken = try state.contract(WellKnownContracts.strk)
        hasFeeToken = state.classHash(of: feeToken) == classes.token.classHash
        native = NativeContext(state: state, addresses: addresses, classes: classes)
    }

    /// The storage addresses computed so far, for the next executor.
    package var addresses: StorageAddressCache { native.addresses }

    /// Runs one transaction. Without a checked signature for the account's key, this verifies it.
    package mutating func execute(
        _ transaction: PreparedTransaction
    ) throws(StateReadError) -> ExecutionOutcome {
        let outcome = try run(transaction, Rules())
        if case .included(let receipt, _) = outcome {
            transactionCount += 1
            totalGas.l1Gas &+= receipt.gasConsumed.l1Gas
            totalGas.l1DataGas &+= receipt.gasConsumed.l1DataGas
            totalGas.l2Gas &+= receipt.gasConsumed.l2Gas
        }
        return outcome
    }

    /// Ends the block.
    package consuming func finish() throws(StateReadError) -> ExecutedBlock {
        var diff = native.state.diff()
        if context.usesStatefulCompression {
            native.state.beginTransaction()
            try KeyAliases.allocate(for: diff, in: &native.state)
            diff = native.state.diff()
        }
        return ExecutedBlock(diff: diff, addresses: native.addresses)
    }

    // MARK: - One transaction

    /// What a simulation may leave out.
    struct Rules {
        /// Whether a nonce above the account's is refused too.
        var wantsExactNonce = true
        /// Whether the bounds and the balance count, and the fee is moved.
        var chargesFee = true
        var validates = true
    }

    /// The parts of a transaction that fees and validation work on.
    struct Terms {
        let kind: FeeRules.Kind
        let sender: BlockState.ContractIndex
        let senderAddress: ContractAddress
        let nonce: Nonce
        let bounds: ResourceBoundsMapping
        let tip: UInt64
        let calldataCount: Int
        let signatureCount: Int
    }

    enum Rejection: Error {
        case invalid(InvalidTransaction)
        case state(StateReadError)
    }

    mutating func run(
        _ prepared: PreparedTransaction, _ rules: Rules
    ) throws(StateReadError) -> ExecutionOutcome {
        begin(prepared)
        let start = native.state.mark
        do throws(Rejection) {
            switch prepared.transaction {
            case .invoke(let invoke):
                return try run(invoke, prepared, rules)
            case .deployAccount(let deployment):
                return try run(deployment, prepared, rules)
            }
        } catch {
            native.state.revert(to: start)
            switch error {
            case .invalid(let reason): return .invalid(reason)
            case .state(let failure): throw failure
            }
        }
    }

    mutating func begin(_ prepared: PreparedTransaction) {
        native.state.beginTransaction()
        native.events = []
        native.transaction = TransactionContext(
            hash: prepared.hash, sender: prepared.senderAddress,
            signature: prepared.transaction.signature, checkedSignature: prepared.signature)
    }

    /// The terms of an invoke that uses no reserved field.
    mutating func open(
        _ invoke: InvokeTransactionV3, _ prepared: PreparedTransaction
    ) throws(Rejection) -> Terms {
        guard invoke.paymasterData.isEmpty, invoke.accountDeploymentData.isEmpty,
            invoke.proofFacts.isEmpty, invoke.nonceDataAvailabilityMode == .l1,
            invoke.feeDataAvailabilityMode == .l1
        else { throw .invalid(.reservedFieldInUse) }
        return try terms(of: prepared, .invoke, calldataCount: invoke.calldata.count)
    }

    private mutating func run(
        _ invoke: InvokeTransactionV3, _ prepared: PreparedTransaction, _ rules: Rules
    ) throws(Rejection) -> ExecutionOutcome {
        let terms = try open(invoke, prepared)
        if native.state.classHash(of: terms.sender).isZero {
            throw .invalid(.accountNotDeployed(terms.senderAddress))
        }
        try preValidate(terms, rules)
        let limit = rules.chargesFee ? terms.bounds.l2Gas.maxAmount : .max
        var computation: UInt64 = 0
        if rules.validates {
            computation = try validate(
                terms, EntryPointSelectors.validate, invoke.calldata[...], limit: limit)
        }
        let validated = native.state.mark
        let revertReason: String?
        (revertReason, computation) = try execute(
            invoke.calldata[...], terms, limit: limit, spent: computation)
        return try settle(
            terms, prepared.hash, rules, computation: computation, validated: validated,
            revertReason: revertReason)
    }

    private mutating func run(
        _ deployment: DeployAccountTransactionV3, _ prepared: PreparedTransaction, _ rules: Rules
    ) throws(Rejection) -> ExecutionOutcome {
        guard deployment.paymasterData.isEmpty, deployment.nonceDataAvailabilityMode == .l1,
            deployment.feeDataAvailabilityMode == .l1
        else { throw .invalid(.reservedFieldInUse) }
        let terms = try terms(
            of: prepared, .deployAccount, calldataCount: deployment.constructorCalldata.count)
        try preValidate(terms, rules)
        let limit = rules.chargesFee ? terms.bounds.l2Gas.maxAmount : .max
        let gas = min(limit, GasSchedule.executeMaximum)
        native.gasLeft = gas
        do throws(NativeFailure) {
            try native.construct(
                terms.senderAddress, deployment.classHash, deployment.constructorCalldata[...],
                caller: .zero)
        } catch {
            throw try rejection(error) { .deploymentFailed(reason: $0) }
        }
        var computation = gas - native.gasLeft
        if rules.validates {
            computation += try validate(
                terms, EntryPointSelectors.validateDeploy,
                ([deployment.classHash, deployment.contractAddressSalt]
                    + deployment.constructorCalldata)[...],
                limit: limit - min(limit, computation))
        }
        return try settle(
            terms, prepared.hash, rules, computation: computation, validated: nil,
            revertReason: nil)
    }

    private mutating func terms(
        of prepared: PreparedTransaction, _ kind: FeeRules.Kind, calldataCount: Int
    ) throws(Rejection) -> Terms {
        let transaction = prepared.transaction
        let sender: BlockState.ContractIndex
        do throws(StateReadError) {
            sender = try native.state.contract(prepared.senderAddress)
        } catch { throw .state(error) }
        return Terms(
            kind: kind, sender: sender, senderAddress: prepared.senderAddress,
            nonce: transaction.nonce, bounds: transaction.resourceBounds, tip: transaction.tip,
            calldataCount: calldataCount, signatureCount: transaction.signature.count)
    }

    // MARK: Phases

    /// Nonce, bounds and balance; uses the nonce up.
    mutating func preValidate(_ terms: Terms, _ rules: Rules) throws(Rejection) {
        let nonce = native.state.nonce(of: terms.sender)
        if terms.nonce != nonce, rules.wantsExactNonce || terms.nonce < nonce {
            throw .invalid(
                .wrongNonce(account: terms.senderAddress, expected: nonce, got: terms.nonce))
        }
        if rules.chargesFee {
            let minimum = FeeRules.minimum(
                terms.kind, calldataCount: terms.calldataCount, usesBlobs: context.usesBlobs)
            if let refusal = FeeRules.check(
                terms.bounds, minimum: minimum, prices: context.info.gasPrices)
            {
                throw .invalid(refusal)
            }
            let maximumFee = FeeRules.maximumFee(terms.bounds, tip: terms.tip)
            let balance = try balance(of: terms.senderAddress)
            if balance.value < U256(low: maximumFee) {
                throw .invalid(.balanceTooLow(maximumFee: maximumFee, balance: balance.value))
            }
        }
        native.state.setNonce(of: terms.sender, to: terms.nonce + .one)
    }

    /// Returns the gas that validation used.
    mutating func validate(
        _ terms: Terms, _ selector: Selector, _ calldata: ArraySlice<Felt>, limit: UInt64
    ) throws(Rejection) -> UInt64 {
        let gas = min(limit, GasSchedule.validateMaximum)
        native.gasLeft = gas
        let result: [Felt]
        do throws(NativeFailure) {
            result = try native.enter(
                terms.senderAddress, selector, calldata, caller: .zero, kind: .external)
        } catch {
            throw try rejection(error) {
                .validationFailed(reason: "The 'validate' entry point panicked with:\n" + $0)
            }
        }
        if result != [AccountClass.valid] {
            throw .invalid(
                .validationFailed(
                    reason: "The 'validate' entry point returned "
                        + "\(PanicText.describe(result)), not 'VALID'."))
        }
        return gas - native.gasLeft
    }

    /// Runs `__execute__`. Returns why it failed, if it did, and all gas used so far.
    private mutating func execute(
        _ calldata: ArraySlice<Felt>, _ terms: Terms, limit: UInt64, spent: UInt64
    ) throws(Rejection) -> (String?, UInt64) {
        let gas = min(limit - min(limit, spent), GasSchedule.executeMaximum)
        native.gasLeft = gas
        do throws(NativeFailure) {
            _ = try native.enter(
                terms.senderAddress, EntryPointSelectors.execute, calldata, caller: .zero,
                kind: .external)
            return (nil, spent + gas - native.gasLeft)
        } catch {
            let called = FailedFrame(
                contract: terms.senderAddress,
                classHash: native.state.classHash(of: terms.sender),
                selector: EntryPointSelectors.execute)
            let reason = try BlockExecutor.reason(of: error, isTopLevel: true)
            return (
                "Transaction execution has failed:\n0: Error in the called contract "
                    + PanicText.place(called) + "\n" + reason,
                spent + gas - native.gasLeft
            )
        }
    }

    /// Counts the cost, reverts what exceeds bounds or balance, and moves the fee.
    ///
    /// - Parameter validated: the state after validation, to revert to; nil for a transaction that
    ///   can't be reverted.
    private mutating func settle(
        _ terms: Terms, _ hash: Felt, _ rules: Rules, computation: UInt64,
        validated: BlockState.Mark?, revertReason: String?
    ) throws(Rejection) -> ExecutionOutcome {
        var revertReason = revertReason
        var (gas, data) = try cost(terms, computation: computation)
        var charged = gas
        if rules.chargesFee, let excess = try excess(gas, terms) {
            guard let validated else {
                throw .invalid(.costExceedsBounds(reason: excess.message))
            }
            if revertReason == nil {
                native.state.revert(to: validated)
                native.events = []
                revertReason = excess.message
                charged = excess.isOverBounds ? FeeRules.capped(gas, terms.bounds) : gas
                (gas, data) = try cost(terms, computation: computation)
            } else {
                charged = FeeRules.capped(gas, terms.bounds)
            }
        }
        let fee = FeeRules.fee(charged, prices: context.info.gasPrices, tip: terms.tip)
        if rules.chargesFee, fee > 0 { try moveFee(fee, terms) }
        let receipt = TransactionReceipt(
            transactionHash: hash, actualFee: fee,
            executionStatus: revertReason.map { .reverted(reason: $0) } ?? .succeeded,
            events: native.events, gasConsumed: gas)
        return .included(
            receipt, ExecutionCost(computation: computation, dataAvailability: data))
    }

    private mutating func cost(
        _ terms: Terms, computation: UInt64
    ) throws(Rejection) -> (GasVector, GasVector) {
        let balance = try balance(of: terms.senderAddress)
        var changes = native.state.changes(excluding: feeToken, counted: balance.low)
        if !changes.changedCounted { changes.storageUpdates += 1 }
        let (gas, data) = FeeRules.total(
            terms.kind, computation: computation, calldataCount: terms.calldataCount,
            signatureCount: terms.signatureCount, events: native.events, changes: changes,
            usesBlobs: context.usesBlobs)
        return (gas, data)
    }

    private mutating func excess(
        _ gas: GasVector, _ terms: Terms
    ) throws(Rejection) -> (message: String, isOverBounds: Bool)? {
        if let message = FeeRules.excess(gas, over: terms.bounds) { return (message, true) }
        let fee = FeeRules.fee(gas, prices: context.info.gasPrices, tip: terms.tip)
        let balance = try balance(of: terms.senderAddress).value
        if balance < U256(low: fee) {
            return (
                "Insufficient fee token balance. Fee: \(fee), balance: low/high "
                    + "\(balance.low)/\(balance.high).", false
            )
        }
        return nil
    }

    // MARK: The fee token

    private mutating func balance(
        of account: ContractAddress
    ) throws(Rejection) -> TokenClass.StoredAmount {
        if !hasFeeToken { throw .invalid(.feeTransferFailed) }
        do throws(StateReadError) {
            return try TokenClass.balance(of: account, token: feeToken, in: &native)
        } catch { throw .state(error) }
    }

    /// Moves the fee as the token's `transfer`, called by the sender, does.
    private mutating func moveFee(_ fee: UInt128, _ terms: Terms) throws(Rejection) {
        let outer = native.frame
        native.frame = NativeContext.Frame(
            contract: feeToken, address: WellKnownContracts.strk,
            classHash: native.classes.token.classHash, selector: EntryPointSelectors.transfer,
            caller: terms.senderAddress, depth: 1)
        native.gasLeft = GasSchedule.executeMaximum
        native.eventLimit += 1
        defer {
            native.frame = outer
            native.eventLimit -= 1
        }
        do throws(NativeFailure) {
            try TokenClass.transfer(
                U256(low: fee), from: terms.senderAddress, to: context.info.sequencerAddress,
                in: &native)
        } catch {
            if case .state(let failure) = error { throw .state(failure) }
            throw .invalid(.feeTransferFailed)
        }
    }

    // MARK: Failures

    private func rejection(
        _ failure: NativeFailure, _ invalid: (String) -> InvalidTransaction
    ) throws(Rejection) -> Rejection {
        .invalid(invalid(try BlockExecutor.reason(of: failure, isTopLevel: false)))
    }

    static func reason(
        of failure: NativeFailure, isTopLevel: Bool
    ) throws(Rejection) -> String {
        switch failure {
        case .state(let error): throw .state(error)
        case .uncatchable(let failure): return PanicText.describe(failure) + "\n"
        case .panic(let data, let frames):
            let trace = PanicText.trace(of: data, frames: frames)
            return isTopLevel ? "Execution failed. Failure reason:\n" + trace : trace
        }
    }
}

/// The entry points that the system itself calls.
enum EntryPointSelectors {
    static let validate = selector("__validate__")
    static let validateDeploy = selector("__validate_deploy__")
    static let execute = selector("__execute__")
    static let transfer = selector("transfer")
}
