import Foundation
import StarkField
import StateTrie
import TestSupport
import Testing

/// A state update of a feeder gateway or of the JSON-RPC.
struct StateUpdate {
    let file: Fixtures.File
    let oldRoot: Felt
    let newRoot: Felt
    let diff: TrieStateDiff

    /// Nil for a file of another kind.
    init?(_ file: Fixtures.File) throws {
        guard let content = try? Fixtures.json(file) as? JSON else { return nil }
        let update = (content["state_update"] ?? content["result"]) as? JSON ?? content
        guard let diff = update["state_diff"] as? JSON, let old = update["old_root"],
            let new = update["new_root"]
        else { return nil }
        self.file = file
        oldRoot = try Self.root(old)
        newRoot = try Self.root(new)
        self.diff = try Self.diff(diff)
    }

    /// Old feeder answers write roots without "0x".
    private static func root(_ value: Any) throws -> Felt {
        guard let text = value as? String else { throw MalformedFixture(what: "root \(value)") }
        return try felt(text.hasPrefix("0x") ? text : "0x" + text)
    }

    private static func entries(_ value: Any?) throws -> [TrieChange] {
        try (value as? [JSON] ?? []).map {
            TrieChange(key: try felt($0["key"]), value: try felt($0["value"]))
        }
    }

    private static func diff(_ fields: JSON) throws -> TrieStateDiff {
        var diff = TrieStateDiff()
        if let table = fields["storage_diffs"] as? JSON {
            for (address, list) in table {
                diff.storage.append(.init(address: try felt(address), entries: try entries(list)))
            }
        } else {
            for item in fields["storage_diffs"] as? [JSON] ?? [] {
                diff.storage.append(
                    .init(
                        address: try felt(item["address"]),
                        entries: try entries(item["storage_entries"])))
            }
        }
        if let table = fields["nonces"] as? JSON {
            for (address, nonce) in table {
                diff.nonces.append(.init(address: try felt(address), value: try felt(nonce)))
            }
        } else {
            for item in fields["nonces"] as? [JSON] ?? [] {
                diff.nonces.append(
                    .init(
                        address: try felt(item["contract_address"]), value: try felt(item["nonce"]))
                )
            }
        }
        // A contract can be deployed and its class replaced in one block: the latter counts.
        var classHashes: [Felt: Felt] = [:]
        for name in ["deployed_contracts", "replaced_classes"] {
            for item in fields[name] as? [JSON] ?? [] {
                let address = try felt(item["address"] ?? item["contract_address"])
                classHashes[address] = try felt(
                    item["class_hash"] ?? item["contract_hash"] ?? item["class_hash"])
            }
        }
        diff.classHashes = classHashes.map { .init(address: $0.key, value: $0.value) }
        var classes: [Felt: Felt] = [:]
        for name in ["declared_classes", "migrated_compiled_classes"] {
            for item in fields[name] as? [JSON] ?? [] {
                classes[try felt(item["class_hash"])] = try felt(item["compiled_class_hash"])
            }
        }
        diff.declaredClasses = classes.map { .init(classHash: $0.key, compiledClassHash: $0.value) }
        return diff
    }
}

@Suite("State roots of public networks")
struct StateUpdateFixtureTests {
    @Test(
        "consecutive state updates from genesis give the stated roots",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func consecutiveUpdates() throws {
        let updates = try Fixtures.files(under: "blocks", suffix: ".json")
            .filter { $0.path.contains("state_update") }.compactMap(StateUpdate.init)
        #expect(!updates.isEmpty)
        let byOldRoot = Dictionary(grouping: updates, by: \.oldRoot)
        var applied = 0
        // Several networks start from the empty state: each is followed on its own.
        var waiting: [(root: Felt, store: MemoryNodeStore)] = [(.zero, MemoryNodeStore())]
        while let (root, start) = waiting.popLast() {
            var store = start
            let here = byOldRoot[root] ?? []
            for update in here where update.newRoot == root {
                let result = try StateCommitter.commit(update.diff, on: store)
                #expect(result.stateRoot == root, "\(update.file)")
                store.apply(result.changes)
                applied += 1
            }
            for update in here where update.newRoot != root {
                let result = try StateCommitter.commit(update.diff, on: store)
                #expect(result.stateRoot == update.newRoot, "\(update.file)")
                var next = store
                next.apply(result.changes)
                try checkProofs(of: update.diff, in: next, update.file)
                applied += 1
                if result.stateRoot == update.newRoot { waiting.append((update.newRoot, next)) }
            }
        }
        #expect(applied > 0, "no state update starts from the empty state")
    }

    /// Every value that the diff wrote is proved from the state root down.
    func checkProofs(of diff: TrieStateDiff, in store: MemoryNodeStore, _ file: Fixtures.File)
        throws
    {
        let contractsRoot = try PatriciaTrie.root(
            of: .contracts, in: store, hash: PedersenTrieHash.self)
        for storage in diff.storage {
            let record = store.contracts[storage.address] ?? ContractRecord()
            let contract = try CheckedProof(
                PatriciaTrie.proof(
                    for: [storage.address], of: .contracts, in: store, hash: PedersenTrieHash.self),
                hash: PedersenTrieHash.self)
            let leaf = try contract.leaf(at: storage.address, root: contractsRoot)
            #expect(leaf == record.leaf, "\(file)")
            let slots = try CheckedProof(
                PatriciaTrie.proof(
                    for: storage.entries.map(\.key), of: .storage(storage.address), in: store,
                    hash: PedersenTrieHash.self),
                hash: PedersenTrieHash.self)
            for entry in storage.entries {
                let value = try slots.leaf(at: entry.key, root: record.storageRoot)
                #expect(value == entry.value, "\(file)")
            }
        }
    }
}
