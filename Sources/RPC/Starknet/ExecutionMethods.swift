import Execution
import JSONText
import StarkField

/// Methods that run something on a block's state.
extension StarknetMethods {
    func call(_ parameters: RPCParameters, into result: inout JSONWriter) async throws {
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

    func estimateFee(
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

    func estimateMessageFee(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["message", "block_id"])
        let message = try Decode.messageFromL1(reader[0])
        let id = try Decode.blockID(reader[1])
        result.estimate(try await backend.estimateMessageFee(of: message, at: id))
    }

    func simulate(_ parameters: RPCParameters, into result: inout JSONWriter) async throws {
        let reader = try ParameterReader(
            parameters, ["block_id", "transactions", "simulation_flags"])
        let id = try Decode.blockID(reader[0])
        let request = try Decode.array(
            reader[1], "transactions", maximum: limits.estimateTransactions)
        let flags = try Decode.simulationFlags(reader[2])
        let transactions = try request.map(Decode.estimated)
        let simulation = try await backend.simulate(transactions, flags, at: id)
        guard simulation.results.count == transactions.count else {
            throw RPCError.internal(
                "\(simulation.results.count) results of \(transactions.count) transactions")
        }
        result.simulation(simulation, initialReads: flags.contains(.returnInitialReads))
    }

    func traceTransaction(
        _ parameters: RPCParameters, into result: inout JSONWriter
    ) async throws {
        let reader = try ParameterReader(parameters, ["transaction_hash"])
        let hash = try Decode.felt(reader[0], "transaction_hash")
        switch try await backend.trace(transactionHash: hash) {
        case nil: throw RPCError.transactionHashNotFound
        case .received?: throw RPCError.noTraceAvailable(status: "RECEIVED")
        case .rejected?: throw RPCError.noTraceAvailable(status: "REJECTED")
        case .executed(let trace)?: result.trace(trace)
        }
    }

    func traceBlock(_ parameters: RPCParameters, into result: inout JSONWriter) async throws {
        let reader = try ParameterReader(parameters, ["block_id", "trace_flags"])
        let id = try Decode.includedBlockID(reader[0])
        let flags = try Decode.flags(
            reader[optional: 1], "trace_flags", known: ["RETURN_INITIAL_READS"])
        let block = try await backend.traces(at: id, initialReads: !flags.isEmpty)
        result.traces(block, initialReads: !flags.isEmpty)
    }
}
