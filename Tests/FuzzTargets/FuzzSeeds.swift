import Consensus
import Execution
import JSONText
import Primitives
import Replica
import Replication
import StarkField
import WireCodec

@testable import Transport

extension FuzzTarget {
    /// Inputs that reach deep, one of each kind: where mutations start.
    package var seeds: [[UInt8]] {
        switch self {
        case .wire: Samples.messages.map { $0.encoded() }
        case .greeting:
            [
                Greeting(
                    chain: Digest(number: 5), genesis: Digest(number: 6),
                    peer: PeerID(Digest(number: 7)), signature: Samples.signature
                ).encoded(), [3, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 9],
            ]
        case .log:
            Samples.records.map { $0.encoded() } + [[0, 0], [0, 9, 0, 40, 1], [0, 200]]
        case .rpc: Samples.bodies.map { Array($0.utf8) }
        case .transaction: Samples.transactions.map { $0.encoded() }
        case .program: Samples.programs.map { Array($0.utf8) }
        case .machine: Samples.machines
        case .execution: ExecutionRun.seeds
        case .sierra: Samples.sierraClasses.map { Array($0.utf8) }
        case .cairo0: Samples.deprecatedClasses.map { Array($0.utf8) }
        case .packedJSON: Samples.packed
        }
    }
}

