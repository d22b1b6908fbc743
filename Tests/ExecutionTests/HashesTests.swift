import Execution
import Foundation
import StarkField
import StarkHash
import TestSupport
import Testing

@Suite("Transaction hashes and contract addresses", .serialized)
struct HashesTests {
    /// One transaction with the hashes that its file states.
    private struct Vector {
        let where_: String
        let transaction: VectorTransaction
        let hash: Felt
        let queryHash: Felt?
        let chainID: Felt?
    }

    private static func chainID(_ fields: JSONFields) -> Felt? {
        fields.string("chain_id", "chain").flatMap {
            $0.hasPrefix("0x") ? Felt(hex: $0) : Felt(shortString: $0)
        }
    }

    /// Objects, or lists of objects, of a transaction with its hash.
    private static func vectors(_ file: Fixtures.File) throws -> [Vector] {
        let json = try Fixtures.json(file)
        let objects =
            (json as? [Any])?.compactMap { JSONFields($0) }
            ?? [JSONFields(json)]
            .compactMap { $0 }
        return try objects.enumerated().compactMap { index, object in
            guard let nested = object.fields("transaction"),
                let transaction = try VectorTransaction(nested)
            else { return nil }
            let holder = object.has("transaction_hash") ? object : transaction.fields
            return Vector(
                where_: "\(file) [\(index)] \(transaction.name)", transaction: transaction,
                hash: try holder.felt("transaction_hash"),
                queryHash: try object.has("only_query_transaction_hash")
                    ? object.felt("only_query_transaction_hash") : nil,
                chainID: chainID(object))
        }
    }

    private static func allVectors() throws -> [Vector] {
        try Fixtures.files(under: "tx-hash").flatMap { try vectors($0) }
    }

