import CairoVM
import Foundation
import JSONText
import Primitives
import StarkField
import StateTrie

@testable import Execution
@testable import RPC

/// Reads answers in the specification's form back into the types that they are rendered from. Nil
/// for anything that this node could not answer: transactions of old versions and their fees.
enum RecordedReader {
    static func felt(_ value: JSONValue?) -> Felt? { value?.text.flatMap { Felt(hex: $0) } }

    static func list<T>(_ value: JSONValue?, _ read: (JSONValue) -> T?) -> [T]? {
        guard let elements = value?.elements else { return nil }
        let read = elements.compactMap(read)
        return read.count == elements.count ? read : nil
    }

    static func felts(_ value: JSONValue?) -> [Felt]? { list(value) { felt($0) } }

    static func number<N: FixedWidthInteger & UnsignedInteger>(_ value: JSONValue?) -> N? {
        guard let value else { return nil }
        return try? Decode.hex(value, "number", as: N.self)
    }

    static func int(_ value: JSONValue?) -> Int? { value?.unsigned.map { Int(clamping: $0) } }

    static func gas(_ value: JSONValue?) -> GasVector? {
        guard let l1 = value?["l1_gas"]?.unsigned, let data = value?["l1_data_gas"]?.unsigned,
            let l2 = value?["l2_gas"]?.unsigned
        else { return nil }
        return GasVector(l1Gas: l1, l1DataGas: data, l2Gas: l2)
    }

    // MARK: - Traces

    static func invocation(_ value: JSONValue?) -> RPCInvocation? {
        guard let value, let contract = felt(value["contract_address"]),
            let selector = felt(value["entry_point_selector"]),
            let calldata = felts(value["calldata"]), let caller = felt(value["caller_address"]),
            let classHash = felt(value["class_hash"]),
            let kind = value["entry_point_type"]?.text.flatMap({
                CasmClass.EntryPointKind(rawValue: $0)
            }),
            let call = value["call_type"]?.text.flatMap({ RPCInvocation.CallKind(rawValue: $0) }),
            let result = felts(value["result"]), let calls = list(value["calls"], invocation),
            let events = list(value["events"], orderedEvent),
            let messages = list(value["messages"], orderedMessage),
            let l1Gas = value["execution_resources"]?["l1_gas"]?.unsigned,
            let l2Gas = value["execution_resources"]?["l2_gas"]?.unsigned,
            case .bool(let isReverted)? = value["is_reverted"]
        else { return nil }
        return RPCInvocation(
            contractAddress: contract, selector: selector, calldata: calldata,
            callerAddress: caller, classHash: classHash, entryPointKind: kind, callKind: call,
            result: result, calls: calls, events: events, messages: messages, l1Gas: l1Gas,
            l2Gas: l2Gas, isReverted: isReverted)
    }

    private static func orderedEvent(_ value: JSONValue) -> OrderedEvent? {
        guard let order = int(value["order"]), let keys = felts(value["keys"]),
            let data = felts(value["data"])
        else { return nil }
        return OrderedEvent(order: order, keys: keys, data: data)
    }

    private static func orderedMessage(_ value: JSONValue) -> OrderedMessage? {
        guard let order = int(value["order"]), let to = felt(value["to_address"]),
            let payload = felts(value["payload"])
        else { return nil }
        return OrderedMessage(order: order, toAddress: to, payload: payload)
    }

    private static func outcome(_ value: JSONValue?) -> RPCTransactionTrace.Outcome? {
        if let reason = value?["revert_reason"]?.text { return .reverted(reason: reason) }
        return invocation(value).map { .invocation($0) }
    }

