import CairoVM
import JSONText
import RPC
import StarkField
import StateTrie

@testable import Execution

/// Classes, traces and proofs of the fake chain.
extension Sample {
    /// `CONTRACT_CLASS`, small: a Sierra program of version 1.6.0 with a few felts more.
    static let contractClass = #"""
        {"sierra_program": ["0x1", "0x6", "0x0", "0x2", "0xa"], "contract_class_version": "0.1.0",
         "entry_points_by_type": {
           "CONSTRUCTOR": [{"selector": "0x28ff", "function_idx": 2}],
           "EXTERNAL": [{"selector": "0x83afd3f4", "function_idx": 0},
                        {"selector": "0x99cd", "function_idx": 1}],
           "L1_HANDLER": []},
         "abi": "[{\"type\": \"function\"}]"}
        """#

    static let sierra: SierraClass = {
        do {
            return try SierraClass(json: Array(contractClass.utf8))
        } catch { preconditionFailure("the sample class: \(error)") }
    }()

    static let deprecatedClass = RPCDeprecatedClass(
        gzippedProgram: [0x1f, 0x8b, 0x08, 0x00, 0xff],
        entryPoints: [
            .external: [DeprecatedClass.EntryPoint(selector: Felt(0x83af_d3f4), offset: 58)]
        ],
        abi: .array([
            .object([
                JSONMember("inputs", .array([])), JSONMember("name", .string("get")),
                JSONMember("outputs", .array([])), JSONMember("type", .string("function")),
            ])
        ]))

    /// What a compiler writes, with what an answer leaves out or changes.
    static let casm: JSONValue = {
        let text = #"""
            {"prime": "0x800000000000011000000000000000000000000000000000000000000000001",
             "compiler_version": "2.12.0", "bytecode": ["0xa0680017fff8000", "-0x1", "0x7"],
             "bytecode_segment_lengths": [1, 2],
             "hints": [[0, [{"TestLessThanOrEqual": {"lhs": {"Immediate": "-0x2"},
                "rhs": {"Deref": {"register": "FP", "offset": 6}},
                "dst": {"register": "AP", "offset": 0}}}]]],
             "pythonic_hints": [[0, ["memory[ap + 0] = 0"]]],
             "entry_points_by_type": {
               "EXTERNAL": [{"selector": "0x83afd3f4", "offset": 0,
                             "builtins": ["pedersen", "range_check"]}],
               "L1_HANDLER": [], "CONSTRUCTOR": []}}
            """#
        do {
            return try JSONParser.parse(Array(text.utf8))
        } catch { preconditionFailure("the sample class: \(error)") }
    }()

    static let proof: [ProofNode] = {
        let binary = TrieNode.binary(left: Felt(1), right: Felt(2))
        guard let path = TriePath(key: Felt(5), height: 3) else { return [] }
        let edge = TrieNode.edge(path: path, child: Felt(9))
        return [binary, edge].map { ProofNode(hash: $0.hash(PedersenTrieHash.self), node: $0) }
    }()

    static func estimate(_ unit: RPCPriceUnit) -> RPCFeeEstimate {
        RPCFeeEstimate(
            gas: GasVector(l1Gas: 0, l1DataGas: 128, l2Gas: 1_000_000), l1GasPrice: 20_000,
            l1DataGasPrice: 1, l2GasPrice: UInt128(1) << 80,
            overallFee: 12_345_678_901_234_567_890, unit: unit)
    }

    static let reads = RPCInitialReads(
        storage: [
            ContractStorageDiff(
                address: FakeBackend.token,
                entries: [
                    StorageEntry(key: Felt(1), value: Felt(2)),
                    StorageEntry(key: Felt(3), value: .zero),
                ])
        ],
        nonces: [NonceUpdate(address: FakeBackend.account, nonce: Felt(8))],
        classHashes: [
            ContractClassUpdate(
                address: FakeBackend.account, classHash: FakeBackend.accountClass)
        ],
        declaredClasses: [
            .init(classHash: FakeBackend.tokenClass, isDeclared: true),
            .init(classHash: Felt(0x404), isDeclared: false),
        ])

    /// A call with a call, a library call and a delegate call inside, events and a message.
    static func invocation(
        _ kind: CasmClass.EntryPointKind = .external, isReverted: Bool = false
    ) -> RPCInvocation {
        func call(
            _ kind: RPCInvocation.CallKind, isReverted: Bool = false,
            calls: [RPCInvocation] = []
        ) -> RPCInvocation {
            RPCInvocation(
                contractAddress: FakeBackend.token, selector: FakeBackend.transferSelector,
                calldata: [Felt(1), Felt(2)], callerAddress: FakeBackend.account,
                classHash: FakeBackend.tokenClass, entryPointKind: .external, callKind: kind,
                result: isReverted ? [] : [Felt(1)], calls: calls,
                events: [OrderedEvent(order: 1, keys: [Felt(0x99cd)], data: [])],
                messages: [OrderedMessage(order: 0, toAddress: Felt(0xbeef), payload: [Felt(3)])],
                l1Gas: 1, l2Gas: UInt64.max, isReverted: isReverted)
        }
        var outer = call(
            .call, isReverted: isReverted,
            calls: [call(.libraryCall, calls: [call(.delegate)]), call(.call, isReverted: true)])
        outer.entryPointKind = kind
        outer.callerAddress = .zero
        return outer
    }

    static func trace(
        _ content: RPCTransactionTrace.Content, validates: Bool = true
    ) -> RPCTransactionTrace {
        RPCTransactionTrace(
            content: content, validation: validates ? invocation() : nil,
            feeTransfer: validates ? invocation() : nil,
            stateDiff: update(block(number: 2, [])).diff,
            gas: GasVector(l1Gas: 1, l1DataGas: 2, l2Gas: 3))
    }

    static func trace(of sent: RPCNewTransaction) -> RPCTransactionTrace {
        switch sent {
        case .invoke: trace(.invoke(.invocation(invocation())))
        case .declare: trace(.declare)
        case .deployAccount: trace(.deployAccount(constructor: invocation(.constructor)))
        }
    }

    static func trace(
        of transaction: Transaction, _ receipt: TransactionReceipt
    ) -> RPCTransactionTrace {
        func outcome(_ kind: CasmClass.EntryPointKind) -> RPCTransactionTrace.Outcome {
            guard case .reverted(let reason) = receipt.executionStatus else {
                return .invocation(invocation(kind))
            }
            return .reverted(reason: reason)
        }
        switch transaction {
        case .invoke: return trace(.invoke(outcome(.external)))
        case .declare: return trace(.declare)
        case .deployAccount: return trace(.deployAccount(constructor: invocation(.constructor)))
        case .l1Handler: return trace(.l1Handler(outcome(.l1Handler)), validates: false)
        }
    }

    static let declare = #"""
        {"type": "DECLARE", "version": "0x3", "sender_address": "0xacc00001",
         "compiled_class_hash": "0xca5", "signature": ["0x5", "0x6"], "nonce": "0x8",
         "contract_class": \#(contractClass), "resource_bounds": {
           "l1_gas": {"max_amount": "0x0", "max_price_per_unit": "0x0"},
           "l2_gas": {"max_amount": "0xf4240", "max_price_per_unit": "0x1"},
           "l1_data_gas": {"max_amount": "0x80", "max_price_per_unit": "0x1"}},
         "tip": "0x0", "paymaster_data": [], "account_deployment_data": [],
         "nonce_data_availability_mode": "L1", "fee_data_availability_mode": "L1"}
        """#

    static let messageFromL1 = #"""
        {"from_address": "0x00000000000000000000000000000000deadbeef",
         "to_address": "0x4718f5a0", "entry_point_selector": "0x83afd3f4", "payload": ["0x1", "0x2"]}
        """#

    /// The L1 transaction that sent the chain's two messages.
    static let l1TransactionHash =
        "0x80000000000000000000000000000000000000000000000000000000000000e7"
}
