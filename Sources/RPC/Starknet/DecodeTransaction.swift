import CairoVM
import Execution
import JSONText
import StarkField

/// Version 3 transactions as clients send them: `BROADCASTED_INVOKE_TXN`,
/// `BROADCASTED_DEPLOY_ACCOUNT_TXN`, `BROADCASTED_DECLARE_TXN`.
extension Decode {
    /// The two version texts that are supported. Anything else of a well formed transaction is
    /// unsupportedTransactionVersion.
    private static func isQuery(_ value: JSONValue) throws(RPCError) -> Bool {
        let version = try felt(try member(value, "version"), "version")
        if version == Felt(3) { return false }
        if version == Felt(UInt128(1) << 127) + Felt(UInt128(1) << 127) + Felt(3) { return true }
        throw .unsupportedTransactionVersion
    }

    /// `BROADCASTED_TXN`, for an estimate or a simulation, where what is not supported is an invalid
    /// parameter.
    static func estimated(_ value: JSONValue) throws(RPCError) -> RPCBroadcastedTransaction {
        do {
            return try broadcasted(value)
        } catch {
            switch error {
            case .unsupportedTransactionVersion:
                throw .invalidParams("only transactions of version 3 are supported")
            case .unsupportedClassVersion, .classTooLarge: throw .invalidParams(error.message)
            default: throw error
            }
        }
    }

    private static func broadcasted(_ value: JSONValue) throws(RPCError)
        -> RPCBroadcastedTransaction
    {
        switch try member(value, "type") {
        case .string("INVOKE"): return try invoke(value)
        case .string("DEPLOY_ACCOUNT"): return try deployAccount(value)
        case .string("DECLARE"): return try declare(value)
        default: throw .invalidParams("\"type\" must be INVOKE, DEPLOY_ACCOUNT or DECLARE")
        }
    }