    static func trace(_ value: JSONValue) -> RPCTransactionTrace? {
        var content: RPCTransactionTrace.Content?
        switch value["type"]?.text {
        case "INVOKE": content = outcome(value["execute_invocation"]).map { .invoke($0) }
        case "DECLARE": content = .declare
        case "DEPLOY_ACCOUNT":
            content = invocation(value["constructor_invocation"]).map {
                .deployAccount(constructor: $0)
            }
        case "L1_HANDLER": content = outcome(value["function_invocation"]).map { .l1Handler($0) }
        default: break
        }
        guard let content, let gas = gas(value["execution_resources"]) else { return nil }
        return RPCTransactionTrace(
            content: content, validation: invocation(value["validate_invocation"]),
            feeTransfer: invocation(value["fee_transfer_invocation"]),
            stateDiff: value["state_diff"].flatMap(diff), gas: gas)
    }

    static func estimate(_ value: JSONValue) -> RPCFeeEstimate? {
        guard let l1: UInt64 = number(value["l1_gas_consumed"]),
            let data: UInt64 = number(value["l1_data_gas_consumed"]),
            let l2: UInt64 = number(value["l2_gas_consumed"]),
            let l1Price: UInt128 = number(value["l1_gas_price"]),
            let dataPrice: UInt128 = number(value["l1_data_gas_price"]),
            let l2Price: UInt128 = number(value["l2_gas_price"]),
            let fee: UInt128 = number(value["overall_fee"]),
            let unit = value["unit"]?.text.flatMap({ RPCPriceUnit(rawValue: $0) })
        else { return nil }
        return RPCFeeEstimate(
            gas: GasVector(l1Gas: l1, l1DataGas: data, l2Gas: l2), l1GasPrice: l1Price,
            l1DataGasPrice: dataPrice, l2GasPrice: l2Price, overallFee: fee, unit: unit)
    }

    static func reads(_ value: JSONValue) -> RPCInitialReads? {
        var storage: [ContractStorageDiff] = []
        for read in value["storage"]?.elements ?? [] {
            guard let contract = felt(read["contract_address"]), let key = felt(read["key"]),
                let word = felt(read["value"])
            else { return nil }
            let entry = StorageEntry(key: key, value: word)
            if storage.last?.address == contract {
                storage[storage.count - 1].entries.append(entry)
            } else {
                storage.append(ContractStorageDiff(address: contract, entries: [entry]))
            }
        }
        guard let nonces = list(value["nonces"], nonce),
            let classes = list(value["class_hashes"], contractClass("contract_address")),
            let declared = list(
                value["declared_contracts"],
                { read -> RPCInitialReads.ClassRead? in
                    guard let hash = felt(read["class_hash"]),
                        case .bool(let isDeclared)? = read["is_declared"]
                    else { return nil }
                    return .init(classHash: hash, isDeclared: isDeclared)
                })
        else { return nil }
        return RPCInitialReads(
            storage: storage, nonces: nonces, classHashes: classes, declaredClasses: declared)
    }

    // MARK: - State

    private static func nonce(_ value: JSONValue) -> NonceUpdate? {
        guard let contract = felt(value["contract_address"]), let nonce = felt(value["nonce"])
        else { return nil }
        return NonceUpdate(address: contract, nonce: nonce)
    }

    private static func contractClass(
        _ address: String
    ) -> (JSONValue) -> ContractClassUpdate? {
        { value in
            guard let contract = felt(value[address]), let hash = felt(value["class_hash"])
            else { return nil }
            return ContractClassUpdate(address: contract, classHash: hash)
        }
    }

    private static func declared(_ value: JSONValue) -> DeclaredClass? {
        guard let hash = felt(value["class_hash"]),
            let compiled = felt(value["compiled_class_hash"])
        else { return nil }
        return DeclaredClass(classHash: hash, compiledClassHash: compiled)
    }

