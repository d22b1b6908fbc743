import CairoVM
import StarkField

/// What a simulation may leave out.
struct RunRules: Sendable {
    /// Whether a nonce above the account's is refused too.
    var wantsExactNonce = true
    /// Whether the bounds and the balance count, and the fee is moved.
    var chargesFee = true
    var validates = true
    /// Whether the fee may be moved again when the transaction's turn comes.
    var defersFee = false
}

/// The parts of an account's transaction that fees and validation work on.
struct AccountTerms: Sendable {
    let kind: VersionedConstants.TransactionKind
    let sender: BlockState.ContractIndex
    let senderAddress: ContractAddress
    let nonce: Nonce
    let bounds: ResourceBoundsMapping
    /// What counts of the tip: nothing in versions that have none.
    let tip: UInt64
    /// With proof facts.
    let calldataCount: Int
    let signatureCount: Int
    var codeSize = 0
    var proves = false

    func usage() -> TransactionUsage {
        var usage = TransactionUsage(
            kind: kind, calldataCount: calldataCount, signatureCount: signatureCount)
        usage.codeSize = codeSize
        usage.proves = proves
        return usage
    }
}

/// A transaction that can be in the block, with everything that it did.
package struct ExecutedTransaction: Hashable, Sendable {
    package var receipt: TransactionReceipt
    package var cost: ExecutionCost
    package var validation: CallInfo?
    /// The call of `__execute__`, of a constructor or of an L1 handler.
    package var execution: CallInfo?
    package var feeTransfer: CallInfo?

    /// All calls in the order in which they were made.
    func calls(constructsFirst: Bool) -> [CallInfo] {
        let first = constructsFirst ? [execution, validation] : [validation, execution]
        return (first + [feeTransfer]).compactMap { $0 }
    }
}

enum Rejection: Error {
    case invalid(InvalidTransaction)
    case abort(CallAbort)
}

/// How an execution phase ended.
struct ExecutedPhase: Sendable {
    var info: CallInfo?
    var revertReason: String?
}

extension BlockExecutor {
    // MARK: - One transaction

    /// Runs a transaction, with native classes where they are sure, and else again without.
    mutating func run(
        _ prepared: PreparedTransaction, _ rules: RunRules
    ) throws(StateReadError) -> TransactionOutcome {
        context.usesNatives = true
        do throws(CallAbort) {
            return try attempt(prepared, rules)
        } catch {
            if case .state(let failure) = error { throw failure }
        }
        context.usesNatives = false
        defer { context.usesNatives = true }
        do throws(CallAbort) {
            return try attempt(prepared, rules)
        } catch {
            if case .state(let failure) = error { throw failure }
            preconditionFailure("a transaction without native classes came out with \(error)")
        }
    }

    private mutating func attempt(
        _ prepared: PreparedTransaction, _ rules: RunRules
    ) throws(CallAbort) -> TransactionOutcome {
        begin(prepared)
        let start = context.state.mark
        do throws(Rejection) {
            switch prepared.transaction {
            case .invoke(let invoke):
                return .included(try run(invoke, prepared, rules))
            case .deployAccount(let deployment):
                return .included(try run(deployment, prepared, rules))
            case .declare(let declaration):
                return .included(try run(declaration.transaction, prepared, rules))
            case .l1Handler(let message):
                return .included(try run(message, prepared))
            }
        } catch {
            context.state.revert(to: start)
            switch error {
            case .invalid(let reason): return .invalid(reason)
            case .abort(let abort): throw abort
            }
        }
    }

    mutating func begin(_ prepared: PreparedTransaction) {
        context.state.beginTransaction()
        context.transaction = TransactionInfo(prepared)
        feePoint = nil
    }

    // MARK: Terms

