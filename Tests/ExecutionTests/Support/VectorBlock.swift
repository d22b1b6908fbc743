import Execution
import Foundation
import Primitives
import StarkField
import TestSupport

/// A block of another project's data in the feeder's or the RPC's form, with what the file has of
/// it. State updates are found by their block hash.
struct VectorBlock {
    let file: Fixtures.File
    let fields: JSONFields
    let version: StarknetVersion?
    /// Absent in a pre-confirmed block.
    let hash: Felt?
    /// With their stated hashes; nil where the file names transactions by hash alone.
    let transactions: [(transaction: VectorTransaction, hash: Felt)]?
    /// Nil where the file has none.
    let receipts: [TransactionReceipt]?

    init?(_ value: Any?, file: Fixtures.File) throws {
        guard var object = JSONFields(value) else { return nil }
        if let result = object.fields("result") { object = result }
        if let block = object.fields("block") { object = block }
        guard object.has("transactions"), object.has("timestamp"),
            object.has("l1_gas_price", "gas_price", "eth_l1_gas_price", "sequencer_address")
                || object.has("parent_block_hash", "parent_hash")
        else { return nil }
        self.file = file
        fields = object
        version = object.string("starknet_version").flatMap { StarknetVersion($0) }
        hash = try object.has("block_hash") ? object.felt("block_hash") : nil
        let listed = object.list("transactions") ?? []
        let complete = (object.first(["transactions"]) as? [Any])?.count == listed.count
        transactions =
            complete
            ? try listed.enumerated().map { try VectorBlock.transaction($1, index: $0, file) }
            : nil
        receipts = try VectorBlock.receipts(object, listed)
    }

    private static func transaction(
        _ object: JSONFields, index: Int, _ file: Fixtures.File
    ) throws -> (transaction: VectorTransaction, hash: Felt) {
        guard let transaction = try VectorTransaction(object) else {
            throw MalformedVector("\(file): transaction \(index)")
        }
        let holder = object.fields("receipt") ?? transaction.fields
        return (transaction, try holder.felt("transaction_hash"))
    }

    private static func receipts(
        _ block: JSONFields, _ transactions: [JSONFields]
    ) throws -> [TransactionReceipt]? {
        let feeder = block.list("transaction_receipts")
        let listed = feeder ?? transactions.compactMap { $0.fields("receipt") }
        guard listed.count == transactions.count, !listed.isEmpty else { return nil }
        guard listed.allSatisfy({ $0.has("execution_resources") }) else { return nil }
        return try listed.map { try receipt($0) }
    }

    private static func receipt(_ object: JSONFields) throws -> TransactionReceipt {
        let resources = object.fields("execution_resources")
        let gas = resources?.fields("total_gas_consumed") ?? resources
        func amount(_ name: String) throws -> UInt64 {
            guard let gas, gas.has(name) else { return 0 }
            return try gas.uint64(name)
        }
        let fee =
            try object.fields("actual_fee")?.uint128("amount") ?? object.uint128("actual_fee")
        let reverted = object.string("execution_status") == "REVERTED"
        return TransactionReceipt(
            transactionHash: try object.felt("transaction_hash"), actualFee: fee,
            executionStatus: reverted
                ? .reverted(reason: object.string("revert_error", "revert_reason") ?? "")
                : .succeeded,
            events: try (object.list("events") ?? []).map {
                Event(
                    fromAddress: try $0.felt("from_address"), keys: try $0.felts("keys"),
                    data: try $0.felts("data"))
            },
            messagesSent: try (object.list("l2_to_l1_messages", "messages_sent") ?? []).map {
                MessageToL1(
                    fromAddress: try $0.felt("from_address"),
                    toAddress: try $0.felt("to_address"), payload: try $0.felts("payload"))
            },
            gasConsumed: GasVector(
                l1Gas: try amount("l1_gas"), l1DataGas: try amount("l1_data_gas"),
                l2Gas: try amount("l2_gas")))
    }

    /// The chain on which the block's first transactions have their stated hashes.
    func chain() throws -> Felt? {
        for (transaction, hash) in (transactions ?? []).prefix(8) {
            if let chain = try transaction.chain(hash: hash) { return chain }
        }
        return nil
    }

