package import StarkField

/// Executions that leave no trace: each reverts what it did, so one executor can answer many. What
/// they read stays loaded, so a shell that answers strangers makes a new executor now and then.
extension BlockExecutor {
    /// `starknet_call`: runs an external entry point with caller 0 and returns its result.
    package mutating func call(
        _ contract: ContractAddress, _ selector: Selector, _ calldata: [Felt]
    ) throws(CallFailure) -> [Felt] {
        native.state.beginTransaction()
        native.events = []
        native.transaction = .none
        native.gasLeft = GasSchedule.executeMaximum
        let start = native.state.mark
        defer {
            native.state.revert(to: start)
            native.events = []
        }
        do throws(NativeFailure) {
            return try native.enter(
                contract, selector, calldata[...], caller: .zero, kind: .external)
        } catch {
            switch error {
            case .state(let failure): throw .state(failure)
            case .uncatchable(.contractNotDeployed(contract)): throw .contractNotFound
            case .uncatchable(let failure):
                throw .reverted(reason: PanicText.describe(failure), data: [])
            case .panic([Panic.entryPointNotFound], let frames) where frames.count == 1:
                throw .entryPointNotFound
            case .panic(let data, let frames):
                throw .reverted(
                    reason: "Execution failed. Failure reason:\n"
                        + PanicText.trace(of: data, frames: frames), data: data)
            }
        }
    }

    /// `starknet_estimateFee`: what the transactions would cost, one after the other. Bounds and
    /// balances don't count, and a nonce may lie ahead of the account's.
    ///
    /// - Parameter isQuery: whether the signatures are over the query version of the hashes.
    package func estimateFee(
        _ transactions: [(transaction: Transaction, isQuery: Bool)], skipsValidate: Bool
    ) throws(EstimateFailure) -> [FeeEstimate] {
        var copy = self
        var estimates: [FeeEstimate] = []
        for (index, (transaction, isQuery)) in transactions.enumerated() {
            let prepared = PreparedTransaction(
                transaction, chainID: context.chainID, isQuery: isQuery)
            let outcome: ExecutionOutcome
            do throws(StateReadError) {
                outcome = try copy.run(
                    prepared,
                    Rules(
                        wantsExactNonce: false, chargesFee: false, validates: !skipsValidate))
            } catch { throw .state(error) }
            switch outcome {
            case .invalid(let reason): throw .invalid(index: index, reason)
            case .included(let receipt, _):
                if case .reverted(let reason) = receipt.executionStatus {
                    throw .reverted(index: index, reason: reason)
                }
                let prices = context.info.gasPrices
                estimates.append(
                    FeeEstimate(
                        gas: receipt.gasConsumed, l1GasPrice: prices.l1Gas.fri,
                        l1DataGasPrice: prices.l1DataGas.fri, l2GasPrice: prices.l2Gas.fri,
                        overallFee: receipt.actualFee))
            }
        }
        return estimates
    }

    /// What to verify of a transaction's signature before it is admitted; see
    /// `PreparedTransaction.signatureCheck`. What it reads stays at hand for `admit`.
    package mutating func signatureCheck(
        of prepared: PreparedTransaction, pendingDeployment: DeployAccountTransactionV3? = nil
    ) throws(StateReadError) -> SignatureCheck? {
        try prepared.signatureCheck(
            in: &native.state, classes: native.classes, pendingDeployment: pendingDeployment)
    }

    /// Whether a transaction may wait for inclusion: its nonce is not used up, and all that can be
    /// checked before its turn comes holds: bounds, balance, signature.
    ///
    /// - Parameter pendingDeployment: the deployment that the pool holds for the sender, which
    ///   lets transactions that follow it in.
    /// - Returns: the account's nonce, or why the transaction is refused.
    package mutating func admit(
        _ prepared: PreparedTransaction, pendingDeployment: DeployAccountTransactionV3? = nil
    ) throws(StateReadError) -> Result<Nonce, InvalidTransaction> {
        if case .deployAccount = prepared.transaction {
            return try admitDeployment(prepared)
        }
        begin(prepared)
        let start = native.state.mark
        defer { native.state.revert(to: start) }
        do throws(Rejection) {
            guard case .invoke(let invoke) = prepared.transaction else {
                preconditionFailure("a deployment among the invokes")
            }
            let terms = try open(invoke, prepared)
            let nonce = native.state.nonce(of: terms.sender)
            try preValidate(terms, Rules(wantsExactNonce: false))
            if native.state.classHash(of: terms.sender).isZero {
                try checkFollower(prepared, of: pendingDeployment)
            } else {
                _ = try validate(
                    terms, EntryPointSelectors.validate, invoke.calldata[...],
                    limit: terms.bounds.l2Gas.maxAmount)
            }
            return .success(nonce)
        } catch {
            switch error {
            case .invalid(let reason): return .failure(reason)
            case .state(let failure): throw failure
            }
        }
    }

    /// A deployment can run as a whole at once: it is always its account's first transaction.
    private mutating func admitDeployment(
        _ prepared: PreparedTransaction
    ) throws(StateReadError) -> Result<Nonce, InvalidTransaction> {
        let outcome = try run(prepared, Rules())
        // A run ends in the middle of its own journal: everything can still be undone.
        native.state.revertTransaction()
        native.events = []
        switch outcome {
        case .included: return .success(.zero)
        case .invalid(let reason): return .failure(reason)
        }
    }

    /// A transaction of an account that is only about to be deployed: it can't validate itself
    /// yet, but the deployment names its key.
    private func checkFollower(
        _ prepared: PreparedTransaction, of deployment: DeployAccountTransactionV3?
    ) throws(Rejection) {
        let check: SignatureCheck?
        do throws(StateReadError) {
            check = try prepared.signatureCheck(
                in: native.state.base, classes: native.classes, pendingDeployment: deployment)
        } catch { throw .state(error) }
        guard let check else {
            throw .invalid(.accountNotDeployed(prepared.senderAddress))
        }
        let isValid =
            if let known = prepared.signature, known.publicKey == check.publicKey {
                known.isValid
            } else {
                check.verify()
            }
        if !isValid {
            throw .invalid(
                .validationFailed(reason: PanicText.describe([AccountClass.invalidSignature])))
        }
    }
}