    /// The terms of a transaction that uses no field in vain.
    mutating func terms(
        of prepared: PreparedTransaction
    ) throws(Rejection) -> AccountTerms {
        let transaction = prepared.transaction
        let kind: VersionedConstants.TransactionKind
        var calldataCount = 0
        var codeSize = 0
        var proves = false
        let usesReserved: Bool
        switch transaction {
        case .invoke(let invoke):
            kind = .invoke
            calldataCount = invoke.calldata.count + invoke.proofFacts.count
            proves = !invoke.proofFacts.isEmpty
            usesReserved =
                !invoke.paymasterData.isEmpty || !invoke.accountDeploymentData.isEmpty
                || !invoke.proofFacts.isEmpty || invoke.nonceDataAvailabilityMode != .l1
                || invoke.feeDataAvailabilityMode != .l1
        case .deployAccount(let deployment):
            kind = .deployAccount
            calldataCount = deployment.constructorCalldata.count
            usesReserved =
                !deployment.paymasterData.isEmpty || deployment.nonceDataAvailabilityMode != .l1
                || deployment.feeDataAvailabilityMode != .l1
        case .declare(let whole):
            let declaration = whole.transaction
            kind = .declare
            codeSize = prepared.declared?.codeSize ?? 0
            usesReserved =
                !declaration.paymasterData.isEmpty
                || !declaration.accountDeploymentData.isEmpty
                || declaration.nonceDataAvailabilityMode != .l1
                || declaration.feeDataAvailabilityMode != .l1
        case .l1Handler: preconditionFailure("an L1 handler has no account")
        }
        if usesReserved { throw .invalid(.reservedFieldInUse) }
        let sender = try reading { (context) throws(CallAbort) in
            try context.contract(prepared.senderAddress)
        }
        return AccountTerms(
            kind: kind, sender: sender, senderAddress: prepared.senderAddress,
            nonce: transaction.nonce, bounds: transaction.resourceBounds,
            tip: constants.enablesTip ? transaction.tip : 0, calldataCount: calldataCount,
            signatureCount: transaction.signature.count, codeSize: codeSize, proves: proves)
    }

    mutating func reading<T>(
        _ body: (inout CallContext) throws(CallAbort) -> T
    ) throws(Rejection) -> T {
        do throws(CallAbort) {
            return try body(&context)
        } catch { throw .abort(error) }
    }

    // MARK: Phases

    /// Nonce, bounds and balance; uses the nonce up.
    mutating func preValidate(_ terms: AccountTerms, _ rules: RunRules) throws(Rejection) {
        let nonce = context.state.nonce(of: terms.sender)
        if terms.nonce != nonce, rules.wantsExactNonce || terms.nonce < nonce {
            throw .invalid(
                .wrongNonce(account: terms.senderAddress, expected: nonce, got: terms.nonce))
        }
        if rules.chargesFee {
            let minimum = FeeRules.minimum(
                terms.kind, calldataCount: terms.calldataCount,
                usesBlobs: blockContext.usesBlobs, constants)
            if let refusal = FeeRules.check(
                terms.bounds, minimum: minimum, prices: blockContext.info.gasPrices)
            {
                throw .invalid(refusal)
            }
            let maximumFee = FeeRules.maximumFee(terms.bounds, tip: terms.tip)
            let balance = try balance(of: terms.senderAddress)
            if balance.value < U256(low: maximumFee) {
                throw .invalid(.balanceTooLow(maximumFee: maximumFee, balance: balance.value))
            }
        }
        context.state.setNonce(of: terms.sender, to: terms.nonce + .one)
    }

    /// Steps that the bounds and the version allow a phase.
    private func maximumSteps(
        _ mode: ExecutionMode, _ terms: AccountTerms, _ rules: RunRules
    ) -> UInt64 {
        let limit = mode == .validate ? constants.validateSteps : constants.invokeSteps
        guard rules.chargesFee else { return limit }
        return min(limit, terms.bounds.l2Gas.maxAmount / constants.stepGas)
    }

    /// L2 gas that the whole transaction may use.
    func initialGas(_ terms: AccountTerms, _ rules: RunRules) -> UInt64 {
        rules.chargesFee
            ? terms.bounds.l2Gas.maxAmount : constants.executeGas + constants.validateGas
    }

