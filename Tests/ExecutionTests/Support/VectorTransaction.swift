import Execution
import Foundation
import StarkField

/// A transaction of another project's data, in the feeder's, the RPC's or a vector file's form.
struct VectorTransaction {
    enum Kind: String {
        case invoke = "INVOKE"
        case declare = "DECLARE"
        case deployAccount = "DEPLOY_ACCOUNT"
        case deploy = "DEPLOY"
        case l1Handler = "L1_HANDLER"
    }

    static let knownChains = ["SN_MAIN", "SN_SEPOLIA", "SN_INTEGRATION_SEPOLIA", "SN_GOERLI"]

    let kind: Kind
    let version: UInt64
    let fields: JSONFields

    /// Nil when the object is no transaction.
    init?(_ object: JSONFields) throws {
        var object = object
        // {"Invoke": {"V3": {...}}} and {"L1Handler": {...}}
        if object.object.count == 1, let (name, inner) = object.object.first,
            let kind = VectorTransaction.named(name), let innerFields = JSONFields(inner)
        {
            self.kind = kind
            if innerFields.object.count == 1, let (form, fields) = innerFields.object.first,
                form.hasPrefix("V"), let number = UInt64(form.dropFirst()),
                let deepest = JSONFields(fields)
            {
                version = number
                self.fields = deepest
            } else {
                version = try innerFields.has("version") ? innerFields.uint64("version") : 0
                fields = innerFields
            }
            return
        }
        if let nested = object.fields("transaction"), !object.has("version") { object = nested }
        if let type = object.string("type") {
            guard let kind = VectorTransaction.named(type) else { return nil }
            self.kind = kind
        } else if object.has("sender_address") && object.has("calldata") {
            kind = .invoke
        } else if object.has("constructor_calldata") && object.has("class_hash") {
            kind = .deployAccount
        } else {
            return nil
        }
        version = try object.has("version") ? object.uint64("version") : 3
        fields = object
    }

    private static func named(_ name: String) -> Kind? {
        switch name {
        case "INVOKE", "INVOKE_FUNCTION", "Invoke": .invoke
        case "DECLARE", "Declare": .declare
        case "DEPLOY_ACCOUNT", "DeployAccount": .deployAccount
        case "DEPLOY", "Deploy": .deploy
        case "L1_HANDLER", "L1Handler": .l1Handler
        default: nil
        }
    }

    var name: String { "\(kind.rawValue) v\(version)" }

    // MARK: Fields

    private func mode(_ name: String) throws -> DataAvailabilityMode {
        switch fields.first([name]) {
        case nil: return .l1
        case let text as String where text == "L1": return .l1
        case let text as String where text == "L2": return .l2
        default:
            let number = try fields.uint64(name)
            guard let mode = DataAvailabilityMode(rawValue: UInt8(truncatingIfNeeded: number))
            else { throw MalformedVector("\(name) is \(number)") }
            return mode
        }
    }

    private var bounds: JSONFields? { fields.fields("resource_bounds") }

    var resources: HashedResources {
        bounds?.has("L1_DATA_GAS", "l1_data_gas") == true ? .all : .withoutL1DataGas
    }

    func resourceBounds() throws -> ResourceBoundsMapping {
        func one(_ names: String...) throws -> ResourceBounds {
            guard let entry = JSONFields(bounds?.first(names)) else { return .zero }
            return ResourceBounds(
                maxAmount: try entry.uint64("max_amount"),
                maxPricePerUnit: try entry.uint128("max_price_per_unit"))
        }
        return ResourceBoundsMapping(
            l1Gas: try one("L1_GAS", "l1_gas"), l2Gas: try one("L2_GAS", "l2_gas"),
            l1DataGas: try one("L1_DATA_GAS", "l1_data_gas"))
    }

    /// The transaction as this chain's own type, for the kinds that it includes.
    func transaction() throws -> Transaction? {
        guard version == 3 else { return nil }
        switch kind {
        case .invoke: return .invoke(try invokeV3())
        case .deployAccount: return .deployAccount(try deployAccountV3())
        default: return nil
        }
    }

