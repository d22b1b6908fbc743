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

    static let all: [Question] =
        chain + blockwise + state + classes + proofs + transactions + executions + traces + events
        + writes

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
        .init(
            .storageAt,
            [("contract_address", account), ("key", #""0x7ff""#), ("block_id", blocks[0])]),
        .init(
            .storageAt,
            [
                ("contract_address", account), ("key", #""0x1""#), ("block_id", blocks[0]),
                ("response_flags", #"["INCLUDE_LAST_UPDATE_BLOCK"]"#),
            ], isNewer: true),
    ]

    private static let classes: [Question] = [
        .init(.contractClass, [("block_id", blocks[0]), ("class_hash", #""0xc1a55002""#)]),
        .init(.contractClass, [("block_id", blocks[0]), ("class_hash", #""0xc1a55003""#)]),
        .init(.compiledClass, [("class_hash", #""0xc1a55002""#)]),
    ]

    private static let proofs: [Question] = [
        .init(.storageProof, [("block_id", blocks[0])]),
        .init(
            .storageProof,
            [
                ("block_id", blocks[4]), ("class_hashes", #"["0xc1a55002"]"#),
                ("contract_addresses", #"["0x4718f5a0", "0x404", "0x4718f5a0"]"#),
                (
                    "contracts_storage_keys",
                    #"[{"contract_address": "0x4718f5a0", "storage_keys": ["0x1", "0x2"]},"#
                        + #" {"contract_address": "0x404", "storage_keys": []}]"#
                ),
            ]),
    ]

    private static let executions: [Question] = [
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
        .init(
            .estimateFee,
            [
                ("request", "[\(Sample.declare)]"), ("simulation_flags", "[]"),
                ("block_id", blocks[0]),
            ]),
        .init(
            .estimateMessageFee, [("message", Sample.messageFromL1), ("block_id", blocks[0])]),
    ]

    private static let traces: [Question] =
        ["0x1001", "0x1002", "0x1003", "0x1004", "0x2001", "0x2002"].map { hash in
            Question(.traceTransaction, [("transaction_hash", "\"\(hash)\"")])
        }
        + [blocks[0], blocks[2], blocks[3], blocks[4], blocks[5]].flatMap { block in
            [
                Question(.traceBlock, [("block_id", block)]),
                Question(
                    .traceBlock,
                    [("block_id", block), ("trace_flags", #"["RETURN_INITIAL_READS"]"#)],
                    isNewer: true),
            ]
        }
        + [
            "[]", #"["SKIP_VALIDATE"]"#, #"["SKIP_FEE_CHARGE", "SKIP_VALIDATE"]"#,
            #"["RETURN_INITIAL_READS"]"#,
        ].map { flags in
            let transactions = [
                Sample.query(Sample.invoke), Sample.declare, Sample.deployAccount,
            ]
            return Question(
                .simulate,
                [
                    ("block_id", blocks[0]),
                    ("transactions", "[" + transactions.joined(separator: ", ") + "]"),
                    ("simulation_flags", flags),
                ], isNewer: flags.contains("READS"))
        }

    private static let transactions: [Question] =
        ["0x1001", "0x1002", "0x1003", "0x1004", "0x2001", "0x2002", "0x3004"]
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
            .init(
                .messagesStatus, [("transaction_hash", "\"\(Sample.l1TransactionHash)\"")]),
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
        .init(.addDeclare, [("declare_transaction", Sample.declare)]),
        .init(.addDeployAccount, [("deploy_account_transaction", Sample.deployAccount)]),
    ]
}
