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
            case .compiledClass: try await compiledClass(parameters, into: &result)
            case .storageProof: try await storageProof(parameters, into: &result)
            case .transactionByHash: try await transactionByHash(parameters, into: &result)
            case .transactionByBlockAndIndex:
                try await transactionByBlockAndIndex(parameters, into: &result)
            case .transactionReceipt: try await transactionReceipt(parameters, into: &result)
            case .transactionStatus: try await transactionStatus(parameters, into: &result)
            case .messagesStatus: try await messagesStatus(parameters, into: &result)
            case .call: try await call(parameters, into: &result)
            case .estimateFee: try await estimateFee(parameters, into: &result)
            case .estimateMessageFee: try await estimateMessageFee(parameters, into: &result)
            case .simulate: try await simulate(parameters, into: &result)
            case .traceTransaction: try await traceTransaction(parameters, into: &result)
            case .traceBlock: try await traceBlock(parameters, into: &result)
            case .events: try await events(parameters, into: &result)
            case .addInvoke, .addDeclare, .addDeployAccount:
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

    func flags(_ value: JSONValue?) throws(RPCError) -> Bool {
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
        result.storageValue(value.value, lastUpdate: lastUpdate)
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

    private func compiledClass(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["class_hash"])
        let hash = try Decode.felt(reader[0], "class_hash")
        let stored = try await backend.compiledClass(hash: hash)
        guard let casm = RenderedCasm(stored) else {
            throw RPCError.internal("the compiled form of class \(hash) is damaged")
        }
        result.value(casm.json)
    }

    private func storageProof(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(
            parameters,
            ["block_id", "class_hashes", "contract_addresses", "contracts_storage_keys"])
        let id = try Decode.includedBlockID(reader[0])
        let request = try Decode.storageProofRequest(
            classes: reader[optional: 1], contracts: reader[optional: 2],
            slots: reader[optional: 3], limits: limits)
        result.storageProof(try await backend.storageProof(request, at: id))
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
}