private enum Samples {
    static let programs = [
        #"""
        {"prime":"0x800000000000011000000000000000000000000000000000000000000000001",
        "compiler_version":"2.12.0","bytecode":["0xa0680017fff8000","0x7","0x208b7fff7fff7ffe"],
        "bytecode_segment_lengths":[1,[2]],"hints":[[0,[{"TestLessThan":{"lhs":{"Immediate":"0x5"},
        "rhs":{"BinOp":{"op":"Add","a":{"register":"FP","offset":-3},"b":{"Immediate":"-0x1"}}},
        "dst":{"register":"AP","offset":0}}}]],[2,["AssertAllKeysUsed"]]],
        "entry_points_by_type":{"EXTERNAL":[{"selector":"0x5","offset":0,"builtins":["pedersen"]}],
        "L1_HANDLER":[],"CONSTRUCTOR":[]}}
        """#,
        #"""
        {"prime":"0x800000000000011000000000000000000000000000000000000000000000001",
        "data":["0x480680017fff8000","0x3","0x208b7fff7fff7ffe"],"builtins":["output"],
        "hints":{"0":[{"code":"ids.x = 5","accessible_scopes":["__main__"],"flow_tracking_data":
        {"ap_tracking":{"group":0,"offset":0},"reference_ids":{"__main__.x":0}}}]},
        "identifiers":{"__main__.main":{"type":"function","pc":0},
        "__main__.m":{"type":"alias","destination":"__main__.main"},
        "__main__.C":{"type":"const","value":-3}},
        "reference_manager":{"references":[{"value":"[cast(fp + (-3), felt*)]",
        "ap_tracking_data":{"group":0,"offset":0}}]}}
        """#,
        "for i in range(3):\n    if i != 2:\n        a[i] = [x for x in b if x] + c[::-1]\n",
    ]

    static let sierraClasses = [
        #"""
        {"sierra_program":["0x1","0x7","0x0","0x12","0x4163636f756e74"],
        "contract_class_version":"0.1.0","entry_points_by_type":{"EXTERNAL":
        [{"selector":"0x5","function_idx":3}],"L1_HANDLER":[],"CONSTRUCTOR":[]},
        "abi":"[{"type": "function", "name": "f", "inputs": []}]"}
        """#,
        #"""
        {"sierra_program":["0x302e312e30","0x2"],"sierra_program_debug_info":{"a":[[1,"b"]]},
        "contract_class_version":"0.1.0","entry_points_by_type":{"EXTERNAL":[],
        "L1_HANDLER":[{"selector":"0x5","function_idx":0}],"CONSTRUCTOR":[]},
        "abi":[{"type":"struct","name":"\u00e9","members":[]}]}
        """#,
    ]

    static let deprecatedClasses = [
        #"""
        {"abi":[{"type":"function","size":3}],"entry_points_by_type":{"EXTERNAL":
        [{"selector":"0x0","offset":"0x2"},{"selector":"0x5","offset":0}],"L1_HANDLER":[],
        "CONSTRUCTOR":[]},"program":{"attributes":[{"name":"n","start_pc":0,"end_pc":1,
        "value":"v","accessible_scopes":[],"flow_tracking_data":null}],"builtins":["pedersen"],
        "prime":"0x800000000000011000000000000000000000000000000000000000000000001",
        "data":["0x480680017fff8000","0x3","0x208b7fff7fff7ffe"],"debug_info":null,
        "hints":{"0":[{"code":"x = 1","accessible_scopes":["__main__"],"flow_tracking_data":
        {"ap_tracking":{"group":0,"offset":0},"reference_ids":{}}}]},"main_scope":"__main__",
        "identifiers":{"__main__.T":{"type":"type_definition","cairo_type":"(a: felt)"}},
        "reference_manager":{"references":[]}}}
        """#
    ]

    static let packed = (sierraClasses + deprecatedClasses + programs).compactMap { text in
        let value = try? JSONParser.parse(Array(text.utf8))
        return value.map { PackedJSON.encode($0) }
    }

    /// `[ap] = 3; ap++` and `[ap] = [ap - 1] * [ap - 1]; ap++`, then `ret`; and a loop.
    static let machines: [[UInt8]] = [
        [
            0x00, 0x80, 0xff, 0x7f, 0x01, 0x80, 0x06, 0x48, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
            0x00, 0x80, 0xff, 0x7f, 0xff, 0x7f, 0x50, 0x48, 0,
            0xfe, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0x8b, 0x20, 0,
        ], [0xff, 0x7f, 0xff, 0x7f, 0x01, 0x80, 0x07, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]

    static let signature = SignatureBytes(r: Digest(1, 2, 3, 4), s: Digest(5, 6, 7, 8))
    static let reference = BlockReference(slot: 9, hash: Digest(0, 1, 2, 3))

    static let opening = SignedOpening(
        value: Opening(
            chain: Digest(number: 5), epoch: 0, slot: 9, height: 8,
            parent: BlockReference(slot: 8, hash: Digest(number: 4)), timestamp: 1_700_000_000,
            anchorNumber: 3, anchorHash: Digest(9, 9, 9, 9), inboxCursor: 2,
            prices: BlockPrices(
                l1GasWei: 1, l1GasFri: 2, l1DataGasWei: 3, l1DataGasFri: 4, l2GasWei: 5,
                l2GasFri: 6), protocolVersion: 1), signature: signature)

    static let chunk = Chunk(
        header: SignedChunkHeader(
            value: ChunkHeader(
                chain: Digest(number: 5), epoch: 0, slot: 9, sequence: 1, previous: .zero,
                transactionRoot: Digest(number: 1), receiptsCommitment: Digest(number: 2),
                count: 2), signature: signature),
        transactions: [TransactionBytes([1, 2, 3]), TransactionBytes([])])

    static let header = SignedHeader(
        value: Header(
            opening: opening.value, lastChunk: Digest(number: 3), chunkCount: 1,
            transactionCount: 2, eventCount: 4, stateDiffLength: 6,
            stateDiffCommitment: Digest(number: 7), transactionCommitment: Digest(number: 8),
            eventCommitment: Digest(number: 9), receiptCommitment: Digest(number: 10),
            laggedBlockHash: Digest(number: 11)), signature: signature)

    static let body = BlockBody(opening: opening, chunks: [chunk], header: header)

    static let notar = Certificate(
        kind: .notar(reference),
        signers: [0, 1, 3].map { Certificate.Signer(index: $0, slot: 9, signature: signature) })
    static let skip = Certificate(
        kind: .skip(2, 33),
        signers: [
            Certificate.Signer(index: 1, slot: 32, signature: signature),
            Certificate.Signer(index: 2, slot: 33, signature: signature),
        ])
    static let final = Certificate(kind: .final(reference), signers: notar.signers)

    static func signed(_ statement: Statement) -> SignedStatement {
        SignedStatement(statement: statement, signer: 2, signature: signature)
    }

    static let messages: [PeerMessage] = [
        .statement(signed(.notar(reference))), .statement(signed(.final(reference))),
        .statement(signed(.skipFrom(2, 33))), .certificate(notar), .certificate(skip),
        .beat(Beat(window: 3, sequence: 4)),
        .status(Status(topFinal: reference, topFinalHeight: 8, firstUnclearedSlot: 10)),
        .opening(opening, parent: notar, skips: [skip]), .opening(opening, parent: nil, skips: []),
        .chunk(chunk), .header(header), .transactions(chunk.transactions),
        .blockRequest(reference), .block(body), .finalRequest(from: 7),
        .finalReply(FinalRange(blocks: [body], certificate: final)),
    ]

    static let records: [ReplicaRecord] = [
        .statement(signed(.notar(reference))), .certificate(skip), .opening(opening),
        .chunk(chunk), .header(header), .body(body),
    ]

    static let bounds = ResourceBoundsMapping(
        l1Gas: ResourceBounds(maxAmount: 1, maxPricePerUnit: 2),
        l2Gas: ResourceBounds(maxAmount: 3, maxPricePerUnit: 4),
        l1DataGas: ResourceBounds(maxAmount: 5, maxPricePerUnit: 6))

    static let transactions: [Transaction] = [
        .invoke(
            InvokeTransactionV3(
                senderAddress: 5, calldata: [1, 2, 3], signature: [7, 8], nonce: 4,
                resourceBounds: bounds, tip: 9, paymasterData: [], accountDeploymentData: [],
                nonceDataAvailabilityMode: .l1, feeDataAvailabilityMode: .l1)),
        .deployAccount(
            DeployAccountTransactionV3(
                contractAddressSalt: 6, classHash: 5, constructorCalldata: [7],
                signature: [8, 9], nonce: 0, resourceBounds: bounds, tip: 0, paymasterData: [],
                nonceDataAvailabilityMode: .l1, feeDataAvailabilityMode: .l1)),
    ]

    private static let limits = """
        {"l1_gas":{"max_amount":"0x1","max_price_per_unit":"0x2"},\
        "l2_gas":{"max_amount":"0x3","max_price_per_unit":"0x4"},\
        "l1_data_gas":{"max_amount":"0x5","max_price_per_unit":"0x6"}}
        """
    private static let shared = """
        "version":"0x3","signature":["0x1","0x2"],"nonce":"0x0","resource_bounds":\(limits),\
        "tip":"0x0","paymaster_data":[],"nonce_data_availability_mode":"L1",\
        "fee_data_availability_mode":"L1"
        """
    static let bodies = [
        #"{"jsonrpc":"2.0","id":1,"method":"starknet_blockNumber","params":[]}"#,
        #"[{"jsonrpc":"2.0","id":"a","method":"starknet_getNonce","params":["latest","0x1"]},"#
            + #"{"jsonrpc":"2.0","method":"x","params":{"block_id":{"block_number":7}}}]"#,
        #"{"jsonrpc":"2.0","id":null,"method":"starknet_getEvents","params":[{"chunk_size":5,"#
            + #""address":"0x1","keys":[["0x1"],[]],"from_block":"latest"}]}"#,
        """
        {"jsonrpc":"2.0","id":2,"method":"starknet_addInvokeTransaction","params":[\
        {"type":"INVOKE","sender_address":"0x5","calldata":["0x1","0x2"],\
        "account_deployment_data":[],\(shared)}]}
        """,
        """
        {"jsonrpc":"2.0","id":3,"method":"starknet_addDeployAccountTransaction","params":[\
        {"type":"DEPLOY_ACCOUNT","class_hash":"0x5","contract_address_salt":"0x6",\
        "constructor_calldata":["0x7"],\(shared)}]}
        """,
    ]
}