    private func invokeV3() throws -> InvokeTransactionV3 {
        InvokeTransactionV3(
            senderAddress: try fields.felt("sender_address"),
            calldata: try fields.felts("calldata"), signature: try fields.felts("signature"),
            nonce: try fields.felt("nonce"), resourceBounds: try resourceBounds(),
            tip: try fields.uint64("tip"), paymasterData: try fields.felts("paymaster_data"),
            accountDeploymentData: try fields.felts("account_deployment_data"),
            nonceDataAvailabilityMode: try mode("nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode("fee_data_availability_mode"),
            proofFacts: try fields.felts("proof_facts"))
    }

    private func deployAccountV3() throws -> DeployAccountTransactionV3 {
        DeployAccountTransactionV3(
            contractAddressSalt: try salt(), classHash: try fields.felt("class_hash"),
            constructorCalldata: try fields.felts("constructor_calldata"),
            signature: try fields.felts("signature"), nonce: try fields.felt("nonce"),
            resourceBounds: try resourceBounds(), tip: try fields.uint64("tip"),
            paymasterData: try fields.felts("paymaster_data"),
            nonceDataAvailabilityMode: try mode("nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode("fee_data_availability_mode"))
    }

    func salt() throws -> Felt { try fields.felt("contract_address_salt", "salt") }

    func signature() throws -> [Felt] { try fields.felts("signature") }

    /// The address that a deploy-account transaction yields, and the one that it states, if any.
    func deployedAddresses() throws -> (computed: Felt, stated: Felt?)? {
        guard kind == .deployAccount || kind == .deploy else { return nil }
        let computed = ContractAddresses.address(
            deployer: .zero, salt: try salt(), classHash: try fields.felt("class_hash"),
            constructorCalldata: try fields.felts("constructor_calldata"))
        let stated = fields.first(["contract_address", "sender_address"])
        return (computed, try stated.map { try JSONNumbers.felt($0, "address") })
    }

    // MARK: Hashes

    func hash(chainID: Felt, query: Bool = false) throws -> Felt {
        let number = HistoricTransactionHash.version(version, query: query)
        switch (kind, version) {
        case (.invoke, 3):
            return try invokeV3().hash(chainID: chainID, query: query, resources: resources)
        case (.deployAccount, 3):
            return try deployAccountV3().hash(chainID: chainID, query: query, resources: resources)
        case (.declare, 3):
            return try declareV3().hash(chainID: chainID, query: query, resources: resources)
        case (.invoke, 0):
            return HistoricTransactionHash.invokeV0(
                version: number,
                contractAddress: try fields.felt("contract_address", "sender_address"),
                selector: try fields.felt("entry_point_selector"),
                calldata: try fields.felts("calldata"), maxFee: try fields.feltOrZero("max_fee"),
                chainID: chainID)
        case (.invoke, _):
            return HistoricTransactionHash.invokeV1(
                version: number,
                senderAddress: try fields.felt("sender_address", "contract_address"),
                calldata: try fields.felts("calldata"), maxFee: try fields.felt("max_fee"),
                nonce: try fields.felt("nonce"), chainID: chainID)
        case (.deployAccount, _):
            return HistoricTransactionHash.deployAccountV1(
                version: number, contractAddressSalt: try salt(),
                classHash: try fields.felt("class_hash"),
                constructorCalldata: try fields.felts("constructor_calldata"),
                maxFee: try fields.felt("max_fee"), nonce: try fields.felt("nonce"),
                chainID: chainID)
        case (.deploy, _):
            return HistoricTransactionHash.deploy(
                version: number, contractAddress: try deployAddress(),
                constructorCalldata: try fields.felts("constructor_calldata"), chainID: chainID)
        case (.l1Handler, _):
            return try l1Handler().hash(chainID: chainID, query: query)
        case (.declare, _): return try declarePedersen(number, chainID: chainID)
        }
    }

    private func deployAddress() throws -> Felt {
        guard let addresses = try deployedAddresses() else { return .zero }
        return addresses.stated ?? addresses.computed
    }

    private func declarePedersen(_ number: Felt, chainID: Felt) throws -> Felt {
        let sender = try fields.felt("sender_address")
        let classHash = try fields.felt("class_hash")
        let maxFee = try fields.feltOrZero("max_fee")
        switch version {
        case 0:
            return HistoricTransactionHash.declareV0(
                version: number, senderAddress: sender, classHash: classHash, maxFee: maxFee,
                chainID: chainID)
        case 1:
            return HistoricTransactionHash.declareV1(
                version: number, senderAddress: sender, classHash: classHash, maxFee: maxFee,
                nonce: try fields.felt("nonce"), chainID: chainID)
        default:
            return HistoricTransactionHash.declareV2(
                version: number, senderAddress: sender, classHash: classHash,
                compiledClassHash: try fields.felt("compiled_class_hash"), maxFee: maxFee,
                nonce: try fields.felt("nonce"), chainID: chainID)
        }
    }

    func declareV3() throws -> DeclareTransactionV3 {
        DeclareTransactionV3(
            senderAddress: try fields.felt("sender_address"),
            classHash: try fields.felt("class_hash"),
            compiledClassHash: try fields.felt("compiled_class_hash"),
            signature: try signature(), nonce: try fields.felt("nonce"),
            resourceBounds: try resourceBounds(), tip: try fields.uint64("tip"),
            paymasterData: try fields.felts("paymaster_data"),
            accountDeploymentData: try fields.felts("account_deployment_data"),
            nonceDataAvailabilityMode: try mode("nonce_data_availability_mode"),
            feeDataAvailabilityMode: try mode("fee_data_availability_mode"))
    }

    func l1Handler() throws -> L1HandlerTransaction {
        L1HandlerTransaction(
            contractAddress: try fields.felt("contract_address"),
            entryPointSelector: try fields.felt("entry_point_selector"),
            calldata: try fields.felts("calldata"), nonce: try fields.feltOrZero("nonce"))
    }

    /// Hashes by the formulas before Starknet 0.8, for the kinds that existed then.
    func earlyHashes(chainID: Felt) throws -> [Felt] {
        guard version == 0 else { return [] }
        switch kind {
        case .invoke, .l1Handler:
            let address = try fields.felt("contract_address", "sender_address")
            let selector = try fields.felt("entry_point_selector")
            let calldata = try fields.felts("calldata")
            let asInvoke = HistoricTransactionHash.earlyInvoke(
                contractAddress: address, selector: selector, calldata: calldata,
                chainID: chainID)
            if kind == .invoke { return [asInvoke] }
            return [
                asInvoke,
                HistoricTransactionHash.earlyL1Handler(
                    contractAddress: address, selector: selector, calldata: calldata,
                    nonce: try fields.feltOrZero("nonce"), chainID: chainID),
            ]
        case .deploy:
            return [
                HistoricTransactionHash.earlyDeploy(
                    contractAddress: try deployAddress(),
                    constructorCalldata: try fields.felts("constructor_calldata"),
                    chainID: chainID)
            ]
        default: return []
        }
    }

    /// Whether `hash` is this transaction's on the chain, by the current formula or, for the
    /// kinds that existed then, by the earliest ones.
    func hashes(to hash: Felt, chainID: Felt) throws -> Bool {
        if try self.hash(chainID: chainID) == hash { return true }
        return try earlyHashes(chainID: chainID).contains(hash)
    }

    /// The known chain on which this transaction has this hash.
    func chain(hash: Felt) throws -> Felt? {
        for name in VectorTransaction.knownChains {
            guard let chainID = Felt(shortString: name) else { continue }
            if try hashes(to: hash, chainID: chainID) { return chainID }
        }
        return nil
    }
}