    /// Runs the account's validation; takes what it used from `gas`.
    mutating func validate(
        _ terms: AccountTerms, _ selector: Selector, _ calldata: [Felt], _ rules: RunRules,
        gas: inout UInt64
    ) throws(Rejection) -> CallInfo? {
        guard rules.validates else { return nil }
        var limit = min(gas, constants.validateGas)
        context.begin(
            .validate, steps: maximumSteps(.validate, terms, rules), gas: limit)
        let classHash = context.state.classHash(of: terms.sender)
        let info: CallInfo
        do throws(CallAbort) {
            info = try context.run(
                EntryPointCall(
                    kind: .external, selector: selector, calldata: calldata,
                    storageAddress: terms.senderAddress, callerAddress: .zero, codeAddress: nil,
                    classHash: nil, initialGas: limit), gas: &limit)
        } catch {
            guard case .failed(let trace) = error else { throw .abort(error) }
            throw .invalid(
                .validationFailed(
                    reason: trace.inside(
                        .entryPoint(.calledContract, terms.senderAddress, classHash, selector)
                    ).text(.validation)))
        }
        let compiled = try reading { (context) throws(CallAbort) in
            try context.declaredClass(classHash)
        }
        if info.failed {
            let reason =
                compiled.isCairo1
                ? PanicSummary(of: info, .validation).description
                : "Cairo0 validate error with retdata: \(PanicText.describe(info.returnData))"
            throw .invalid(.validationFailed(reason: reason))
        }
        if compiled.isCairo1, info.returnData != [AccountReplies.valid] {
            throw .invalid(
                .validationFailed(
                    reason: "The `validate` entry point should return `VALID`. Got "
                        + "\(PanicText.describe(info.returnData))."))
        }
        gas -= min(gas, info.gasConsumed)
        return info
    }

    /// An invoke: its execution can be undone alone.
    private mutating func run(
        _ invoke: InvokeTransactionV3, _ prepared: PreparedTransaction, _ rules: RunRules
    ) throws(Rejection) -> ExecutedTransaction {
        let terms = try terms(of: prepared)
        if context.state.classHash(of: terms.sender).isZero {
            throw .invalid(.accountNotDeployed(terms.senderAddress))
        }
        try preValidate(terms, rules)
        var gas = initialGas(terms, rules)
        let validation = try validate(
            terms, EntryPointSelectors.validate, invoke.calldata, rules, gas: &gas)
        let validated = context.state.mark
        let limit = min(gas, constants.executeGas)
        let spent =
            (validation?.resources.steps ?? 0)
            + constants.resources(of: .invoke, calldata: terms.calldataCount).steps
        let allotted =
            maximumSteps(.execute, terms, rules) - min(maximumSteps(.execute, terms, rules), spent)
        context.begin(.execute, steps: allotted, gas: limit)
        let phase = try execute(invoke, terms, limit)
        return try settle(
            terms, prepared.hash, rules, validation: validation, phase, validated: validated,
            revertedSteps: allotted - min(allotted, context.stepsLeft),
            revertedGas: context.gasUsed)
    }

    private mutating func execute(
        _ invoke: InvokeTransactionV3, _ terms: AccountTerms, _ limit: UInt64
    ) throws(Rejection) -> ExecutedPhase {
        var gas = limit
        let classHash = context.state.classHash(of: terms.sender)
        do throws(CallAbort) {
            return ExecutedPhase(
                info: try context.runOrFail(
                    EntryPointCall(
                        kind: .external, selector: EntryPointSelectors.execute,
                        calldata: invoke.calldata, storageAddress: terms.senderAddress,
                        callerAddress: .zero, codeAddress: nil, classHash: nil,
                        initialGas: gas), gas: &gas))
        } catch {
            guard case .failed(let trace) = error else { throw .abort(error) }
            return ExecutedPhase(
                revertReason: trace.inside(
                    .entryPoint(
                        .calledContract, terms.senderAddress, classHash,
                        EntryPointSelectors.execute)
                ).text(.execution))
        }
    }

    private mutating func run(
        _ deployment: DeployAccountTransactionV3, _ prepared: PreparedTransaction,
        _ rules: RunRules
    ) throws(Rejection) -> ExecutedTransaction {
        let terms = try terms(of: prepared)
        try preValidate(terms, rules)
        var gas = initialGas(terms, rules)
        var limit = min(gas, constants.validateGas)
        let start = limit
        context.begin(.validate, steps: maximumSteps(.validate, terms, rules), gas: limit)
        let construction: CallInfo
        do throws(CallAbort) {
            construction = try context.deploy(
                deployment.classHash, at: terms.senderAddress,
                calldata: deployment.constructorCalldata, caller: .zero, codeAddress: nil,
                gas: &limit)
        } catch {
            guard case .failed(let trace) = error else { throw .abort(error) }
            throw .invalid(.deploymentFailed(reason: trace.text(.constructor)))
        }
        gas -= start - limit
        let validation = try validate(
            terms, EntryPointSelectors.validateDeploy,
            [deployment.classHash, deployment.contractAddressSalt]
                + deployment.constructorCalldata, rules, gas: &gas)
        return try settle(
            terms, prepared.hash, rules, validation: validation,
            ExecutedPhase(info: construction), validated: nil)
    }