    private func price(_ name: String) throws -> GasPrice {
        guard let object = fields.fields(name) else { return GasPrice(wei: 0, fri: 0) }
        return GasPrice(
            wei: try object.uint128("price_in_wei"), fri: try object.uint128("price_in_fri"))
    }

    func info(version: StarknetVersion) throws -> BlockInfo {
        BlockInfo(
            number: Height(try fields.uint64("block_number")),
            timestamp: try fields.uint64("timestamp"),
            sequencerAddress: try fields.felt("sequencer_address"),
            gasPrices: GasPrices(
                l1Gas: try price("l1_gas_price"), l1DataGas: try price("l1_data_gas_price"),
                l2Gas: try price("l2_gas_price")),
            l1DataAvailabilityMode: fields.string("l1_da_mode") == "BLOB" ? .blob : .calldata,
            starknetVersion: version)
    }

    /// Every block in the files below `blocks` of the index, in path order.
    static func all() throws -> [VectorBlock] {
        try Fixtures.files(under: "blocks", suffix: ".json").compactMap {
            try VectorBlock(Fixtures.json($0), file: $0)
        }
    }
}

/// The changes of a block, in the feeder's or the RPC's form.
struct VectorStateUpdate {
    let file: Fixtures.File
    let blockHash: Felt
    let diff: StateDiff

    init?(_ value: Any?, file: Fixtures.File) throws {
        guard var object = JSONFields(value) else { return nil }
        if let result = object.fields("result") { object = result }
        if let update = object.fields("state_update") { object = update }
        guard let diff = object.fields("state_diff"), object.has("block_hash") else { return nil }
        self.file = file
        blockHash = try object.felt("block_hash")
        self.diff = try VectorStateUpdate.diff(diff).sorted()
    }

    private static func entries(_ list: [JSONFields]) throws -> [StorageEntry] {
        try list.map { StorageEntry(key: try $0.felt("key"), value: try $0.felt("value")) }
    }

    private static func diff(_ object: JSONFields) throws -> StateDiff {
        var diff = StateDiff()
        if let table = object.fields("storage_diffs") {
            for (address, list) in table.object {
                let objects = (list as? [Any] ?? []).compactMap { JSONFields($0) }
                diff.storageDiffs.append(
                    ContractStorageDiff(
                        address: try JSONNumbers.felt(address, "address"),
                        entries: try entries(objects)))
            }
        }
        for contract in object.list("storage_diffs") ?? [] {
            diff.storageDiffs.append(
                ContractStorageDiff(
                    address: try contract.felt("address"),
                    entries: try entries(contract.list("storage_entries") ?? [])))
        }
        if let table = object.fields("nonces") {
            for (address, nonce) in table.object {
                diff.nonces.append(
                    NonceUpdate(
                        address: try JSONNumbers.felt(address, "address"),
                        nonce: try JSONNumbers.felt(nonce, "nonce")))
            }
        }
        for update in object.list("nonces") ?? [] {
            diff.nonces.append(
                NonceUpdate(
                    address: try update.felt("contract_address"), nonce: try update.felt("nonce")))
        }
        func contracts(_ name: String) throws -> [ContractClassUpdate] {
            try (object.list(name) ?? []).map {
                ContractClassUpdate(
                    address: try $0.felt("address", "contract_address"),
                    classHash: try $0.felt("class_hash"))
            }
        }
        func classes(_ name: String) throws -> [DeclaredClass] {
            try (object.list(name) ?? []).map {
                DeclaredClass(
                    classHash: try $0.felt("class_hash"),
                    compiledClassHash: try $0.felt("compiled_class_hash"))
            }
        }
        diff.deployedContracts = try contracts("deployed_contracts")
        diff.replacedClasses = try contracts("replaced_classes")
        diff.declaredClasses = try classes("declared_classes")
        diff.migratedCompiledClasses = try classes("migrated_compiled_classes")
        diff.deprecatedDeclaredClasses = try object.felts(
            "old_declared_contracts", "deprecated_declared_classes")
        return diff
    }

    /// Every state update in the files below `blocks` of the index, in path order.
    static func all() throws -> [VectorStateUpdate] {
        try Fixtures.files(under: "blocks", suffix: ".json").compactMap {
            try VectorStateUpdate(Fixtures.json($0), file: $0)
        }
    }
}
