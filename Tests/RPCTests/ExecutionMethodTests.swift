import Execution
import JSONText
import Primitives
import StarkField
import Testing

@testable import RPC

/// Declarations, simulations, traces, messages and proofs beyond their schemas.
struct ExecutionMethodTests {
    private let harness = Harness()

    @Test("a declared class reaches the node with its hash and in its packed form")
    func declaration() async throws {
        let extended = Sample.declare.replacing(
            #""sierra_program":"#, with: #""sierra_program_debug_info": {}, "sierra_program":"#)
        for text in [Sample.declare, extended] {
            let answer = try await harness.result("starknet_addDeclareTransaction", "[\(text)]")
            #expect(answer["transaction_hash"] == .string("0x9001"))
            #expect(answer["class_hash"] == .string(Sample.sierra.hash.hexString))
            guard case .declare(let declaration)? = harness.backend.submitted.last else {
                Issue.record("\(harness.backend.submitted)")
                return
            }
            #expect(declaration.transaction.classHash == Sample.sierra.hash)
            #expect(declaration.transaction.compiledClassHash == Felt(0xca5))
            #expect(declaration.transaction.senderAddress == FakeBackend.account)
            #expect(declaration.transaction.nonce == Felt(8))
            #expect(declaration.contractClass.program == Sample.sierra.program)
            let unpacked = try PackedJSON.decode(declaration.packedClass)
            #expect(unpacked == (try JSONParser.parse(Array(Sample.contractClass.utf8))))
            let compiled = declaration.compiled([0xfd])
            #expect(compiled.sierra == declaration.packedClass)
            #expect(compiled.casm == [0xfd])
        }
    }

    @Test("a class without an ABI has none in its packed form, and the hash of an empty one")
    func noABI() throws {
        let value = try JSONParser.parse(Array(Sample.contractClass.utf8))
        let lacking = JSONValue.object((value.members ?? []).filter { $0.name != "abi" })
        let sierra = try Decode.contractClass(lacking)
        #expect(sierra.json == lacking)
        #expect(try Decode.contractClass(sierra.json).hash == sierra.hash)
    }

    @Test("a class that is too large for a block is refused as such")
    func largeClass() async throws {
        // Numbers that neither repeat nor are small: 33 bytes each when packed.
        let felts = (0..<33_000).map { "\"\((Felt(UInt64($0)) - Felt(1_048_576)).hexString)\"" }
        let text = Sample.declare.replacing(
            #""0xa"]"#, with: #""0xa", "# + felts.joined(separator: ",") + "]")
        #expect(try await harness.errorCode("starknet_addDeclareTransaction", "[\(text)]") == 57)
        #expect(
            try await harness.errorCode(
                "starknet_estimateFee", #"[[\#(text)], [], "latest"]"#) == -32602)
        #expect(harness.backend.submitted.isEmpty)
    }

    @Test("a body may be as large as a class, and its values more, than that of other requests")
    func largeBodies() {
        var limits = RPCLimits()
        limits.smallBodyBytes = 40
        limits.json.values = 4
        limits.largeJSON.values = 8
        func isRefused(_ body: String) -> Bool {
            if case .refused = RPCMessage.parse(Array(body.utf8), limits: limits) { return true }
            return false
        }
        #expect(!isRefused(#"[{"a":1,"b":2}]"#))
        #expect(isRefused(#"[{"a":1,"b":2,"c":3}]"#))
        #expect(!isRefused(#"[{"a":1,"b":2,"c":3}]"# + String(repeating: " ", count: 40)))
        let six = #"[{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}]"#
        #expect(!isRefused(six + String(repeating: " ", count: 40)))
        let seven = #"[{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}]"#
        #expect(isRefused(seven + String(repeating: " ", count: 40)))
    }

    @Test("simulated transactions reach the node in their order, with the flags that were sent")
    func simulation() async throws {
        let transactions = [Sample.invoke, Sample.declare, Sample.query(Sample.deployAccount)]
        let result = try await harness.result(
            "starknet_simulateTransactions",
            #"["latest", [\#(transactions.joined(separator: ","))], ["SKIP_FEE_CHARGE"]]"#)
        let results = try #require(result.elements)
        let traces = results.compactMap { $0["transaction_trace"] }
        #expect(
            traces.map { $0["type"]?.text } == ["INVOKE", "DECLARE", "DEPLOY_ACCOUNT"])
        #expect(traces.allSatisfy { $0["fee_transfer_invocation"] == nil })
        #expect(traces.allSatisfy { $0["validate_invocation"] != nil })
        #expect(results.allSatisfy { $0["fee_estimation"]?["unit"] == .string("FRI") })
        let kinds = harness.backend.simulated.map { sent in
            switch sent {
            case .invoke: 0
            case .declare: 1
            case .deployAccount: 2
            }
        }
        #expect(kinds == [0, 1, 2])
    }

    @Test("simulations and estimates take so many transactions and not one more")
    func transactionLimit() async throws {
        var limits = RPCLimits()
        limits.estimateTransactions = 2
        let harness = Harness(limits: limits)
        func list(_ count: Int) -> String {
            "[" + Array(repeating: Sample.invoke, count: count).joined(separator: ",") + "]"
        }
        for (count, isGood) in [(2, true), (3, false)] {
            let simulated = try await harness.call(
                "starknet_simulateTransactions", #"["latest", \#(list(count)), []]"#)
            let estimated = try await harness.call(
                "starknet_estimateFee", #"[\#(list(count)), [], "latest"]"#)
            #expect((simulated["result"] != nil) == isGood)
            #expect((estimated["result"] != nil) == isGood)
        }
    }

    @Test("a trace shows calls inside calls, with their order, and why a transaction reverted")
    func traces() async throws {
        let trace = try await harness.result("starknet_traceTransaction", #"["0x2001"]"#)
        let outer = try #require(trace["execute_invocation"])
        let kinds = outer["calls"]?.elements?.map { $0["call_type"]?.text }
        #expect(kinds == ["LIBRARY_CALL", "CALL"])
        let inner = outer["calls"]?.elements?.first?["calls"]?.elements?.first
        #expect(inner?["call_type"] == .string("DELEGATE"))
        #expect(outer["calls"]?.elements?.last?["is_reverted"] == .bool(true))
        #expect(outer["events"]?.elements?.first?["order"] == .number("1"))
        let message = outer["messages"]?.elements?.first
        #expect(message?["order"] == .number("0"))
        #expect(message?["from_address"] == .string(FakeBackend.token.hexString))
        #expect(message?["to_address"] == .string("0xbeef"))
        #expect(outer["execution_resources"]?["l2_gas"] == .number(String(UInt64.max)))
        let reverted = try await harness.result("starknet_traceTransaction", #"["0x2002"]"#)
        #expect(
            reverted["execute_invocation"]
                == .object([JSONMember("revert_reason", .string("Insufficient balance"))]))
        let handler = try await harness.result("starknet_traceTransaction", #"["0x1004"]"#)
        #expect(handler["type"] == .string("L1_HANDLER"))
        #expect(handler["function_invocation"]?["revert_reason"] == .string("No such handler"))
        #expect(handler["validate_invocation"] == nil)
    }

    @Test("a transaction without a trace says where it stands")
    func noTrace() async throws {
        for (hash, status) in [("0x9001", "RECEIVED"), ("0x9003", "REJECTED")] {
            let answer = try await harness.call("starknet_traceTransaction", "[\"\(hash)\"]")
            #expect(answer["error"]?["data"]?["status"] == .string(status))
        }
    }

    @Test("what was read is shown where it is asked for, and nothing where it is not known")
    func initialReads() async throws {
        func traces(_ block: Int, _ flags: String) async throws -> JSONValue {
            try await harness.result(
                "starknet_traceBlockTransactions", #"[{"block_number": \#(block)}\#(flags)]"#)
        }
        let plain = try await traces(2, "")
        #expect(plain.elements?.count == 2)
        #expect(plain.elements?.first?["transaction_hash"] == .string("0x2001"))
        #expect(plain == (try await traces(2, ", []")))
        let flagged = try await traces(2, #", ["RETURN_INITIAL_READS"]"#)
        #expect(flagged["traces"] == plain)
        #expect(flagged["initial_reads"]?["storage"]?.elements?.count == 2)
        #expect(flagged["initial_reads"]?["declared_contracts"]?.elements?.count == 2)
        let unknown = try await traces(0, #", ["RETURN_INITIAL_READS"]"#)
        #expect(unknown["initial_reads"] == .object([]))
    }

    @Test("a message from L1 is estimated as the transaction that it brings about, in wei")
    func messageFee() async throws {
        let result = try await harness.result(
            "starknet_estimateMessageFee", #"[\#(Sample.messageFromL1), "latest"]"#)
        #expect(result["unit"] == .string("WEI"))
        #expect(
            harness.backend.estimatedMessages == [
                L1HandlerTransaction(
                    contractAddress: FakeBackend.token,
                    entryPointSelector: FakeBackend.transferSelector,
                    calldata: [Felt(0xdead_beef), Felt(1), Felt(2)], nonce: .zero)
            ])
    }

    /// A deposit of ETH on Goerli, whose L1 handler is the transaction
    /// 0x374286ae28f201e61ffbc5b022cc9701208640b405ea34ea9799f97d5d2d23c there.
    @Test("a message has the hash that the core contract on L1 gives it")
    func messageHash() throws {
        func felt(_ text: String) throws -> Felt { try #require(Felt(hex: text)) }
        let message = L1HandlerTransaction(
            contractAddress: try felt(
                "0x73314940630fd6dcda0d772d4c972c4e0a9946bef9dabf4ef84eda8ef542b82"),
            entryPointSelector: try felt(
                "0x2d757788a8d8d6f21d1cd40bce38a8222d70654214e96ff95d8086e684fbee5"),
            calldata: [
                try felt("0xc3511006C04EF1d78af4C8E0e74Ec18A6E64Ff9e"),
                try felt("0x689ead7d814e51ed93644bc145f0754839b8dcb340027ce0c30953f38f55d7"),
                try felt("0x2c68af0bb140000"), .zero,
            ], nonce: Felt(775_628))
        #expect(
            message.messageHash
                == "0xc51a543ef9563ad2545342b390b67edfcddf9886aa36846cf70382362fc5fab3")
        // It never has a chance to be without a sender, and must not trap then either.
        let empty = L1HandlerTransaction(
            contractAddress: .zero, entryPointSelector: .zero, calldata: [], nonce: .zero)
        #expect(empty.messageHash.count == 66)
    }

    @Test("the messages of an L1 transaction come in their order, with why one failed")
    func messageStatuses() async throws {
        let result = try await harness.result(
            "starknet_getMessagesStatus", "[\"\(Sample.l1TransactionHash.uppercasedDigits)\"]")
        #expect(result.elements?.map { $0["transaction_hash"]?.text } == ["0x1003", "0x1004"])
        #expect(result.elements?.first?["failure_reason"] == nil)
        #expect(result.elements?.last?["failure_reason"] == .string("No such handler"))
    }

    @Test("a proof is asked for what the request names, and no more than the limit")
    func proofRequest() async throws {
        let parameters = #"""
            {"block_id": "latest", "contract_addresses": ["0x1", "0x1"], "contracts_storage_keys":
             [{"contract_address": "0x2", "storage_keys": ["0x3", "0x4"]}]}
            """#
        let result = try await harness.result("starknet_getStorageProof", parameters)
        #expect(
            harness.backend.proofRequests == [
                RPCStorageProofRequest(
                    contracts: [Felt(1), Felt(1)],
                    slots: [.init(contract: Felt(2), keys: [Felt(3), Felt(4)])])
            ])
        #expect(result["classes_proof"] == .array([]))
        let nodes = try #require(result["contracts_proof"]?["nodes"]?.elements)
        #expect(nodes.first?["node"]?["left"] == .string("0x1"))
        #expect(nodes.last?["node"]?["path"] == .string("0x5"))
        #expect(nodes.last?["node"]?["length"] == .number("3"))
        var limits = RPCLimits()
        for (limit, isGood) in [(5, true), (4, false)] {
            limits.proofKeys = limit
            let answer = try await Harness(limits: limits).call(
                "starknet_getStorageProof", parameters)
            #expect((answer["result"] != nil) == isGood)
        }
    }

    @Test("a compiled class is shown without Python, with numbers as the specification has them")
    func compiledClass() async throws {
        let result = try await harness.result("starknet_getCompiledCasm", #"["0xc1a55002"]"#)
        #expect(result["pythonic_hints"] == nil)
        let minusOne = (Felt.zero - Felt(1)).hexString
        #expect(
            result["bytecode"]
                == .array([.string("0xa0680017fff8000"), .string(minusOne), .string("0x7")]))
        #expect(result["bytecode_segment_lengths"] == .array([.number("1"), .number("2")]))
        #expect(result["prime"] == Sample.casm["prime"])
        #expect(result["compiler_version"] == .string("2.12.0"))
        #expect(result["entry_points_by_type"] != nil)
        let hint = result["hints"]?.elements?.first?.elements?.last?.elements?.first
        #expect(
            hint?["TestLessThanOrEqual"]?["lhs"]?["Immediate"]
                == .string((Felt.zero - Felt(2)).hexString))
        #expect(hint?["TestLessThanOrEqual"]?["rhs"]?["Deref"]?["offset"] == .number("6"))
        #expect(try await harness.errorCode("starknet_getCompiledCasm", #"["0xbad"]"#) == -32603)
    }

    @Test(
        "lengths of segments are kept as they are, but for that of a single one",
        arguments: [
            ("[1, [1, [1]]]", "[1,[1,[1]]]"), ("3", nil), ("null", nil), ("[-1]", "refused"),
            ("[\"1\"]", "refused"), ("{}", "refused"),
        ] as [(String, String?)])
    func segmentLengths(_ lengths: String, _ shown: String?) throws {
        let members = try #require(Sample.casm.members)
        let value = try JSONParser.parse(Array(lengths.utf8))
        let rendered = RenderedCasm(
            .object(
                members.map {
                    $0.name == "bytecode_segment_lengths" ? JSONMember($0.name, value) : $0
                }))
        guard shown != "refused" else {
            #expect(rendered == nil)
            return
        }
        let json = try #require(rendered?.json)
        let text = json["bytecode_segment_lengths"].map {
            String(decoding: $0.utf8(.compact), as: UTF8.self)
        }
        #expect(text == shown)
    }

    @Test("a block number above the newest block ends a search for events without an error")
    func eventRange() async throws {
        let beyond = try await harness.result(
            "starknet_getEvents",
            #"[{"from_block": {"block_number": 9}, "to_block": {"block_number": 99}, "#
                + #""chunk_size": 10}]"#)
        #expect(beyond["events"] == .array([]))
        let through = try await harness.result(
            "starknet_getEvents", #"[{"to_block": {"block_number": 99}, "chunk_size": 100}]"#)
        #expect(through["events"]?.elements?.count == 17)
    }

    @Test("proof facts are shown where asked for, also where there are none")
    func proofFacts() async throws {
        for (hash, facts) in [
            ("0x2001", JSONValue.array([])), ("0x2002", .array([.string("0x4d")])),
        ] {
            let plain = try await harness.result("starknet_getTransactionByHash", "[\"\(hash)\"]")
            #expect(plain["proof_facts"] == nil)
            let full = try await harness.result(
                "starknet_getTransactionByHash", #"["\#(hash)", ["INCLUDE_PROOF_FACTS"]]"#)
            #expect(full["proof_facts"] == facts)
        }
    }
}

extension String {
    /// 0x and the digits in capitals.
    fileprivate var uppercasedDigits: String { "0x" + dropFirst(2).uppercased() }
}
