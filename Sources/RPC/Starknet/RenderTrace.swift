import CairoVM
import Execution
import StarkField

/// Traces and simulations as the trace document of the specification shows them.
extension JSONWriter {
    /// `FUNCTION_INVOCATION`.
    mutating func invocation(_ call: RPCInvocation) {
        object { writer in
            writer.member("contract_address", call.contractAddress)
            writer.member("entry_point_selector", call.selector)
            writer.member("calldata", call.calldata)
            writer.member("caller_address", call.callerAddress)
            writer.member("class_hash", call.classHash)
            writer.member("entry_point_type", call.entryPointKind.rawValue)
            writer.member("call_type", call.callKind.rawValue)
            writer.member("result", call.result)
            writer.array("calls") { writer in
                for inner in call.calls { writer.invocation(inner) }
            }
            writer.list("events", call.events) { writer, event in
                writer.member("order", number: event.order)
                writer.member("keys", event.keys)
                writer.member("data", event.data)
            }
            writer.array("messages") { writer in
                for message in call.messages {
                    writer.message(
                        MessageToL1(
                            fromAddress: call.contractAddress, toAddress: message.toAddress,
                            payload: message.payload), order: message.order)
                }
            }
            writer.object("execution_resources") { writer in
                writer.member("l1_gas", number: call.l1Gas)
                writer.member("l2_gas", number: call.l2Gas)
            }
            writer.member("is_reverted", call.isReverted)
        }
    }

    private mutating func member(_ name: String, _ outcome: RPCTransactionTrace.Outcome) {
        self.name(name)
        switch outcome {
        case .invocation(let call): invocation(call)
        case .reverted(let reason): object { $0.member("revert_reason", reason) }
        }
    }

    /// `TRANSACTION_TRACE`.
    mutating func trace(_ trace: RPCTransactionTrace) {
        object { writer in
            switch trace.content {
            case .invoke(let outcome):
                writer.member("type", "INVOKE")
                writer.member("execute_invocation", outcome)
            case .declare: writer.member("type", "DECLARE")
            case .deployAccount(let constructor):
                writer.member("type", "DEPLOY_ACCOUNT")
                writer.name("constructor_invocation")
                writer.invocation(constructor)
            case .l1Handler(let outcome):
                writer.member("type", "L1_HANDLER")
                writer.member("function_invocation", outcome)
            }
            for (name, call) in [
                ("validate_invocation", trace.validation),
                ("fee_transfer_invocation", trace.feeTransfer),
            ] {
                guard let call else { continue }
                writer.name(name)
                writer.invocation(call)
            }
            if let diff = trace.stateDiff { writer.object("state_diff") { $0.members(diff) } }
            writer.member("execution_resources", trace.gas)
        }
    }

    /// The answer of `starknet_traceBlockTransactions`: a list or, with initial reads, an object.
    mutating func traces(_ block: RPCBlockTraces, initialReads: Bool) {
        list("traces", initialReads, block.initialReads) { writer in
            for entry in block.traces {
                writer.object { writer in
                    writer.member("transaction_hash", entry.transactionHash)
                    writer.name("trace_root")
                    writer.trace(entry.trace)
                }
            }
        }
    }

    /// The answer of `starknet_simulateTransactions`: a list or, with initial reads, an object.
    mutating func simulation(_ simulation: RPCSimulation, initialReads: Bool) {
        list("simulated_transactions", initialReads, simulation.initialReads) { writer in
            for result in simulation.results {
                writer.object { writer in
                    writer.name("transaction_trace")
                    writer.trace(result.trace)
                    writer.name("fee_estimation")
                    writer.estimate(result.fee)
                }
            }
        }
    }

    private mutating func list(
        _ name: String, _ showsReads: Bool, _ reads: RPCInitialReads?,
        _ list: (inout JSONWriter) -> Void
    ) {
        guard showsReads else { return array(list) }
        object { writer in
            writer.array(name, list)
            writer.object("initial_reads") { writer in
                if let reads { writer.members(reads) }
            }
        }
    }

    /// `INITIAL_READS`.
    private mutating func members(_ reads: RPCInitialReads) {
        array("storage") { writer in
            for contract in reads.storage {
                for entry in contract.entries {
                    writer.object { writer in
                        writer.member("contract_address", contract.address)
                        writer.member("key", entry.key)
                        writer.member("value", entry.value)
                    }
                }
            }
        }
        list("nonces", reads.nonces) { writer, read in
            writer.member("contract_address", read.address)
            writer.member("nonce", read.nonce)
        }
        list("class_hashes", reads.classHashes) { writer, read in
            writer.member("contract_address", read.address)
            writer.member("class_hash", read.classHash)
        }
        list("declared_contracts", reads.declaredClasses) { writer, read in
            writer.member("class_hash", read.classHash)
            writer.member("is_declared", read.isDeclared)
        }
    }
}
