import Consensus
import Execution
import Primitives
import Replica
import Replication
import StarkField
import StarkHash
import StateTrie
import Storage
import SystemContracts
import WireCodec

/// How blocks are laid out in storage: `header` is Starknet's block header, `body` the consensus
/// block, `extra` the Final certificate of a block that ends a finalised batch.
enum ChainRecords {
    static func writes(
        _ block: FinalBlock, output: BlockOutput, header: BlockHeader?, certificate: Certificate?
    ) -> BlockWrites {
        var receipts = WireWriter()
        receipts.write(output.receipts)
        var writes = BlockWrites(
            height: block.body.height, consensusHash: block.reference.hash,
            header: header?.encoded() ?? [], body: block.body.encoded(), receipts: receipts.bytes,
            stateDiff: output.diff.encoded(), extra: certificate?.encoded() ?? [],
            // Nothing asks for the bytes of an opaque chain by their hash.
            transactions: header == nil ? [] : output.transactionHashes)
        fill(&writes, output.diff)
        writes.classes = output.classes
        for receipt in output.receipts {
            for event in receipt.events {
                writes.eventTopics.append(.address(Digest(event.fromAddress)))
                if let first = event.keys.first {
                    writes.eventTopics.append(.key(position: 0, Digest(first)))
                }
            }
        }
        return writes
    }

    static func fill(_ writes: inout BlockWrites, _ diff: StateDiff) {
        for contract in diff.storageDiffs {
            let address = Digest(contract.address)
            for entry in contract.entries {
                writes.storage.append(
                    StorageWrite(
                        contract: address, key: Digest(entry.key), value: Digest(entry.value)))
            }
        }
        writes.nonces = diff.nonces.map {
            ContractWrite(contract: Digest($0.address), value: Digest($0.nonce))
        }
        writes.classHashes = (diff.deployedContracts + diff.replacedClasses).map {
            ContractWrite(contract: Digest($0.address), value: Digest($0.classHash))
        }
    }

    static func receipts(_ bytes: [UInt8]) throws(WireError) -> [TransactionReceipt] {
        var reader = WireReader(bytes)
        let receipts = try reader.readArray(
            "receipts", of: TransactionReceipt.self, maximum: 1 << 20)
        try reader.finish()
        return receipts
    }

    /// Writes block 0: the genesis state under its root, with every class that it declares.
    ///
    /// - Parameter further: classes that the genesis names besides those of the system.
    static func writeGenesis(
        _ genesis: CheckedGenesis, further: [LoadedGenesisClass], to store: ChainStore
    ) throws {
        let diff: StateDiff
        var classes: [ClassWrite] = []
        switch genesis.source.payload {
        case .opaque: diff = StateDiff()
        case .transactions:
            diff = try GenesisState(
                classes: SystemContracts.classes, furtherClasses: further.map(\.compiled),
                accounts: genesis.accounts.map {
                    GenesisState.Account(publicKey: $0.publicKey, balance: U256(low: $0.balance))
                }
            ).stateDiff()
            classes = try SystemContracts.all.map(StoredClass.write) + further.map(\.write)
        }
        let commitment = try StateCommitter.commit(TrieStateDiff(diff), on: EmptyNodeStore())
        let commitments = BlockCommitmentBuilder().finish(stateDiff: diff)
        let header = BlockHeader(
            info: BlockInfo(
                number: Height(0), timestamp: genesis.source.timestamp, sequencerAddress: .zero,
                gasPrices: genesis.executionPrices, l1DataAvailabilityMode: .blob,
                starknetVersion: StarknetVersion(0, 13, 5)),
            parentHash: .zero, stateRoot: commitment.stateRoot, commitments: commitments)
        var receipts = WireWriter()
        receipts.write([TransactionReceipt]())
        var writes = BlockWrites(
            height: Height(0), consensusHash: genesis.rootReference.hash,
            header: header.encoded(), receipts: receipts.bytes, stateDiff: diff.encoded())
        fill(&writes, diff)
        writes.classes = classes
        try store.commit(
            FinalBatch(
                blocks: [writes],
                blockHashes: [BlockHashWrite(height: Height(0), hash: Digest(header.hash()))],
                trieNodes: TrieRecords.writes(commitment.changes)))
    }
}

/// The block hash of an opaque chain: there is no state root, so its own commitment and its parent.
enum OpaqueHash {
    static func blockHash(_ header: Header, parent: Felt) -> Felt {
        Poseidon.hashMany([
            Felt(header.opening.height.rawValue), header.transactionCommitment.felt, parent,
        ])
    }
}

extension CheckedGenesis {
    var blockPrices: BlockPrices {
        let prices = source.prices
        return BlockPrices(
            l1GasWei: UInt128(prices.l1GasWei), l1GasFri: UInt128(prices.l1GasFri),
            l1DataGasWei: UInt128(prices.l1DataGasWei), l1DataGasFri: UInt128(prices.l1DataGasFri),
            l2GasWei: UInt128(prices.l2GasWei), l2GasFri: UInt128(prices.l2GasFri))
    }

    var executionPrices: Execution.GasPrices {
        let prices = blockPrices
        return Execution.GasPrices(
            l1Gas: GasPrice(wei: prices.l1GasWei, fri: prices.l1GasFri),
            l1DataGas: GasPrice(wei: prices.l1DataGasWei, fri: prices.l1DataGasFri),
            l2Gas: GasPrice(wei: prices.l2GasWei, fri: prices.l2GasFri))
    }
}
