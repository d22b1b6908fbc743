import Execution
import Primitives
import StarkField

/// `TXN`, `TXN_RECEIPT` and `TXN_STATUS_RESULT` of the specification.
extension JSONWriter {
    /// `TXN`, with its hash where one is given (`TXN_WITH_HASH`).
    mutating func transaction(
        _ transaction: Transaction, hash: Felt? = nil, proofFacts: Bool = false
    ) {
        object { writer in
            if let hash { writer.member("transaction_hash", hash) }
            switch transaction {
            case .invoke(let invoke): writer.members(invoke, proofFacts: proofFacts)
            case .deployAccount(let deploy): writer.members(deploy)
            }
        }
    }

    private mutating func members(_ invoke: InvokeTransactionV3, proofFacts: Bool) {
        member("type", "INVOKE")
        member("version", "0x3")
        member("sender_address", invoke.senderAddress)
        member("calldata", invoke.calldata)
        member("signature", invoke.signature)
        member("nonce", invoke.nonce)
        member("resource_bounds", invoke.resourceBounds)
        member("tip", hex: invoke.tip)
        member("paymaster_data", invoke.paymasterData)
        member("account_deployment_data", invoke.accountDeploymentData)
        member("nonce_data_availability_mode", invoke.nonceDataAvailabilityMode.name)
        member("fee_data_availability_mode", invoke.feeDataAvailabilityMode.name)
        if proofFacts, !invoke.proofFacts.isEmpty { member("proof_facts", invoke.proofFacts) }
    }

    private mutating func members(_ deploy: DeployAccountTransactionV3) {
        member("type", "DEPLOY_ACCOUNT")
        member("version", "0x3")
        member("contract_address_salt", deploy.contractAddressSalt)
        member("class_hash", deploy.classHash)
        member("constructor_calldata", deploy.constructorCalldata)
        member("signature", deploy.signature)
        member("nonce", deploy.nonce)
        member("resource_bounds", deploy.resourceBounds)
        member("tip", hex: deploy.tip)
        member("paymaster_data", deploy.paymasterData)
        member("nonce_data_availability_mode", deploy.nonceDataAvailabilityMode.name)
        member("fee_data_availability_mode", deploy.feeDataAvailabilityMode.name)
    }

    private mutating func member(_ name: String, _ bounds: ResourceBoundsMapping) {
        object(name) { writer in
            writer.member("l1_gas", bounds.l1Gas)
            writer.member("l1_data_gas", bounds.l1DataGas)
            writer.member("l2_gas", bounds.l2Gas)
        }
    }

    private mutating func member(_ name: String, _ bounds: ResourceBounds) {
        object(name) { writer in
            writer.member("max_amount", hex: bounds.maxAmount)
            writer.member("max_price_per_unit", hex: bounds.maxPricePerUnit)
        }
    }

    /// `TXN_RECEIPT`, with its block where one is given (`TXN_RECEIPT_WITH_BLOCK_INFO`).
    mutating func receipt(
        _ receipt: TransactionReceipt, of transaction: Transaction, finality: RPCFinality,
        in inclusion: RPCTransactionRecord.Inclusion? = nil
    ) {
        object { writer in
            switch transaction {
            case .invoke: writer.member("type", "INVOKE")
            case .deployAccount(let deploy):
                writer.member("type", "DEPLOY_ACCOUNT")
                writer.member("contract_address", deploy.deployedAddress)
            }
            writer.member("transaction_hash", receipt.transactionHash)
            writer.object("actual_fee") { writer in
                writer.member("amount", hex: receipt.actualFee)
                writer.member("unit", "FRI")
            }
            writer.execution(receipt.executionStatus, reasonName: "revert_reason")
            writer.member("finality_status", finality.rawValue)
            if let inclusion {
                if let hash = inclusion.blockHash { writer.member("block_hash", hash) }
                writer.member("block_number", number: inclusion.blockNumber.rawValue)
            }
            writer.array("messages_sent") { writer in
                for message in receipt.messagesSent { writer.message(message) }
            }
            writer.array("events") { writer in
                for event in receipt.events {
                    writer.object { $0.members(event) }
                }
            }
            writer.object("execution_resources") { writer in
                writer.member("l1_gas", number: receipt.gasConsumed.l1Gas)
                writer.member("l1_data_gas", number: receipt.gasConsumed.l1DataGas)
                writer.member("l2_gas", number: receipt.gasConsumed.l2Gas)
            }
        }
    }

    private mutating func execution(_ status: ExecutionStatus, reasonName: String) {
        switch status {
        case .succeeded: member("execution_status", "SUCCEEDED")
        case .reverted(let reason):
            member("execution_status", "REVERTED")
            member(reasonName, reason)
        }
    }

    private mutating func message(_ message: MessageToL1) {
        object { writer in
            writer.member("from_address", message.fromAddress)
            writer.member("to_address", message.toAddress)
            writer.member("payload", message.payload)
        }
    }

    /// `EVENT`.
    mutating func members(_ event: Event) {
        member("from_address", event.fromAddress)
        member("keys", event.keys)
        member("data", event.data)
    }

    mutating func status(_ status: RPCTransactionStatus) {
        object { writer in
            switch status {
            case .received: writer.member("finality_status", "RECEIVED")
            case .candidate: writer.member("finality_status", "CANDIDATE")
            case .executed(let finality, let execution):
                writer.member("finality_status", finality.rawValue)
                writer.execution(execution, reasonName: "failure_reason")
            }
        }
    }
}

extension DataAvailabilityMode {
    fileprivate var name: String {
        switch self {
        case .l1: "L1"
        case .l2: "L2"
        }
    }
}

extension DeployAccountTransactionV3 {
    /// Where the account lives.
    var deployedAddress: ContractAddress {
        ContractAddresses.address(
            deployer: .zero, salt: contractAddressSalt, classHash: classHash,
            constructorCalldata: constructorCalldata)
    }
}
