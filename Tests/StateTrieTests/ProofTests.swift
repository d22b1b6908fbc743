import Primitives
import StarkField
import StateTrie
import Testing

@Suite("Storage proofs")
struct ProofTests {
    @Test(
        "a proof shows present and absent leaves, and has no needless node", arguments: [10, 251])
    func membership(height: Int) throws {
        var generator = SeededGenerator(seed: 0x900f)
        var trie = CheckedTrie(height: height, hash: ToyHash.self)
        let changes = Set((0..<150).map { _ in generator.felt(bits: height) })
            .map { TrieChange(key: $0, value: generator.felt(bits: 250) + 1) }
        #expect(try trie.update(changes) == nil)
        let root = try PatriciaTrie.root(of: .classes, in: trie.store, hash: ToyHash.self)
        for _ in 0..<60 {
            var keys = (0..<4).map { _ in generator.felt(bits: height) }
            keys += (0..<4).map { _ in
                changes[Int(generator.uniform(below: UInt64(changes.count)))].key
            }
            let nodes = try PatriciaTrie.proof(
                for: keys, of: .classes, in: trie.store, height: height, hash: ToyHash.self)
            let proof = try CheckedProof(nodes, hash: ToyHash.self)
            for key in keys {
                let leaf = try proof.leaf(at: key, root: root, height: height)
                #expect(leaf == trie.leaves[key] ?? .zero)
            }
            #expect(Set(nodes.map(\.hash)).count == nodes.count)
            for index in nodes.indices {
                var fewer = nodes
                fewer.remove(at: index)
                let weaker = try CheckedProof(fewer, hash: ToyHash.self)
                let shown = keys.filter {
                    (try? weaker.leaf(at: $0, root: root, height: height)) != nil
                }
                #expect(shown.count < keys.count, "node \(index) is needed by some key")
            }
        }
    }

    @Test("a changed node, a foreign root and an oversized proof are refused")
    func tampering() throws {
        var trie = CheckedTrie(height: 251, hash: PoseidonTrieHash.self)
        var generator = SeededGenerator(seed: 12)
        let changes = (0..<20).map { _ in
            TrieChange(key: generator.felt(bits: 251), value: generator.felt(bits: 251))
        }
        #expect(try trie.update(changes) == nil)
        let key = changes[0].key
        let nodes = try PatriciaTrie.proof(
            for: [key], of: .classes, in: trie.store, hash: PoseidonTrieHash.self)
        for (index, entry) in nodes.enumerated() {
            var forged = nodes
            switch entry.node {
            case .binary(let left, let right):
                forged[index] = ProofNode(
                    hash: entry.hash, node: .binary(left: right, right: left))
            case .edge(let path, let child):
                forged[index] = ProofNode(
                    hash: entry.hash, node: .edge(path: path, child: child + 1))
            }
            #expect(throws: TrieProofError.wrongHash(entry.hash)) {
                try CheckedProof(forged, hash: PoseidonTrieHash.self)
            }
        }
        let proof = try CheckedProof(nodes, hash: PoseidonTrieHash.self)
        #expect(throws: TrieProofError.missingNode(77)) { try proof.leaf(at: key, root: 77) }
        #expect(throws: TrieProofError.keyOutOfRange(Felt.zero - 1)) {
            try proof.leaf(at: Felt.zero - 1, root: 77)
        }
        let many = [ProofNode](repeating: nodes[0], count: TrieLimits.proofNodes + 1)
        #expect(throws: TrieProofError.tooManyNodes(many.count)) {
            try CheckedProof(many, hash: PoseidonTrieHash.self)
        }
    }

    @Test("an edge that reaches below the leaves is refused")
    func edgeTooLong() throws {
        let path = try #require(TriePath(value: 0, length: 9))
        let node = TrieNode.edge(path: path, child: 3)
        let root = node.hash(ToyHash.self)
        let proof = try CheckedProof([ProofNode(hash: root, node: node)], hash: ToyHash.self)
        #expect(throws: TrieProofError.edgeTooLong(root)) {
            try proof.leaf(at: 0, root: root, height: 8)
        }
        #expect(try proof.leaf(at: 0, root: root, height: 9) == 3)
    }

    @Test("nothing is proved of an empty trie, whose root is zero")
    func emptyTrie() throws {
        let nodes = try PatriciaTrie.proof(
            for: [1, 2], of: .classes, in: EmptyNodeStore(), hash: ToyHash.self)
        #expect(nodes.isEmpty)
        #expect(try CheckedProof(nodes, hash: ToyHash.self).leaf(at: 1, root: 0) == 0)
    }
}
