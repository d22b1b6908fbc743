import Primitives
import StarkField
import StateTrie
import Synchronization
import Testing

@Suite("Trie updates against the slow twin (I1 to I4)")
struct TrieUpdateTests {
    static func change(_ leaf: Int, _ value: Int) -> TrieChange {
        TrieChange(key: Felt(UInt64(leaf)), value: Felt(UInt64(value)))
    }

    @Test("every change of two leaves in tries of height 3")
    func everySmallChange() throws {
        for before in stride(from: 0, to: 256, by: 3) {
            var start = CheckedTrie(height: 3, hash: ToyHash.self)
            let initial = (0..<8).map { Self.change($0, before >> $0 & 1) }
            #expect(try start.update(initial) == nil, "from nothing to \(before)")
            // Each of two leaves: to nothing, to what it may be already, to another value.
            for first in 0..<8 {
                for second in (first + 1)..<8 {
                    for choice in 0..<9 {
                        var trie = start
                        let changes = [
                            Self.change(first, choice / 3), Self.change(second, choice % 3),
                        ]
                        let fault = try trie.update(changes)
                        #expect(fault == nil, "\(before): \(first), \(second), \(choice)")
                    }
                }
            }
        }
    }

    @Test("every set of leaves of height 3 becomes every other set")
    func everySmallReplacement() throws {
        for before in stride(from: 0, to: 256, by: 3) {
            var start = CheckedTrie(height: 3, hash: ToyHash.self)
            let initial = (0..<8).map { Self.change($0, before >> $0 & 1) }
            #expect(try start.update(initial) == nil)
            for after in 0..<256 {
                var trie = start
                let changes = (0..<8).map { Self.change($0, after >> $0 & 1) }
                #expect(try trie.update(changes) == nil, "from \(before) to \(after)")
            }
        }
    }

    @Test(
        "random insertions, changes and deletions",
        arguments: [1, 2, 5, 8, 10, 64, 65, 128, 192, 193, 250, 251])
    func randomBatches(height: Int) throws {
        var generator = SeededGenerator(seed: UInt64(height))
        var trie = CheckedTrie(height: height, hash: ToyHash.self)
        for round in 0..<40 {
            var changes: [Felt: Felt] = [:]
            for _ in 0...generator.uniform(below: 24) {
                let known = trie.leaves.keys.sorted()
                let reuse = generator.uniform(below: 2) == 0 && !known.isEmpty
                let key =
                    reuse
                    ? known[Int(generator.uniform(below: UInt64(known.count)))]
                    : generator.felt(bits: height)
                let deletes = generator.uniform(below: round % 4 == 3 ? 2 : 4) == 0
                changes[key] = deletes ? .zero : generator.felt(bits: 251)
            }
            let list = changes.map { TrieChange(key: $0.key, value: $0.value) }
            let fault = try trie.update(list)
            #expect(fault == nil, "height \(height), round \(round)")
        }
        let all = trie.leaves.keys.map { TrieChange(key: $0, value: .zero) }
        #expect(try trie.update(all) == nil)
        #expect(trie.store.nodes.isEmpty, "deleting every leaf leaves no node")
    }

