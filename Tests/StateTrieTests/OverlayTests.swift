import Primitives
import StarkField
import StateTrie
import Testing

@Suite("Layers above the committed state (I5)")
struct OverlayTests {
    /// A random diff over few contracts, so that blocks touch each other's state.
    static func diff(_ generator: inout SeededGenerator) -> TrieStateDiff {
        var diff = TrieStateDiff()
        for address in 1...6 where generator.uniform(below: 2) == 0 {
            let address = Felt(UInt64(address)) * Felt(0x1234_5678_9abc_def1)
            let keys = Set((0..<6).map { _ in generator.uniform(below: 24) }).sorted()
            diff.storage.append(
                .init(
                    address: address,
                    entries: keys.map {
                        TrieChange(key: Felt($0), value: Felt(generator.uniform(below: 3)))
                    }))
            if generator.uniform(below: 2) == 0 {
                diff.nonces.append(
                    .init(address: address, value: Felt(generator.uniform(below: 3))))
            }
            if generator.uniform(below: 3) == 0 {
                diff.classHashes.append(
                    .init(address: address, value: Felt(generator.uniform(below: 3))))
            }
        }
        if generator.uniform(below: 3) == 0 {
            diff.declaredClasses.append(
                .init(
                    classHash: Felt(generator.uniform(below: 9)),
                    compiledClassHash: Felt(generator.next())))
        }
        return diff
    }

    @Test("blocks on blocks give the roots of blocks that are committed one by one")
    func overlayEqualsDirect() throws {
        for seed in 0..<6 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var direct = MemoryNodeStore()
            var committed = MemoryNodeStore()
            var overlay = TrieOverlay<Int>()
            var parent: Int?
            var oldest = 0
            // So small that it forgets, and shared with the forks.
            let cache = ContractHashCache(capacity: 3)
            for block in 0..<24 {
                let diff = Self.diff(&generator)
                let expected = try StateCommitter.commit(diff, on: direct)
                direct.apply(expected.changes)
                let view = try overlay.store(upTo: parent, over: committed)
                let result = try StateCommitter.commit(diff, on: view, cache: cache)
                #expect(cache.count <= 6)
                #expect(result.stateRoot == expected.stateRoot, "seed \(seed), block \(block)")
                #expect(result.changes == expected.changes)
                try overlay.insert(block, parent: parent, changes: result.changes)
                // A fork beside each block, dropped or overtaken later.
                let forkView = try overlay.store(upTo: parent, over: committed)
                let fork = try StateCommitter.commit(
                    Self.diff(&generator), on: forkView, cache: cache)
                try overlay.insert(1000 + block, parent: parent, changes: fork.changes)
                if generator.uniform(below: 2) == 0 { overlay.drop(1000 + block) }
                parent = block
                while block - oldest >= 8 || generator.uniform(below: 3) == 0, oldest < block {
                    committed.apply(try overlay.commit(oldest))
                    #expect(!overlay.contains(1000 + oldest))
                    oldest += 1
                }
            }
            while oldest < 24 {
                committed.apply(try overlay.commit(oldest))
                oldest += 1
            }
            #expect(committed.nodes == direct.nodes)
            #expect(committed.contracts == direct.contracts)
            #expect(overlay.count == 0)
            let current = try StateCommitter.current(in: committed)
            let expected = try StateCommitter.current(in: direct)
            #expect(current.stateRoot == expected.stateRoot)
            #expect(current.changes == StateChanges())
        }
    }

    @Test("a layer is committed only above the committed state, and unknown ones are refused")
    func refusals() throws {
        var overlay = TrieOverlay<Int>()
        try overlay.insert(1, parent: nil, changes: StateChanges())
        try overlay.insert(2, parent: 1, changes: StateChanges())
        try overlay.insert(3, parent: 2, changes: StateChanges())
        try overlay.insert(4, parent: 1, changes: StateChanges())
        try overlay.insert(5, parent: 4, changes: StateChanges())
        #expect(throws: TrieOverlayError.parentNotCommitted) { try overlay.commit(2) }
        #expect(throws: TrieOverlayError.layerExists) {
            try overlay.insert(3, parent: nil, changes: StateChanges())
        }
        #expect(throws: TrieOverlayError.unknownLayer) {
            try overlay.insert(9, parent: 8, changes: StateChanges())
        }
        #expect(throws: TrieOverlayError.unknownLayer) { try overlay.layers(upTo: 8) }
        #expect(try overlay.layers(upTo: 5).count == 3)
        _ = try overlay.commit(1)
        _ = try overlay.commit(2)
        #expect(!overlay.contains(4) && !overlay.contains(5), "the fork went with its block")
        #expect(try overlay.layers(upTo: 3).count == 1)
        overlay.drop(3)
        #expect(overlay.count == 0)
        for id in 0..<TrieLimits.layers {
            try overlay.insert(id, parent: nil, changes: StateChanges())
        }
        #expect(throws: TrieOverlayError.tooManyLayers(maximum: TrieLimits.layers)) {
            try overlay.insert(-1, parent: nil, changes: StateChanges())
        }
    }

    @Test("the storage, nonce and class of a contract make its leaf, and an empty one has none")
    func contractLeaves() throws {
        let record = ContractRecord(classHash: 5, storageRoot: 0, nonce: 2)
        var store = MemoryNodeStore()
        var diff = TrieStateDiff(
            nonces: [.init(address: 8, value: 2)], classHashes: [.init(address: 8, value: 5)])
        var result = try StateCommitter.commit(diff, on: store)
        store.apply(result.changes)
        #expect(
            result.contractsRoot
                == SlowTrie.root([8: record.leaf], height: 251, hash: PedersenTrieHash.self))
        #expect(result.stateRoot == result.contractsRoot, "no class was declared")
        #expect(store.contracts == [8: record])
        diff = TrieStateDiff(
            nonces: [.init(address: 8, value: 0)], classHashes: [.init(address: 8, value: 0)])
        result = try StateCommitter.commit(diff, on: store)
        store.apply(result.changes)
        #expect(result.stateRoot.isZero)
        #expect(store.contracts.isEmpty && store.nodes.isEmpty)
    }

    @Test("a known hash of class and storage root spares the hash, and only that")
    func contractHashCache() throws {
        var store = MemoryNodeStore()
        let cache = ContractHashCache(capacity: 8)
        var counts: [Int] = []
        for nonce in 1...3 as ClosedRange<UInt64> {
            var diff = TrieStateDiff(nonces: [.init(address: 8, value: Felt(nonce))])
            if nonce == 1 { diff.classHashes = [.init(address: 8, value: 5)] }
            let expected = try StateCommitter.commit(diff, on: store)
            let result = try StateCommitter.commit(diff, on: store, cache: cache)
            #expect(result.stateRoot == expected.stateRoot)
            #expect(result.changes == expected.changes)
            counts.append(expected.hashCount - result.hashCount)
            store.apply(result.changes)
        }
        #expect(counts == [0, 1, 1])
        #expect(cache.count == 1)
    }

    @Test("a contract that a list names twice, and an address out of range, are refused")
    func malformedDiffs() {
        let twice = TrieStateDiff(nonces: [
            .init(address: 8, value: 2), .init(address: 8, value: 3),
        ])
        #expect(throws: TrieError.duplicateKey(8)) {
            try StateCommitter.commit(twice, on: EmptyNodeStore())
        }
        let high = Felt.zero - .one
        #expect(throws: TrieError.keyOutOfRange(high)) {
            try StateCommitter.commit(
                TrieStateDiff(classHashes: [.init(address: high, value: 1)]), on: EmptyNodeStore())
        }
    }
}
