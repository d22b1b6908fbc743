import Execution
import Foundation
import StarkField
import StarkHash
import TestSupport
import Testing

@Suite("Block commitments and block hashes", .serialized)
struct CommitmentsTests {
    /// A binary Patricia trie by its definition: the keys below one node share their bits above
    /// `height`; an only child becomes an edge.
    private static func slowNode(_ leaves: [(key: UInt64, leaf: Felt)], height: Int) -> Felt {
        if height == 0 { return leaves[0].leaf }
        var path: UInt64 = 0
        var length = 0
        var level = height
        while level > 0 {
            let bits = Set(leaves.map { $0.key >> UInt64(level - 1) & 1 })
            guard bits.count == 1, let bit = bits.first else { break }
            path = path << 1 | bit
            length += 1
            level -= 1
        }
        if length > 0 {
            return Poseidon.hash(slowNode(leaves, height: level), Felt(path))
                + Felt(UInt64(length))
        }
        let left = leaves.filter { $0.key >> UInt64(level - 1) & 1 == 0 }
        let right = leaves.filter { $0.key >> UInt64(level - 1) & 1 == 1 }
        return Poseidon.hash(
            slowNode(left, height: level - 1), slowNode(right, height: level - 1))
    }

    @Test("The streaming commitment equals the trie by its definition for 0 to 70 leaves")
    func streamingEqualsDefinition() {
        var commitment = IndexedCommitment()
        #expect(commitment.root == .zero)
        var leaves: [(key: UInt64, leaf: Felt)] = []
        for index in 0..<UInt64(70) {
            let leaf = Felt(index * 7 + 1)
            leaves.append((index, leaf))
            commitment.append(leaf)
            #expect(commitment.count == index + 1)
            #expect(
                commitment.root == CommitmentsTests.slowNode(leaves, height: 64), "\(index + 1)")
        }
    }

    @Test("Leaves that are appended together give the commitment of one after the other")
    func appendedTogether() {
        for first in 0..<20 {
            for second in 0..<20 {
                let leaves = (0..<(first + second)).map { Felt(UInt64($0) * 11 + 3) }
                var single = IndexedCommitment()
                for leaf in leaves { single.append(leaf) }
                var together = IndexedCommitment()
                together.append(contentsOf: Array(leaves[..<first]))
                together.append(contentsOf: Array(leaves[first...]))
                #expect(together == single, "\(first) and \(second)")
            }
        }
    }

    @Test("Receipts that are hashed side by side have the digests of each by itself")
    func receiptsTogether() {
        var receipts: [TransactionReceipt] = []
        for index in 0..<UInt64(23) {
            receipts.append(
                TransactionReceipt(
                    transactionHash: Felt(index + 100), actualFee: UInt128(index),
                    executionStatus: index % 5 == 0 ? .reverted(reason: "no \(index)") : .succeeded,
                    events: (0..<(index % 4)).map { number in
                        Event(
                            fromAddress: Felt(number), keys: [Felt(number + 1)],
                            data: (0..<number).map { Felt($0) })
                    },
                    gasConsumed: GasVector(l1Gas: index, l1DataGas: 2 * index, l2Gas: 7)))
        }
        #expect(ReceiptDigest.digests(of: receipts) == receipts.map { ReceiptDigest($0) })
        #expect(ReceiptDigest.digests(of: []) == [])
    }

    @Test("Transactions that are hashed side by side have the digests of each by itself")
    func transactionsTogether() {
        let bounds = ResourceBoundsMapping(
            l1Gas: ResourceBounds(maxAmount: 1, maxPricePerUnit: 2),
            l2Gas: ResourceBounds(maxAmount: 3, maxPricePerUnit: 4),
            l1DataGas: ResourceBounds(maxAmount: 5, maxPricePerUnit: 6))
        var transactions: [Transaction] = []
        for index in 0..<UInt64(19) {
            let list = (0..<(index % 6)).map { Felt($0 + index) }
            if index % 4 == 3 {
                transactions.append(
                    .deployAccount(
                        DeployAccountTransactionV3(
                            contractAddressSalt: Felt(index), classHash: 5,
                            constructorCalldata: list, signature: [1, 2], nonce: 0,
                            resourceBounds: bounds)))
            } else {
                transactions.append(
                    .invoke(
                        InvokeTransactionV3(
                            senderAddress: Felt(index), calldata: list, signature: list,
                            nonce: Felt(index), resourceBounds: index % 3 == 0 ? bounds : .zero,
                            tip: index % 2, paymasterData: index % 5 == 1 ? [9] : [],
                            accountDeploymentData: index % 7 == 2 ? list : [],
                            proofFacts: index % 6 == 4 ? [8, 9] : [])))
            }
        }
        var hasher = TransactionHasher(chainID: 77)
        let together = hasher.digests(of: transactions)
        #expect(together == transactions.map { hasher.digest(of: $0) })
        #expect(together.map(\.hash) == transactions.map { $0.hash(chainID: 77) })
    }

    @Test("An event's leaf is the Poseidon hash of its flattened form")
    func eventLeaf() {
        let event = Event(fromAddress: Felt(1), keys: [Felt(2), Felt(3)], data: [Felt(4)])
        #expect(
            CommitmentLeaves.event(event, transactionHash: Felt(9))
                == Poseidon.hashMany([1, 9, 2, 2, 3, 1, 4].map { Felt(UInt64($0)) }))
    }

    @Test("A state diff's commitment does not depend on the order in which changes were listed")
    func stateDiffOrder() {
        var samples = SampleValues(seed: 4)
        for _ in 0..<20 {
            let diff = samples.stateDiff()
            var shuffled = diff
            shuffled.storageDiffs.reverse()
            shuffled.nonces.reverse()
            shuffled.deployedContracts.reverse()
            shuffled.deprecatedDeclaredClasses.reverse()
            #expect(shuffled.sorted().commitment() == diff.commitment())
        }
    }

    // MARK: Public blocks

    /// Says in the test's output that a part of a block was taken from its header.
    private static func note(_ block: VectorBlock, _ part: String) {
        print("note: \(block.file): no data for the \(part), so its stated value is used")
    }

    private static func commitments(
        _ block: VectorBlock, version: StarknetVersion, updates: [Felt: VectorStateUpdate]
    ) throws -> BlockCommitments {
        let emptyIsZero = version < .hashedGasPrices
        var transactions = IndexedCommitment()
        for entry in block.transactions ?? [] {
            transactions.append(
                CommitmentLeaves.transaction(
                    hash: entry.hash, signature: try entry.transaction.signature(),
                    emptySignatureIsZero: emptyIsZero))
        }
        var builder = BlockCommitmentBuilder()
        for receipt in block.receipts ?? [] {
            builder.append(transactionLeaf: .zero, ReceiptDigest(receipt))
        }
        let update = block.hash.flatMap { updates[$0] }
        func part(_ name: String, _ field: String, _ computed: Felt?) throws -> Felt {
            let stated = try block.fields.felt(field)
            guard let computed else {
                note(block, name)
                return stated
            }
            #expect(computed == stated, "\(block.file): \(name)")
            return computed
        }
        let hasReceipts = block.receipts != nil
        let listed = block.fields.first(["transactions"]) as? [Any]
        let length = try block.fields.uint64("state_diff_length")
        if let update { #expect(update.diff.length == length, "\(block.file): length") }
        return BlockCommitments(
            transactionCommitment: try part(
                "transactions", "transaction_commitment",
                block.transactions == nil ? nil : transactions.root),
            eventCommitment: try part(
                "events", "event_commitment", hasReceipts ? builder.eventCommitment : nil),
            receiptCommitment: try part(
                "receipts", "receipt_commitment", hasReceipts ? builder.receiptCommitment : nil),
            stateDiffCommitment: try part(
                "state diff", "state_diff_commitment", update?.diff.commitment()),
            transactionCount: UInt64(listed?.count ?? 0),
            eventCount: hasReceipts
                ? builder.eventCount : try block.fields.uint64("event_count"),
            stateDiffLength: length)
    }

    @Test(
        "Commitments and hash of every public block since 0.13.2 follow from the block's own data",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func publicBlocks() throws {
        let updates = Dictionary(
            try VectorStateUpdate.all().map { ($0.blockHash, $0) }, uniquingKeysWith: { $1 })
        var checked: Set<String> = []
        for block in try VectorBlock.all() {
            guard let version = block.version, version >= .poseidonBlockHash else { continue }
            guard let hash = block.hash else {
                print("note: \(block.file): pre-confirmed, so without commitments and hash")
                checked.insert(block.file.path)
                continue
            }
            let header = BlockHeader(
                info: try block.info(version: version),
                parentHash: try block.fields.felt("parent_block_hash", "parent_hash"),
                stateRoot: try block.fields.felt("state_root", "new_root"),
                commitments: try CommitmentsTests.commitments(
                    block, version: version, updates: updates))
            #expect(header.hash() == hash, "\(block.file): block hash")
            checked.insert(block.file.path)
        }
        #expect(!checked.isEmpty)
        for listed in try CommitmentsTests.indexedBlocks() {
            #expect(checked.contains(listed), "\(listed) is in the index of blocks, unchecked")
        }
    }

    /// Files that the notes beside the blocks list with a version of 0.13.2 or later.
    private static func indexedBlocks() throws -> [String] {
        let notes = Fixtures.root.appendingPathComponent("blocks-index.json")
        guard let data = try? Data(contentsOf: notes) else { return [] }
        let list = try JSONSerialization.jsonObject(with: data) as? [Any] ?? []
        return list.compactMap { JSONFields($0) }.compactMap { entry in
            guard let file = entry.string("file"),
                let version = entry.string("version").flatMap({ StarknetVersion($0) }),
                version >= .poseidonBlockHash
            else { return nil }
            return "blocks/" + file
        }
    }
}
