import Foundation
import StarkField
import StateTrie
import TestSupport
import Testing

typealias JSON = [String: Any]

struct MalformedFixture: Error {
    let what: String
}

func felt(_ value: Any?) throws -> Felt {
    if let text = value as? String, let felt = Felt(hex: text) { return felt }
    if let number = value as? Int, number >= 0 { return Felt(UInt64(number)) }
    throw MalformedFixture(what: "\(String(describing: value)) is no field element")
}

@Suite("Tries against vectors of other implementations")
struct TrieFixtureTests {
    @Test(
        "roots of leaf sets of height 251",
        .enabled(
            if: Fixtures.has("oracle-vectors"),
            Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
    func oracleRoots() throws {
        var checked = 0
        for file in Fixtures.files(under: "oracle-vectors", suffix: ".json") {
            guard let table = try Fixtures.json(file) as? JSON,
                let vectors = table["patricia_251"] as? [JSON]
            else { continue }
            for vector in vectors {
                let items = vector["items"] as? JSON ?? [:]
                let changes = try items.map { key, value in
                    TrieChange(key: try felt(key), value: try felt(value))
                }
                let root: Felt
                switch vector["hash"] as? String {
                case "pedersen":
                    root = try PatriciaTrie.update(
                        .contracts, changes, in: EmptyNodeStore(), hash: PedersenTrieHash.self
                    ).root
                case "poseidon":
                    root = try PatriciaTrie.update(
                        .classes, changes, in: EmptyNodeStore(), hash: PoseidonTrieHash.self
                    ).root
                default: throw MalformedFixture(what: "the hash of \(vector)")
                }
                #expect(root == (try felt(vector["root"])), "\(file), \(changes.count) leaves")
                checked += 1
            }
        }
        #expect(checked > 0, "no file of the group holds patricia_251 vectors")
    }

    @Test(
        "every file of the trie group: path vectors and storage proofs",
        .enabled(if: Fixtures.has("trie"), Comment(rawValue: Fixtures.absence(of: "trie"))))
    func trieFiles() throws {
        for file in Fixtures.files(under: "trie") {
            guard let content = try Fixtures.json(file) as? JSON else {
                Issue.record("\(file) is no JSON object")
                continue
            }
            let result = content["result"] as? JSON ?? content
            if content["facts_storage"] != nil {
                try PathVector.check(content, file)
            } else if result["contracts_proof"] != nil {
                try ProofVector.check(result, file)
            } else if content["contract_proof"] != nil {
                try ProofVector.checkOldForm(content, file)
            } else {
                Issue.record("\(file) is of no known kind")
            }
        }
    }
}

/// Nodes by hash, leaves, some leaves' indices, and the nodes on the paths to these.
enum PathVector {
    static func nodes(_ facts: Any?, height: Int) throws -> [Felt: TrieNode] {
        var result: [Felt: TrieNode] = [:]
        for (hash, fields) in facts as? JSON ?? [:] {
            let numbers = try (fields as? [Any] ?? []).map(felt)
            switch numbers.count {
            case 2: result[try felt(hash)] = .binary(left: numbers[0], right: numbers[1])
            case 3:
                guard let length = numbers[0].asUInt64,
                    let path = TriePath(value: numbers[1], length: Int(length))
                else { throw MalformedFixture(what: "edge \(hash)") }
                result[try felt(hash)] = .edge(path: path, child: numbers[2])
            default: throw MalformedFixture(what: "node \(hash)")
            }
        }
        return result
    }

    static func check(_ vector: JSON, _ file: Fixtures.File) throws {
        guard let height = vector["height"] as? Int,
            let leaves = vector["initial_leaves"] as? [Int],
            let modified = vector["modified_leaves_indices"] as? [Int]
        else { throw MalformedFixture(what: "\(file)") }
        let root = try felt(vector["root_hash"])
        let facts = try nodes(vector["facts_storage"], height: height)
        let proof = try CheckedProof(
            facts.map { ProofNode(hash: $0.key, node: $0.value) }, hash: PedersenTrieHash.self)
        // The vector does not state the leaves' values: they are where the nodes lead.
        let changes = try leaves.map { index in
            let key = Felt(UInt64(index))
            return TrieChange(key: key, value: try proof.leaf(at: key, root: root, height: height))
        }
        let built = try PatriciaTrie.update(
            .contracts, changes, in: EmptyNodeStore(), height: height, hash: PedersenTrieHash.self)
        #expect(built.root == root, "\(file)")
        #expect(Set(built.nodes.compactMap(\.node)) == Set(facts.values), "\(file)")
        var store = MemoryNodeStore()
        store.apply(StateChanges(nodes: built.nodes))
        let mine = try PatriciaTrie.proof(
            for: modified.map { Felt(UInt64($0)) }, of: .contracts, in: store, height: height,
            hash: PedersenTrieHash.self)
        let expected = try nodes(vector["expected_nodes"], height: height)
        for entry in mine { #expect(expected[entry.hash] == entry.node, "\(file)") }
        // Besides the paths, the vectors hold what an edge that leads elsewhere ends in.
        let shown = Set(mine.map(\.hash))
        let belowEdges = mine.compactMap { entry -> Felt? in
            guard case .edge(_, let child) = entry.node else { return nil }
            return child
        }
        for hash in expected.keys where !shown.contains(hash) {
            #expect(belowEdges.contains(hash), "\(file)")
            #expect(!Set(modified).isSubset(of: Set(leaves)), "\(file)")
        }
    }
}

/// Answers of `starknet_getStorageProof`, and the form that pathfinder had before it.
enum ProofVector {
    static func node(_ fields: JSON) throws -> TrieNode {
        if fields["left"] != nil {
            return .binary(left: try felt(fields["left"]), right: try felt(fields["right"]))
        }
        let inner = fields["path"] as? JSON
        let bits = try felt(inner?["value"] ?? fields["path"])
        guard let length = (inner?["len"] ?? fields["length"]) as? Int,
            let path = TriePath(value: bits, length: length)
        else { throw MalformedFixture(what: "edge \(fields)") }
        return .edge(path: path, child: try felt(fields["child"]))
    }

    static func list(_ value: Any?) throws -> [ProofNode] {
        try (value as? [JSON] ?? []).map { entry in
            let fields = (entry["node"] ?? entry["binary"] ?? entry["edge"]) as? JSON ?? [:]
            return ProofNode(
                hash: try felt(entry["node_hash"] ?? fields["node_hash"]), node: try node(fields))
        }
    }

    /// The keys that the listed nodes say something about, with their leaves: where nodes lead
    /// from the root to a leaf, and where they end with an edge, a key that this edge misses. Every
    /// node must be on such a way.
    static func leaves(_ nodes: [ProofNode], root: Felt) -> [(key: Felt, value: Felt)] {
        var table: [Felt: TrieNode] = [:]
        for entry in nodes { table[entry.hash] = entry.node }
        var unused = Set(table.keys)
        var result: [(key: Felt, value: Felt)] = []
        var waiting = [(TriePath.root, root)]
        while let (path, hash) = waiting.popLast() {
            if path.length == 251 {
                result.append((path.value, hash))
                continue
            }
            guard let node = table[hash] else { continue }
            unused.remove(hash)
            switch node {
            case .binary(let left, let right):
                waiting.append((path.appending(false), left))
                waiting.append((path.appending(true), right))
            case .edge(let bits, let child):
                let end = path.length + bits.length
                if end < 251, table[child] == nil {
                    var missed = path.appending(!bits.bit(at: 0))
                    while missed.length < 251 { missed = missed.appending(false) }
                    result.append((missed.value, .zero))
                } else if end <= 251 {
                    waiting.append((path.appending(bits), child))
                }
            }
        }
        #expect(unused.isEmpty, "nodes off every path from \(root)")
        return result
    }

    static func checkTrie<Hash: TrieHash>(
        _ value: Any?, root: Felt?, hash: Hash.Type, _ file: Fixtures.File
    ) throws -> [(key: Felt, value: Felt)] {
        let nodes = try list(value)
        guard let root = root ?? nodes.first?.hash else { return [] }
        let proof = try CheckedProof(nodes, hash: hash)
        let found = leaves(nodes, root: root)
        #expect(!found.isEmpty, "\(file): nothing is shown under \(root)")
        for leaf in found {
            #expect(try proof.leaf(at: leaf.key, root: root) == leaf.value, "\(file)")
        }
        return found
    }

    static func check(_ result: JSON, _ file: Fixtures.File) throws {
        let roots = result["global_roots"] as? JSON ?? [:]
        let contracts = result["contracts_proof"] as? JSON ?? [:]
        let found = try checkTrie(
            contracts["nodes"], root: felt(roots["contracts_tree_root"]),
            hash: PedersenTrieHash.self, file)
        if let classes = result["classes_proof"] as? [Any], !classes.isEmpty {
            _ = try checkTrie(
                classes, root: felt(roots["classes_tree_root"]), hash: PoseidonTrieHash.self, file)
        }
        // Some nodes state wrong storage roots, and the lists in another order than the contracts:
        // each contract's leaf is that of one of the lists.
        let storage = result["contracts_storage_proofs"] as? [Any] ?? []
        for proof in storage {
            _ = try checkTrie(proof, root: nil, hash: PedersenTrieHash.self, file)
        }
        let storageRoots = try storage.compactMap { try list($0).first?.hash }
        for data in contracts["contract_leaves_data"] as? [JSON] ?? [] {
            let classHash = try felt(data["class_hash"])
            let nonce = try felt(data["nonce"])
            let isProved = storageRoots.contains { root in
                let record = ContractRecord(classHash: classHash, storageRoot: root, nonce: nonce)
                return found.contains { $0.value == record.leaf }
            }
            #expect(isProved, "\(file), class \(classHash)")
        }
    }

    static func checkOldForm(_ content: JSON, _ file: Fixtures.File) throws {
        let contractsRoot = try felt(content["contract_commitment"])
        #expect(
            StateCommitter.stateRoot(
                contracts: contractsRoot, classes: try felt(content["class_commitment"]))
                == (try felt(content["state_commitment"])), "\(file)")
        let found = try checkTrie(
            content["contract_proof"], root: contractsRoot, hash: PedersenTrieHash.self, file)
        let data = content["contract_data"] as? JSON ?? [:]
        let storageRoot = try felt(data["root"])
        for proof in data["storage_proofs"] as? [Any] ?? [] {
            _ = try checkTrie(proof, root: storageRoot, hash: PedersenTrieHash.self, file)
        }
        let record = ContractRecord(
            classHash: try felt(data["class_hash"] ?? "0x0"), storageRoot: storageRoot,
            nonce: try felt(data["nonce"] ?? "0x0"))
        #expect(found.contains { $0.value == record.leaf }, "\(file)")
    }
}
