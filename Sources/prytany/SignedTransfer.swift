import Execution
import SequencerNode
import StarkCurve
import StarkField

/// One signed STRK transfer, as a JSON-RPC call that submits it.
struct SignedTransfer: Sendable {
    let hash: Felt
    /// `starknet_addInvokeTransaction`; the id is the nonce.
    let call: String

    static let token = WellKnownContracts.strk
    private static let selector = Accounts.selector("transfer")

    init(
        sender: Felt, secret: SecretKey, receiver: Felt, amount: UInt64 = 1, nonce: UInt64,
        chain: Felt
    ) {
        let bounds = ResourceBoundsMapping(
            l1Gas: ResourceBounds(maxAmount: 10_000, maxPricePerUnit: 2_000_000_000),
            l2Gas: ResourceBounds(maxAmount: 20_000_000, maxPricePerUnit: 2_000_000_000),
            l1DataGas: ResourceBounds(maxAmount: 10_000, maxPricePerUnit: 2_000_000_000))
        let calldata: [Felt] = [
            1, WellKnownContracts.strk, Self.selector, 3, receiver, Felt(amount), 0,
        ]
        var transaction = InvokeTransactionV3(
            senderAddress: sender, calldata: calldata, signature: [], nonce: Felt(nonce),
            resourceBounds: bounds, tip: 0, paymasterData: [], accountDeploymentData: [],
            nonceDataAvailabilityMode: .l1, feeDataAvailabilityMode: .l1)
        hash = transaction.hash(chainID: chain)
        let signature = ECDSA.sign(messageHash: hash, secretKey: secret)
        transaction.signature = [signature.r, signature.s]
        func list(_ values: [Felt]) -> String {
            "[" + values.map { "\"\($0.hexString)\"" }.joined(separator: ",") + "]"
        }
        func bound(_ bound: ResourceBounds) -> String {
            "{\"max_amount\":\"0x\(String(bound.maxAmount, radix: 16))\","
                + "\"max_price_per_unit\":\"0x\(String(bound.maxPricePerUnit, radix: 16))\"}"
        }
        call = """
            {"jsonrpc":"2.0","id":\(nonce),"method":"starknet_addInvokeTransaction","params":[\
            {"type":"INVOKE","version":"0x3","sender_address":"\(sender.hexString)",\
            "calldata":\(list(calldata)),"signature":\(list(transaction.signature)),\
            "nonce":"\(Felt(nonce).hexString)","resource_bounds":{"l1_gas":\(bound(bounds.l1Gas)),\
            "l2_gas":\(bound(bounds.l2Gas)),"l1_data_gas":\(bound(bounds.l1DataGas))},\
            "tip":"0x0","paymaster_data":[],"account_deployment_data":[],\
            "nonce_data_availability_mode":"L1","fee_data_availability_mode":"L1"}]}
            """
    }
}
