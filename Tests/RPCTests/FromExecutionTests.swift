import CairoVM
import JSONText
import StarkField
import Testing

@testable import Execution
@testable import RPC

struct FromExecutionTests {
    private func code(_ invalid: InvalidTransaction) -> Int {
        RPCError(RPCAdmissionFailure(invalid)).code
    }

    @Test("reasons of execution get the specification's codes")
    func admission() {
        #expect(code(.wrongNonce(account: Felt(1), expected: Felt(2), got: Felt(1))) == 52)
        #expect(code(.maximumGasTooLow(.l2Gas, maximum: 1, minimal: 2)) == 53)
        #expect(code(.maximumGasPriceTooLow(.l1Gas, maximum: 1, actual: 2)) == 53)
        #expect(code(.costExceedsBounds(reason: "too much")) == 53)
        #expect(code(.validationFailed(reason: "bad signature")) == 55)
        #expect(code(.deploymentFailed(reason: "no class")) == 55)
        #expect(code(.accountNotDeployed(Felt(1))) == 55)
        #expect(code(.reservedFieldInUse) == 55)
        #expect(code(.feeTransferFailed) == 55)
    }

    @Test("failed calls and estimates carry their reason")
    func failures() {
        #expect(RPCError(RPCFailure(CallFailure.contractNotFound)).code == 20)
        #expect(RPCError(RPCFailure(CallFailure.entryPointNotFound)).code == 21)
        let reverted = RPCError(RPCFailure(CallFailure.reverted(reason: "why", data: [])))
        #expect(reverted.code == 40)
        #expect(reverted.data?["revert_error"] == .string("why"))
        let estimate = RPCError(RPCFailure(EstimateFailure.reverted(index: 2, reason: "why")))
        #expect(estimate.code == 41)
        #expect(estimate.data?["transaction_index"] == .number("2"))
        #expect(RPCError(RPCFailure(EstimateFailure.state(.corrupt))).code == -32603)
        let message = RPCError(RPCFailure(ofMessage: .reverted(index: 0, reason: "why")))
        #expect(message.code == 40)
        #expect(message.data?["revert_error"] == .string("why"))
        #expect(RPCError(RPCFailure(ofMessage: .invalid(index: 0, .feeTransferFailed))).code == 40)
        #expect(RPCError(RPCFailure(ofMessage: .state(.corrupt))).code == -32603)
    }

    @Test("declarations that can't be in a block get their own codes")
    func declarations() {
        #expect(code(.alreadyDeclared(Felt(1))) == 51)
        #expect(code(.compiledClassHashMismatch(signed: Felt(1), computed: Felt(2))) == 60)
        #expect(code(.classTooLarge(bytecode: 2, limit: 1)) == 57)
        #expect(code(.classHashMismatch(signed: Felt(1), computed: Felt(2))) == 63)
        #expect(code(.classMissing(Felt(1))) == 63)
    }

    // MARK: - Traces

    private static func call(
        _ type: CallType = .call, code: Felt? = nil, kind: CasmClass.EntryPointKind = .external
    ) -> EntryPointCall {
        EntryPointCall(
            kind: kind, selector: Felt(3), calldata: [Felt(4)], storageAddress: Felt(1),
            callerAddress: Felt(2), codeAddress: code, classHash: Felt(5), type: type,
            initialGas: 100)
    }

    @Test("calls keep their kind, their place and what they did")
    func invocations() {
        var root = CallInfo(call: Self.call(kind: .constructor), tracked: .sierraGas)
        root.returnData = [Felt(6)]
        root.gasConsumed = 7000
        root.innerCalls = [
            CallInfo(call: Self.call(.delegate), failed: true, tracked: .sierraGas),
            CallInfo(call: Self.call(.delegate, code: Felt(9)), tracked: .cairoSteps),
            CallInfo(call: Self.call(.call, code: Felt(1)), tracked: .cairoSteps),
        ]
        root.events = [OrderedEvent(order: 2, keys: [], data: [])]
        root.messages = [OrderedMessage(order: 1, toAddress: Felt(8), payload: [Felt(1)])]
        let shown = RPCInvocation(root, .standard)
        #expect(shown.calls.map(\.callKind) == [.libraryCall, .delegate, .call])
        #expect(shown.calls.map(\.isReverted) == [true, false, false])
        #expect(shown.callKind == .call)
        #expect(shown.entryPointKind == .constructor)
        #expect(shown.contractAddress == Felt(1))
        #expect(shown.callerAddress == Felt(2))
        #expect(shown.selector == Felt(3))
        #expect(shown.calldata == [Felt(4)])
        #expect(shown.classHash == Felt(5))
        #expect(shown.result == [Felt(6)])
        #expect(shown.events == root.events)
        #expect(shown.messages == root.messages)
        #expect(shown.l2Gas == 7000)
    }

