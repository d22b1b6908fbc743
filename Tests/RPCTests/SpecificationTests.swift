import Execution
import Foundation
import JSONText
import Primitives
import StarkField
import TestSupport
import Testing

@testable import RPC

@Suite(.enabled(if: Fixtures.has("openrpc"), Comment(rawValue: Fixtures.absence(of: "openrpc"))))
struct SpecificationTests {
    @Test("every document of the index belongs to a specification whose references all resolve")
    func references() throws {
        let read = Set(
            OpenRPC.all.flatMap { set in set.documents.keys.map { set.folder + "/" + $0 } })
        #expect(read == Set(Fixtures.files(under: "openrpc", suffix: ".json").map(\.path)))
        for specification in OpenRPC.all {
            for document in specification.documents.keys.sorted() {
                let broken = specification.brokenReferences(in: document)
                #expect(broken.isEmpty, "\(specification) \(document)")
            }
        }
        #expect(!OpenRPC.current.isEmpty)
    }

    @Test("every method of every current document is offered, but for those of the WebSocket's")
    func methodList() {
        for specification in OpenRPC.current {
            var names: Set<String> = []
            for document in specification.documents.values {
                let methods = OpenRPC.methods(of: document).compactMap { $0["name"]?.text }
                let isWebSocket = methods.contains("starknet_unsubscribe")
                for name in methods {
                    names.insert(name)
                    // What a node sends by itself is no method to call.
                    if name.hasPrefix("starknet_subscription") { continue }
                    if isWebSocket {
                        #expect(StarknetMethod.notOffered[name] != nil, "\(name)")
                    } else {
                        #expect(
                            StarknetMethod(rawValue: name) != nil, "\(name) in \(specification)")
                        #expect(StarknetMethod.notOffered[name] == nil, "\(name)")
                    }
                }
            }
            for method in StarknetMethod.allCases { #expect(names.contains(method.rawValue)) }
            #expect(names.isSuperset(of: StarknetMethod.notOffered.keys))
        }
    }

    @Test("every method is asked at least once")
    func coverage() {
        let asked = Set(Question.all.map(\.method))
        #expect(asked == Set(StarknetMethod.allCases))
    }

    @Test(
        "results follow the schema, the same for named and positional parameters",
        arguments: Question.all)
    func results(_ question: Question) async throws {
        let harness = Harness()
        let result = try await harness.result(question.method.rawValue, question.named)
        let positional = try await harness.result(question.method.rawValue, question.positional)
        #expect(result == positional)
        var checked = 0
        for specification in OpenRPC.current where !question.isNewer || specification.isNewer {
            for (name, value) in question.parameters {
                let parameter = try JSONParser.parse(Array(value.utf8))
                let complaints = specification.complaints(
                    about: parameter, named: name, of: question.method.rawValue)
                #expect(complaints.isEmpty, "the request itself, \(specification)")
            }
            let complaints = specification.complaints(
                about: result, of: question.method.rawValue)
            #expect(complaints.isEmpty, "\(specification): \(result)")
            checked += 1
        }
        #expect(checked > 0)
    }

    @Test("a node that catches up says so as the schema wants it")
    func syncing() async throws {
        let harness = Harness()
        let head = RPCHead(number: Height(3), hash: Felt(0xb10c_0003))
        harness.backend.sync(RPCSyncStatus(starting: head, current: head, highest: head))
        let result = try await harness.result("starknet_syncing")
        for specification in OpenRPC.current {
            #expect(specification.complaints(about: result, of: "starknet_syncing").isEmpty)
        }
        #expect(result["highest_block_num"] == .number("3"))
    }

