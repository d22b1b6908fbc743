package import Primitives
import StarkHash

/// The Merkle roots of a chunk: over its transactions' bytes, and over its receipts' hashes. A
/// binary tree of Blake2s with one tag byte for leaves and one for nodes; an odd last node moves up
/// unchanged; the root is cut to 250 bits so that it is a field of the signed object.
package enum ChunkRoot {
    package static func leaf(_ bytes: [UInt8]) -> Digest {
        var hasher = Blake2sHasher()
        hasher.update([0])
        hasher.update(bytes)
        return cut(hasher.finalize())
    }

    package static func root(of leaves: [Digest]) -> Digest {
        guard var level = leaves.isEmpty ? nil : leaves else { return .zero }
        while level.count > 1 {
            var next: [Digest] = []
            next.reserveCapacity((level.count + 1) / 2)
            for index in stride(from: 0, to: level.count, by: 2) {
                if index + 1 < level.count {
                    var hasher = Blake2sHasher()
                    hasher.update([1])
                    hasher.update(level[index].bigEndianBytes)
                    hasher.update(level[index + 1].bigEndianBytes)
                    next.append(cut(hasher.finalize()))
                } else {
                    next.append(level[index])
                }
            }
            level = next
        }
        return level[0]
    }

    private static func cut(_ hash: [UInt8]) -> Digest {
        guard var digest = Digest(bigEndianBytes: hash) else {
            preconditionFailure("Blake2s gives 32 bytes")
        }
        digest.word0 &= 1 << 58 - 1
        return digest
    }
}
