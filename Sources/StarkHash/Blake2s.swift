/// BLAKE2s without a key and with a digest of 32 bytes (RFC 7693).
public enum Blake2s {
    /// A digest's 32 bytes as four words, the first bytes the most significant.
    public typealias Words = (UInt64, UInt64, UInt64, UInt64)

    /// 32 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = Blake2sHasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The digest of the tag and the bytes after it. Allocates nothing.
    public static func hashWords(tag: UInt8, _ bytes: [UInt8]) -> Words {
        var hasher = Blake2sHasher()
        hasher.update(byte: tag)
        hasher.update(bytes)
        return hasher.finalizeWords()
    }

    /// The digest of the tag and the 64 bytes of two digests. Allocates nothing.
    public static func hashWords(tag: UInt8, _ left: Words, _ right: Words) -> Words {
        var hasher = Blake2sHasher()
        hasher.update(byte: tag)
        hasher.update(bigEndianWords: left)
        hasher.update(bigEndianWords: right)
        return hasher.finalizeWords()
    }
}

/// BLAKE2s in pieces: the digest of the updates' concatenation.
public struct Blake2sHasher: Sendable {
    private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)

    private var state: State = (
        0x6a09_e667 ^ 0x0101_0020, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f,
        0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19
    )
    /// The message's bytes in their order, whatever the machine's.
    private var block = InlineArray<8, UInt64>(repeating: 0)
    /// Bytes in `block`; a full block waits until more bytes come, since the last one is marked.
    private var filled = 0
    /// Bytes compressed.
    private var length: UInt64 = 0

    public init() {}

    @inlinable
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            update(contiguous: UnsafeRawBufferPointer($0))
        }
        if isDone == nil {
            [UInt8](bytes).withUnsafeBytes { update(contiguous: $0) }
        }
    }

    public mutating func update(byte: UInt8) {
        withUnsafeBytes(of: byte) { update(contiguous: $0) }
    }

    /// The word's 8 bytes, the most significant first.
    public mutating func update(bigEndianWord word: UInt64) {
        withUnsafeBytes(of: word.bigEndian) { update(contiguous: $0) }
    }

    /// The words' 32 bytes, the most significant byte of the first word first.
    public mutating func update(bigEndianWords words: Blake2s.Words) {
        let swapped = (
            words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian
        )
        withUnsafeBytes(of: swapped) { update(contiguous: $0) }
    }

    @usableFromInline
    mutating func update(contiguous bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        var start = 0
        if filled > 0 {
            start = min(bytes.count, 64 - filled)
            fill(UnsafeRawBufferPointer(start: base, count: start))
            if start == bytes.count { return }
            compressBlock(isLast: false)
        }
        // Whole blocks where they are, but for the last one of all, which waits for its mark.
        while bytes.count - start > 64 {
            length &+= 64
            Blake2sHasher.compress(&state, base + start, length: length, isLast: false)
            start += 64
        }
        fill(UnsafeRawBufferPointer(start: base + start, count: bytes.count - start))
    }

    /// Appends at most as many bytes as the block has left.
    @inline(__always)
    private mutating func fill(_ bytes: UnsafeRawBufferPointer) {
        let offset = filled
        withUnsafeMutableBytes(of: &block) { block in
            UnsafeMutableRawBufferPointer(rebasing: block[offset...]).copyMemory(from: bytes)
        }
        filled += bytes.count
    }

    private mutating func compressBlock(isLast: Bool) {
        length &+= UInt64(filled)
        let total = length
        withUnsafeBytes(of: block) { block in
            guard let base = block.baseAddress else { return }
            Blake2sHasher.compress(&state, base, length: total, isLast: isLast)
        }
        filled = 0
    }

    private mutating func finish() {
        let offset = filled
        withUnsafeMutableBytes(of: &block) { block in
            for index in offset..<64 { block[index] = 0 }
        }
        compressBlock(isLast: true)
    }

    /// The digest, 32 bytes. The hasher must not be used afterwards.
    public mutating func finalize() -> [UInt8] {
        let words = finalizeWords()
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            raw.storeBytes(of: words.0.bigEndian, toByteOffset: 0, as: UInt64.self)
            raw.storeBytes(of: words.1.bigEndian, toByteOffset: 8, as: UInt64.self)
            raw.storeBytes(of: words.2.bigEndian, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: words.3.bigEndian, toByteOffset: 24, as: UInt64.self)
            count = 32
        }
    }

    /// The digest as four words, its first bytes the most significant. The hasher must not be used
    /// afterwards.
    public mutating func finalizeWords() -> Blake2s.Words {
        finish()
        func join(_ first: UInt32, _ second: UInt32) -> UInt64 {
            UInt64(first.byteSwapped) << 32 | UInt64(second.byteSwapped)
        }
        return (
            join(state.0, state.1), join(state.2, state.3), join(state.4, state.5),
            join(state.6, state.7)
        )
    }

    /// One block of 64 bytes at any address; `length` counts the message's bytes up to its end.
    ///
    /// Sixteen scalars rather than four vectors: without the byte shuffles of later instruction
    /// sets a vector's rotation takes three instructions and the words' permutations many more. The
    /// ten rounds' message orders (RFC 7693, section 2.7) are written out, so that a message word
    /// is an operand in memory.
    private static func compress(
        _ state: inout State, _ message: UnsafeRawPointer, length: UInt64, isLast: Bool
    ) {
        var (v0, v1, v2, v3, v4, v5, v6, v7) = state
        var (v8, v9, v10, v11): (UInt32, UInt32, UInt32, UInt32) = (
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a
        )
        var v12 = 0x510e_527f ^ UInt32(truncatingIfNeeded: length)
        var v13 = 0x9b05_688c ^ UInt32(truncatingIfNeeded: length &>> 32)
        var v14: UInt32 = isLast ? ~0x1f83_d9ab : 0x1f83_d9ab
        var v15: UInt32 = 0x5be0_cd19
        /// The columns, then the diagonals.
        @inline(__always)
        func round(
            _ s0: Int, _ s1: Int, _ s2: Int, _ s3: Int, _ s4: Int, _ s5: Int, _ s6: Int, _ s7: Int,
            _ s8: Int, _ s9: Int, _ s10: Int, _ s11: Int, _ s12: Int, _ s13: Int, _ s14: Int,
            _ s15: Int
        ) {
            mix(&v0, &v4, &v8, &v12, word(message, s0), word(message, s1))
            mix(&v1, &v5, &v9, &v13, word(message, s2), word(message, s3))
            mix(&v2, &v6, &v10, &v14, word(message, s4), word(message, s5))
            mix(&v3, &v7, &v11, &v15, word(message, s6), word(message, s7))
            mix(&v0, &v5, &v10, &v15, word(message, s8), word(message, s9))
            mix(&v1, &v6, &v11, &v12, word(message, s10), word(message, s11))
            mix(&v2, &v7, &v8, &v13, word(message, s12), word(message, s13))
            mix(&v3, &v4, &v9, &v14, word(message, s14), word(message, s15))
        }
        round(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        round(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
        round(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
        round(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
        round(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
        round(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
        round(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
        round(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
        round(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
        round(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)
        state.0 ^= v0 ^ v8
        state.1 ^= v1 ^ v9
        state.2 ^= v2 ^ v10
        state.3 ^= v3 ^ v11
        state.4 ^= v4 ^ v12
        state.5 ^= v5 ^ v13
        state.6 ^= v6 ^ v14
        state.7 ^= v7 ^ v15
    }

    @inline(__always)
    private static func word(_ message: UnsafeRawPointer, _ index: Int) -> UInt32 {
        UInt32(littleEndian: message.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self))
    }

    /// RFC 7693's G.
    @inline(__always)
    private static func mix(
        _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
        _ first: UInt32, _ second: UInt32
    ) {
        a = a &+ b &+ first
        d = rotate(d ^ a, 16)
        c = c &+ d
        b = rotate(b ^ c, 12)
        a = a &+ b &+ second
        d = rotate(d ^ a, 8)
        c = c &+ d
        b = rotate(b ^ c, 7)
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }
}
