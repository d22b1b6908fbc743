import Execution
import Foundation
import JSONText
import Primitives
import StarkField
import TestSupport
import Testing

@testable import RPC

/// A request whose result is checked against the documents.
struct Question: Sendable, CustomStringConvertible {
    let method: StarknetMethod
    /// The named parameters, as JSON texts.
    let parameters: [(name: String, value: String)]
    /// Known to 0.10.3, not yet to 0.10.0.
    let isNewer: Bool

    init(
        _ method: StarknetMethod, _ parameters: [(name: String, value: String)] = [],
        isNewer: Bool = false
    ) {
        self.method = method
        self.parameters = parameters
        self.isNewer = isNewer
    }

    var named: String {
        "{" + parameters.map { "\"\($0.name)\": \($0.value)" }.joined(separator: ", ") + "}"
    }
    var positional: String { "[" + parameters.map(\.value).joined(separator: ", ") + "]" }
    var description: String { "\(method.rawValue) \(positional.prefix(80))" }

    private static let blocks = [
        #""latest""#, #""pre_confirmed""#, #""l1_accepted""#, #"{"block_number": 0}"#,
        #"{"block_number": 2}"#, #"{"block_hash": "0xb10c0001"}"#,
    ]
    private static let flags = #"["INCLUDE_PROOF_FACTS"]"#
    private static let account = #""0xacc00001""#

    static let all: [Question] = chain + blockwise + state + transactions + events + writes

    private static let chain: [Question] = [
        .init(.specVersion), .init(.chainID), .init(.blockNumber), .init(.blockHashAndNumber),
        .init(.syncing),
    ]

    private static let blockwise: [Question] = blocks.flatMap { block in
        [
            .init(.blockWithTransactionHashes, [("block_id", block)]),
            .init(.blockWithTransactions, [("block_id", block)]),
            .init(.blockWithReceipts, [("block_id", block)]),
            .init(
                .blockWithTransactions, [("block_id", block), ("response_flags", flags)],
                isNewer: true),
            .init(
                .blockWithReceipts, [("block_id", block), ("response_flags", flags)],
                isNewer: true),
            .init(.blockTransactionCount, [("block_id", block)]),
            .init(.stateUpdate, [("block_id", block)]),
            .init(
                .stateUpdate, [("block_id", block), ("contract_addresses", "[\(account)]")],
                isNewer: true),
            .init(.nonce, [("block_id", block), ("contract_address", account)]),
            .init(.classHashAt, [("block_id", block), ("contract_address", account)]),
            .init(.classAt, [("block_id", block), ("contract_address", account)]),
        ]
    }