    static let readFailures: [(StarknetMethod, RPCFailure)] = {
        let inner = RPCContractError.frame(
            contract: Felt(1), classHash: Felt(2), selector: Felt(3), .reason("it failed"))
        var failures: [(StarknetMethod, RPCFailure)] = [
            (.blockNumber, .noBlocks), (.blockHashAndNumber, .noBlocks),
            (.storageAt, .contractNotFound), (.nonce, .contractNotFound),
            (.classHashAt, .contractNotFound), (.classAt, .contractNotFound),
            (.contractClass, .classHashNotFound), (.call, .contractNotFound),
            (.call, .entryPointNotFound), (.call, .contractError(.reason("out of gas"))),
            (.call, .contractError(inner)), (.estimateFee, .transactionExecution(index: 1, inner)),
            (.estimateFee, .transactionExecution(index: 0, .reason("invalid signature"))),
            (.estimateFee, .contractNotFound), (.estimateMessageFee, .contractNotFound),
            (.estimateMessageFee, .contractError(inner)),
            (.simulate, .transactionExecution(index: 2, inner)),
            (.storageProof, .storageProofNotSupported), (.compiledClass, .classHashNotFound),
            (.compiledClass, .compilationFailed("out of gas tokens")),
        ]
        for method in [
            StarknetMethod.blockWithTransactionHashes, .blockWithTransactions, .blockWithReceipts,
            .blockTransactionCount, .stateUpdate, .storageAt, .nonce, .classHashAt, .classAt,
            .contractClass, .transactionByBlockAndIndex, .call, .estimateFee, .events,
            .storageProof, .estimateMessageFee, .simulate, .traceBlock,
        ] {
            failures.append((method, .blockNotFound))
        }
        return failures
    }()

    @Test("failures of the node are errors that the method declares", arguments: readFailures)
    func failures(_ method: StarknetMethod, _ failure: RPCFailure) async throws {
        let harness = Harness()
        harness.backend.fail(with: failure)
        let question = try #require(Question.all.first { $0.method == method })
        try expectDeclared(try await harness.call(method.rawValue, question.named), method)
    }

    /// Every refusal and the submissions that can come to it.
    static let poolFailures: [(RPCAdmissionFailure, [StarknetMethod])] = {
        let all: [StarknetMethod] = [.addInvoke, .addDeclare, .addDeployAccount]
        let common: [RPCAdmissionFailure] = [
            .invalidNonce(accountNonce: Felt(8), got: Felt(7)), .insufficientResourcesForValidate,
            .insufficientAccountBalance, .validationFailure("bad signature"), .notAnAccount,
            .duplicateTransaction, .replacementUnderpriced, .feeBelowMinimum,
            .unsupportedTransactionVersion, .poolFull, .unavailable("stopping"),
        ]
        let declarations: [RPCAdmissionFailure] = [
            .classAlreadyDeclared, .compilationFailed("no such libfunc"), .classTooLarge,
            .compiledClassHashMismatch, .unsupportedClassVersion,
        ]
        return common.map { ($0, all) } + declarations.map { ($0, [.addDeclare]) }
            + [(.classHashNotFound, [.addDeployAccount])]
    }()

    @Test("refusals of the pool are errors that the method declares", arguments: poolFailures)
    func admissions(_ failure: RPCAdmissionFailure, _ methods: [StarknetMethod]) async throws {
        let harness = Harness()
        harness.backend.refuse(with: failure)
        for method in methods {
            let question = try #require(Question.all.first { $0.method == method })
            try expectDeclared(
                try await harness.call(method.rawValue, question.positional), method)
        }
        #expect(harness.backend.submitted.isEmpty)
    }