    @Test(
        "Every transaction of the hash vectors has the hash that its file states",
        .enabled(if: Fixtures.has("tx-hash"), Comment(rawValue: Fixtures.absence(of: "tx-hash"))))
    func hashVectors() throws {
        let vectors = try HashesTests.allVectors()
        #expect(!vectors.isEmpty)
        for vector in vectors {
            if let chainID = vector.chainID {
                #expect(
                    try vector.transaction.hashes(to: vector.hash, chainID: chainID),
                    "\(vector.where_)")
            } else {
                #expect(
                    try vector.transaction.chain(hash: vector.hash) != nil, "\(vector.where_)")
            }
        }
    }

    @Test(
        "A query of the hash vectors has the other hash that its file states",
        .enabled(if: Fixtures.has("tx-hash"), Comment(rawValue: Fixtures.absence(of: "tx-hash"))))
    func queryVectors() throws {
        var checked = 0
        for vector in try HashesTests.allVectors() {
            guard let expected = vector.queryHash, let chainID = vector.chainID else { continue }
            let actual = try vector.transaction.hash(chainID: chainID, query: true)
            #expect(actual == expected, "\(vector.where_)")
            checked += 1
        }
        #expect(checked > 0)
    }

    @Test(
        "Every transaction in a block has the hash that the block states, on one chain",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func blocks() throws {
        var checked = 0
        for block in try VectorBlock.all() {
            guard let transactions = block.transactions, !transactions.isEmpty else { continue }
            let chain = try block.chain()
            guard let chain else {
                Issue.record("\(block.file): no known chain gives its transaction hashes")
                continue
            }
            for (index, entry) in transactions.enumerated() {
                #expect(
                    try entry.transaction.hashes(to: entry.hash, chainID: chain),
                    "\(block.file) [\(index)] \(entry.transaction.name)")
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test(
        "Every transaction beside a header-only block vector has its stated hash",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func blockVectors() throws {
        for file in Fixtures.files(under: "blocks", suffix: ".json") {
            guard let body = JSONFields(try Fixtures.json(file))?.fields("body"),
                let list = body.list("transactions")
            else { continue }
            let hashes = try body.felts("transaction_hashes")
            #expect(hashes.count == list.count, "\(file)")
            for (index, pair) in zip(list, hashes).enumerated() {
                let transaction = try VectorTransaction(pair.0)
                #expect(
                    try transaction?.chain(hash: pair.1) != nil,
                    "\(file) [\(index)] \(transaction?.name ?? "?")")
            }
        }
    }

    @Test(
        "Deployed accounts get the address that their transaction states",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func addressesInBlocks() throws {
        for block in try VectorBlock.all() {
            for (index, entry) in (block.transactions ?? []).enumerated() {
                guard entry.transaction.kind == .deployAccount,
                    let addresses = try entry.transaction.deployedAddresses(),
                    let stated = addresses.stated
                else { continue }
                #expect(addresses.computed == stated, "\(block.file) [\(index)]")
            }
        }
    }

    @Test(
        "An address in a gateway's answer is that of one of the requests beside it",
        .enabled(if: Fixtures.has("tx-hash"), Comment(rawValue: Fixtures.absence(of: "tx-hash"))))
    func gatewayAnswers() throws {
        var computed: Set<Felt> = []
        var stated: [(Fixtures.File, Felt)] = []
        for file in Fixtures.files(under: "tx-hash", suffix: ".json") {
            guard let object = JSONFields(try Fixtures.json(file)) else { continue }
            if object.has("address") && object.has("transaction_hash") {
                stated.append((file, try object.felt("address")))
            } else if !object.has("transaction"),
                let transaction = try VectorTransaction(object),
                let addresses = try transaction.deployedAddresses()
            {
                computed.insert(addresses.computed)
            }
        }
        for (file, address) in stated { #expect(computed.contains(address), "\(file)") }
    }

    @Test(
        "The differential vectors' addresses and version 3 hashes are reproduced",
        .enabled(
            if: Fixtures.has("oracle-vectors"),
            Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
    func differentialVectors() throws {
        var checked = 0
        for file in Fixtures.files(under: "oracle-vectors", suffix: ".json") {
            guard let object = JSONFields(try Fixtures.json(file)) else { continue }
            for vector in object.list("contract_address") ?? [] {
                let address = ContractAddresses.address(
                    deployer: try vector.felt("deployer"), salt: try vector.felt("salt"),
                    classHash: try vector.felt("class_hash"),
                    constructorCalldata: try vector.felts("calldata"))
                #expect(try address == vector.felt("out"))
                checked += 1
            }
            for vector in object.list("invoke_v3") ?? [] {
                let chainID = try #require(HashesTests.chainID(vector))
                let transaction = try #require(try VectorTransaction(vector))
                #expect(try transaction.hash(chainID: chainID) == vector.felt("out"))
                checked += 1
            }
            // These name an address that does not follow from their fields.
            for vector in object.list("deploy_account_v3") ?? [] {
                let chainID = try #require(HashesTests.chainID(vector))
                let transaction = try #require(try VectorTransaction(vector))
                guard case .deployAccount(let deploy) = try transaction.transaction() else {
                    Issue.record("\(file): not a deployment")
                    continue
                }
                let hash = deploy.hash(
                    chainID: chainID, resources: transaction.resources,
                    address: try vector.felt("contract_address"))
                #expect(try hash == vector.felt("out"))
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test("A hasher that remembers the last fee fields gives the same hashes as one that does not")
    func hasherMemory() throws {
        let chainID = try #require(Felt(shortString: "SN_PRYTANY"))
        var generator = SampleValues(seed: 7)
        var hasher = TransactionHasher(chainID: chainID)
        for round in 0..<60 {
            var transaction = generator.transaction()
            if round % 3 != 0, case .invoke(var invoke) = transaction {
                invoke.tip = 5
                invoke.resourceBounds = .zero
                transaction = .invoke(invoke)
            }
            let digest = hasher.digest(of: transaction)
            #expect(digest.hash == transaction.hash(chainID: chainID))
            #expect(digest.senderAddress == transaction.senderAddress())
            #expect(digest.leaf == Poseidon.hashMany([digest.hash] + transaction.signature))
            #expect(digest.hash != transaction.hash(chainID: chainID, query: true))
        }
    }

    @Test("Every field of a transaction enters its hash, and the signature does not")
    func everyFieldCounts() throws {
        let chainID = try #require(Felt(shortString: "SN_PRYTANY"))
        let bounds = ResourceBounds(maxAmount: 1, maxPricePerUnit: 2)
        let base = InvokeTransactionV3(
            senderAddress: Felt(11), calldata: [Felt(12)], signature: [Felt(13)], nonce: Felt(14),
            resourceBounds: .zero)
        let changes: [(inout InvokeTransactionV3) -> Void] = [
            { $0.senderAddress = Felt(99) }, { $0.calldata = [] }, { $0.nonce = .zero },
            { $0.resourceBounds.l1Gas = bounds }, { $0.resourceBounds.l2Gas = bounds },
            { $0.resourceBounds.l1DataGas = bounds }, { $0.tip = 1 },
            { $0.paymasterData = [.zero] }, { $0.accountDeploymentData = [.zero] },
            { $0.nonceDataAvailabilityMode = .l2 }, { $0.feeDataAvailabilityMode = .l2 },
            { $0.proofFacts = [.zero] },
        ]
        var hashes: Set<Felt> = [base.hash(chainID: chainID)]
        for change in changes {
            var changed = base
            change(&changed)
            hashes.insert(changed.hash(chainID: chainID))
        }
        hashes.insert(base.hash(chainID: Felt(1)))
        #expect(hashes.count == changes.count + 2)
        var signed = base
        signed.signature = []
        #expect(signed.hash(chainID: chainID) == base.hash(chainID: chainID))
    }

    @Test(
        "Every field of a declaration and of an L1 handler enters its hash, but no signature does")
    func everyFieldOfOthersCounts() throws {
        let bounds = ResourceBounds(maxAmount: 1, maxPricePerUnit: 2)
        let declare = DeclareTransactionV3(
            senderAddress: 11, classHash: 12, compiledClassHash: 13, signature: [14], nonce: 15,
            resourceBounds: .zero)
        let changes: [(inout DeclareTransactionV3) -> Void] = [
            { $0.senderAddress = 99 }, { $0.classHash = 99 }, { $0.compiledClassHash = 99 },
            { $0.nonce = .zero }, { $0.resourceBounds.l1Gas = bounds },
            { $0.resourceBounds.l2Gas = bounds }, { $0.resourceBounds.l1DataGas = bounds },
            { $0.tip = 1 }, { $0.paymasterData = [.zero] }, { $0.accountDeploymentData = [.zero] },
            { $0.nonceDataAvailabilityMode = .l2 }, { $0.feeDataAvailabilityMode = .l2 },
        ]
        var hashes = [declare.hash(chainID: 7), declare.hash(chainID: 7, query: true)]
        for change in changes {
            var changed = declare
            change(&changed)
            hashes.append(changed.hash(chainID: 7))
        }
        hashes.append(declare.hash(chainID: 8))
        var signed = declare
        signed.signature = []
        #expect(signed.hash(chainID: 7) == declare.hash(chainID: 7))
        let handler = L1HandlerTransaction(
            contractAddress: 1, entryPointSelector: 2, calldata: [3, 4], nonce: 5)
        let others: [(inout L1HandlerTransaction) -> Void] = [
            { $0.contractAddress = 9 }, { $0.entryPointSelector = 9 }, { $0.calldata = [3] },
            { $0.nonce = 9 },
        ]
        hashes += [handler.hash(chainID: 7), handler.hash(chainID: 7, query: true)]
        for change in others {
            var changed = handler
            change(&changed)
            hashes.append(changed.hash(chainID: 7))
        }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test("A hash at or above 2^251 - 256 is reduced to an address below it")
    func addressReduction() {
        let bound = ContractAddresses.bound
        #expect(ContractAddresses.reduced(.zero) == .zero)
        #expect(ContractAddresses.reduced(bound - Felt.one) == bound - Felt.one)
        #expect(ContractAddresses.reduced(bound) == .zero)
        #expect(ContractAddresses.reduced(.zero - Felt.one) < bound)
    }
}
