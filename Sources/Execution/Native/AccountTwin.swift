import CairoVM
import StarkField
import StarkHash

/// The twin of `account.cairo`.
extension CallContext {
    private enum Selectors {
        static let isValidSignature = [
            selector("is_valid_signature"), selector("isValidSignature"),
        ]
        static let publicKey = [selector("get_public_key"), selector("getPublicKey")]
        static let supportsInterface = selector("supports_interface")
        static let ownerAdded = selector("OwnerAdded")
    }

    private enum Interfaces {
        static let storage = StorageAddresses.variable("SRC5_supported_interfaces")
        /// SRC-5 itself, SNIP-6 and SNIP-9 version 2.
        static let introspection = HashTerms.packed(
            0x03f9_18d1_7e5e_e773, 0x73b5_6385_708f_8556, 0x59a0_7f75_997f_365c,
            0xf877_4862_8532_a055)
        static let account = HashTerms.packed(
            0x02ce_ccef_7f99_4940, 0xb396_2a6c_67e0_ba4f, 0xcd37_df7d_1314_17c6,
            0x04f9_1e03_caec_c1cd)
        static let outsideExecution = HashTerms.packed(
            0x0001_d114_4bb2_1383, 0x66ff_28d8_e9ab_5745, 0x6b1d_332a_c421_9623,
            0x0c3a_6020_03c8_9872)
    }

    mutating func runAccount(_ running: inout TwinFrame) throws(TwinFailure) -> [Felt] {
        let call = running.frame.call
        var arguments = TwinArguments(call.calldata)
        switch call.selector {
        case EntryPointSelectors.validate:
            running.cost += TwinCosts.Account.validate
            for next in try calls(&arguments) {
                running.cost += TwinCosts.Account.validatePerCall
                running.cost += TwinCosts.Account.perArgument * UInt64(next.calldata.count)
            }
            return try validateTransaction(&running)
        case EntryPointSelectors.execute: return try execute(&arguments, &running)
        case EntryPointSelectors.validateDeclare:
            _ = try arguments.felt()
            try arguments.finish()
            running.cost += TwinCosts.Account.validateDeclare
            return try validateTransaction(&running)
        case EntryPointSelectors.validateDeploy:
            for _ in 0..<3 { _ = try arguments.felt() }
            try arguments.finish()
            running.cost += TwinCosts.Account.validateDeploy
            return try validateTransaction(&running)
        case Selectors.isValidSignature[0], Selectors.isValidSignature[1]:
            let hash = try arguments.felt()
            let signature = try arguments.span()
            try arguments.finish()
            running.cost += TwinCosts.Account.isValidSignature
            let key = try read(AccountStorage.publicKey, &running)
            // An invalid one may fail anywhere on the way.
            guard
                SignatureCheck(publicKey: key, messageHash: hash, signature: signature)?
                    .verify() ?? false
            else { throw .unsure }
            return [AccountReplies.valid]
        case Selectors.publicKey[0], Selectors.publicKey[1]:
            try arguments.finish()
            running.cost += TwinCosts.Account.publicKey
            return [try read(AccountStorage.publicKey, &running)]
        case Selectors.supportsInterface:
            let interface = try arguments.felt()
            try arguments.finish()
            guard interface != Interfaces.introspection else { throw .unsure }
            running.cost += TwinCosts.Account.supportsInterface
            let flag = try read(try mapEntry(Interfaces.storage, [interface]), &running)
            guard flag.isZero || flag == .one else { throw .unsure }
            if flag.isZero { running.cost += TwinCosts.Account.falseFlag }
            return [flag]
        default: throw .unsure
        }
    }

    private struct AccountCall {
        var contract: ContractAddress
        var selector: Selector
        var calldata: ArraySlice<Felt>
    }