    static func diff(_ value: JSONValue) -> StateDiff? {
        let storage = list(value["storage_diffs"]) { contract -> ContractStorageDiff? in
            guard let address = felt(contract["address"]),
                let entries = list(
                    contract["storage_entries"],
                    { entry -> StorageEntry? in
                        guard let key = felt(entry["key"]), let word = felt(entry["value"])
                        else { return nil }
                        return StorageEntry(key: key, value: word)
                    })
            else { return nil }
            return ContractStorageDiff(address: address, entries: entries)
        }
        guard let storage, let nonces = list(value["nonces"], nonce),
            let deployed = list(value["deployed_contracts"], contractClass("address")),
            let replaced = list(value["replaced_classes"], contractClass("contract_address")),
            let classes = list(value["declared_classes"], declared),
            let deprecated = felts(value["deprecated_declared_classes"]),
            let migrated = list(value["migrated_compiled_classes"] ?? .array([]), declared)
        else { return nil }
        return StateDiff(
            storageDiffs: storage, nonces: nonces, deployedContracts: deployed,
            replacedClasses: replaced, declaredClasses: classes,
            deprecatedDeclaredClasses: deprecated, migratedCompiledClasses: migrated)
    }

    static func stateUpdate(_ value: JSONValue) -> RPCStateUpdate? {
        guard let old = felt(value["old_root"]), let diff = value["state_diff"].flatMap(diff)
        else { return nil }
        var accepted: RPCStateUpdate.Accepted?
        if let hash = felt(value["block_hash"]), let root = felt(value["new_root"]) {
            accepted = .init(blockHash: hash, newRoot: root)
        }
        return RPCStateUpdate(accepted: accepted, oldRoot: old, diff: diff)
    }

    private static func nodes(_ value: JSONValue?) -> [ProofNode]? {
        list(value) { entry in
            guard let hash = felt(entry["node_hash"]), let node = entry["node"] else { return nil }
            if let left = felt(node["left"]), let right = felt(node["right"]) {
                return ProofNode(hash: hash, node: .binary(left: left, right: right))
            }
            guard let length = int(node["length"]), let child = felt(node["child"]),
                let path = felt(node["path"]).flatMap({ TriePath(value: $0, length: length) })
            else { return nil }
            return ProofNode(hash: hash, node: .edge(path: path, child: child))
        }
    }

    static func storageProof(_ value: JSONValue) -> RPCStorageProof? {
        let roots = value["global_roots"]
        guard let block = felt(roots?["block_hash"]),
            let classesRoot = felt(roots?["classes_tree_root"]),
            let contractsRoot = felt(roots?["contracts_tree_root"]),
            let classes = nodes(value["classes_proof"]),
            let contracts = nodes(value["contracts_proof"]?["nodes"]),
            let slots = list(value["contracts_storage_proofs"], nodes),
            let leaves = list(
                value["contracts_proof"]?["contract_leaves_data"],
                { leaf -> ContractRecord? in
                    guard let nonce = felt(leaf["nonce"]), let hash = felt(leaf["class_hash"]),
                        let root = felt(leaf["storage_root"])
                    else { return nil }
                    return ContractRecord(classHash: hash, storageRoot: root, nonce: nonce)
                })
        else { return nil }
        return RPCStorageProof(
            blockHash: block, classesRoot: classesRoot, contractsRoot: contractsRoot,
            classes: classes, contracts: contracts, leaves: leaves, slots: slots)
    }

    static func deprecatedClass(_ value: JSONValue) -> RPCDeprecatedClass? {
        guard let program = value["program"]?.text.flatMap({ Data(base64Encoded: $0) }) else {
            return nil
        }
        var points: [CasmClass.EntryPointKind: [DeprecatedClass.EntryPoint]] = [:]
        for kind in CasmClass.EntryPointKind.allCases {
            let read = list(value["entry_points_by_type"]?[kind.rawValue]) {
                point -> DeprecatedClass.EntryPoint? in
                guard let selector = felt(point["selector"]),
                    let offset: UInt32 = number(point["offset"])
                else { return nil }
                return DeprecatedClass.EntryPoint(selector: selector, offset: Int(offset))
            }
            guard let read else { return nil }
            points[kind] = read
        }
        return RPCDeprecatedClass(
            gzippedProgram: [UInt8](program), entryPoints: points, abi: value["abi"] ?? .null)
    }
}
