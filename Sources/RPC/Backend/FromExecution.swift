package import Execution

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
            case .reservedFieldInUse, .accountNotDeployed, .validationFailed, .deploymentFailed,
                .feeTransferFailed:
                .validationFailure(invalid.description)
            }
    }
}

extension RPCFeeEstimate {
    package init(_ estimate: FeeEstimate) {
        self.init(
            gas: estimate.gas,
            prices: GasPrices(
                l1Gas: GasPrice(wei: 0, fri: estimate.l1GasPrice),
                l1DataGas: GasPrice(wei: 0, fri: estimate.l1DataGasPrice),
                l2Gas: GasPrice(wei: 0, fri: estimate.l2GasPrice)),
            overallFee: estimate.overallFee)
    }
}

extension RPCContractClass {
    package init(_ native: NativeClass) {
        func points(_ definitions: [NativeClass.EntryPointDefinition]) -> [RPCEntryPoint] {
            definitions.map {
                RPCEntryPoint(
                    selector: $0.selector,
                    functionIndex: UInt32(truncatingIfNeeded: $0.functionIndex)
                )
            }
        }
        self.init(
            sierraProgram: native.sierraProgram, version: NativeClass.contractClassVersion,
            constructors: points(native.constructors), externals: points(native.externals),
            abi: native.abi)
    }
}
