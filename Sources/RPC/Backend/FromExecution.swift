package import Execution
import StarkField

/// What execution says, in the words of JSON-RPC: for a backend that runs Swift's state transition.
extension RPCFailure {
    package init(_ failure: CallFailure) {
        self =
            switch failure {
            case .contractNotFound: .contractNotFound
            case .entryPointNotFound: .entryPointNotFound
            case .reverted(let reason, _): .contractError(.reason(reason))
            case .state(let error): RPCFailure(error)
            }
    }

    package init(_ failure: EstimateFailure) {
        self =
            switch failure {
            case .invalid(let index, let invalid):
                .transactionExecution(index: index, .reason(invalid.description))
            case .reverted(let index, let reason):
                .transactionExecution(index: index, .reason(reason))
            case .state(let error): RPCFailure(error)
            }
    }

    /// Of a message from L1, which is estimated alone: `CONTRACT_ERROR` has no index.
    package init(ofMessage failure: EstimateFailure) {
        self =
            switch failure {
            case .invalid(_, let invalid): .contractError(.reason(invalid.description))
            case .reverted(_, let reason): .contractError(.reason(reason))
            case .state(let error): RPCFailure(error)
            }
    }

    package init(_ error: StateReadError) { self = .unavailable("the state: \(error)") }
}

extension RPCAdmissionFailure {
    package init(_ invalid: InvalidTransaction) {
        self =
            switch invalid {
            case .wrongNonce(_, let expected, let got):
                .invalidNonce(accountNonce: expected, got: got)
            case .maximumGasTooLow, .maximumGasPriceTooLow, .costExceedsBounds:
                .insufficientResourcesForValidate
            case .balanceTooLow: .insufficientAccountBalance
            case .alreadyDeclared: .classAlreadyDeclared
            case .compiledClassHashMismatch: .compiledClassHashMismatch
            case .classTooLarge: .classTooLarge
            // The class hash is computed from the class that came with the transaction, and the
            // class is kept with it: the client can cause neither.
            case .classMissing, .classHashMismatch: .unavailable(invalid.description)
            case .reservedFieldInUse, .accountNotDeployed, .validationFailed, .deploymentFailed,
                .feeTransferFailed:
                .validationFailure(invalid.description)
            }
    }
}

extension RPCFeeEstimate {
    package init(_ estimate: FeeEstimate) {
        self.init(
            gas: estimate.gas, l1GasPrice: estimate.l1GasPrice,
            l1DataGasPrice: estimate.l1DataGasPrice, l2GasPrice: estimate.l2GasPrice,
            overallFee: estimate.overallFee, unit: estimate.isInWei ? .wei : .fri)
    }
}

extension RPCInvocation {
    /// - Parameter constants: those of the block in which the call ran.
    package init(_ info: CallInfo, _ constants: VersionedConstants) {
        let gas = info.partialGas(constants)
        var calls: [RPCInvocation] = []
        for inner in info.innerCalls { calls.append(RPCInvocation(inner, constants)) }
        let call = info.call
        let kind: CallKind =
            switch call.type {
            case .call: .call
            case .delegate: call.codeAddress == nil ? .libraryCall : .delegate
            }
        self.init(
            contractAddress: call.storageAddress, selector: call.selector,
            calldata: call.calldata, callerAddress: call.callerAddress,
            classHash: call.classHash ?? .zero, entryPointKind: call.kind, callKind: kind,
            result: info.returnData, calls: calls, events: info.events, messages: info.messages,
            l1Gas: gas.l1Gas, l2Gas: gas.l2Gas, isReverted: info.failed)
    }
}

extension RPCTransactionTrace {
    /// - Parameter constants: those of the block in which the transaction ran.
    package init(
        _ executed: ExecutedTransaction, of transaction: Transaction, diff: StateDiff,
        _ constants: VersionedConstants
    ) {
        func invocation(_ info: CallInfo?) -> RPCInvocation? {
            info.map { RPCInvocation($0, constants) }
        }
        func outcome() -> Outcome {
            if case .reverted(let reason) = executed.receipt.executionStatus {
                return .reverted(reason: reason)
            }
            guard let execution = invocation(executed.execution) else {
                preconditionFailure("a transaction succeeded without a call: \(executed)")
            }
            return .invocation(execution)
        }
        let content: Content
        switch transaction {
        case .invoke: content = .invoke(outcome())
        case .l1Handler: content = .l1Handler(outcome())
        case .declare: content = .declare
        case .deployAccount:
            guard let constructor = invocation(executed.execution) else {
                preconditionFailure("an account without a constructor's call: \(executed)")
            }
            content = .deployAccount(constructor: constructor)
        }
        self.init(
            content: content, validation: invocation(executed.validation),
            feeTransfer: invocation(executed.feeTransfer), stateDiff: diff,
            gas: executed.receipt.gasConsumed)
    }
}

extension RPCSimulation.Result {
    package init(
        _ simulated: SimulatedTransaction, of transaction: Transaction,
        _ constants: VersionedConstants
    ) {
        self.init(
            trace: RPCTransactionTrace(
                simulated.executed, of: transaction, diff: simulated.diff, constants),
            fee: RPCFeeEstimate(simulated.fee))
    }
}
