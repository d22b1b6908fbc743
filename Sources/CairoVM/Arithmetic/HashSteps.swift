import StarkCurve

/// Single steps of hash functions that Cairo programs take apart.
package enum HashSteps {
    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }

    /// SHA-256's 64 words from a block's 16 (FIPS 180-4, section 6.2.2, step 1).
    package static func schedule(_ block: [UInt32]) -> [UInt32] {
        var w = block
        for index in 16..<64 {
            let (a, b) = (w[index - 15], w[index - 2])
            let s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3
            let s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10
            w.append(w[index - 16] &+ s0 &+ w[index - 7] &+ s1)
        }
        return w
    }

    /// SHA-256's rounds and the sum with the state before (section 6.2.2, steps 2 to 4).
    package static func sha256(_ state: [UInt32], schedule w: [UInt32]) -> [UInt32] {
        var v = state
        for index in 0..<64 {
            let s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)
            let choice = v[4] & v[5] ^ ~v[4] & v[6]
            let first = v[7] &+ s1 &+ choice &+ SHA256.constants[index] &+ w[index]
            let s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)
            let majority = v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]
            v = [first &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
        }
        return zip(state, v).map { $0 &+ $1 }
    }

    /// BLAKE2s's compression (RFC 7693, section 3.2) with both words of each counter and flag.
    static func blake2s(
        _ state: [UInt32], message m: [UInt32], t0: UInt32, t1: UInt32, f0: UInt32, f1: UInt32
    ) -> [UInt32] {
        let iv = HintConstants.initialState
        var v = state + iv[0..<4] + [iv[4] ^ t0, iv[5] ^ t1, iv[6] ^ f0, iv[7] ^ f1]
        func mix(_ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt32, _ y: UInt32) {
            v[a] = v[a] &+ v[b] &+ x
            v[d] = rotate(v[d] ^ v[a], 16)
            v[c] = v[c] &+ v[d]
            v[b] = rotate(v[b] ^ v[c], 12)
            v[a] = v[a] &+ v[b] &+ y
            v[d] = rotate(v[d] ^ v[a], 8)
            v[c] = v[c] &+ v[d]
            v[b] = rotate(v[b] ^ v[c], 7)
        }
        for s in sigma {
            mix(0, 4, 8, 12, m[s[0]], m[s[1]])
            mix(1, 5, 9, 13, m[s[2]], m[s[3]])
            mix(2, 6, 10, 14, m[s[4]], m[s[5]])
            mix(3, 7, 11, 15, m[s[6]], m[s[7]])
            mix(0, 5, 10, 15, m[s[8]], m[s[9]])
            mix(1, 6, 11, 12, m[s[10]], m[s[11]])
            mix(2, 7, 8, 13, m[s[12]], m[s[13]])
            mix(3, 4, 9, 14, m[s[14]], m[s[15]])
        }
        return (0..<8).map { state[$0] ^ v[$0] ^ v[$0 + 8] }
    }

    private static let sigma: [[Int]] = [
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
}
