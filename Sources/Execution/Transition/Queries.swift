import CairoVM
package import StarkField

/// Executions that leave no trace: each reverts what it did, so one executor can answer many. What
/// they read stays loaded, so a shell that answers strangers makes a new executor now and then.
extension BlockExecutor {
    /// L2 gas that a call outside any transaction may use.
    private static let callGas: UInt64 = 10_000_000_000

    /// `starknet_call`: runs an external entry point with caller 0 and returns its result.
    package mutating func call(
        _ contract: ContractAddress, _ selector: Selector, _ calldata: [Felt]
    ) throws(CallFailure) -> [Felt] {
        let info = try trace(
            EntryPointCall(
                kind: .external, selector: selector, calldata: calldata,
                storageAddress: contract, callerAddress: .zero, codeAddress: nil, classHash: nil,
                initialGas: Self.callGas))
        guard info.failed else { return info.returnData }
        if info.returnData == [Panic.entryPointNotFound], info.innerCalls.isEmpty {
            throw .entryPointNotFound
        }
        throw .reverted(
            reason: PanicSummary(of: info, .execution).description, data: info.returnData)
    }

    /// Runs a call outside any transaction, and undoes it.
    package mutating func trace(_ call: EntryPointCall) throws(CallFailure) -> CallInfo {
        context.state.beginTransaction()
        context.transaction = .none
        let start = context.state.mark
        defer {
            context.state.revert(to: start)
            context.usesNatives = true
        }
        for usesNatives in [true, false] {
            context.usesNatives = usesNatives
            context.state.revert(to: start)
            context.begin(.execute, steps: constants.invokeSteps, gas: call.initialGas)
            do throws(CallAbort) {
                let contract = try context.contract(call.storageAddress)
                if context.state.classHash(of: contract).isZero { break }
                var gas = call.initialGas
                return try context.run(call, gas: &gas)
            } catch {
                switch error {
                case .state(let failure): throw .state(failure)
                case .failed(let trace): throw .reverted(reason: trace.text(.none), data: [])
                case .needsCairo: continue
                }
            }
        }
        throw .contractNotFound
    }

    /// `starknet_simulateTransactions`: what transactions would do, one after the other, on a copy.
    ///
    /// - Parameters:
    ///   - skipsValidate: whether accounts are not asked.
    ///   - skipsFee: whether bounds and balances don't count, and no fee is moved.
    package func simulate(
        _ transactions: [PreparedTransaction], skipsValidate: Bool, skipsFee: Bool
    ) throws(EstimateFailure) -> [SimulatedTransaction] {
        var copy = self
        var results: [SimulatedTransaction] = []
        for (index, prepared) in transactions.enumerated() {
            let outcome: TransactionOutcome
            do throws(StateReadError) {
                outcome = try copy.run(
                    prepared,
                    RunRules(
                        wantsExactNonce: false, chargesFee: !skipsFee,
                        validates: !skipsValidate))
            } catch { throw .state(error) }
            switch outcome {
            case .invalid(let reason): throw .invalid(index: index, reason)
            case .included(let executed):
                results.append(
                    SimulatedTransaction(
                        executed: executed, diff: copy.transactionDiff(),
                        fee: estimate(executed, prepared.transaction)))
            }
        }
        return results
    }

    /// `starknet_estimateFee`: what the transactions would cost, one after the other. Bounds and
    /// balances don't count, and a nonce may lie ahead of the account's.
    package func estimateFee(
        _ transactions: [PreparedTransaction], skipsValidate: Bool
    ) throws(EstimateFailure) -> [FeeEstimate] {
        let simulated = try simulate(
            transactions, skipsValidate: skipsValidate, skipsFee: true)
        for (index, result) in simulated.enumerated() {
            if case .reverted(let reason) = result.executed.receipt.executionStatus {
                throw .reverted(index: index, reason: reason)
            }
        }
        return simulated.map(\.fee)
    }

    private func estimate(
        _ executed: ExecutedTransaction, _ transaction: Transaction
    ) -> FeeEstimate {
        let prices = blockContext.info.gasPrices
        // A message's fee is paid on L1.
        let isMessage = if case .l1Handler = transaction { true } else { false }
        func price(_ price: GasPrice) -> UInt128 { isMessage ? price.wei : price.fri }
        let gas = executed.receipt.gasConsumed
        return FeeEstimate(
            gas: gas, l1GasPrice: price(prices.l1Gas), l1DataGasPrice: price(prices.l1DataGas),
            l2GasPrice: price(prices.l2Gas),
            overallFee: isMessage
                ? FeeRules.fee(gas, wei: prices) : executed.receipt.actualFee, isInWei: isMessage)
    }

