/// SHA-256 (FIPS 180-4), for the nonces of RFC 6979 and for Poseidon's round constants only. Layer 0
/// may not import a C module, and neither use hashes more than some hundred bytes.
package struct SHA256 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19
    )
    private var block = InlineArray<16, UInt32>(repeating: 0)
    private var length: UInt64 = 0

    package init() {}

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            let position = Int(length & 63)
            block[position &>> 2] |= UInt32(byte) &<< UInt32(24 &- 8 &* (position & 3))
            length &+= 1
            if position == 63 {
                compress()
                block = InlineArray(repeating: 0)
            }
        }
    }

    /// The digest, 32 bytes. The state must not be used afterwards.
    package mutating func finalize() -> [UInt8] {
        let bits = length &* 8
        update(CollectionOfOne(0x80))
        while length & 63 != 56 { update(CollectionOfOne(0)) }
        update((0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
        let words = [
            state.0, state.1, state.2, state.3, state.4, state.5, state.6, state.7,
        ]
        return words.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * UInt32($0))) }
        }
    }

    package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// HMAC (RFC 2104) over the concatenated parts; the key has at most 64 bytes.
    package static func authenticate(key: [UInt8], _ parts: [[UInt8]]) -> [UInt8] {
        precondition(key.count <= 64, "an HMAC key of \(key.count) bytes")
        let padded = key + [UInt8](repeating: 0, count: 64 - key.count)
        var inner = SHA256()
        inner.update(padded.map { $0 ^ 0x36 })
        for part in parts { inner.update(part) }
        var outer = SHA256()
        outer.update(padded.map { $0 ^ 0x5c })
        outer.update(inner.finalize())
        return outer.finalize()
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    private mutating func compress() {
        var schedule = block
        var (a, b, c, d, e, f, g, h) = state
        SHA256.constants.withUnsafeBufferPointer { constants in
            for index in 0..<64 {
                let slot = index & 15
                if index >= 16 {
                    let w15 = schedule[(index &+ 1) & 15]
                    let w2 = schedule[(index &+ 14) & 15]
                    let s0 = SHA256.rotate(w15, 7) ^ SHA256.rotate(w15, 18) ^ w15 >> 3
                    let s1 = SHA256.rotate(w2, 17) ^ SHA256.rotate(w2, 19) ^ w2 >> 10
                    schedule[slot] =
                        schedule[slot] &+ s0 &+ schedule[(index &+ 9) & 15] &+ s1
                }
                let s1 = SHA256.rotate(e, 6) ^ SHA256.rotate(e, 11) ^ SHA256.rotate(e, 25)
                let choice = e & f ^ ~e & g
                let first = h &+ s1 &+ choice &+ constants[index] &+ schedule[slot]
                let s0 = SHA256.rotate(a, 2) ^ SHA256.rotate(a, 13) ^ SHA256.rotate(a, 22)
                let majority = a & b ^ a & c ^ b & c
                h = g
                g = f
                f = e
                e = d &+ first
                d = c
                c = b
                b = a
                a = first &+ s0 &+ majority
            }
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

    private static let constants: [UInt32] = [
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
