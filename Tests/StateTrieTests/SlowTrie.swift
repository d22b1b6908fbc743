import Primitives
import StarkField
import StateTrie

/// The slow, obvious twin: a root from the whole set of leaves, bit by bit.
enum SlowTrie {
    typealias Leaf = (bits: ArraySlice<Bool>, value: Felt)

    static func root<Hash: TrieHash>(_ leaves: [Felt: Felt], height: Int, hash: Hash.Type) -> Felt {
        let list = leaves.filter { !$0.value.isZero }.map { key, value in
            (bits: bits(of: key, height: height)[...], value: value)
        }
        return subtree(list, height, hash).hash(hash)
    }

    /// A node with the edge above it, as the specification's triple.
    private struct Triple {
        var length = 0
        var path = Felt.zero
        var bottom = Felt.zero

        func hash<Hash: TrieHash>(_ type: Hash.Type) -> Felt {
            length == 0 ? bottom : Hash.hash(bottom, path) + Felt(UInt64(length))
        }
    }

    private static func subtree<Hash: TrieHash>(
        _ leaves: [Leaf], _ height: Int, _ hash: Hash.Type
    ) -> Triple {
        guard let first = leaves.first else { return Triple() }
        if height == 0 { return Triple(bottom: first.value) }
        func side(_ bit: Bool) -> Triple {
            subtree(
                leaves.filter { $0.bits.first == bit }.map { ($0.bits.dropFirst(), $0.value) },
                height - 1, hash)
        }
        let left = side(false)
        let right = side(true)
        if left.bottom.isZero {
            var power = Felt.one
            for _ in 0..<right.length { power = power + power }
            return Triple(
                length: right.length + 1, path: right.path + power, bottom: right.bottom)
        }
        if right.bottom.isZero {
            return Triple(length: left.length + 1, path: left.path, bottom: left.bottom)
        }
        return Triple(bottom: Hash.hash(left.hash(hash), right.hash(hash)))
    }

    static func bits(of key: Felt, height: Int) -> [Bool] {
        var all: [Bool] = []
        for byte in key.bigEndianBytes {
            for shift in (0..<8).reversed() { all.append(byte >> UInt8(shift) & 1 == 1) }
        }
        return Array(all.suffix(height))
    }
}

/// A hash that costs nothing, for exhaustive shapes. No two inputs of a test collide in practice.
enum ToyHash: TrieHash {
    static func hash(_ left: Felt, _ right: Felt) -> Felt {
        (left + Felt(0x1357_9bdf)) * (left + right * Felt(0xdead_beef)) + Felt(7)
    }
    static func hashBatch(_ pairs: [(Felt, Felt)]) -> [Felt] { pairs.map { hash($0.0, $0.1) } }
}

extension SeededGenerator {
    /// A number below 2^bits, bits 1 ... 251.
    mutating func felt(bits: Int) -> Felt {
        var words = [next(), next(), next(), next()]
        for index in 0..<4 {
            let keep = bits - (3 - index) * 64
            words[index] =
                keep >= 64 ? words[index] : keep <= 0 ? 0 : words[index] & (1 << UInt64(keep) - 1)
        }
        return Felt(reducingBigEndianWords: (words[0], words[1], words[2], words[3]))
    }
}

/// A trie in memory beside its leaves; every update is checked against the twin and the invariants.
struct CheckedTrie<Hash: TrieHash> {
    var store = MemoryNodeStore()
    var leaves: [Felt: Felt] = [:]
    let height: Int
    let hash: Hash.Type

    init(height: Int, hash: Hash.Type) {
        self.height = height
        self.hash = hash
    }

    /// A sentence for the first broken promise; nil where all hold.
    mutating func update(_ changes: [TrieChange]) throws -> String? {
        let result = try PatriciaTrie.update(
            .classes, changes, in: store, height: height, hash: hash)
        for change in changes { leaves[change.key] = change.value.isZero ? nil : change.value }
        let root = SlowTrie.root(leaves, height: height, hash: hash)
        if result.root != root { return "root \(result.root), the twin has \(root)" }
        if Set(result.nodes.map(\.key)).count != result.nodes.count { return "I2: a key twice" }
        let puts = result.nodes.filter { $0.node != nil }.count
        if puts != result.hashCount { return "I3: \(result.hashCount) hashes, \(puts) nodes" }
        for change in result.nodes where store.nodes[change.key] == change.node {
            return "I3: \(change.key) is written as it was"
        }
        store.apply(StateChanges(nodes: result.nodes))
        let all = leaves.map { TrieChange(key: $0.key, value: $0.value) }
        let fresh = try PatriciaTrie.update(
            .classes, all, in: EmptyNodeStore(), height: height, hash: hash)
        var rebuilt = MemoryNodeStore()
        rebuilt.apply(StateChanges(nodes: fresh.nodes))
        if rebuilt.nodes != store.nodes { return "I4: the store is not what its leaves make" }
        let stored = try PatriciaTrie.root(of: .classes, in: store, hash: hash)
        return stored == root ? nil : "the stored root is \(stored)"
    }
}
