import JSONText
import Primitives
import StarkField

@testable import Execution
@testable import RPC

/// Transactions, receipts and blocks.
extension RecordedReader {
    /// Transactions that go by the decoders of submitted ones.
    static func transaction(_ value: JSONValue) -> Transaction? {
        guard value["version"] == .string("0x3") else { return nil }
        switch value["type"]?.text {
        case "INVOKE":
            if case .invoke(let invoke)? = (try? Decode.invoke(value))?.transaction {
                return .invoke(invoke)
            }
        case "DEPLOY_ACCOUNT":
            if case .deployAccount(let deploy)? = (try? Decode.deployAccount(value))?.transaction {
                return .deployAccount(deploy)
            }
        default: break
        }
        return nil
    }

    private static func finality(_ value: JSONValue?) -> RPCFinality? {
        value?.text.flatMap { RPCFinality(rawValue: $0) }
    }

    private static func execution(_ value: JSONValue, _ reason: String) -> ExecutionStatus? {
        switch value["execution_status"]?.text {
        case "SUCCEEDED": .succeeded
        case "REVERTED": .reverted(reason: value[reason]?.text ?? "")
        default: nil
        }
    }

    static func status(_ value: JSONValue) -> RPCTransactionStatus? {
        switch value["finality_status"]?.text {
        case "RECEIVED": return .received
        case "CANDIDATE": return .candidate
        default:
            guard let finality = finality(value["finality_status"]),
                let execution = execution(value, "failure_reason")
            else { return nil }
            return .executed(finality, execution)
        }
    }

    static func event(_ value: JSONValue) -> Event? {
        guard let from = felt(value["from_address"]), let keys = felts(value["keys"]),
            let data = felts(value["data"])
        else { return nil }
        return Event(fromAddress: from, keys: keys, data: data)
    }

    /// An invoke's receipt that was paid in STRK.
    static func receipt(
        _ value: JSONValue
    ) -> (
        receipt: TransactionReceipt, finality: RPCFinality,
        inclusion: RPCTransactionRecord.Inclusion?
    )? {
        guard value["type"]?.text == "INVOKE", value["actual_fee"]?["unit"]?.text == "FRI",
            let hash = felt(value["transaction_hash"]),
            let fee: UInt128 = number(value["actual_fee"]?["amount"]),
            let execution = execution(value, "revert_reason"),
            let events = list(value["events"], event),
            let messages = list(
                value["messages_sent"],
                { message -> MessageToL1? in
                    guard let from = felt(message["from_address"]),
                        let to = felt(message["to_address"]),
                        let payload = felts(message["payload"])
                    else { return nil }
                    return MessageToL1(fromAddress: from, toAddress: to, payload: payload)
                }),
            let gas = gas(value["execution_resources"]),
            let finality = finality(value["finality_status"])
        else { return nil }
        let receipt = TransactionReceipt(
            transactionHash: hash, actualFee: fee, executionStatus: execution, events: events,
            messagesSent: messages, gasConsumed: gas)
        let inclusion = value["block_number"]?.unsigned.map {
            RPCTransactionRecord.Inclusion(
                receipt: receipt, blockNumber: Height($0), blockHash: felt(value["block_hash"]),
                finality: finality)
        }
        return (receipt, finality, inclusion)
    }

    static func eventPage(_ value: JSONValue) -> (RPCEventPage, token: String?)? {
        let events = list(value["events"]) { emitted -> RPCEmittedEvent? in
            guard let event = event(emitted), let number = emitted["block_number"]?.unsigned,
                let transaction = felt(emitted["transaction_hash"]),
                let transactionIndex = emitted["transaction_index"]?.unsigned,
                let eventIndex = emitted["event_index"]?.unsigned
            else { return nil }
            return RPCEmittedEvent(
                event: event, blockNumber: Height(number), blockHash: felt(emitted["block_hash"]),
                transactionHash: transaction, transactionIndex: transactionIndex,
                eventIndex: eventIndex)
        }
        return events.map {
            (RPCEventPage(events: $0, next: nil), value["continuation_token"]?.text)
        }
    }

    private static func price(_ value: JSONValue?) -> GasPrice? {
        guard let fri: UInt128 = number(value?["price_in_fri"]),
            let wei: UInt128 = number(value?["price_in_wei"])
        else { return nil }
        return GasPrice(wei: wei, fri: fri)
    }

