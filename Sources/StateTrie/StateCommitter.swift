package import StarkField
import StarkHash

/// What a block changes in the state. Every list is in any order and names nothing twice.
package struct TrieStateDiff: Hashable, Sendable {
    package struct Storage: Hashable, Sendable {
        package var address: Felt
        /// Storage keys and new values; zero deletes.
        package var entries: [TrieChange]

        package init(address: Felt, entries: [TrieChange]) {
            self.address = address
            self.entries = entries
        }
    }

    /// A contract's new nonce or class hash.
    package struct Assignment: Hashable, Sendable {
        package var address: Felt
        package var value: Felt

        package init(address: Felt, value: Felt) {
            self.address = address
            self.value = value
        }
    }

    /// A class that is declared, or whose compiled class hash is replaced.
    package struct DeclaredClass: Hashable, Sendable {
        package var classHash: Felt
        package var compiledClassHash: Felt

        package init(classHash: Felt, compiledClassHash: Felt) {
            self.classHash = classHash
            self.compiledClassHash = compiledClassHash
        }
    }

    package var storage: [Storage]
    package var nonces: [Assignment]
    /// Deployed contracts and replaced classes alike.
    package var classHashes: [Assignment]
    /// Sierra classes only: Cairo 0 classes are in no trie.
    package var declaredClasses: [DeclaredClass]

    package init(
        storage: [Storage] = [], nonces: [Assignment] = [], classHashes: [Assignment] = [],
        declaredClasses: [DeclaredClass] = []
    ) {
        self.storage = storage
        self.nonces = nonces
        self.classHashes = classHashes
        self.declaredClasses = declaredClasses
    }
}

/// The state's roots and what led to them.
package struct StateCommitment: Sendable {
    package let contractsRoot: Felt
    package let classesRoot: Felt
    /// The state root of the block header (rule R4).
    package let stateRoot: Felt
    package let changes: StateChanges
    /// Hashes computed in tries and leaves.
    package let hashCount: Int
}

