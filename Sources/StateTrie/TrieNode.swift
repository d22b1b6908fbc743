package import StarkField

/// Why stored bytes are not the encoding of a node or a record.
package enum TrieCodecError: Error, Hashable, Sendable {
    case wrongSize(Int)
    /// An edge's length byte that is above 251.
    case edgeTooLong(Int)
    /// A number of p or more.
    case notReduced
    /// A child hash of zero, leading zeros, or padding bits that are set.
    case notCanonical
}

/// An inner node. Children are named by hash; a leaf's hash is its value.
///
/// Encoding: a binary node is a byte 0 and the two hashes in 32 bytes each; an edge is a byte with
/// its length, its bits from the left in as few bytes as hold them, and the child's hash without
/// leading zero bytes up to the end.
package enum TrieNode: Hashable, Sendable {
    case binary(left: Felt, right: Felt)
    /// `path` holds the edge's 1 ... 251 bits.
    case edge(path: TriePath, child: Felt)

    /// The node's hash (rule R2).
    package func hash<Hash: TrieHash>(_ type: Hash.Type) -> Felt {
        switch self {
        case .binary(let left, let right): Hash.hash(left, right)
        case .edge(let path, let child):
            Hash.hash(child, path.value) + Felt(UInt64(path.length))
        }
    }

    package var encoded: [UInt8] {
        switch self {
        case .binary(let left, let right):
            return [0] + left.bigEndianBytes + right.bigEndianBytes
        case .edge(let path, let child):
            return [UInt8(path.length)] + path.bytes + child.bigEndianBytes.drop { $0 == 0 }
        }
    }

    package init(decoding bytes: [UInt8]) throws(TrieCodecError) {
        guard let first = bytes.first else { throw .wrongSize(0) }
        if first == 0 {
            guard bytes.count == 65 else { throw .wrongSize(bytes.count) }
            self = .binary(
                left: try Self.hash(bytes[1..<33]), right: try Self.hash(bytes[33..<65]))
        } else {
            let length = Int(first)
            guard length <= TrieLimits.stateHeight else { throw .edgeTooLong(length) }
            let start = 1 + (length + 7) / 8
            guard bytes.count > start, bytes.count <= start + 32 else {
                throw .wrongSize(bytes.count)
            }
            guard bytes[start] != 0 else { throw .notCanonical }
            guard let path = TriePath(bytes: bytes[1..<start], length: length) else {
                throw .notCanonical
            }
            self = .edge(path: path, child: try Self.hash(bytes[start...]))
        }
    }

    private static func hash(_ bytes: ArraySlice<UInt8>) throws(TrieCodecError) -> Felt {
        guard let value = Felt(bigEndianBytes: bytes) else { throw .notReduced }
        guard !value.isZero else { throw .notCanonical }
        return value
    }
}

extension TriePath {
    /// The bits from the left, in as few bytes as hold them; the last is padded with zero bits.
    var bytes: [UInt8] {
        let words = [w0, w1, w2, w3]
        return (0..<(length + 7) / 8).map { index in
            UInt8(truncatingIfNeeded: words[index >> 3] >> UInt64(56 - 8 * (index & 7)))
        }
    }

    /// Nil for a wrong number of bytes or padding that is set.
    init?(bytes: ArraySlice<UInt8>, length: Int) {
        guard bytes.count == (length + 7) / 8, length <= 256 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            words[index >> 3] |= UInt64(byte) << UInt64(56 - 8 * (index & 7))
        }
        self.init(words[0], words[1], words[2], words[3], length: length)
        guard prefix(length) == self else { return nil }
    }
}

/// What a leaf of the contracts trie stands for. All three zero means no contract.
///
/// Encoding: class hash and storage root in 32 bytes each, then the nonce without leading zeros.
package struct ContractRecord: Hashable, Sendable {
    package var classHash: Felt
    package var storageRoot: Felt
    package var nonce: Felt

    package init(classHash: Felt = .zero, storageRoot: Felt = .zero, nonce: Felt = .zero) {
        self.classHash = classHash
        self.storageRoot = storageRoot
        self.nonce = nonce
    }

    package var isEmpty: Bool { classHash.isZero && storageRoot.isZero && nonce.isZero }

    /// The leaf's hash (rule R3).
    package var leaf: Felt {
        if isEmpty { return .zero }
        let state = PedersenTrieHash.hash(classHash, storageRoot)
        return PedersenTrieHash.hash(PedersenTrieHash.hash(state, nonce), .zero)
    }

    package var encoded: [UInt8] {
        classHash.bigEndianBytes + storageRoot.bigEndianBytes
            + nonce.bigEndianBytes.drop { $0 == 0 }
    }

    package init(decoding bytes: [UInt8]) throws(TrieCodecError) {
        guard (64...96).contains(bytes.count) else { throw .wrongSize(bytes.count) }
        if bytes.count > 64, bytes[64] == 0 { throw .notCanonical }
        guard let classHash = Felt(bigEndianBytes: bytes[0..<32]),
            let storageRoot = Felt(bigEndianBytes: bytes[32..<64]),
            let nonce = Felt(bigEndianBytes: bytes[64...])
        else { throw .notReduced }
        self.init(classHash: classHash, storageRoot: storageRoot, nonce: nonce)
        if isEmpty { throw .notCanonical }
    }
}
