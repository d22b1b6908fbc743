/// SHA-512's compression (FIPS 180-4, section 6.4.2), for the system call that later versions of
/// Starknet have.
enum SHA512Compression {
    /// The first 64 bits of the fractional parts of the cube roots of the first eighty primes.
    private static let constants: [UInt64] = {
        var primes: [UInt64] = []
        var candidate: UInt64 = 2
        while primes.count < 80 {
            if primes.allSatisfy({ !candidate.isMultiple(of: $0) }) { primes.append(candidate) }
            candidate += 1
        }
        return primes.map(fractionOfCubeRoot)
    }()

    /// The low 64 bits of the integer cube root of p 2^192.
    private static func fractionOfCubeRoot(_ prime: UInt64) -> UInt64 {
        // Bit by bit: the root is below 2^67, its cube below 2^201, so that compares in 256 bits do.
        var root = Words256(0)
        for bit in (0..<67).reversed() {
            var trial = root
            if bit >= 64 { trial.w1 |= 1 << UInt64(bit - 64) } else { trial.w0 |= 1 << UInt64(bit) }
            let square = product(trial, trial)
            let cube = product(square, trial)
            if !(Words256(0, 0, 0, prime) < cube) { root = trial }
        }
        return root.w0
    }

    /// The low 256 bits of a product.
    private static func product(_ a: Words256, _ b: Words256) -> Words256 {
        let x = [a.w0, a.w1, a.w2, a.w3]
        let y = [b.w0, b.w1, b.w2, b.w3]
        var result: [UInt64] = [0, 0, 0, 0]
        for i in 0..<4 {
            var carry: UInt128 = 0
            for j in 0..<(4 - i) {
                let sum = UInt128(x[i]) * UInt128(y[j]) + UInt128(result[i + j]) + carry
                result[i + j] = UInt64(truncatingIfNeeded: sum)
                carry = sum >> 64
            }
        }
        return Words256(result[0], result[1], result[2], result[3])
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word >> count | word << (64 - count)
    }

    /// - Parameters:
    ///   - state: eight words.
    ///   - block: sixteen words.
    static func compress(_ state: [UInt64], _ block: [UInt64]) -> [UInt64] {
        var w = block
        for index in 16..<80 {
            let (x, y) = (w[index - 15], w[index - 2])
            let s0 = rotate(x, 1) ^ rotate(x, 8) ^ x >> 7
            let s1 = rotate(y, 19) ^ rotate(y, 61) ^ y >> 6
            w.append(w[index - 16] &+ s0 &+ w[index - 7] &+ s1)
        }
        var v = state
        for index in 0..<80 {
            let s1 = rotate(v[4], 14) ^ rotate(v[4], 18) ^ rotate(v[4], 41)
            let choice = v[4] & v[5] ^ ~v[4] & v[6]
            let first = v[7] &+ s1 &+ choice &+ constants[index] &+ w[index]
            let s0 = rotate(v[0], 28) ^ rotate(v[0], 34) ^ rotate(v[0], 39)
            let majority = v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]
            v = [first &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
        }
        return zip(state, v).map { $0 &+ $1 }
    }
}