    @Test("keys that share long prefixes, one leaf at a time and together")
    func deepSharedPrefixes() throws {
        var generator = SeededGenerator(seed: 77)
        let base = generator.felt(bits: 250)
        var trie = CheckedTrie(height: 251, hash: ToyHash.self)
        let keys = (0..<251).map { bit in
            var power = Felt.one
            for _ in 0..<bit { power = power + power }
            let isSet = SlowTrie.bits(of: base, height: 251)[250 - bit]
            return isSet ? base - power : base + power
        }
        for key in [base] + keys {
            #expect(
                try trie.update([TrieChange(key: key, value: generator.felt(bits: 251))]) == nil)
        }
        var other = CheckedTrie(height: 251, hash: ToyHash.self)
        let list = trie.leaves.map { TrieChange(key: $0.key, value: $0.value) }
        #expect(try other.update(list) == nil)
        #expect(other.store.nodes == trie.store.nodes)
        for key in keys.reversed() {
            #expect(try trie.update([TrieChange(key: key, value: .zero)]) == nil)
        }
        #expect(trie.store.nodes.count == 1, "one leaf is one edge")
    }

    @Test("the lowest and the highest key, and no key above")
    func boundaryKeys() throws {
        var highest = Felt.zero
        for _ in 0..<251 { highest = highest + highest + .one }
        var trie = CheckedTrie(height: 251, hash: PedersenTrieHash.self)
        #expect(try trie.update([TrieChange(key: highest, value: 5)]) == nil)
        #expect(try trie.update([TrieChange(key: .zero, value: 6)]) == nil)
        let leaf = try PatriciaTrie.leaf(highest, of: .classes, in: trie.store)
        #expect(leaf == 5)
        let above = highest + .one
        for key in [above, Felt.zero - .one] {
            #expect(throws: TrieError.keyOutOfRange(key)) {
                try PatriciaTrie.update(
                    .classes, [TrieChange(key: key, value: 1)], in: EmptyNodeStore(),
                    hash: ToyHash.self)
            }
            #expect(throws: TrieError.keyOutOfRange(key)) {
                try PatriciaTrie.leaf(key, of: .classes, in: EmptyNodeStore())
            }
        }
    }

    @Test("a key that is named twice is refused")
    func duplicateKeys() {
        let changes = [TrieChange(key: 9, value: 1), TrieChange(key: 9, value: 2)]
        #expect(throws: TrieError.duplicateKey(9)) {
            try PatriciaTrie.update(.classes, changes, in: EmptyNodeStore(), hash: ToyHash.self)
        }
    }

    @Test("every leaf is read back, and absent keys are zero")
    func readsLeaves() throws {
        var generator = SeededGenerator(seed: 31)
        var trie = CheckedTrie(height: 10, hash: ToyHash.self)
        let changes = Set((0..<300).map { _ in generator.felt(bits: 10) })
            .map { TrieChange(key: $0, value: generator.felt(bits: 200)) }
        #expect(try trie.update(changes) == nil)
        for key in 0..<1024 {
            let key = Felt(UInt64(key))
            let leaf = try PatriciaTrie.leaf(key, of: .classes, in: trie.store, height: 10)
            #expect(leaf == trie.leaves[key] ?? .zero)
        }
    }

    @Test("the order of chunks does not change the result, and each is run once")
    func chunkOrder() throws {
        var generator = SeededGenerator(seed: 5)
        let changes = (0..<900).map { _ in
            TrieChange(key: generator.felt(bits: 251), value: generator.felt(bits: 251))
        }
        let calls = Mutex(0)
        let plain = try PatriciaTrie.update(
            .classes, changes, in: EmptyNodeStore(), hash: PoseidonTrieHash.self)
        let reversed = try PatriciaTrie.update(
            .classes, changes.reversed(), in: EmptyNodeStore(), hash: PoseidonTrieHash.self
        ) { count, body in
            for index in (0..<count).reversed() {
                body(index)
                calls.withLock { $0 += 1 }
            }
        }
        #expect(plain.root == reversed.root)
        #expect(plain.nodes == reversed.nodes)
        #expect(calls.withLock { $0 } > 8)
    }

    @Test("the commitment of a sequence is the trie of its positions")
    func sequences() throws {
        var generator = SeededGenerator(seed: 6)
        for count in [0, 1, 2, 3, 7, 100] {
            let values = (0..<count).map { _ in generator.felt(bits: 251) }
            let root = try PatriciaTrie.root(ofSequence: values, hash: PoseidonTrieHash.self)
            var leaves: [Felt: Felt] = [:]
            for (index, value) in values.enumerated() { leaves[Felt(UInt64(index))] = value }
            #expect(root == SlowTrie.root(leaves, height: 64, hash: PoseidonTrieHash.self))
        }
    }

    @Test("a store with a missing or misplaced node gives an error, not a root")
    func damagedStore() throws {
        var trie = CheckedTrie(height: 8, hash: ToyHash.self)
        let changes = (0..<40).map { TrieChange(key: Felt(UInt64(6 * $0)), value: Felt(7)) }
        #expect(try trie.update(changes) == nil)
        for key in trie.store.nodes.keys where key.path.length > 0 {
            var damaged = trie.store
            damaged.apply(StateChanges(nodes: [NodeChange(key: key, node: nil)]))
            let everywhere = (0..<256).map { TrieChange(key: Felt(UInt64($0)), value: Felt(9)) }
            #expect(throws: TrieError.missingNode(key)) {
                try PatriciaTrie.update(
                    .classes, everywhere, in: damaged, height: 8, hash: ToyHash.self)
            }
            guard let path = TriePath(value: 3, length: 9) else { continue }
            damaged.apply(
                StateChanges(nodes: [NodeChange(key: key, node: .edge(path: path, child: 1))]))
            #expect(throws: TrieError.misplacedNode(key)) {
                try PatriciaTrie.update(
                    .classes, everywhere, in: damaged, height: 8, hash: ToyHash.self)
            }
        }
    }
}
