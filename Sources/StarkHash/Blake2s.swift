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
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            update(contiguous: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { update(bytewise: bytes) }
    }

    private mutating func update(contiguous bytes: UnsafeRawBufferPointer) {
        let head = min(bytes.count, (64 - filled) & 63)
        update(bytewise: bytes[..<head])
        var start = head
        // Whole blocks but for the last one of all, which waits for its mark.
        while bytes.count - start > 64 {
            if filled == 64 {
                length &+= 64
                compress(isLast: false)
            }
            block = bytes.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt32>.self)
            if 1.littleEndian != 1 { for lane in 0..<16 { block[lane] = block[lane].byteSwapped } }
            filled = 64
            start += 64
        }
        update(bytewise: bytes[start...])
    }

    private mutating func update(bytewise bytes: some Sequence<UInt8>) {
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

    /// One block; the ten rounds' message orders (RFC 7693, section 2.7) are written out.
    private mutating func compress(isLast: Bool) {
        let m = block
        var a = state.lowHalf
        var b = state.highHalf
        var c = SIMD4<UInt32>(0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a)
        var d = SIMD4<UInt32>(
            0x510e_527f ^ UInt32(truncatingIfNeeded: length),
            0x9b05_688c ^ UInt32(truncatingIfNeeded: length >> 32),
            isLast ? ~0x1f83_d9ab : 0x1f83_d9ab, 0x5be0_cd19)
        @inline(__always)
        func rotate(_ words: SIMD4<UInt32>, _ count: UInt32) -> SIMD4<UInt32> {
            words &>> SIMD4(repeating: count) | words &<< SIMD4(repeating: 32 &- count)
        }
        @inline(__always)
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
        /// The columns, then the diagonals.
        @inline(__always)
        func round(
            _ m0: SIMD4<UInt32>, _ m1: SIMD4<UInt32>, _ m2: SIMD4<UInt32>, _ m3: SIMD4<UInt32>
        ) {
            mix(m0, m1)
            b = SIMD4(b[1], b[2], b[3], b[0])
            c = SIMD4(c[2], c[3], c[0], c[1])
            d = SIMD4(d[3], d[0], d[1], d[2])
            mix(m2, m3)
            b = SIMD4(b[3], b[0], b[1], b[2])
            c = SIMD4(c[2], c[3], c[0], c[1])
            d = SIMD4(d[1], d[2], d[3], d[0])
        }
        round(
            SIMD4(m[0], m[2], m[4], m[6]),
            SIMD4(m[1], m[3], m[5], m[7]),
            SIMD4(m[8], m[10], m[12], m[14]),
            SIMD4(m[9], m[11], m[13], m[15]))
        round(
            SIMD4(m[14], m[4], m[9], m[13]),
            SIMD4(m[10], m[8], m[15], m[6]),
            SIMD4(m[1], m[0], m[11], m[5]),
            SIMD4(m[12], m[2], m[7], m[3]))
        round(
            SIMD4(m[11], m[12], m[5], m[15]),
            SIMD4(m[8], m[0], m[2], m[13]),
            SIMD4(m[10], m[3], m[7], m[9]),
            SIMD4(m[14], m[6], m[1], m[4]))
        round(
            SIMD4(m[7], m[3], m[13], m[11]),
            SIMD4(m[9], m[1], m[12], m[14]),
            SIMD4(m[2], m[5], m[4], m[15]),
            SIMD4(m[6], m[10], m[0], m[8]))
        round(
            SIMD4(m[9], m[5], m[2], m[10]),
            SIMD4(m[0], m[7], m[4], m[15]),
            SIMD4(m[14], m[11], m[6], m[3]),
            SIMD4(m[1], m[12], m[8], m[13]))
        round(
            SIMD4(m[2], m[6], m[0], m[8]),
            SIMD4(m[12], m[10], m[11], m[3]),
            SIMD4(m[4], m[7], m[15], m[1]),
            SIMD4(m[13], m[5], m[14], m[9]))
        round(
            SIMD4(m[12], m[1], m[14], m[4]),
            SIMD4(m[5], m[15], m[13], m[10]),
            SIMD4(m[0], m[6], m[9], m[8]),
            SIMD4(m[7], m[3], m[2], m[11]))
        round(
            SIMD4(m[13], m[7], m[12], m[3]),
            SIMD4(m[11], m[14], m[1], m[9]),
            SIMD4(m[5], m[15], m[8], m[2]),
            SIMD4(m[0], m[4], m[6], m[10]))
        round(
            SIMD4(m[6], m[14], m[11], m[0]),
            SIMD4(m[15], m[9], m[3], m[8]),
            SIMD4(m[12], m[13], m[1], m[10]),
            SIMD4(m[2], m[7], m[4], m[5]))
        round(
            SIMD4(m[10], m[8], m[7], m[1]),
            SIMD4(m[2], m[4], m[6], m[5]),
            SIMD4(m[15], m[9], m[3], m[13]),
            SIMD4(m[11], m[14], m[12], m[0]))
        state.lowHalf ^= a ^ c
        state.highHalf ^= b ^ d
    }
}
