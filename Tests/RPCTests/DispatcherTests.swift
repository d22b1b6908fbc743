import Execution
import JSONText
import Primitives
import StarkField
import Testing

@testable import RPC

struct DispatcherTests {
    private let harness = Harness()

    private func code(_ answer: JSONValue?) -> Int? {
        guard case .number(let digits)? = answer?["error"]?["code"] else { return nil }
        return Int(digits)
    }

    // MARK: - JSON-RPC 2.0

    @Test(
        "ids come back as they were sent", arguments: ["1", "-0.0", "1e400", #""x\u0041""#, "null"])
    func ids(_ id: String) async throws {
        let answer = try await harness.send(
            Harness.request("starknet_chainId", "[]", id: id))
        #expect(answer?["id"] == (try JSONParser.parse(Array(id.utf8))))
        #expect(answer?["jsonrpc"] == .string("2.0"))
        #expect(answer?["result"] == .string("0x50525954414e59"))
        #expect(answer?["error"] == nil)
    }

    @Test("a call without an id is run and not answered")
    func notification() async throws {
        let text = #"{"jsonrpc":"2.0","method":"starknet_addInvokeTransaction","params":["#
        #expect(try await harness.send(text + Sample.invoke + "]}") == nil)
        #expect(harness.backend.submitted.count == 1)
        #expect(try await harness.send(#"[{"jsonrpc":"2.0","method":"no"}]"#) == nil)
    }

    static let invalidBodies: [(String, Int)] = [
        ("", -32700), ("{", -32700), ("[", -32700), (#"{"jsonrpc":"2.0" "id":1}"#, -32700),
        ("[]", -32600), ("1", -32600), ("\"a\"", -32600), ("{}", -32600), ("null", -32600),
        (#"{"method":"starknet_chainId","id":1}"#, -32600),
        (#"{"jsonrpc":"1.0","method":"starknet_chainId","id":1}"#, -32600),
        (#"{"jsonrpc":2.0,"method":"starknet_chainId","id":1}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1}"#, -32600), (#"{"jsonrpc":"2.0","method":1,"id":1}"#, -32600),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","id":[]}"#, -32600),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","id":true}"#, -32600),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","params":"a","id":1}"#, -32600),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","params":null,"id":1}"#, -32600),
        (#"{"jsonrpc":"2.0","method":"chainId","id":1}"#, -32601),
        (#"{"jsonrpc":"2.0","method":"","id":1}"#, -32601),
        (#"{"jsonrpc":"2.0","method":"starknet_unsubscribe","id":1}"#, -32601),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","params":[1],"id":1}"#, -32602),
        (#"{"jsonrpc":"2.0","method":"starknet_chainId","params":{"a":1},"id":1}"#, -32602),
    ]

    @Test("what is no valid call gets JSON-RPC's code", arguments: invalidBodies)
    func invalid(_ body: String, _ wanted: Int) async throws {
        let answer = try await harness.send(body)
        #expect(code(answer) == wanted)
        #expect(answer?["id"] != nil)
    }

    @Test("a method of the specification that is not offered is refused with the reason")
    func notOffered() async throws {
        let answer = try await harness.call("starknet_subscribeNewHeads")
        #expect(answer["error"]?["message"]?.text?.contains("subscriptions") == true)
        #expect(code(try await harness.call("starknet_getFoo")) == -32601)
    }

    @Test("a batch is answered in its order, broken calls one by one, notifications not at all")
    func batch() async throws {
        let answer = try await harness.send(
            """
            [\(Harness.request("starknet_chainId", "[]", id: "7")), 5,
             {"jsonrpc":"2.0","method":"starknet_chainId"},
             \(Harness.request("starknet_blockNumber", "{}", id: "\"b\""))]
            """)
        let answers = try #require(answer?.elements)
        #expect(answers.count == 3)
        #expect(answers[0]["id"] == .number("7"))
        #expect(code(answers[1]) == -32600)
        #expect(answers[1]["id"] == .null)
        #expect(answers[2]["result"] == .number("3"))
    }

    @Test("a batch holds as many calls as the limit says, and not one more")
    func batchLimit() async throws {
        var limits = RPCLimits()
        limits.batchCalls = 3
        let harness = Harness(limits: limits)
        let call = Harness.request("starknet_chainId", "[]")
        func batch(_ count: Int) -> String {
            "[" + Array(repeating: call, count: count).joined(separator: ",") + "]"
        }
        #expect(try await harness.send(batch(3))?.elements?.count == 3)
        #expect(code(try await harness.send(batch(4))) == -32600)
    }

    @Test("a batch whose answers pass the limit is answered with errors from there on")
    func batchAnswerLimit() async throws {
        var limits = RPCLimits()
        limits.batchAnswerBytes = 2000
        let harness = Harness(limits: limits)
        let call = Harness.request("starknet_getBlockWithReceipts", #"["latest"]"#)
        let answers = try #require(
            try await harness.send("[\(call),\(call),\(call)]")?.elements)
        #expect(answers.map { code($0) } == [nil, -32005, -32005])
    }

    @Test("a message whose time is up is answered with an error per call")
    func timeout() throws {
        let dispatcher = harness.dispatcher
        let call = Harness.request("starknet_chainId", "[]", id: "4")
        let single = dispatcher.timeoutAnswer(dispatcher.parse(Array(call.utf8)))
        let answer = try Harness.parse(try #require(single))
        #expect(code(answer) == -32603)
        #expect(answer["id"] == .number("4"))
        let notification = Array(#"{"jsonrpc":"2.0","method":"starknet_chainId"}"#.utf8)
        #expect(dispatcher.timeoutAnswer(dispatcher.parse(notification)) == nil)
        let batch = dispatcher.timeoutAnswer(dispatcher.parse(Array("[\(call),\(call)]".utf8)))
        #expect(try Harness.parse(try #require(batch)).elements?.count == 2)
    }

    // MARK: - Parameters

    static let refusedParameters: [(StarknetMethod, String)] = [
        (.nonce, "[]"), (.nonce, #"["latest"]"#), (.nonce, #"["latest", null]"#),
        (.nonce, #"["latest", "0x1", "0x2"]"#), (.nonce, #"{"block_id": "latest"}"#),
        (.nonce, #"{"block_id": "latest", "contract_address": "0x1", "x": 1}"#),
        (.nonce, #"["pending", "0x1"]"#), (.nonce, #"[{"block_number": -1}, "0x1"]"#),
        (.nonce, #"[{"block_number": 1.0}, "0x1"]"#), (.nonce, #"[{"block_number": "1"}, "0x1"]"#),
        (.nonce, #"[{"block_number": 18446744073709551616}, "0x1"]"#),
        (.nonce, #"[{"block_number": 1, "block_hash": "0x1"}, "0x1"]"#), (.nonce, #"[{}, "0x1"]"#),
        (.nonce, #"["latest", "1"]"#), (.nonce, #"["latest", "0x"]"#),
        (.nonce, #"["latest", "0xg"]"#), (.nonce, #"["latest", 1]"#),
        (
            .nonce,
            #"["latest", "0x800000000000011000000000000000000000000000000000000000000000001"]"#
        ),
        (.transactionByBlockAndIndex, #"["latest", -1]"#),
        (.transactionByBlockAndIndex, #"["latest", "0"]"#),
        (.blockWithTransactions, #"["latest", ["INCLUDE_NOTHING"]]"#),
        (.blockWithTransactions, #"["latest", "INCLUDE_PROOF_FACTS"]"#),
        (.blockWithTransactionHashes, #"["latest", ["INCLUDE_PROOF_FACTS"]]"#),
        (.storageAt, #"["0x4718f5a0", "0x5", "latest", ["INCLUDE_LAST_UPDATE_BLOCK"]]"#),
        (.call, #"[[], "latest"]"#), (.call, #"[{"contract_address": "0x1"}, "latest"]"#),
        (.estimateFee, #"[{}, [], "latest"]"#), (.estimateFee, #"[[1], [], "latest"]"#),
        (.estimateFee, #"[[{"type": "DECLARE"}], [], "latest"]"#),
        (.estimateFee, "[[\(Sample.declare.replacing("0.1.0", with: "0.2.0"))], [], \"latest\"]"),
        (.estimateFee, #"[[{"type": "L1_HANDLER"}], [], "latest"]"#),
        (.estimateFee, #"[[], ["SKIP_FEE_CHARGE"], "latest"]"#),
        (
            .estimateFee,
            "[[\(Sample.invoke.replacing("\"0x3\"", with: "\"0x1\""))], [], \"latest\"]"
        ),
        (.events, #"[{}]"#), (.events, #"[{"chunk_size": 0}]"#),
        (.events, #"[{"chunk_size": 1, "keys": ["0x1"]}]"#),
        (.events, #"[{"chunk_size": 1, "from_block": 1}]"#), (.events, "[[]]"),
        (.addInvoke, "[\(Sample.deployAccount)]"), (.addDeployAccount, "[\(Sample.invoke)]"),
        (.addInvoke, "[{}]"), (.addInvoke, "[\(Sample.invoke), 1]"),
        (.addDeclare, "[\(Sample.invoke)]"), (.addDeclare, "[{}]"),
        (.addDeclare, "[\(Sample.declare.replacing(#""0xa""#, with: #""0xq""#))]"),
        (.addDeclare, "[\(Sample.declare.replacing(#""L1_HANDLER": []"#, with: #""L2": []"#))]"),
        (.addDeclare, "[\(Sample.declare.replacing(#""abi": "#, with: #""abi": 1, "x": "#))]"),
        (
            .addDeclare,
            "[\(Sample.declare.replacing(#""0x6", "0x0", "0x2", "0xa""#, with: #""0x6""#))]"
        ),
        (.simulate, #"["latest", [], ["SKIP_NOTHING"]]"#), (.simulate, #"["latest", []]"#),
        (.simulate, #"["latest", [{"type": "L1_HANDLER"}], []]"#),
        (.simulate, #"["latest", {}, []]"#), (.simulate, #"["latest", [], "SKIP_VALIDATE"]"#),
        (.traceBlock, #"["pre_confirmed"]"#), (.traceBlock, #"["latest", ["SKIP_VALIDATE"]]"#),
        (.traceTransaction, "[]"), (.traceTransaction, #"["0x1", []]"#),
        (.storageProof, #"["pre_confirmed"]"#), (.storageProof, #"["latest", "0x1"]"#),
        (.storageProof, #"["latest", [], ["0x8\#(String(repeating: "0", count: 62))"]]"#),
        (.storageProof, #"["latest", [], [], [{"contract_address": "0x1"}]]"#),
        (.storageProof, #"["latest", [], [], [{"storage_keys": []}]]"#),
        (.storageProof, #"["latest", [], [], ["0x1"]]"#),
        (.messagesStatus, #"["1"]"#), (.messagesStatus, #"["0x"]"#), (.messagesStatus, "[1]"),
        (.messagesStatus, #"["0x1\#(String(repeating: "0", count: 64))"]"#),
        (.messagesStatus, #"["0xfg"]"#), (.messagesStatus, #"["0x+1"]"#),
        (.estimateMessageFee, #"[{}, "latest"]"#),
        (
            .estimateMessageFee,
            "[\(Sample.messageFromL1.replacing("0x00", with: "0x100")), \"latest\"]"
        ),
        (.compiledClass, #"["0x1", "latest"]"#), (.compiledClass, "[]"),
    ]

    @Test("parameters that are wrong are refused as such", arguments: refusedParameters)
    func wrongParameters(_ method: StarknetMethod, _ parameters: String) async throws {
        #expect(try await harness.errorCode(method.rawValue, parameters) == -32602)
    }

    @Test("a transaction without one of its members is refused, whichever it is")
    func incompleteTransactions() async throws {
        for (method, text) in [
            (StarknetMethod.addInvoke, Sample.invoke),
            (.addDeployAccount, Sample.deployAccount), (.addDeclare, Sample.declare),
        ] {
            let value = try JSONParser.parse(Array(text.utf8))
            for member in try #require(value.members) {
                for replacement in [nil, JSONValue.null, .bool(true), .string("0x"), .array([])] {
                    if replacement == .array([]), member.value.elements != nil { continue }
                    let members = value.members?.compactMap { other in
                        other.name == member.name
                            ? replacement.map { JSONMember(other.name, $0) } : other
                    }
                    var writer = JSONWriter()
                    writer.value(.array([.object(members ?? [])]))
                    let text = String(decoding: writer.bytes, as: UTF8.self)
                    let code = try await harness.errorCode(method.rawValue, text)
                    #expect(code == -32602, "\(member.name): \(String(describing: replacement))")
                }
            }
        }
        #expect(harness.backend.submitted.isEmpty)
    }

    @Test("neighbouring submissions of a batch are handed over together and answered in order")
    func neighbours() async throws {
        func call(_ id: Int, _ method: String, _ parameters: String) -> String {
            #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(parameters)}"#
        }
        let add = "starknet_addInvokeTransaction"
        let answer = try await harness.send(
            "["
                + [
                    call(1, add, "[\(Sample.invoke)]"), call(2, add, "[{}]"),
                    call(3, "starknet_addDeployAccountTransaction", "[\(Sample.deployAccount)]"),
                    call(4, "starknet_blockNumber", "[]"), call(5, add, "[\(Sample.invoke)]"),
                ].joined(separator: ",") + "]")
        guard case .array(let answers)? = answer else {
            Issue.record("\(String(describing: answer))")
            return
        }
        #expect(answers.map { $0["id"] == nil } == [false, false, false, false, false])
        #expect(answers.map { $0["result"] != nil } == [true, false, true, true, true])
        #expect(answers[1]["error"] != nil)
        #expect(answers[2]["result"]?["contract_address"] != nil)
        #expect(answers[0]["result"]?["contract_address"] == nil)
        #expect(harness.backend.handedOver == [2, 1])
    }

    @Test("a submitted transaction reaches the node as it was sent")
    func submission() async throws {
        let invoked = try await harness.result(
            "starknet_addInvokeTransaction", #"{"invoke_transaction": \#(Sample.invoke)}"#)
        #expect(invoked["transaction_hash"] == .string("0x9001"))
        let deployed = try await harness.result(
            "starknet_addDeployAccountTransaction", "[\(Sample.deployAccount)]")
        guard case .invoke(let invoke)? = harness.backend.submitted.first,
            case .deployAccount(let deploy)? = harness.backend.submitted.last
        else {
            Issue.record("\(harness.backend.submitted)")
            return
        }
        #expect(invoke.senderAddress == FakeBackend.account)
        #expect(invoke.calldata.count == 4)
        #expect(invoke.signature == [Felt(5), Felt(6)])
        #expect(invoke.tip == 1)
        #expect(
            invoke.resourceBounds.l2Gas
                == ResourceBounds(maxAmount: 1_000_000, maxPricePerUnit: (UInt128(1) << 80) - 1))
        #expect(invoke.resourceBounds.l1DataGas.maxAmount == 128)
        #expect(deploy.classHash == FakeBackend.accountClass)
        let address = ContractAddresses.address(
            deployer: .zero, salt: Felt(9), classHash: FakeBackend.accountClass,
            constructorCalldata: [Felt(0xabc)])
        #expect(deployed["contract_address"] == .string(address.hexString))
    }

    @Test("addresses and keys with leading zeros are taken")
    func leadingZeros() async throws {
        let result = try await harness.result(
            "starknet_getStorageAt", #"["0x00000004718f5a0", "0x001", "latest"]"#)
        #expect(result == .string("0x8"))
    }

    @Test("a state update of some contracts shows these alone, and all classes")
    func restrictedStateUpdate() async throws {
        let result = try await harness.result(
            "starknet_getStateUpdate", #"[{"block_number": 1}, ["0x4718f5a0"]]"#)
        let diff = try #require(result["state_diff"])
        #expect(diff["storage_diffs"]?.elements?.count == 1)
        #expect(diff["nonces"] == .array([]))
        #expect(diff["deployed_contracts"] == .array([]))
        #expect(diff["replaced_classes"]?.elements?.count == 1)
        #expect(diff["declared_classes"]?.elements?.count == 1)
    }

    // MARK: - Events

    @Test("pages of events of any size add up to all events, in order")
    func eventPages() async throws {
        let all = try await harness.result("starknet_getEvents", #"[{"chunk_size": 1000}]"#)
        let events = try #require(all["events"]?.elements)
        #expect(events.count == 17)
        #expect(all["continuation_token"] == nil)
        for size in 1...18 {
            var found: [JSONValue] = []
            var token: String?
            for _ in 0..<20 {
                let extra = token.map { #", "continuation_token": "\#($0)""# } ?? ""
                let page = try await harness.result(
                    "starknet_getEvents", #"[{"chunk_size": \#(size)\#(extra)}]"#)
                found += page["events"]?.elements ?? []
                token = page["continuation_token"]?.text
                if token == nil { break }
            }
            #expect(found == events, "pages of \(size)")
        }
    }

    @Test("a continuation token is refused with any other filter")
    func foreignToken() async throws {
        let filters = [
            #""keys": [["0x99cd"]]"#, #""keys": [[], ["0x99cd"]]"#, #""address": "0x4718f5a0""#,
            #""from_block": "latest""#, #""to_block": "latest""#,
            #""from_block": {"block_number": 1}"#, #""from_block": {"block_hash": "0x1"}"#,
        ]
        let page = try await harness.result("starknet_getEvents", #"[{"chunk_size": 1}]"#)
        let token = try #require(page["continuation_token"]?.text)
        for filter in filters {
            let code = try await harness.errorCode(
                "starknet_getEvents",
                #"[{"chunk_size": 1, "continuation_token": "\#(token)", \#(filter)}]"#)
            #expect(code == 33)
        }
        for wrong in [
            "\(token)0", "0\(token)", token.replacing("-", with: "_"), "", "--", "+1-0-0",
        ] {
            let code = try await harness.errorCode(
                "starknet_getEvents", #"[{"chunk_size": 1, "continuation_token": "\#(wrong)"}]"#)
            #expect(code == 33, "\(wrong)")
        }
    }

    @Test("a filter admits events by address and by the keys at each position")
    func filter() {
        let event = Event(fromAddress: Felt(1), keys: [Felt(10), Felt(11)], data: [])
        func admits(_ addresses: [UInt64], _ keys: [[UInt64]]) -> Bool {
            RPCEventFilter(
                addresses: addresses.map { Felt($0) }, keys: keys.map { $0.map { Felt($0) } }
            ).admits(event)
        }
        #expect(admits([], []))
        #expect(admits([2, 1], [[], [11, 12], []]))
        #expect(!admits([2], []))
        #expect(!admits([], [[11]]))
        #expect(!admits([], [[], [], [1]]))
    }

    // MARK: - Hostile bodies

    @Test("ten thousand mutated requests are answered or refused, each with valid JSON")
    func fuzz() async throws {
        let requests =
            Question.all.map { Harness.request($0.method.rawValue, $0.named) }
            + Question.all.map { Harness.request($0.method.rawValue, $0.positional) }
        var errors = 0
        for seed: UInt64 in 0..<10_000 {
            var generator = SeededGenerator(seed: seed)
            let request = requests[Int(generator.uniform(below: UInt64(requests.count)))]
            let body = JSONFuzz.mutated(Array(request.utf8), &generator)
            let message = harness.dispatcher.parse(body)
            guard let answer = await harness.dispatcher.answer(message) else { continue }
            let value = try Harness.parse(answer)
            let isAnswer = (value["result"] != nil) != (value["error"] != nil)
            #expect(isAnswer || value.elements != nil, "seed \(seed): \(value)")
            if value["error"] != nil { errors += 1 }
        }
        #expect(errors > 1000)
    }

    @Test(
        "random values in place of parameters are answered or refused",
        arguments: StarknetMethod.allCases)
    func fuzzParameters(_ method: StarknetMethod) async throws {
        let question = try #require(Question.all.first { $0.method == method })
        let good = try #require(try JSONParser.parse(Array(question.named.utf8)).members)
        for seed: UInt64 in 0..<200 {
            var generator = SeededGenerator(seed: seed)
            let members = good.map { member in
                JSONMember(member.name, replaced(member.value, &generator))
            }
            var writer = JSONWriter()
            writer.value(.object(members))
            let text = String(decoding: writer.bytes, as: UTF8.self)
            let answer = try await harness.call(method.rawValue, text)
            #expect((answer["result"] != nil) != (answer["error"] != nil), "seed \(seed)")
        }
    }

    /// The value with some of its parts replaced by random ones.
    private func replaced(_ value: JSONValue, _ generator: inout SeededGenerator) -> JSONValue {
        if generator.uniform(below: 6) == 0 { return JSONFuzz.value(&generator, depth: 2) }
        switch value {
        case .array(let elements): return .array(elements.map { replaced($0, &generator) })
        case .object(let members):
            return .object(members.map { JSONMember($0.name, replaced($0.value, &generator)) })
        default: return value
        }
    }
}
