import Execution
import JSONText
import Primitives
import StarkField

/// Starknet's JSON-RPC methods over a backend: arguments in, the `result` as JSON out. Inside,
/// errors of three types travel untyped; `run` is the one place that turns them into RPCError.
struct StarknetMethods: Sendable {
    let backend: any RPCBackend
    let limits: RPCLimits

    func run(
        _ method: StarknetMethod, _ parameters: RPCParameters
    ) async throws(RPCError) -> [UInt8] {
        var result = JSONWriter()
        do {
            switch method {
            case .specVersion, .chainID, .blockNumber, .blockHashAndNumber, .syncing:
                try await chain(method, parameters, into: &result)
            case .blockWithTransactionHashes, .blockWithTransactions, .blockWithReceipts:
                try await block(method, parameters, into: &result)
            case .blockTransactionCount:
                try await blockTransactionCount(parameters, into: &result)
            case .stateUpdate: try await stateUpdate(parameters, into: &result)
            case .storageAt: try await storageAt(parameters, into: &result)
            case .nonce, .classHashAt, .classAt:
                try await contract(method, parameters, into: &result)
            case .contractClass: try await contractClass(parameters, into: &result)
            case .transactionByHash: try await transactionByHash(parameters, into: &result)
            case .transactionByBlockAndIndex:
                try await transactionByBlockAndIndex(parameters, into: &result)
            case .transactionReceipt: try await transactionReceipt(parameters, into: &result)
            case .transactionStatus: try await transactionStatus(parameters, into: &result)
            case .call: try await call(parameters, into: &result)
            case .estimateFee: try await estimateFee(parameters, into: &result)
            case .events: try await events(parameters, into: &result)
            case .addInvoke, .addDeployAccount:
                return try await submit([(method, parameters)])[0].get()
            }
        } catch let error as RPCError {
            throw error
        } catch let failure as RPCFailure {
            throw RPCError(failure)
        } catch let failure as RPCAdmissionFailure {
            throw RPCError(failure)
        } catch {
            throw .internal("\(error)")
        }
        return result.bytes
    }

    private func flags(_ value: JSONValue?) throws(RPCError) -> Bool {
        try !Decode.flags(value, "response_flags", known: ["INCLUDE_PROOF_FACTS"]).isEmpty
    }

    // MARK: - Chain

    private func chain(
        _ method: StarknetMethod, _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        _ = try ParameterReader(parameters, [])
        switch method {
        case .specVersion: result.string(StarknetMethod.specification)
        case .chainID: result.felt(backend.chainID)
        case .blockNumber: result.number(try await backend.head().number.rawValue)
        case .blockHashAndNumber:
            let head = try await backend.head()
            result.object { writer in
                writer.member("block_hash", head.hash)
                writer.member("block_number", number: head.number.rawValue)
            }
        default: result.syncing(try await backend.syncing())
        }
    }

    // MARK: - Blocks

    private func block(
        _ method: StarknetMethod, _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let takesFlags = method != .blockWithTransactionHashes
        let reader = try ParameterReader(
            parameters, takesFlags ? ["block_id", "response_flags"] : ["block_id"])
        let id = try Decode.blockID(reader[0])
        let proofFacts = try flags(reader[optional: 1])
        let form: JSONWriter.TransactionForm =
            switch method {
            case .blockWithTransactions: .transactions(proofFacts: proofFacts)
            case .blockWithReceipts: .receipts(proofFacts: proofFacts)
            default: .hashes
            }
        result.block(try await backend.block(at: id), form)
    }

    private func blockTransactionCount(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let id = try Decode.blockID(try ParameterReader(parameters, ["block_id"])[0])
        if id == .preConfirmed {
            result.number(try await backend.block(at: id).transactions.count)
        } else {
            result.number(
                try await backend.header(at: id).header.commitments.transactionCount)
        }
    }

