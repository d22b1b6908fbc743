import Execution
import JSONText
import StarkField

/// Methods that look transactions up, and those that submit them.
extension StarknetMethods {
    func transactionByHash(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash", "response_flags"])
        let hash = try Decode.felt(reader[0], "transaction_hash")
        let proofFacts = try flags(reader[optional: 1])
        guard let record = try await backend.transaction(hash: hash) else {
            throw RPCError.transactionHashNotFound
        }
        result.transaction(record.transaction, hash: record.hash, proofFacts: proofFacts)
    }

    func transactionByBlockAndIndex(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["block_id", "index", "response_flags"])
        let id = try Decode.blockID(reader[0])
        let index = try Decode.unsigned(reader[1], "index")
        let proofFacts = try flags(reader[optional: 2])
        let block = try await backend.block(at: id)
        guard index < block.transactions.count else { throw RPCError.invalidTransactionIndex }
        result.transaction(
            block.transactions[Int(index)], hash: block.receipts[Int(index)].transactionHash,
            proofFacts: proofFacts)
    }

    /// A transaction that is only in the pool has no receipt yet.
    func transactionReceipt(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash"])
        let hash = try Decode.felt(reader[0], "transaction_hash")
        guard let record = try await backend.transaction(hash: hash),
            let inclusion = record.inclusion
        else { throw RPCError.transactionHashNotFound }
        result.receipt(
            inclusion.receipt, of: record.transaction, finality: inclusion.finality, in: inclusion)
    }

    func transactionStatus(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash"])
        let hash = try Decode.felt(reader[0], "transaction_hash")
        guard let status = try await backend.transactionStatus(hash: hash) else {
            throw RPCError.transactionHashNotFound
        }
        result.status(status)
    }

    func messagesStatus(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash"])
        let hash = try Decode.l1TransactionHash(reader[0])
        guard let statuses = try await backend.messageStatuses(l1TransactionHash: hash) else {
            throw RPCError.transactionHashNotFound
        }
        result.messageStatuses(statuses)
    }

    // MARK: - Submission

    /// Calls that each submit a transaction, in their order: all are handed over before the first
    /// verdict is awaited.
    func submit(
        _ calls: [(method: StarknetMethod, parameters: RPCParameters)]
    ) async -> [Result<[UInt8], RPCError>] {
        var results: [Result<[UInt8], RPCError>?] = []
        var transactions: [RPCNewTransaction] = []
        for call in calls {
            do {
                transactions.append(try Self.transaction(call.method, call.parameters))
                results.append(nil)
            } catch let error as RPCError {
                results.append(.failure(error))
            } catch {
                results.append(.failure(.internal("\(error)")))
            }
        }
        var verdicts = await zip(transactions, backend.submit(transactions)).makeIterator()
        return results.map { result in
            if let result { return result }
            guard let (transaction, verdict) = verdicts.next() else {
                return .failure(.internal("the node gave no verdict"))
            }
            switch verdict {
            case .failure(let failure): return .failure(RPCError(failure))
            case .success(let hash): return .success(Self.render(hash, of: transaction))
            }
        }
    }

    private static func transaction(
        _ method: StarknetMethod, _ parameters: RPCParameters
    ) throws -> RPCNewTransaction {
        let sent: RPCBroadcastedTransaction
        switch method {
        case .addDeclare:
            let reader = try ParameterReader(parameters, ["declare_transaction"])
            sent = try Decode.declare(reader[0])
        case .addDeployAccount:
            let reader = try ParameterReader(parameters, ["deploy_account_transaction"])
            sent = try Decode.deployAccount(reader[0])
        default:
            let reader = try ParameterReader(parameters, ["invoke_transaction"])
            sent = try Decode.invoke(reader[0])
        }
        if sent.isQuery { throw RPCError.unsupportedTransactionVersion }
        return sent.transaction
    }

    private static func render(_ hash: Felt, of transaction: RPCNewTransaction) -> [UInt8] {
        var result = JSONWriter()
        result.object { writer in
            writer.member("transaction_hash", hash)
            switch transaction {
            case .invoke: break
            case .deployAccount(let deploy):
                writer.member("contract_address", deploy.deployedAddress)
            case .declare(let declaration):
                writer.member("class_hash", declaration.transaction.classHash)
            }
        }
        return result.bytes
    }
}

extension StarknetMethod {
    /// Whether it submits a transaction.
    var submits: Bool { self == .addInvoke || self == .addDeclare || self == .addDeployAccount }
}
