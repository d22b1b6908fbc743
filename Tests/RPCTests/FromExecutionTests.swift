import Execution
import JSONText
import StarkField
import TestSupport
import Testing

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
    }

    @Test(
        "native classes are shown as the schema wants classes",
        .enabled(if: Fixtures.has("openrpc"), Comment(rawValue: Fixtures.absence(of: "openrpc"))))
    func nativeClasses() throws {
        let classes = NativeClasses.standard
        for native in [classes.account, classes.token, classes.deployer] {
            var writer = JSONWriter()
            writer.contractClass(RPCContractClass(native))
            let shown = try Harness.parse(writer.bytes)
            #expect(shown["sierra_program"]?.elements?.count == native.sierraProgram.count)
            #expect(shown["abi"] == .string(native.abi))
            for specification in OpenRPC.current {
                let complaints = specification.complaints(about: shown, of: "starknet_getClass")
                #expect(complaints.isEmpty, "\(native.name), \(specification)")
            }
        }
    }
}
