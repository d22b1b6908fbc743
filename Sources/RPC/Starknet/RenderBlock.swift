import Execution
import Primitives
import StarkField

/// Blocks, state updates, events and estimates as the specification shows them.
extension JSONWriter {
    /// What a block answer holds of each transaction.
    enum TransactionForm {
        case hashes
        case transactions(proofFacts: Bool)
        case receipts(proofFacts: Bool)
    }

    /// `BLOCK_WITH_*`, or `PRE_CONFIRMED_BLOCK_WITH_*`, which has neither status nor hashes.
    mutating func block(_ block: RPCBlock, _ form: TransactionForm) {
        object { writer in
            writer.members(block.header)
            writer.array("transactions") { writer in
                for (transaction, receipt) in zip(block.transactions, block.receipts) {
                    writer.element(transaction, receipt, block.header.finality, form)
                }
            }
        }
    }

    private mutating func element(
        _ transaction: Transaction, _ receipt: TransactionReceipt, _ finality: RPCFinality,
        _ form: TransactionForm
    ) {
        switch form {
        case .hashes: felt(receipt.transactionHash)
        case .transactions(let proofFacts):
            self.transaction(transaction, hash: receipt.transactionHash, proofFacts: proofFacts)
        case .receipts(let proofFacts):
            object { writer in
                writer.name("transaction")
                writer.transaction(transaction, proofFacts: proofFacts)
                writer.name("receipt")
                writer.receipt(receipt, of: transaction, finality: finality)
            }
        }
    }

    private mutating func members(_ block: RPCBlockHeader) {
        let info = block.header.info
        if block.finality != .preConfirmed {
            let commitments = block.header.commitments
            member("status", block.finality.rawValue)
            member("block_hash", block.hash)
            member("parent_hash", block.header.parentHash)
            member("new_root", block.header.stateRoot)
            member("transaction_commitment", commitments.transactionCommitment)
            member("event_commitment", commitments.eventCommitment)
            member("receipt_commitment", commitments.receiptCommitment)
            member("state_diff_commitment", commitments.stateDiffCommitment)
            member("transaction_count", number: commitments.transactionCount)
            member("event_count", number: commitments.eventCount)
            member("state_diff_length", number: commitments.stateDiffLength)
        }
        member("block_number", number: info.number.rawValue)
        member("timestamp", number: info.timestamp)
        member("sequencer_address", info.sequencerAddress)
        member("l1_gas_price", info.gasPrices.l1Gas)
        member("l1_data_gas_price", info.gasPrices.l1DataGas)
        member("l2_gas_price", info.gasPrices.l2Gas)
        switch info.l1DataAvailabilityMode {
        case .blob: member("l1_da_mode", "BLOB")
        case .calldata: member("l1_da_mode", "CALLDATA")
        }
        member("starknet_version", info.starknetVersion.description)
    }

    private mutating func member(_ name: String, _ price: GasPrice) {
        object(name) { writer in
            writer.member("price_in_fri", hex: price.fri)
            writer.member("price_in_wei", hex: price.wei)
        }
    }

    /// `STATE_UPDATE` or `PRE_CONFIRMED_STATE_UPDATE`; of the given contracts only, where any are
    /// given (classes stay).
    mutating func stateUpdate(_ update: RPCStateUpdate, only contracts: Set<Felt>?) {
        let diff = contracts.map { update.diff.restricted(to: $0) } ?? update.diff
        object { writer in
            if let accepted = update.accepted {
                writer.member("block_hash", accepted.blockHash)
                writer.member("new_root", accepted.newRoot)
            }
            writer.member("old_root", update.oldRoot)
            writer.object("state_diff") { $0.members(diff) }
        }
    }

