package import StarkField

/// A node of a proof with its hash, as `starknet_getStorageProof` lists them (Starknet JSON-RPC
/// specification 0.8 and later, `NODE_HASH_TO_NODE_MAPPING`). An edge's path is written there as an
/// integer (`path.value`) and a length.
package struct ProofNode: Hashable, Sendable {
    package let hash: Felt
    package let node: TrieNode

    package init(hash: Felt, node: TrieNode) {
        self.hash = hash
        self.node = node
    }
}

/// Why a proof shows nothing.
package enum TrieProofError: Error, Hashable, Sendable {
    case keyOutOfRange(Felt)
    case tooManyNodes(Int)
    /// A node whose hash is not the one it is listed under.
    case wrongHash(Felt)
    /// A node on the path is not in the proof.
    case missingNode(Felt)
    /// An edge that reaches past the trie's height.
    case edgeTooLong(Felt)
}

extension PatriciaTrie {
    /// The nodes from the root towards each key, each node once, parents before children. For a
    /// key without a leaf the nodes end with the edge that leads elsewhere. Throws for a key that
    /// is out of range; a key may be named twice.
    package static func proof<Store: NodeStore, Hash: TrieHash>(
        for keys: [Felt], of trie: TrieIdentifier, in store: Store,
        height: Int = TrieLimits.stateHeight, hash: Hash.Type
    ) throws(TrieError) -> [ProofNode] {
        var paths: [TriePath] = []
        for key in keys {
            guard let path = TriePath(key: key, height: height) else { throw .keyOutOfRange(key) }
            paths.append(path)
        }
        paths.sort()
        guard let first = paths.first,
            let root = try store.node(at: NodeKey(trie: trie, path: .root))
        else { return [] }
        var result: [ProofNode] = []
        // Neighbours in the sorted order share the most nodes: what lies on the path of the key
        // before is listed already.
        var previous: TriePath?
        for path in [first] + paths.dropFirst() {
            var position = TriePath.root
            var node = root
            var nodeHash = root.hash(hash)
            while true {
                let isListed =
                    previous.map { $0.commonPrefix(with: path) >= position.length } ?? false
                if !isListed { result.append(ProofNode(hash: nodeHash, node: node)) }
                switch node {
                case .binary(let left, let right):
                    let side = path.bit(at: position.length)
                    position = position.appending(side)
                    nodeHash = side ? right : left
                case .edge(let bits, let child):
                    guard position.length + bits.length <= height else {
                        throw .misplacedNode(NodeKey(trie: trie, path: position))
                    }
                    position = position.appending(bits)
                    nodeHash = child
                }
                if position.length == height { break }
                if position.commonPrefix(with: path) < position.length { break }
                let key = NodeKey(trie: trie, path: position)
                guard let next = try store.node(at: key) else { throw .missingNode(key) }
                node = next
            }
            previous = path
        }
        return result
    }
}

/// A proof whose nodes' hashes were all checked; from a peer or an RPC answer.
package struct CheckedProof<Hash: TrieHash>: Sendable {
    private var nodes: [Felt: TrieNode]

    /// Checks every node's hash. The order does not matter; a node may be listed twice.
    package init(_ proof: [ProofNode], hash: Hash.Type) throws(TrieProofError) {
        guard proof.count <= TrieLimits.proofNodes else { throw .tooManyNodes(proof.count) }
        nodes = [Felt: TrieNode](minimumCapacity: proof.count)
        for entry in proof {
            if nodes[entry.hash] == entry.node { continue }
            guard entry.node.hash(hash) == entry.hash else { throw .wrongHash(entry.hash) }
            nodes[entry.hash] = entry.node
        }
    }

    /// The leaf at a key of the trie with this root; zero where the proof shows that there is none.
    package func leaf(at key: Felt, root: Felt, height: Int = TrieLimits.stateHeight)
        throws(TrieProofError) -> Felt
    {
        guard let path = TriePath(key: key, height: height) else { throw .keyOutOfRange(key) }
        if root.isZero { return .zero }
        var depth = 0
        var current = root
        while depth < height {
            guard let node = nodes[current] else { throw .missingNode(current) }
            switch node {
            case .binary(let left, let right):
                current = path.bit(at: depth) ? right : left
                depth += 1
            case .edge(let bits, let child):
                guard depth + bits.length <= height else { throw .edgeTooLong(current) }
                let end = depth + bits.length
                if path.prefix(end).suffix(from: depth) != bits { return .zero }
                current = child
                depth = end
            }
        }
        return current
    }
}