    @Test("a call's gas is that of its steps, its gas, its events and its messages")
    func callGas() {
        let constants = VersionedConstants.standard
        var info = CallInfo(call: Self.call(), tracked: .cairoSteps)
        #expect(info.partialGas(constants) == .zero)
        // 400 steps and no builtin: 100 L2 gas each.
        info.resources = ExecutionResources(steps: 400)
        #expect(info.partialGas(constants) == GasVector(l2Gas: 40_000))
        info.gasConsumed = 11
        #expect(info.partialGas(constants) == GasVector(l2Gas: 40_011))
        // A key counts as two felts, a felt is 5120 L2 gas.
        info.events = [OrderedEvent(order: 0, keys: [Felt(1)], data: [Felt(2)])]
        #expect(info.partialGas(constants) == GasVector(l2Gas: 40_011 + 3 * 5120))
        info.messages = [OrderedMessage(order: 0, toAddress: Felt(8), payload: [Felt(1), Felt(2)])]
        let gas = info.partialGas(constants)
        #expect(gas.l2Gas == 40_011 + 3 * 5120)
        // Five words of output, a message's storage, and a log of three topics and four words.
        #expect(gas.l1Gas == 5 * 1124 + 20_000 + 375 + 3 * 375 + 4 * 256)
    }

    private func receipt(_ status: ExecutionStatus = .succeeded) -> TransactionReceipt {
        TransactionReceipt(
            transactionHash: Felt(1), actualFee: 5, executionStatus: status, events: [],
            gasConsumed: GasVector(l1Gas: 1, l1DataGas: 2, l2Gas: 3))
    }

    @Test("each kind of transaction has its own kind of trace")
    func traces() {
        let info = CallInfo(call: Self.call(), tracked: .sierraGas)
        let shown = RPCInvocation(info, .standard)
        var executed = ExecutedTransaction(
            receipt: receipt(),
            cost: ExecutionCost(computation: 0, dataAvailability: .zero), validation: info,
            execution: info, feeTransfer: info)
        let diff = StateDiff(nonces: [NonceUpdate(address: Felt(1), nonce: Felt(2))])
        func trace(_ transaction: (Transaction, TransactionReceipt)) -> RPCTransactionTrace {
            RPCTransactionTrace(executed, of: transaction.0, diff: diff, .standard)
        }
        let invoke = Sample.transfer(nonce: 1, hash: 1, events: 0)
        #expect(
            trace(invoke)
                == RPCTransactionTrace(
                    content: .invoke(.invocation(shown)), validation: shown, feeTransfer: shown,
                    stateDiff: diff, gas: GasVector(l1Gas: 1, l1DataGas: 2, l2Gas: 3)))
        #expect(trace(Sample.message(hash: 1)).content == .l1Handler(.invocation(shown)))
        #expect(
            trace(Sample.deployment(hash: 1)).content == .deployAccount(constructor: shown))
        executed.execution = nil
        executed.validation = nil
        #expect(trace(Sample.declaration(hash: 1)).content == .declare)
        #expect(trace(Sample.declaration(hash: 1)).validation == nil)
        executed.receipt = receipt(.reverted(reason: "why"))
        #expect(trace(invoke).content == .invoke(.reverted(reason: "why")))
        #expect(trace(Sample.message(hash: 1)).content == .l1Handler(.reverted(reason: "why")))
    }

    @Test("an estimate is in the unit of its fee")
    func estimates() {
        var estimate = FeeEstimate(
            gas: GasVector(l1Gas: 1), l1GasPrice: 2, l1DataGasPrice: 3, l2GasPrice: 4,
            overallFee: 5)
        #expect(RPCFeeEstimate(estimate).unit == .fri)
        estimate.isInWei = true
        #expect(
            RPCFeeEstimate(estimate)
                == RPCFeeEstimate(
                    gas: GasVector(l1Gas: 1), l1GasPrice: 2, l1DataGasPrice: 3, l2GasPrice: 4,
                    overallFee: 5, unit: .wei))
    }
}