/// Starknet's state commitment over a node store.
package enum StateCommitter {
    private static let classLeafVersion = Felt(shortString: "CONTRACT_CLASS_LEAF_V0") ?? .zero
    private static let stateVersion = Felt(shortString: "STARKNET_STATE_V0") ?? .zero

    /// Rule R4.
    package static func stateRoot(contracts: Felt, classes: Felt) -> Felt {
        if classes.isZero { return contracts }
        return Poseidon.hashMany([stateVersion, contracts, classes])
    }

    /// Rule R3.
    package static func classLeaf(compiledClassHash: Felt) -> Felt {
        Poseidon.hash(classLeafVersion, compiledClassHash)
    }

    /// The commitment of the stored state, without a change.
    package static func current<Store: NodeStore>(in store: Store) throws(TrieError)
        -> StateCommitment
    {
        try commit(TrieStateDiff(), on: store)
    }

    /// The commitment after `diff`. Writes nothing: the changes are in the result. All storage
    /// tries and the contracts trie are hashed together, level by level. The cache changes nothing
    /// but the time: one for all of a caller's commits is the rule.
    package static func commit<Store: NodeStore>(
        _ diff: TrieStateDiff, on store: Store, cache: ContractHashCache? = nil,
        parallelFor: ParallelFor = serialFor
    ) throws(TrieError) -> StateCommitment {
        try commit(
            diff, on: ErasedStore(store), cache ?? ContractHashCache(capacity: 0), parallelFor)
    }

    /// Not generic, so that it is compiled for its types although callers are in other modules.
    private static func commit(
        _ diff: TrieStateDiff, on store: ErasedStore, _ cache: ContractHashCache,
        _ parallelFor: ParallelFor
    ) throws(TrieError) -> StateCommitment {
        let classes = try commitClasses(diff.declaredClasses, on: store, parallelFor)
        let plan = HashPlan()
        let touched = try touchedContracts(diff)
        var storageUpdaters: [TrieUpdater<ErasedStore>] = []
        var leaves: [(key: Felt, value: HashPlan.Operand)] = []
        var records: [(address: Felt, record: ContractRecord, root: HashPlan.Operand)] = []
        var stateHashes: [(record: Int, hash: HashPlan.Operand)] = []
        for contract in touched {
            let old = try store.contract(at: contract.address)
            var record = old ?? ContractRecord()
            if let classHash = contract.classHash { record.classHash = classHash }
            if let nonce = contract.nonce { record.nonce = nonce }
            var root = HashPlan.Operand.literal(record.storageRoot)
            var isChanged = record != old
            if let entries = contract.entries {
                var updater = TrieUpdater(
                    store: store, trie: .storage(contract.address),
                    height: TrieLimits.stateHeight, plan: plan)
                let changes = entries.map {
                    (key: $0.key, value: HashPlan.Operand.literal($0.value))
                }
                let sorted = try PatriciaTrie.sortedLeaves(
                    changes, height: TrieLimits.stateHeight)
                if let newRoot = try updater.update(sorted) {
                    root = newRoot
                    isChanged = true
                    storageUpdaters.append(updater)
                }
            }
            let isEmpty = root.isZero && record.classHash.isZero && record.nonce.isZero
            if !isChanged || isEmpty && old == nil { continue }
            records.append((contract.address, record, root))
            if isEmpty {
                leaves.append((contract.address, .literal(.zero)))
                continue
            }
            let state: HashPlan.Operand
            if root.entry < 0, let known = cache.hash(record.classHash, root.value) {
                state = .literal(known)
            } else {
                state = plan.add(.literal(record.classHash), root)
                stateHashes.append((records.count - 1, state))
            }
            leaves.append((contract.address, leaf(state, nonce: record.nonce, plan)))
        }
        var updater = TrieUpdater(
            store: store, trie: .contracts, height: TrieLimits.stateHeight, plan: plan)
        let planned = try updater.update(
            PatriciaTrie.sortedLeaves(leaves, height: TrieLimits.stateHeight))
        plan.run(PedersenTrieHash.self, parallelFor: parallelFor)
        for (index, hash) in stateHashes {
            let (_, record, root) = records[index]
            cache.insert(plan.value(hash), record.classHash, plan.value(root))
        }

        let contractsRoot: Felt
        if let planned {
            contractsRoot = plan.value(planned)
        } else {
            contractsRoot = try PatriciaTrie.root(
                of: .contracts, in: store, hash: PedersenTrieHash.self)
        }
        var changes = StateChanges(nodes: updater.nodeChanges())
        for storage in storageUpdaters { changes.nodes += storage.nodeChanges() }
        changes.nodes += classes.nodes
        changes.contracts = records.map { address, record, root in
            var record = record
            record.storageRoot = plan.value(root)
            return ContractChange(address: address, record: record.isEmpty ? nil : record)
        }
        return StateCommitment(
            contractsRoot: contractsRoot, classesRoot: classes.root,
            stateRoot: stateRoot(contracts: contractsRoot, classes: classes.root),
            changes: changes, hashCount: plan.count + classes.hashCount)
    }

    /// Rule R3, from H(class hash, storage root).
    private static func leaf(
        _ state: HashPlan.Operand, nonce: Felt, _ plan: HashPlan
    ) -> HashPlan.Operand {
        plan.add(plan.add(state, .literal(nonce)), .literal(.zero))
    }

    private static func commitClasses(
        _ declared: [TrieStateDiff.DeclaredClass], on store: ErasedStore, _ parallelFor: ParallelFor
    ) throws(TrieError) -> TrieUpdateResult {
        let changes = declared.map {
            TrieChange(
                key: $0.classHash,
                value: classLeaf(compiledClassHash: $0.compiledClassHash))
        }
        let result = try PatriciaTrie.update(
            .classes, changes, in: store, hash: PoseidonTrieHash.self, parallelFor: parallelFor)
        return TrieUpdateResult(
            root: result.root, nodes: result.nodes, hashCount: result.hashCount + changes.count)
    }

    private struct Touched {
        let address: Felt
        var entries: [TrieChange]?
        var nonce: Felt?
        var classHash: Felt?
    }

    /// All that the diff says about each contract, in the order of the addresses' paths.
    private static func touchedContracts(_ diff: TrieStateDiff) throws(TrieError) -> [Touched] {
        var result: [Touched] = []
        var positions: [Felt: Int] = [:]
        func position(_ address: Felt) -> Int {
            if let known = positions[address] { return known }
            positions[address] = result.count
            result.append(Touched(address: address))
            return result.count - 1
        }
        for storage in diff.storage {
            let index = position(storage.address)
            if result[index].entries != nil { throw .duplicateKey(storage.address) }
            result[index].entries = storage.entries
        }
        for assignment in diff.nonces {
            let index = position(assignment.address)
            if result[index].nonce != nil { throw .duplicateKey(assignment.address) }
            result[index].nonce = assignment.value
        }
        for assignment in diff.classHashes {
            let index = position(assignment.address)
            if result[index].classHash != nil { throw .duplicateKey(assignment.address) }
            result[index].classHash = assignment.value
        }
        for touched in result
        where TriePath(key: touched.address, height: TrieLimits.stateHeight) == nil {
            throw .keyOutOfRange(touched.address)
        }
        result.sort { $0.address < $1.address }
        return result
    }
}