    private func stateUpdate(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["block_id", "contract_addresses"])
        let id = try Decode.blockID(reader[0])
        var contracts: Set<Felt>?
        if let addresses = reader[optional: 1] {
            contracts = Set(
                try Decode.felts(
                    addresses, "contract_addresses", maximum: limits.filterAddresses))
        }
        result.stateUpdate(try await backend.stateUpdate(at: id), only: contracts)
    }

    // MARK: - State

    private func storageAt(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(
            parameters, ["contract_address", "key", "block_id", "response_flags"])
        let contract = try Decode.felt(reader[0], "contract_address")
        let key = try Decode.felt(reader[1], "key")
        let id = try Decode.blockID(reader[2])
        let flags = try Decode.flags(
            reader[optional: 3], "response_flags", known: ["INCLUDE_LAST_UPDATE_BLOCK"])
        let value = try await backend.storage(of: contract, key: key, at: id)
        if flags.isEmpty { return result.felt(value.value) }
        guard let lastUpdate = value.lastUpdate else {
            throw RPCError.invalidParams("this node does not keep INCLUDE_LAST_UPDATE_BLOCK")
        }
        result.object { writer in
            writer.member("value", value.value)
            writer.member("last_update_block", number: lastUpdate.rawValue)
        }
    }

    private func contract(
        _ method: StarknetMethod, _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["block_id", "contract_address"])
        let id = try Decode.blockID(reader[0])
        let contract = try Decode.felt(reader[1], "contract_address")
        switch method {
        case .nonce: result.felt(try await backend.nonce(of: contract, at: id))
        case .classHashAt: result.felt(try await backend.classHash(of: contract, at: id))
        default:
            let hash = try await backend.classHash(of: contract, at: id)
            do {
                result.contractClass(try await backend.contractClass(hash: hash, at: id))
            } catch .classHashNotFound {
                // Not among this method's errors: a deployed contract's class is always known.
                throw RPCError.internal("the class \(hash) of a deployed contract is missing")
            }
        }
    }

    private func contractClass(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["block_id", "class_hash"])
        let id = try Decode.blockID(reader[0])
        let hash = try Decode.felt(reader[1], "class_hash")
        result.contractClass(try await backend.contractClass(hash: hash, at: id))
    }

    private func call(_ parameters: RPCParameters, into result: inout JSONWriter) async throws {
        let reader = try ParameterReader(parameters, ["request", "block_id"])
        let request = try reader[0]
        let contract = try Decode.felt(
            try Decode.member(request, "contract_address"), "contract_address")
        let selector = try Decode.felt(
            try Decode.member(request, "entry_point_selector"), "entry_point_selector")
        let calldata = try Decode.felts(
            try Decode.member(request, "calldata"), "calldata", maximum: Limits.calldata)
        let id = try Decode.blockID(reader[1])
        result.felts(
            try await backend.call(
                contract: contract, selector: selector, calldata: calldata, at: id))
    }

    private func estimateFee(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["request", "simulation_flags", "block_id"])
        let request = try Decode.array(
            reader[0], "request", maximum: limits.estimateTransactions)
        let transactions = try request.map(Decode.estimated)
        let flags = try Decode.flags(
            reader[1], "simulation_flags", known: ["SKIP_VALIDATE"])
        let id = try Decode.blockID(reader[2])
        let estimates = try await backend.estimateFees(
            of: transactions, skipValidate: !flags.isEmpty, at: id)
        result.array { writer in
            for estimate in estimates { writer.estimate(estimate) }
        }
    }

    private func events(_ parameters: RPCParameters, into result: inout JSONWriter) async throws {
        let request = try ParameterReader(parameters, ["filter"])[0]
        let chunk = try Decode.unsigned(
            try Decode.member(request, "chunk_size"), "chunk_size")
        guard chunk > 0 else { throw RPCError.invalidParams("\"chunk_size\" must be at least 1") }
        guard chunk <= limits.eventsPage else { throw RPCError.pageSizeTooBig }
        let filter = try Decode.eventFilter(request, limits: limits)
        var cursor: RPCEventCursor?
        if let token = Decode.optional(request, "continuation_token") {
            guard case .string(let text) = token,
                let known = EventContinuation.cursor(text, filter)
            else { throw RPCError.invalidContinuationToken }
            cursor = known
        }
        let page = try await backend.events(matching: filter, from: cursor, limit: Int(chunk))
        result.events(page, token: page.next.map { EventContinuation.token($0, filter) })
    }

    // MARK: - Transactions

    private func transactionByHash(
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

    private func transactionByBlockAndIndex(
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
    private func transactionReceipt(
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

    private func transactionStatus(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash"])
        let hash = try Decode.felt(reader[0], "transaction_hash")
        guard let status = try await backend.transactionStatus(hash: hash) else {
            throw RPCError.transactionHashNotFound
        }
        result.status(status)
    }

    // MARK: - Submission

    /// Calls that each submit a transaction, in their order: all are handed over before the first
    /// verdict is awaited.
    func submit(
        _ calls: [(method: StarknetMethod, parameters: RPCParameters)]
    ) async -> [Result<[UInt8], RPCError>] {
        var results: [Result<[UInt8], RPCError>?] = []
        var transactions: [Transaction] = []
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
    ) throws -> Transaction {
        if method == .addInvoke {
            let reader = try ParameterReader(parameters, ["invoke_transaction"])
            let sent = try Decode.invoke(reader[0])
            if sent.isQuery { throw RPCError.unsupportedTransactionVersion }
            return sent.transaction
        }
        let reader = try ParameterReader(parameters, ["deploy_account_transaction"])
        let sent = try Decode.deployAccount(reader[0])
        if sent.isQuery { throw RPCError.unsupportedTransactionVersion }
        return sent.transaction
    }

    private static func render(_ hash: Felt, of transaction: Transaction) -> [UInt8] {
        var result = JSONWriter()
        result.object { writer in
            writer.member("transaction_hash", hash)
            if case .deployAccount(let deploy) = transaction {
                writer.member("contract_address", deploy.deployedAddress)
            }
        }
        return result.bytes
    }
}

extension StarknetMethod {
    /// Whether it submits a transaction.
    var submits: Bool { self == .addInvoke || self == .addDeployAccount }
}