    static func invoke(_ value: JSONValue) throws(RPCError) -> RPCBroadcastedTransaction {
        try expectType("INVOKE", value)
        let isQuery = try isQuery(value)
        if optional(value, "proof") != nil {
            throw .unexpected("this node does not check the proof of a transaction")
        }
        var proofFacts: [Felt] = []
        if let facts = optional(value, "proof_facts") {
            proofFacts = try felts(facts, "proof_facts", maximum: Limits.proofFacts)
        }
        let invoke = InvokeTransactionV3(
            senderAddress: try felt(try member(value, "sender_address"), "sender_address"),
            calldata: try list(value, "calldata", Limits.calldata),
            signature: try list(value, "signature", Limits.signature),
            nonce: try felt(try member(value, "nonce"), "nonce"),
            resourceBounds: try resourceBounds(value),
            tip: try hex(try member(value, "tip"), "tip"),
            paymasterData: try list(value, "paymaster_data", Limits.paymasterData),
            accountDeploymentData: try list(
                value, "account_deployment_data", Limits.accountDeploymentData),
            nonceDataAvailabilityMode: try mode(value, "nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode(value, "fee_data_availability_mode"),
            proofFacts: proofFacts)
        return RPCBroadcastedTransaction(transaction: .invoke(invoke), isQuery: isQuery)
    }

    static func deployAccount(_ value: JSONValue) throws(RPCError) -> RPCBroadcastedTransaction {
        try expectType("DEPLOY_ACCOUNT", value)
        let isQuery = try isQuery(value)
        let deploy = DeployAccountTransactionV3(
            contractAddressSalt: try felt(
                try member(value, "contract_address_salt"), "contract_address_salt"),
            classHash: try felt(try member(value, "class_hash"), "class_hash"),
            constructorCalldata: try list(value, "constructor_calldata", Limits.calldata),
            signature: try list(value, "signature", Limits.signature),
            nonce: try felt(try member(value, "nonce"), "nonce"),
            resourceBounds: try resourceBounds(value),
            tip: try hex(try member(value, "tip"), "tip"),
            paymasterData: try list(value, "paymaster_data", Limits.paymasterData),
            nonceDataAvailabilityMode: try mode(value, "nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode(value, "fee_data_availability_mode"))
        return RPCBroadcastedTransaction(transaction: .deployAccount(deploy), isQuery: isQuery)
    }

    static func declare(_ value: JSONValue) throws(RPCError) -> RPCBroadcastedTransaction {
        try expectType("DECLARE", value)
        let isQuery = try isQuery(value)
        // Hashing a class is the costly part, and comes when all else is known to be well formed.
        var declare = DeclareTransactionV3(
            senderAddress: try felt(try member(value, "sender_address"), "sender_address"),
            classHash: .zero,
            compiledClassHash: try felt(
                try member(value, "compiled_class_hash"), "compiled_class_hash"),
            signature: try list(value, "signature", Limits.signature),
            nonce: try felt(try member(value, "nonce"), "nonce"),
            resourceBounds: try resourceBounds(value),
            tip: try hex(try member(value, "tip"), "tip"),
            paymasterData: try list(value, "paymaster_data", Limits.paymasterData),
            accountDeploymentData: try list(
                value, "account_deployment_data", Limits.accountDeploymentData),
            nonceDataAvailabilityMode: try mode(value, "nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode(value, "fee_data_availability_mode"))
        let sierra = try contractClass(try member(value, "contract_class"))
        declare.classHash = sierra.hash
        let packed = PackedJSON.encode(sierra.json)
        guard packed.count <= Limits.classBytes else { throw .classTooLarge }
        return RPCBroadcastedTransaction(
            transaction: .declare(
                RPCDeclaration(
                    transaction: declare, contractClass: sierra, packedClass: packed)),
            isQuery: isQuery)
    }

    /// `CONTRACT_CLASS`. Members that it does not name are left out. Throws classTooLarge and
    /// unsupportedClassVersion.
    static func contractClass(_ value: JSONValue) throws(RPCError) -> SierraClass {
        guard case .string(let version) = try member(value, "contract_class_version") else {
            throw .invalidParams("\"contract_class_version\" must be a string")
        }
        guard version == SierraClass.knownVersion else { throw .unsupportedClassVersion }
        switch optional(value, "abi") {
        case nil, .string?: break
        default: throw .invalidParams("\"abi\" must be a string")
        }
        do throws(ClassError) {
            return try SierraClass(value)
        } catch {
            if case .tooLarge = error { throw .classTooLarge }
            throw .invalidParams("\"contract_class\": \(error)")
        }
    }

    private static func expectType(_ type: String, _ value: JSONValue) throws(RPCError) {
        guard try member(value, "type") == .string(type) else {
            throw .invalidParams("\"type\" must be \(type)")
        }
    }

    private static func list(
        _ value: JSONValue, _ name: String, _ maximum: Int
    ) throws(RPCError) -> [Felt] {
        try felts(try member(value, name), name, maximum: maximum)
    }

    private static func mode(
        _ value: JSONValue, _ name: String
    ) throws(RPCError) -> DataAvailabilityMode {
        switch try member(value, name) {
        case .string("L1"): return .l1
        case .string("L2"): return .l2
        default: throw .invalidParams("\"\(name)\" must be \"L1\" or \"L2\"")
        }
    }

    private static func resourceBounds(
        _ value: JSONValue
    ) throws(RPCError) -> ResourceBoundsMapping {
        let bounds = try member(value, "resource_bounds")
        return ResourceBoundsMapping(
            l1Gas: try resource(bounds, "l1_gas"), l2Gas: try resource(bounds, "l2_gas"),
            l1DataGas: try resource(bounds, "l1_data_gas"))
    }

    private static func resource(
        _ value: JSONValue, _ name: String
    ) throws(RPCError) -> ResourceBounds {
        let resource = try member(value, name)
        return ResourceBounds(
            maxAmount: try hex(try member(resource, "max_amount"), "max_amount"),
            maxPricePerUnit: try hex(
                try member(resource, "max_price_per_unit"), "max_price_per_unit"))
    }
}