    static let failingLookups: [(StarknetMethod, String, Int)] = [
        (.transactionByHash, #"["0x404"]"#, 29), (.transactionReceipt, #"["0x404"]"#, 29),
        (.transactionReceipt, #"["0x9001"]"#, 29), (.transactionStatus, #"["0x404"]"#, 29),
        (.transactionByBlockAndIndex, #"[{"block_number": 2}, 2]"#, 27),
        (.transactionByBlockAndIndex, #"["pre_confirmed", 0]"#, 27),
        (.blockWithTransactions, #"[{"block_number": 4}]"#, 24),
        (.blockWithTransactions, #"[{"block_hash": "0x1"}]"#, 24),
        (.events, #"[{"chunk_size": 1025}]"#, 31),
        (.events, #"[{"chunk_size": 1, "continuation_token": "0-0-0"}]"#, 33),
        (.events, #"[{"chunk_size": 1, "continuation_token": "x"}]"#, 33),
        (.events, #"[{"chunk_size": 1, "continuation_token": 3}]"#, 33),
        (
            .events,
            #"[{"chunk_size": 1, "keys": ["#
                + Array(repeating: "[]", count: 51).joined(separator: ",") + "]}]", 34
        ),
        (
            .events,
            #"[{"chunk_size": 1, "keys": [["#
                + Array(repeating: #""0x1""#, count: 257).joined(separator: ",") + "]]}]", 34
        ),
        (.traceTransaction, #"["0x404"]"#, 29), (.traceTransaction, #"["0x9001"]"#, 10),
        (.traceTransaction, #"["0x9003"]"#, 10), (.messagesStatus, #"["0x404"]"#, 29),
        (.contractClass, #"["latest", "0x404"]"#, 28), (.compiledClass, #"["0xc1a55003"]"#, 28),
        (.addDeclare, "[\(Sample.query(Sample.declare))]", 61),
        (
            .addDeclare,
            "[\(Sample.declare.replacing(#""version": "0x3""#, with: #""version": "0x2""#))]", 61
        ),
        (.addDeclare, "[\(Sample.declare.replacing("0.1.0", with: "0.2.0"))]", 62),
        (.addInvoke, "[\(Sample.query(Sample.invoke))]", 61),
        (.addDeployAccount, "[\(Sample.query(Sample.deployAccount))]", 61),
        (.addInvoke, "[\(Sample.invoke.replacing(#""0x3""#, with: #""0x1""#))]", 61),
    ]

    @Test("what is not there has the specification's code and message", arguments: failingLookups)
    func lookups(_ method: StarknetMethod, _ parameters: String, _ code: Int) async throws {
        let answer = try await Harness().call(method.rawValue, parameters)
        #expect(answer["error"]?["code"] == .number(String(code)), "\(answer)")
        try expectDeclared(answer, method)
    }

    private func expectDeclared(_ answer: JSONValue, _ method: StarknetMethod) throws {
        let error = try #require(answer["error"], "\(method) did not fail: \(answer)")
        let code = Int(try #require(error["code"]?.unsigned, "\(error)"))
        for specification in OpenRPC.current {
            let declared = try #require(
                specification.errors(of: method.rawValue)[code],
                "\(method.rawValue) does not declare \(error) in \(specification)")
            #expect(error["message"] == declared.value["message"])
            switch declared.value["data"] {
            case nil: #expect(error["data"] == nil)
            case .string("string")?: #expect(error["data"]?.text != nil)
            case let schema?:
                let place = OpenRPC.Place(document: declared.document, value: schema)
                let complaints = SchemaCheck(specification: specification).check(
                    error["data"] ?? .null, place)
                #expect(complaints.isEmpty, "\(error)")
            }
        }
    }

    @Test("the schema check finds what is wrong")
    func schemaCheck() async throws {
        let specification = try #require(OpenRPC.current.last)
        let method = StarknetMethod.blockWithReceipts.rawValue
        let good = try await Harness().result(method, #"[{"block_number": 2}]"#)
        guard case .object(let members) = good else { return }
        for index in members.indices {
            var lacking = members
            lacking.remove(at: index)
            let name = members[index].name
            let complaints = specification.complaints(about: .object(lacking), of: method)
            #expect(!complaints.isEmpty, "without \(name)")
            var wrong = members
            wrong[index].value = .bool(true)
            #expect(!specification.complaints(about: .object(wrong), of: method).isEmpty)
        }
        let more = JSONValue.object(members + [JSONMember("surprise", .null)])
        #expect(!specification.complaints(about: more, of: method).isEmpty)
    }
}