    private func calls(
        _ arguments: inout TwinArguments
    ) throws(TwinFailure) -> [AccountCall] {
        // A call takes three felts at least.
        let count = try arguments.count(atMost: arguments.rest / 3)
        var result: [AccountCall] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            result.append(
                AccountCall(
                    contract: try arguments.address(), selector: try arguments.felt(),
                    calldata: try arguments.span()))
        }
        try arguments.finish()
        return result
    }

    private mutating func validateTransaction(
        _ running: inout TwinFrame
    ) throws(TwinFailure) -> [Felt] {
        running.frame.usage.add(.getExecutionInfo)
        let publicKey = try read(AccountStorage.publicKey, &running)
        let isValid: Bool
        if let checked = transaction.checkedSignature, checked.publicKey == publicKey {
            isValid = checked.isValid
        } else {
            isValid =
                SignatureCheck(
                    publicKey: publicKey, messageHash: transaction.hash,
                    signature: transaction.signature[...])?.verify() ?? false
        }
        guard isValid else { throw .unsure }
        return [AccountReplies.valid]
    }

    /// Runs the calls in order and returns their results: the number of calls, then of each the
    /// length and the felts.
    private mutating func execute(
        _ arguments: inout TwinArguments, _ running: inout TwinFrame
    ) throws(TwinFailure) -> [Felt] {
        let calls = try calls(&arguments)
        // A query's version takes another way through the class.
        guard running.frame.call.callerAddress.isZero, !transaction.isQuery,
            transaction.version == 3
        else { throw .unsure }
        running.cost += TwinCosts.Account.execute
        running.frame.usage.add(.getExecutionInfo)
        var results = [Felt(UInt64(calls.count))]
        for call in calls {
            running.cost += TwinCosts.Account.executePerCall
            running.cost += TwinCosts.Account.perArgument * UInt64(call.calldata.count)
            let returned = try callNatively(
                call.contract, call.selector, Array(call.calldata), &running)
            running.cost += TwinCosts.Account.perResult * UInt64(returned.count)
            results.append(Felt(UInt64(returned.count)))
            results += returned
        }
        return results
    }

    /// `call_contract`; a failure is the class's to pass on.
    private mutating func callNatively(
        _ contract: ContractAddress, _ selector: Selector, _ calldata: [Felt],
        _ running: inout TwinFrame
    ) throws(TwinFailure) -> [Felt] {
        running.frame.usage.add(.callContract)
        let outer = running.frame.call
        if mode == .validate, outer.storageAddress != contract { throw .unsure }
        if constants.blocksDirectExecuteCall, selector == EntryPointSelectors.execute {
            throw .unsure
        }
        running.hasCalled = true
        var gas = constants.initialGasOfSteps
        let info: CallInfo
        do throws(CallAbort) {
            info = try run(
                EntryPointCall(
                    kind: .external, selector: selector, calldata: calldata,
                    storageAddress: contract, callerAddress: outer.storageAddress,
                    codeAddress: contract, classHash: nil, initialGas: gas), gas: &gas)
        } catch {
            // The class's own lines belong into the trace.
            if case .failed = error { throw .unsure }
            throw .abort(error)
        }
        if info.failed { throw .unsure }
        running.frame.innerCalls.append(info)
        return info.returnData
    }

    mutating func constructAccount(_ running: inout TwinFrame) throws(TwinFailure) -> [Felt] {
        var arguments = TwinArguments(running.frame.call.calldata)
        let publicKey = try arguments.felt()
        try arguments.finish()
        guard running.frame.call.selector == EntryPointSelectors.constructor else {
            throw .unsure
        }
        running.cost += TwinCosts.Account.constructor
        try write(try mapEntry(Interfaces.storage, [Interfaces.account]), .one, &running)
        try write(AccountStorage.publicKey, publicKey, &running)
        try emitNatively(keys: [Selectors.ownerAdded, publicKey], data: [], &running)
        try write(
            try mapEntry(Interfaces.storage, [Interfaces.outsideExecution]), .one, &running)
        return []
    }
}