    private static func info(_ value: JSONValue) -> BlockInfo? {
        guard let number = value["block_number"]?.unsigned,
            let timestamp = value["timestamp"]?.unsigned,
            let sequencer = felt(value["sequencer_address"]),
            let l1Gas = price(value["l1_gas_price"]),
            let l1DataGas = price(value["l1_data_gas_price"]),
            let l2Gas = price(value["l2_gas_price"]),
            let version = value["starknet_version"]?.text.flatMap({ StarknetVersion($0) }),
            let mode = value["l1_da_mode"]?.text
        else { return nil }
        return BlockInfo(
            number: Height(number), timestamp: timestamp, sequencerAddress: sequencer,
            gasPrices: GasPrices(l1Gas: l1Gas, l1DataGas: l1DataGas, l2Gas: l2Gas),
            l1DataAvailabilityMode: mode == "BLOB" ? .blob : .calldata, starknetVersion: version)
    }

    private static func header(_ value: JSONValue) -> RPCBlockHeader? {
        guard let info = info(value) else { return nil }
        guard value["status"] != nil else {
            let none = BlockCommitments(
                transactionCommitment: .zero, eventCommitment: .zero, receiptCommitment: .zero,
                stateDiffCommitment: .zero, transactionCount: 0, eventCount: 0, stateDiffLength: 0)
            return RPCBlockHeader(
                header: BlockHeader(
                    info: info, parentHash: .zero, stateRoot: .zero, commitments: none),
                hash: .zero, finality: .preConfirmed)
        }
        guard let finality = finality(value["status"]), let hash = felt(value["block_hash"]),
            let parent = felt(value["parent_hash"]), let root = felt(value["new_root"]),
            let transactions = felt(value["transaction_commitment"]),
            let events = felt(value["event_commitment"]),
            let receipts = felt(value["receipt_commitment"]),
            let diff = felt(value["state_diff_commitment"]),
            let transactionCount = value["transaction_count"]?.unsigned,
            let eventCount = value["event_count"]?.unsigned,
            let length = value["state_diff_length"]?.unsigned
        else { return nil }
        let commitments = BlockCommitments(
            transactionCommitment: transactions, eventCommitment: events,
            receiptCommitment: receipts, stateDiffCommitment: diff,
            transactionCount: transactionCount, eventCount: eventCount, stateDiffLength: length)
        return RPCBlockHeader(
            header: BlockHeader(
                info: info, parentHash: parent, stateRoot: root, commitments: commitments),
            hash: hash, finality: finality)
    }

    /// A receipt of which only the hash is known.
    private static func receipt(hash: Felt) -> TransactionReceipt {
        TransactionReceipt(
            transactionHash: hash, actualFee: 0, executionStatus: .succeeded, events: [],
            gasConsumed: .zero)
    }

    /// A block whose transactions are all of this node's kinds.
    static func block(_ value: JSONValue) -> (RPCBlock, JSONWriter.TransactionForm)? {
        guard let header = header(value), let entries = value["transactions"]?.elements else {
            return nil
        }
        let anything = Sample.transfer(nonce: 1, hash: 1, events: 0).0
        var form = JSONWriter.TransactionForm.hashes
        var transactions: [Transaction] = []
        var receipts: [TransactionReceipt] = []
        for entry in entries {
            if let hash = felt(entry) {
                transactions.append(anything)
                receipts.append(receipt(hash: hash))
            } else if let inner = entry["transaction"], let outer = entry["receipt"] {
                guard let transaction = transaction(inner), let receipt = receipt(outer) else {
                    return nil
                }
                transactions.append(transaction)
                receipts.append(receipt.receipt)
                form = .receipts(proofFacts: inner["proof_facts"] != nil)
            } else {
                guard let transaction = transaction(entry),
                    let hash = felt(entry["transaction_hash"])
                else { return nil }
                transactions.append(transaction)
                receipts.append(receipt(hash: hash))
                form = .transactions(proofFacts: entry["proof_facts"] != nil)
            }
        }
        return (
            RPCBlock(header: header, transactions: transactions, receipts: receipts), form
        )
    }
}