    /// What to verify of a transaction's signature before it is admitted; see
    /// `PreparedTransaction.signatureCheck`. What it reads stays at hand for `admit`.
    package mutating func signatureCheck(
        of prepared: PreparedTransaction, pendingDeployment: DeployAccountTransactionV3? = nil
    ) throws(StateReadError) -> SignatureCheck? {
        try prepared.signatureCheck(
            in: &context.state, fastPath: context.fastPath,
            pendingDeployment: pendingDeployment)
    }

    /// Whether a transaction may wait for inclusion: its nonce is not used up, and all that can be
    /// checked before its turn comes holds: bounds, balance, the account's validation.
    ///
    /// - Parameters:
    ///   - pendingDeployment: the deployment that the pool holds for the sender, which lets
    ///     transactions that follow it in.
    ///   - beforeCompilation: whether a declaration's class is still to be compiled, so that all
    ///     is checked but that.
    /// - Returns: the account's nonce, or why the transaction is refused.
    package mutating func admit(
        _ prepared: PreparedTransaction, pendingDeployment: DeployAccountTransactionV3? = nil,
        beforeCompilation: Bool = false
    ) throws(StateReadError) -> Result<Nonce, InvalidTransaction> {
        switch prepared.transaction {
        case .deployAccount: return try admitWhole(prepared)
        // Messages come from L1, not from users.
        case .l1Handler: return .failure(.reservedFieldInUse)
        case .invoke, .declare: break
        }
        for usesNatives in [true, false] {
            context.usesNatives = usesNatives
            defer { context.usesNatives = true }
            begin(prepared)
            let start = context.state.mark
            defer { context.state.revert(to: start) }
            do throws(Rejection) {
                return .success(
                    try validated(prepared, pendingDeployment, beforeCompilation))
            } catch {
                switch error {
                case .invalid(let reason): return .failure(reason)
                case .abort(.state(let failure)): throw failure
                case .abort(.needsCairo): continue
                case .abort(.failed(let trace)):
                    return .failure(.validationFailed(reason: trace.text(.validation)))
                }
            }
        }
        preconditionFailure("an admission without native classes needs Cairo")
    }

    private mutating func validated(
        _ prepared: PreparedTransaction, _ pendingDeployment: DeployAccountTransactionV3?,
        _ beforeCompilation: Bool
    ) throws(Rejection) -> Nonce {
        let terms = try terms(of: prepared)
        let nonce = context.state.nonce(of: terms.sender)
        var selector = EntryPointSelectors.validate
        var calldata: [Felt] = []
        switch prepared.transaction {
        case .invoke(let invoke): calldata = invoke.calldata
        case .declare(let declaration):
            if let declared = prepared.declared {
                try declared.check(declaration.transaction, constants)
            } else if !beforeCompilation {
                throw .invalid(.classMissing(declaration.transaction.classHash))
            }
            try requireUndeclared(declaration.transaction.classHash)
            selector = EntryPointSelectors.validateDeclare
            calldata = [declaration.transaction.classHash]
        case .deployAccount, .l1Handler: preconditionFailure("no transaction to validate")
        }
        try preValidate(terms, RunRules(wantsExactNonce: false))
        if context.state.classHash(of: terms.sender).isZero {
            try checkFollower(prepared, of: pendingDeployment)
        } else {
            let rules = RunRules()
            var gas = initialGas(terms, rules)
            _ = try validate(terms, selector, calldata, rules, gas: &gas)
        }
        return nonce
    }

    /// A deployment can run as a whole at once: it is always its account's first transaction.
    private mutating func admitWhole(
        _ prepared: PreparedTransaction
    ) throws(StateReadError) -> Result<Nonce, InvalidTransaction> {
        let outcome = try run(prepared, RunRules())
        // A run ends in the middle of its own journal: everything can still be undone.
        context.state.revertTransaction()
        switch outcome {
        case .included: return .success(.zero)
        case .invalid(let reason): return .failure(reason)
        }
    }

    /// A transaction of an account that is only about to be deployed: it can't validate itself
    /// yet. Where the class is the chain's own, the deployment names the key; of other classes the
    /// one transaction that follows the deployment is let in unseen, as Starknet's gateway does.
    private func checkFollower(
        _ prepared: PreparedTransaction, of deployment: DeployAccountTransactionV3?
    ) throws(Rejection) {
        let check: SignatureCheck?
        do throws(StateReadError) {
            var state = BlockState(base: context.state.base)
            check = try prepared.signatureCheck(
                in: &state, fastPath: context.fastPath, pendingDeployment: deployment)
        } catch { throw .abort(.state(error)) }
        guard let check else {
            if let deployment, context.fastPath[deployment.classHash] == nil,
                deployment.contractAddress() == prepared.senderAddress,
                prepared.transaction.nonce == .one
            {
                return
            }
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
                .validationFailed(reason: PanicText.describe([AccountReplies.invalidSignature])))
        }
    }
}

/// What a transaction would do if it were the next.
package struct SimulatedTransaction: Hashable, Sendable {
    package var executed: ExecutedTransaction
    package var diff: StateDiff
    package var fee: FeeEstimate
}
