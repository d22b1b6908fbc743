/// BLAKE2s without a key and with a digest of 32 bytes (RFC 7693).
public enum Blake2s {
    /// 32 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = Blake2sHasher()
        hasher.update(bytes)
        return hasher.finalize()
    }
}

/// BLAKE2s in pieces: the digest of the updates' concatenation.
public struct Blake2sHasher: Sendable {
    private var state = SIMD8<UInt32>(
        0x6a09_e667 ^ 0x0101_0020, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f,
        0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19)
    private var block = SIMD16<UInt32>(repeating: 0)
    /// Bytes in `block`; a full block waits until more bytes come, since the last one is marked.
    private var filled = 0
    private var length: UInt64 = 0

    public init() {}

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if filled == 64 {
                length &+= 64
                compress(isLast: false)
                block = SIMD16(repeating: 0)
                filled = 0
            }
            block[filled >> 2] |= UInt32(byte) << UInt32(8 * (filled & 3))
            filled += 1
        }
    }

    /// The digest, 32 bytes. The hasher must not be used afterwards.
    public mutating func finalize() -> [UInt8] {
        length &+= UInt64(filled)
        compress(isLast: true)
        return (0..<32).map { UInt8(truncatingIfNeeded: state[$0 >> 2] >> UInt32(8 * ($0 & 3))) }
    }

    private static let permutations: [[Int]] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ]

    private mutating func compress(isLast: Bool) {
        var a = state.lowHalf
        var b = state.highHalf
        var c = SIMD4<UInt32>(0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a)
        var d = SIMD4<UInt32>(
            0x510e_527f ^ UInt32(truncatingIfNeeded: length),
            0x9b05_688c ^ UInt32(truncatingIfNeeded: length >> 32),
            isLast ? ~0x1f83_d9ab : 0x1f83_d9ab, 0x5be0_cd19)
        func rotate(_ words: SIMD4<UInt32>, _ count: UInt32) -> SIMD4<UInt32> {
            words &>> count | words &<< (32 - count)
        }
        func mix(_ first: SIMD4<UInt32>, _ second: SIMD4<UInt32>) {
            a = a &+ b &+ first
            d = rotate(d ^ a, 16)
            c = c &+ d
            b = rotate(b ^ c, 12)
            a = a &+ b &+ second
            d = rotate(d ^ a, 8)
            c = c &+ d
            b = rotate(b ^ c, 7)
        }
        for order in Blake2sHasher.permutations {
            mix(
                SIMD4(block[order[0]], block[order[2]], block[order[4]], block[order[6]]),
                SIMD4(block[order[1]], block[order[3]], block[order[5]], block[order[7]]))
            b = SIMD4(b[1], b[2], b[3], b[0])
            c = SIMD4(c[2], c[3], c[0], c[1])
            d = SIMD4(d[3], d[0], d[1], d[2])
            mix(
                SIMD4(block[order[8]], block[order[10]], block[order[12]], block[order[14]]),
                SIMD4(block[order[9]], block[order[11]], block[order[13]], block[order[15]]))
            b = SIMD4(b[3], b[0], b[1], b[2])
            c = SIMD4(c[2], c[3], c[0], c[1])
            d = SIMD4(d[1], d[2], d[3], d[0])
        }
        state.lowHalf ^= a ^ c
        state.highHalf ^= b ^ d
    }
}