    mutating func requireUndeclared(_ classHash: ClassHash) throws(Rejection) {
        let known = try reading { (context) throws(CallAbort) in
            do throws(StateReadError) {
                return try context.state.compiledClass(classHash)
            } catch { throw .state(error) }
        }
        if known != nil { throw .invalid(.alreadyDeclared(classHash)) }
    }

    private mutating func run(
        _ declaration: DeclareTransactionV3, _ prepared: PreparedTransaction, _ rules: RunRules
    ) throws(Rejection) -> ExecutedTransaction {
        let terms = try terms(of: prepared)
        guard let declared = prepared.declared else {
            throw .invalid(.classMissing(declaration.classHash))
        }
        try declared.check(declaration, constants)
        if context.state.classHash(of: terms.sender).isZero {
            throw .invalid(.accountNotDeployed(terms.senderAddress))
        }
        try preValidate(terms, rules)
        var gas = initialGas(terms, rules)
        let validation = try validate(
            terms, EntryPointSelectors.validateDeclare, [declaration.classHash], rules,
            gas: &gas)
        try requireUndeclared(declaration.classHash)
        context.state.declare(
            declaration.classHash, compiledClassHash: declaration.compiledClassHash,
            declared.compiled)
        return try settle(
            terms, prepared.hash, rules, validation: validation, ExecutedPhase(),
            validated: nil)
    }

    /// A message from L1. It pays nothing here; whatever it does, the message is consumed.
    private mutating func run(
        _ message: L1HandlerTransaction, _ prepared: PreparedTransaction
    ) throws(Rejection) -> ExecutedTransaction {
        let start = context.state.mark
        let bounds = constants.l1HandlerBounds
        var gas = bounds.l2Gas
        context.begin(.execute, steps: constants.invokeSteps, gas: gas)
        let contract = try reading { (context) throws(CallAbort) in
            try context.contract(message.contractAddress)
        }
        let classHash = context.state.classHash(of: contract)
        var phase = ExecutedPhase()
        do throws(CallAbort) {
            phase.info = try context.runOrFail(
                EntryPointCall(
                    kind: .l1Handler, selector: message.entryPointSelector,
                    calldata: message.calldata, storageAddress: message.contractAddress,
                    callerAddress: .zero, codeAddress: nil, classHash: nil, initialGas: gas),
                gas: &gas)
        } catch {
            guard case .failed(let trace) = error else { throw .abort(error) }
            phase.revertReason =
                trace.inside(
                    .entryPoint(
                        .calledContract, message.contractAddress, classHash,
                        message.entryPointSelector)
                ).text(.execution)
        }
        var usage = l1Usage(message)
        if let info = phase.info {
            usage.add(info, constants)
            usage.changes = context.state.changes(excluding: feeToken, counted: nil)
            let (total, _) = usage.gas(constants, usesBlobs: blockContext.usesBlobs)
            let excess = FeeRules.excess(
                total,
                over: ResourceBoundsMapping(
                    l1Gas: ResourceBounds(maxAmount: bounds.l1Gas, maxPricePerUnit: 0),
                    l2Gas: ResourceBounds(maxAmount: bounds.l2Gas, maxPricePerUnit: 0),
                    l1DataGas: ResourceBounds(maxAmount: bounds.l1DataGas, maxPricePerUnit: 0)))
            if let excess {
                phase = ExecutedPhase(revertReason: excess)
                usage = l1Usage(message)
            }
        }
        if phase.revertReason != nil { context.state.revert(to: start) }
        let (total, data) = usage.gas(constants, usesBlobs: blockContext.usesBlobs)
        return ExecutedTransaction(
            receipt: TransactionReceipt(
                transactionHash: prepared.hash, actualFee: 0,
                executionStatus: phase.revertReason.map { .reverted(reason: $0) } ?? .succeeded,
                events: phase.info?.sortedEvents() ?? [],
                messagesSent: phase.info?.sortedMessages() ?? [], gasConsumed: total),
            cost: ExecutionCost(computation: usage.gas, dataAvailability: data),
            execution: phase.info)
    }

