/// SHA-256 (FIPS 180-4), for the nonces of RFC 6979 and for Poseidon's round constants only. Layer 0
/// may not import a C module, and neither use hashes more than some hundred bytes.
package struct SHA256: Sendable {
    /// 32 bytes as four words, the first bytes the most significant.
    package typealias Words = (UInt64, UInt64, UInt64, UInt64)
    private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)

    private var state: State = (
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19
    )
    /// The message's bytes in their order, whatever the machine's; `length` mod 64 of them count.
    private var block = InlineArray<8, UInt64>(repeating: 0)
    private var length: UInt64 = 0

    package init() {}

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            update(contiguous: UnsafeRawBufferPointer($0))
        }
        if isDone == nil {
            [UInt8](bytes).withUnsafeBytes { update(contiguous: $0) }
        }
    }

    package mutating func update(byte: UInt8) {
        withUnsafeBytes(of: byte) { update(contiguous: $0) }
    }

    /// The words' 32 bytes, the most significant byte of the first word first.
    package mutating func update(bigEndianWords words: Words) {
        let swapped = (
            words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian
        )
        withUnsafeBytes(of: swapped) { update(contiguous: $0) }
    }

    private mutating func update(contiguous bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let filled = Int(length & 63)
            let part = rest.prefix(64 - filled)
            withUnsafeMutableBytes(of: &block) { block in
                UnsafeMutableRawBufferPointer(rebasing: block[filled...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
            }
            length &+= UInt64(part.count)
            rest = rest.dropFirst(part.count)
            if length & 63 == 0 { compress() }
        }
    }

    /// The digest, 32 bytes. The state must not be used afterwards.
    package mutating func finalize() -> [UInt8] {
        let words = finalizeWords()
        return [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    /// The digest as four words, its first bytes the most significant. The state must not be used
    /// afterwards.
    package mutating func finalizeWords() -> Words {
        let bits = length &* 8
        var filled = Int(length & 63)
        setByte(filled, 0x80)
        filled += 1
        if filled > 56 {
            for index in filled..<64 { setByte(index, 0) }
            compress()
            filled = 0
        }
        for index in filled..<56 { setByte(index, 0) }
        block[7] = bits.bigEndian
        compress()
        func join(_ first: UInt32, _ second: UInt32) -> UInt64 {
            UInt64(first) << 32 | UInt64(second)
        }
        return (
            join(state.0, state.1), join(state.2, state.3), join(state.4, state.5),
            join(state.6, state.7)
        )
    }

    private mutating func setByte(_ index: Int, _ byte: UInt8) {
        withUnsafeMutableBytes(of: &block) { $0[index] = byte }
    }

    package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finalize()
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    /// Takes in the block. Sixteen rounds are written out, so that neither the schedule's places
    /// nor the working variables' names are computed.
    private mutating func compress() {
        var (a, b, c, d, e, f, g, h) = state
        var w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15: UInt32
        (w0, w1) = SHA256.halves(block[0])
        (w2, w3) = SHA256.halves(block[1])
        (w4, w5) = SHA256.halves(block[2])
        (w6, w7) = SHA256.halves(block[3])
        (w8, w9) = SHA256.halves(block[4])
        (w10, w11) = SHA256.halves(block[5])
        (w12, w13) = SHA256.halves(block[6])
        (w14, w15) = SHA256.halves(block[7])
        var index = 0
        while true {
            @inline(__always)
            func constant(_ offset: Int) -> UInt32 { SHA256.constants[index &+ offset] }
            typealias S = SHA256
            S.round(a, b, c, &d, e, f, g, &h, w0 &+ constant(0))
            S.round(h, a, b, &c, d, e, f, &g, w1 &+ constant(1))
            S.round(g, h, a, &b, c, d, e, &f, w2 &+ constant(2))
            S.round(f, g, h, &a, b, c, d, &e, w3 &+ constant(3))
            S.round(e, f, g, &h, a, b, c, &d, w4 &+ constant(4))
            S.round(d, e, f, &g, h, a, b, &c, w5 &+ constant(5))
            S.round(c, d, e, &f, g, h, a, &b, w6 &+ constant(6))
            S.round(b, c, d, &e, f, g, h, &a, w7 &+ constant(7))
            S.round(a, b, c, &d, e, f, g, &h, w8 &+ constant(8))
            S.round(h, a, b, &c, d, e, f, &g, w9 &+ constant(9))
            S.round(g, h, a, &b, c, d, e, &f, w10 &+ constant(10))
            S.round(f, g, h, &a, b, c, d, &e, w11 &+ constant(11))
            S.round(e, f, g, &h, a, b, c, &d, w12 &+ constant(12))
            S.round(d, e, f, &g, h, a, b, &c, w13 &+ constant(13))
            S.round(c, d, e, &f, g, h, a, &b, w14 &+ constant(14))
            S.round(b, c, d, &e, f, g, h, &a, w15 &+ constant(15))
            index &+= 16
            if index == 64 { break }
            S.schedule(&w0, w1, w9, w14)
            S.schedule(&w1, w2, w10, w15)
            S.schedule(&w2, w3, w11, w0)
            S.schedule(&w3, w4, w12, w1)
            S.schedule(&w4, w5, w13, w2)
            S.schedule(&w5, w6, w14, w3)
            S.schedule(&w6, w7, w15, w4)
            S.schedule(&w7, w8, w0, w5)
            S.schedule(&w8, w9, w1, w6)
            S.schedule(&w9, w10, w2, w7)
            S.schedule(&w10, w11, w3, w8)
            S.schedule(&w11, w12, w4, w9)
            S.schedule(&w12, w13, w5, w10)
            S.schedule(&w13, w14, w6, w11)
            S.schedule(&w14, w15, w7, w12)
            S.schedule(&w15, w0, w8, w13)
        }
        state.0 &+= a
        state.1 &+= b
        state.2 &+= c
        state.3 &+= d
        state.4 &+= e
        state.5 &+= f
        state.6 &+= g
        state.7 &+= h
    }

    @inline(__always)
    private static func halves(_ bytes: UInt64) -> (UInt32, UInt32) {
        let word = UInt64(bigEndian: bytes)
        return (UInt32(truncatingIfNeeded: word &>> 32), UInt32(truncatingIfNeeded: word))
    }

    /// One round; `d` and `h` become the next round's e and a, the others move by one place.
    @inline(__always)
    private static func round(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32,
        _ g: UInt32, _ h: inout UInt32, _ addend: UInt32
    ) {
        let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        let choice = (f ^ g) & e ^ g
        let first = h &+ addend &+ choice &+ s1
        let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        let majority = a & b | (a | b) & c
        d = d &+ first
        h = first &+ s0 &+ majority
    }

    /// Replaces the schedule's word of sixteen rounds ago, given those of 15, 7 and 2 rounds ago.
    @inline(__always)
    private static func schedule(
        _ word: inout UInt32, _ fifteen: UInt32, _ seven: UInt32, _ two: UInt32
    ) {
        let s0 = rotate(fifteen, 7) ^ rotate(fifteen, 18) ^ fifteen &>> 3
        let s1 = rotate(two, 17) ^ rotate(two, 19) ^ two &>> 10
        word = word &+ s0 &+ seven &+ s1
    }

    package static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
        0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
        0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
        0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
        0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
        0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]
}
