import Execution
import Primitives
import StarkField
import StarkHash

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
            case .declare(let declaration): writer.members(declaration.transaction)
            case .l1Handler(let message): writer.members(message)
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
        if proofFacts { member("proof_facts", invoke.proofFacts) }
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

    /// `DECLARE_TXN_V3`.
    private mutating func members(_ declare: DeclareTransactionV3) {
        member("type", "DECLARE")
        member("version", "0x3")
        member("sender_address", declare.senderAddress)
        member("compiled_class_hash", declare.compiledClassHash)
        member("class_hash", declare.classHash)
        member("signature", declare.signature)
        member("nonce", declare.nonce)
        member("resource_bounds", declare.resourceBounds)
        member("tip", hex: declare.tip)
        member("paymaster_data", declare.paymasterData)
        member("account_deployment_data", declare.accountDeploymentData)
        member("nonce_data_availability_mode", declare.nonceDataAvailabilityMode.name)
        member("fee_data_availability_mode", declare.feeDataAvailabilityMode.name)
    }

    /// `L1_HANDLER_TXN`.
    private mutating func members(_ message: L1HandlerTransaction) {
        member("type", "L1_HANDLER")
        member("version", "0x0")
        member("nonce", message.nonce)
        member("contract_address", message.contractAddress)
        member("entry_point_selector", message.entryPointSelector)
        member("calldata", message.calldata)
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
            case .declare: writer.member("type", "DECLARE")
            case .l1Handler(let message):
                writer.member("type", "L1_HANDLER")
                writer.member("message_hash", message.messageHash)
            }
            writer.member("transaction_hash", receipt.transactionHash)
            writer.object("actual_fee") { writer in
                writer.member("amount", hex: receipt.actualFee)
                // A message's fee is paid on L1, in wei; here it is 0.
                let unit: RPCPriceUnit = if case .l1Handler = transaction { .wei } else { .fri }
                writer.member("unit", unit.rawValue)
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
            writer.member("execution_resources", receipt.gasConsumed)
        }
    }

    /// `EXECUTION_RESOURCES`.
    mutating func member(_ name: String, _ gas: GasVector) {
        object(name) { writer in
            writer.member("l1_gas", number: gas.l1Gas)
            writer.member("l1_data_gas", number: gas.l1DataGas)
            writer.member("l2_gas", number: gas.l2Gas)
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

    /// `MSG_TO_L1`, with its place in the transaction where one is given.
    mutating func message(_ message: MessageToL1, order: Int? = nil) {
        object { writer in
            if let order { writer.member("order", number: order) }
            writer.member("from_address", message.fromAddress)
            writer.member("to_address", message.toAddress)
            writer.member("payload", message.payload)
        }
    }

    /// The answer of `starknet_getMessagesStatus`.
    mutating func messageStatuses(_ statuses: [RPCMessageStatus]) {
        array { writer in
            for status in statuses {
                writer.object { writer in
                    writer.member("transaction_hash", status.transactionHash)
                    writer.member("finality_status", status.finality.rawValue)
                    writer.execution(status.execution, reasonName: "failure_reason")
                }
            }
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

extension L1HandlerTransaction {
    /// The hash under which the core contract on L1 knows the message, as 0x and 64 digits: Keccak
    /// of sender, receiver, nonce, selector and payload with its length, 32 bytes each (Starknet
    /// documentation, "L1-L2 messaging", structure and hashing of L1 to L2 messages).
    var messageHash: String {
        let payload = calldata.dropFirst()
        let terms =
            [calldata.first ?? .zero, contractAddress, nonce, entryPointSelector]
            + [Felt(UInt64(payload.count))] + payload
        let hash = Keccak256.hash(terms.flatMap(\.bigEndianBytes))
        return "0x"
            + hash.map { byte in
                let digits = String(byte, radix: 16)
                return byte < 16 ? "0" + digits : digits
            }.joined()
    }
}