    private func l1Usage(_ message: L1HandlerTransaction) -> TransactionUsage {
        // The first felt of the calldata is the sender, which the message has beside its payload.
        let payload = max(0, message.calldata.count - 1)
        var usage = TransactionUsage(kind: .l1Handler, calldataCount: payload, signatureCount: 0)
        usage.l1Payload = payload
        return usage
    }

    // MARK: The end

    /// Counts the cost, reverts what exceeds bounds or balance, and moves the fee.
    ///
    /// - Parameter validated: the state after validation, to revert to; nil for a transaction that
    ///   can't be reverted.
    private mutating func settle(
        _ terms: AccountTerms, _ hash: Felt, _ rules: RunRules, validation: CallInfo?,
        _ phase: ExecutedPhase, validated: BlockState.Mark?, revertedSteps: UInt64 = 0,
        revertedGas: UInt64 = 0
    ) throws(Rejection) -> ExecutedTransaction {
        var phase = phase
        var usage = try self.usage(terms, [validation, phase.info])
        if phase.revertReason != nil, let validated {
            context.state.revert(to: validated)
            usage = try self.usage(
                terms, [validation], revertedSteps: revertedSteps, revertedGas: revertedGas)
        }
        var (gas, data) = usage.gas(constants, usesBlobs: blockContext.usesBlobs)
        var fee = self.fee(gas, terms)
        if rules.chargesFee, let excess = try excess(gas, terms) {
            guard let validated else {
                throw .invalid(.costExceedsBounds(reason: excess.message))
            }
            if excess.isOverBounds { fee = self.fee(FeeRules.capped(gas, terms.bounds), terms) }
            if phase.revertReason == nil {
                context.state.revert(to: validated)
                phase = ExecutedPhase(revertReason: excess.message)
                usage = try self.usage(
                    terms, [validation], revertedSteps: revertedSteps, revertedGas: revertedGas)
                (gas, data) = usage.gas(constants, usesBlobs: blockContext.usesBlobs)
            }
        }
        var result = ExecutedTransaction(
            receipt: TransactionReceipt(
                transactionHash: hash, actualFee: fee,
                executionStatus: phase.revertReason.map { .reverted(reason: $0) } ?? .succeeded,
                events: [], gasConsumed: gas),
            cost: ExecutionCost(computation: usage.gas, dataAvailability: data),
            validation: validation, execution: phase.info)
        if rules.chargesFee, fee > 0 {
            result.feeTransfer = try moveFee(fee, terms, rules)
        }
        for call in result.calls(constructsFirst: terms.kind == .deployAccount) {
            result.receipt.events += call.sortedEvents()
            result.receipt.messagesSent += call.sortedMessages()
        }
        return result
    }

    private func fee(_ gas: GasVector, _ terms: AccountTerms) -> UInt128 {
        FeeRules.fee(gas, prices: blockContext.info.gasPrices, tip: terms.tip)
    }

    private mutating func usage(
        _ terms: AccountTerms, _ infos: [CallInfo?], revertedSteps: UInt64 = 0,
        revertedGas: UInt64 = 0
    ) throws(Rejection) -> TransactionUsage {
        var usage = terms.usage()
        for case .some(let info) in infos { usage.add(info, constants) }
        usage.revertedSteps = revertedSteps
        usage.revertedGas = revertedGas
        let balance = try balance(of: terms.senderAddress)
        usage.changes = context.state.changes(excluding: feeToken, counted: balance.low)
        // The fee will change the sender's balance.
        if !usage.changes.changedCounted { usage.changes.storageUpdates += 1 }
        return usage
    }

    private mutating func excess(
        _ gas: GasVector, _ terms: AccountTerms
    ) throws(Rejection) -> (message: String, isOverBounds: Bool)? {
        if let message = FeeRules.excess(gas, over: terms.bounds) { return (message, true) }
        let fee = fee(gas, terms)
        let balance = try balance(of: terms.senderAddress).value
        if balance < U256(low: fee) {
            return (
                "Insufficient fee token balance. Fee: \(fee), balance: low/high "
                    + "\(balance.low)/\(balance.high).", false
            )
        }
        return nil
    }
}

/// What accounts answer.
enum AccountReplies {
    static let valid = HashTerms.shortString("VALID")
    static let invalidSignature = HashTerms.shortString("Account: invalid signature")
}
