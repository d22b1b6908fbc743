import Consensus
package import Primitives
package import Replication
import StarkHash

/// The Merkle roots of a chunk: over its transactions' bytes, and over its receipts' hashes. A
/// binary tree of Blake2s with one tag byte for leaves and one for nodes; an odd last node moves up
/// unchanged; the root is cut to 250 bits so that it is a field of the signed object.
package enum ChunkRoot {
    package static func leaf(_ bytes: [UInt8]) -> Digest {
        cut(Blake2s.hashWords(tag: 0, bytes))
    }

    /// Whether a chunk's transactions are those that its leader signed for. The signature covers the
    /// root alone: whoever passes the chunk on could have changed the bytes.
    package static func fits(_ chunk: Chunk) -> Bool {
        #if MUTANTS
            if Mutant.chunkUnchecked.isActive { return true }
        #endif
        return root(of: chunk.transactions.map { leaf($0.bytes) })
            == chunk.header.value.transactionRoot
    }

    package static func root(of leaves: [Digest]) -> Digest {
        guard var level = leaves.isEmpty ? nil : leaves else { return .zero }
        while level.count > 1 {
            var next: [Digest] = []
            next.reserveCapacity((level.count + 1) / 2)
            for index in stride(from: 0, to: level.count, by: 2) {
                if index + 1 < level.count {
                    next.append(node(level[index], level[index + 1]))
                } else {
                    next.append(level[index])
                }
            }
            level = next
        }
        return level[0]
    }

    private static func node(_ left: Digest, _ right: Digest) -> Digest {
        cut(
            Blake2s.hashWords(
                tag: 1, (left.word0, left.word1, left.word2, left.word3),
                (right.word0, right.word1, right.word2, right.word3)))
    }

    private static func cut(_ hash: Blake2s.Words) -> Digest {
        Digest(hash.0 & (1 << 58 - 1), hash.1, hash.2, hash.3)
    }
}