    private static let state: [Question] = [
        .init(.contractClass, [("block_id", blocks[0]), ("class_hash", #""0xc1a55002""#)]),
        .init(
            .storageAt,
            [("contract_address", account), ("key", #""0x7ff""#), ("block_id", blocks[0])]),
        .init(
            .storageAt,
            [
                ("contract_address", account), ("key", #""0x1""#), ("block_id", blocks[0]),
                ("response_flags", #"["INCLUDE_LAST_UPDATE_BLOCK"]"#),
            ], isNewer: true),
        .init(
            .call,
            [
                (
                    "request",
                    #"{"contract_address": "0x4718f5a0", "entry_point_selector": "0x83afd3f4","#
                        + #" "calldata": ["0x7", "0x0"]}"#
                ), ("block_id", blocks[1]),
            ]),
        .init(
            .estimateFee,
            [
                (
                    "request",
                    "[\(Sample.query(Sample.invoke)), \(Sample.query(Sample.deployAccount)),"
                        + "\(Sample.invoke)]"
                ), ("simulation_flags", #"["SKIP_VALIDATE"]"#), ("block_id", blocks[0]),
            ]),
        .init(
            .estimateFee,
            [("request", "[]"), ("simulation_flags", "[]"), ("block_id", blocks[0])]),
    ]

    private static let transactions: [Question] =
        ["0x1001", "0x2001", "0x2002", "0x3004"]
        .flatMap { hash in
            [
                .init(.transactionByHash, [("transaction_hash", "\"\(hash)\"")]),
                .init(
                    .transactionByHash,
                    [("transaction_hash", "\"\(hash)\""), ("response_flags", flags)],
                    isNewer: true),
                .init(.transactionReceipt, [("transaction_hash", "\"\(hash)\"")]),
                .init(.transactionStatus, [("transaction_hash", "\"\(hash)\"")]),
            ]
        } + [
            .init(.transactionByHash, [("transaction_hash", #""0x9001""#)]),
            .init(.transactionStatus, [("transaction_hash", #""0x9001""#)]),
            .init(.transactionStatus, [("transaction_hash", #""0x9002""#)]),
            .init(.transactionByBlockAndIndex, [("block_id", blocks[4]), ("index", "1")]),
            .init(
                .transactionByBlockAndIndex,
                [("block_id", blocks[4]), ("index", "1"), ("response_flags", flags)],
                isNewer: true),
        ]

    private static let events: [Question] = [
        .init(.events, [("filter", #"{"chunk_size": 100}"#)]),
        .init(.events, [("filter", #"{"chunk_size": 2, "from_block": {"block_number": 0}}"#)]),
        .init(
            .events,
            [
                (
                    "filter",
                    #"{"chunk_size": 9, "from_block": {"block_number": 1}, "to_block": "latest","#
                        + #" "address": "0x4718f5a0", "keys": [["0x99cd"], [], []]}"#
                )
            ]),
        .init(
            .events,
            [("filter", #"{"chunk_size": 9, "address": ["0x4718f5a0", "0x1"], "keys": []}"#)],
            isNewer: true),
    ]

    private static let writes: [Question] = [
        .init(.addInvoke, [("invoke_transaction", Sample.invoke)]),
        .init(.addDeployAccount, [("deploy_account_transaction", Sample.deployAccount)]),
    ]
}

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

    @Test("every method is either offered or named as not offered, in every current document")
    func methodList() {
        for specification in OpenRPC.current {
            for document in specification.documents.values {
                for method in OpenRPC.methods(of: document) {
                    guard let name = method["name"]?.text else { continue }
                    // What a node sends by itself is no method to call.
                    if name.hasPrefix("starknet_subscription") { continue }
                    let isKnown =
                        StarknetMethod(rawValue: name) != nil
                        || StarknetMethod.notOffered[name] != nil
                    #expect(isKnown, "\(name) in \(specification)")
                }
            }
            for method in StarknetMethod.allCases {
                #expect(specification.method(method.rawValue) != nil)
            }
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
        ]
        for method in [
            StarknetMethod.blockWithTransactionHashes, .blockWithTransactions, .blockWithReceipts,
            .blockTransactionCount, .stateUpdate, .storageAt, .nonce, .classHashAt, .classAt,
            .contractClass, .transactionByBlockAndIndex, .call, .estimateFee, .events,
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

    static let poolFailures: [RPCAdmissionFailure] = [
        .invalidNonce(accountNonce: Felt(8), got: Felt(7)), .insufficientResourcesForValidate,
        .insufficientAccountBalance, .validationFailure("bad signature"), .notAnAccount,
        .duplicateTransaction, .replacementUnderpriced, .feeBelowMinimum,
        .unsupportedTransactionVersion, .poolFull, .unavailable("stopping"), .classHashNotFound,
    ]

    @Test("refusals of the pool are errors that the method declares", arguments: poolFailures)
    func admissions(_ failure: RPCAdmissionFailure) async throws {
        let harness = Harness()
        harness.backend.refuse(with: failure)
        if failure != .classHashNotFound {
            try expectDeclared(
                try await harness.call(
                    StarknetMethod.addInvoke.rawValue, "[\(Sample.invoke)]"), .addInvoke)
        }
        try expectDeclared(
            try await harness.call(
                StarknetMethod.addDeployAccount.rawValue, "[\(Sample.deployAccount)]"),
            .addDeployAccount)
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

extension OpenRPC {
    /// Whether parameters that came after 0.10.0 are known.
    fileprivate var isNewer: Bool { version != "0.10.0" }
}