    /// `STATE_DIFF`.
    mutating func members(_ diff: StateDiff) {
        list("storage_diffs", diff.storageDiffs) { writer, contract in
            writer.member("address", contract.address)
            writer.list("storage_entries", contract.entries) { writer, entry in
                writer.member("key", entry.key)
                writer.member("value", entry.value)
            }
        }
        list("nonces", diff.nonces) { writer, update in
            writer.member("contract_address", update.address)
            writer.member("nonce", update.nonce)
        }
        list("deployed_contracts", diff.deployedContracts) { writer, update in
            writer.member("address", update.address)
            writer.member("class_hash", update.classHash)
        }
        list("replaced_classes", diff.replacedClasses) { writer, update in
            writer.member("contract_address", update.address)
            writer.member("class_hash", update.classHash)
        }
        list("declared_classes", diff.declaredClasses) { writer, declared in
            writer.member("class_hash", declared.classHash)
            writer.member("compiled_class_hash", declared.compiledClassHash)
        }
        list("migrated_compiled_classes", diff.migratedCompiledClasses) { writer, declared in
            writer.member("class_hash", declared.classHash)
            writer.member("compiled_class_hash", declared.compiledClassHash)
        }
        member("deprecated_declared_classes", diff.deprecatedDeclaredClasses)
    }

    /// A member that is an array of one object per element.
    mutating func list<Element>(
        _ name: String, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
    ) {
        array(name) { writer in
            for element in elements { writer.object { body(&$0, element) } }
        }
    }

    /// `STORAGE_RESULT`.
    mutating func storageValue(_ value: Felt, lastUpdate: Height) {
        object { writer in
            writer.member("value", value)
            writer.member("last_update_block", number: lastUpdate.rawValue)
        }
    }

    /// `FEE_ESTIMATE`, `MESSAGE_FEE_ESTIMATE`.
    mutating func estimate(_ estimate: RPCFeeEstimate) {
        object { writer in
            writer.member("l1_gas_consumed", hex: estimate.gas.l1Gas)
            writer.member("l1_gas_price", hex: estimate.l1GasPrice)
            writer.member("l1_data_gas_consumed", hex: estimate.gas.l1DataGas)
            writer.member("l1_data_gas_price", hex: estimate.l1DataGasPrice)
            writer.member("l2_gas_consumed", hex: estimate.gas.l2Gas)
            writer.member("l2_gas_price", hex: estimate.l2GasPrice)
            writer.member("overall_fee", hex: estimate.overallFee)
            writer.member("unit", estimate.unit.rawValue)
        }
    }

    /// `EVENTS_CHUNK`.
    mutating func events(_ page: RPCEventPage, token: String?) {
        object { writer in
            writer.list("events", page.events) { writer, emitted in
                writer.members(emitted.event)
                if let hash = emitted.blockHash { writer.member("block_hash", hash) }
                writer.member("block_number", number: emitted.blockNumber.rawValue)
                writer.member("transaction_hash", emitted.transactionHash)
                writer.member("transaction_index", number: emitted.transactionIndex)
                writer.member("event_index", number: emitted.eventIndex)
            }
            if let token { writer.member("continuation_token", token) }
        }
    }

    /// `SYNC_STATUS`, or false.
    mutating func syncing(_ status: RPCSyncStatus?) {
        guard let status else { return bool(false) }
        object { writer in
            for (name, head) in [
                ("starting", status.starting), ("current", status.current),
                ("highest", status.highest),
            ] {
                writer.member("\(name)_block_hash", head.hash)
                writer.member("\(name)_block_num", number: head.number.rawValue)
            }
        }
    }
}

extension StateDiff {
    /// The changes of some contracts; classes stay.
    fileprivate func restricted(to contracts: Set<Felt>) -> StateDiff {
        var diff = self
        diff.storageDiffs.removeAll { !contracts.contains($0.address) }
        diff.nonces.removeAll { !contracts.contains($0.address) }
        diff.deployedContracts.removeAll { !contracts.contains($0.address) }
        diff.replacedClasses.removeAll { !contracts.contains($0.address) }
        return diff
    }
}
