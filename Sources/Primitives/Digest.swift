/// A 256-bit value: a hash, or a field element in canonical form, as four 64-bit words, the most
/// significant first. Ordered as an unsigned integer.
package struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var word0: UInt64
    package var word1: UInt64
    package var word2: UInt64
    package var word3: UInt64

    package init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    /// The value `number` below 2^64.
    package init(number: UInt64) { self.init(0, 0, 0, number) }

    /// Reads 32 big-endian bytes; nil for any other count.
    package init?(bigEndianBytes bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        let words = bytes.withUnsafeBytes { raw in
            (
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            )
        }
        self.init(words.0, words.1, words.2, words.3)
    }

    package static let zero = Digest(0, 0, 0, 0)

    /// The 32 bytes, the most significant first.
    package var bigEndianBytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            raw.storeBytes(of: word0.bigEndian, toByteOffset: 0, as: UInt64.self)
            raw.storeBytes(of: word1.bigEndian, toByteOffset: 8, as: UInt64.self)
            raw.storeBytes(of: word2.bigEndian, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: word3.bigEndian, toByteOffset: 24, as: UInt64.self)
            count = 32
        }
    }

    /// The low half is enough to spread: digests are hashes or their like, and the hasher is
    /// seeded.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(word2)
        hasher.combine(word3)
    }

    package static func < (left: Digest, right: Digest) -> Bool {
        if left.word0 != right.word0 { return left.word0 < right.word0 }
        if left.word1 != right.word1 { return left.word1 < right.word1 }
        if left.word2 != right.word2 { return left.word2 < right.word2 }
        return left.word3 < right.word3
    }

    /// `0x` and the digits without leading zeros, as Starknet writes field elements.
    package var description: String {
        var digits = ""
        for word in [word0, word1, word2, word3] {
            let part = String(word, radix: 16)
            if digits.isEmpty {
                if word != 0 { digits = part }
            } else {
                digits += String(repeating: "0", count: 16 - part.count) + part
            }
        }
        return "0x" + (digits.isEmpty ? "0" : digits)
    }
}

/// An ECDSA signature on the STARK curve as two canonical integers. Whether it is well formed and
/// valid is for the verifier to say; equality is byte equality.
package struct SignatureBytes: Hashable, Sendable {
    package var r: Digest
    package var s: Digest
    package init(r: Digest, s: Digest) {
        self.r = r
        self.s = s
    }
}
