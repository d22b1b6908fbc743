import StarkField
import StateTrie

/// The answer of `starknet_getStorageProof`.
extension JSONWriter {
    mutating func storageProof(_ proof: RPCStorageProof) {
        object { writer in
            writer.name("classes_proof")
            writer.nodes(proof.classes)
            writer.object("contracts_proof") { writer in
                writer.name("nodes")
                writer.nodes(proof.contracts)
                writer.list("contract_leaves_data", proof.leaves) { writer, leaf in
                    writer.member("nonce", leaf.nonce)
                    writer.member("class_hash", leaf.classHash)
                    writer.member("storage_root", leaf.storageRoot)
                }
            }
            writer.array("contracts_storage_proofs") { writer in
                for nodes in proof.slots { writer.nodes(nodes) }
            }
            writer.object("global_roots") { writer in
                writer.member("contracts_tree_root", proof.contractsRoot)
                writer.member("classes_tree_root", proof.classesRoot)
                writer.member("block_hash", proof.blockHash)
            }
        }
    }

    /// `NODE_HASH_TO_NODE_MAPPING`.
    private mutating func nodes(_ nodes: [ProofNode]) {
        array { writer in
            for entry in nodes {
                writer.object { writer in
                    writer.member("node_hash", entry.hash)
                    writer.object("node") { writer in
                        switch entry.node {
                        case .binary(let left, let right):
                            writer.member("left", left)
                            writer.member("right", right)
                        case .edge(let path, let child):
                            writer.member("path", path.value)
                            writer.member("length", number: path.length)
                            writer.member("child", child)
                        }
                    }
                }
            }
        }
    }
}
