package import StarkField

/// A leaf to set; zero deletes it.
package struct TrieChange: Hashable, Sendable {
    package let key: Felt
    package let value: Felt

    package init(key: Felt, value: Felt) {
        self.key = key
        self.value = value
    }
}

package struct TrieUpdateResult: Sendable {
    package let root: Felt
    /// What to write, in the order of the walk.
    package let nodes: [NodeChange]
    /// Hashes computed, without the one for the root of an unchanged trie.
    package let hashCount: Int
}

/// Operations on one trie of a store. Heights are 1 ... 251.
package enum PatriciaTrie {
    /// The root after changing leaves, which come in any order. Reads each node on the changed
    /// paths once and hashes each changed node once: O(changes * log leaves).
    package static func update<Store: NodeStore, Hash: TrieHash>(
        _ trie: TrieIdentifier, _ changes: [TrieChange], in store: Store,
        height: Int = TrieLimits.stateHeight, hash: Hash.Type, parallelFor: ParallelFor = serialFor
    ) throws(TrieError) -> TrieUpdateResult {
        let plan = HashPlan()
        let store = ErasedStore(store)
        var updater = TrieUpdater(store: store, trie: trie, height: height, plan: plan)
        let leaves = changes.map { (key: $0.key, value: HashPlan.Operand.literal($0.value)) }
        let planned = try updater.update(sortedLeaves(leaves, height: height))
        guard let planned else {
            let root = try root(of: trie, in: store, hash: hash)
            return TrieUpdateResult(root: root, nodes: [], hashCount: 0)
        }
        plan.run(hash, parallelFor: parallelFor)
        return TrieUpdateResult(
            root: plan.value(planned), nodes: updater.nodeChanges(), hashCount: plan.count)
    }

    /// The root of the trie that holds `values` at the keys 0, 1, 2, ...: the form of the
    /// commitments in block headers (height 64).
    package static func root<Hash: TrieHash>(
        ofSequence values: [Felt], height: Int = 64, hash: Hash.Type,
        parallelFor: ParallelFor = serialFor
    ) throws(TrieError) -> Felt {
        let changes = values.enumerated().map {
            TrieChange(key: Felt(UInt64($0.offset)), value: $0.element)
        }
        return try update(
            .contracts, changes, in: EmptyNodeStore(), height: height, hash: hash,
            parallelFor: parallelFor
        ).root
    }

    /// The root of the stored trie, by one hash; zero where it is empty.
    package static func root<Store: NodeStore, Hash: TrieHash>(
        of trie: TrieIdentifier, in store: Store, hash: Hash.Type
    ) throws(TrieError) -> Felt {
        try store.node(at: NodeKey(trie: trie, path: .root))?.hash(hash) ?? .zero
    }

    /// The leaf at a key; zero where there is none.
    package static func leaf<Store: NodeStore>(
        _ key: Felt, of trie: TrieIdentifier, in store: Store,
        height: Int = TrieLimits.stateHeight
    ) throws(TrieError) -> Felt {
        guard let path = TriePath(key: key, height: height) else { throw .keyOutOfRange(key) }
        var position = TriePath.root
        while true {
            let nodeKey = NodeKey(trie: trie, path: position)
            guard let node = try store.node(at: nodeKey) else {
                if position.length == 0 { return .zero }
                throw .missingNode(nodeKey)
            }
            let child: Felt
            switch node {
            case .binary(let left, let right):
                let side = path.bit(at: position.length)
                child = side ? right : left
                position = position.appending(side)
            case .edge(let bits, let below):
                guard position.length + bits.length <= height else {
                    throw .misplacedNode(nodeKey)
                }
                position = position.appending(bits)
                if position.commonPrefix(with: path) < position.length { return .zero }
                child = below
            }
            if position.length == height { return child }
        }
    }

    /// Leaves sorted by path; throws for a key that is out of range or named twice.
    static func sortedLeaves(_ leaves: [(key: Felt, value: HashPlan.Operand)], height: Int)
        throws(TrieError) -> [LeafChange]
    {
        precondition((1...TrieLimits.stateHeight).contains(height), "height \(height)")
        var result: [LeafChange] = []
        result.reserveCapacity(leaves.count)
        for leaf in leaves {
            guard let path = TriePath(key: leaf.key, height: height) else {
                throw .keyOutOfRange(leaf.key)
            }
            result.append(LeafChange(path: path, value: leaf.value))
        }
        result.sort { $0.path < $1.path }
        for (leaf, following) in zip(result, result.dropFirst()) where leaf.path == following.path {
            throw .duplicateKey(leaf.path.value)
        }
        return result
    }
}
