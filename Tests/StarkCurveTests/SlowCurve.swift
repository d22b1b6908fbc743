import StarkField
import TestSupport

import StarkCurve

/// The slow twin of the curve: affine points, nil for infinity, one division per step.
struct SlowPoint: Equatable {
    let x: Felt
    let y: Felt

    static func add(_ a: SlowPoint?, _ b: SlowPoint?) -> SlowPoint? {
        guard let a else { return b }
        guard let b else { return a }
        let slope: Felt
        if a.x == b.x {
            guard a.y == b.y, let inverse = a.y.doubled().inverse() else { return nil }
            slope = (Felt(3) * a.x.squared() + 1) * inverse
        } else {
            guard let inverse = (b.x - a.x).inverse() else { return nil }
            slope = (b.y - a.y) * inverse
        }
        let x = slope.squared() - a.x - b.x
        return SlowPoint(x: x, y: slope * (a.x - x) - a.y)
    }

    /// Least significant word first.
    static func multiply(_ point: SlowPoint, _ words: Scalar.Words) -> SlowPoint? {
        var result: SlowPoint?
        for word in [words.3, words.2, words.1, words.0] {
            for bit in (0..<64).reversed() {
                result = add(result, result)
                if word >> UInt64(bit) & 1 == 1 { result = add(result, point) }
            }
        }
        return result
    }
}

/// The slow twin of arithmetic mod n: words, shift and add, compare and subtract.
struct SlowScalar: Equatable {
    static let order: [UInt64] = [
        0x1e66_a241_adc6_4d2f, 0xb781_126d_cae7_b232, .max, 0x0800_0000_0000_0010,
    ]
    /// Least significant word first, below n.
    let words: [UInt64]

    init(_ given: [UInt64]) {
        var words = given
        while !SlowScalar.isBelow(words, SlowScalar.order) {
            var borrow: UInt64 = 0
            for index in 0..<4 {
                let wide =
                    UInt128(1) << 64 + UInt128(words[index]) - UInt128(SlowScalar.order[index])
                    - UInt128(borrow)
                borrow = wide >> 64 == 0 ? 1 : 0
                words[index] = UInt64(truncatingIfNeeded: wide)
            }
        }
        self.words = words
    }

    init(_ scalar: Scalar) {
        let (w0, w1, w2, w3) = scalar.words
        self.init([w0, w1, w2, w3])
    }

    static func isBelow(_ a: [UInt64], _ b: [UInt64]) -> Bool {
        for index in (0..<4).reversed() where a[index] != b[index] { return a[index] < b[index] }
        return false
    }

    static func + (a: SlowScalar, b: SlowScalar) -> SlowScalar {
        var carry: UInt128 = 0
        return SlowScalar(
            (0..<4).map { index in
                carry = carry >> 64 + UInt128(a.words[index]) + UInt128(b.words[index])
                return UInt64(truncatingIfNeeded: carry)
            })
    }

    static func * (a: SlowScalar, b: SlowScalar) -> SlowScalar {
        var result = SlowScalar([0, 0, 0, 0])
        for bit in (0..<252).reversed() {
            result = result + result
            if b.words[bit / 64] >> UInt64(bit % 64) & 1 == 1 { result = result + a }
        }
        return result
    }
}

enum Samples {
    /// Integers at the edges of windows, digits and the order, least significant word first.
    static let scalars: [Scalar] = {
        var result = [Scalar.one, Scalar(reducing: (0, 0, 0, 0))]
        for value: UInt64 in [2, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, .max] {
            result.append(Scalar(reducing: (value, 0, 0, 0)))
        }
        for bit in [63, 64, 127, 128, 191, 192, 244, 245, 247, 248, 249, 250, 251] {
            var words: [UInt64] = [0, 0, 0, 0]
            words[bit / 64] = 1 << UInt64(bit % 64)
            let power = Scalar(reducing: (words[0], words[1], words[2], words[3]))
            result += [power, power + .one, power + -.one]
        }
        // Digits that are all at the sign's turn, and (n - 1) / 2.
        result.append(
            Scalar(
                reducing: (
                    0x8080_8080_8080_8080, 0x8080_8080_8080_8080, 0x8080_8080_8080_8080,
                    0x0080_8080_8080_8080
                )))
        result.append(
            Scalar(
                reducing: (
                    0x8181_8181_8181_8181, 0x8181_8181_8181_8181, 0x8181_8181_8181_8181,
                    0x0781_8181_8181_8181
                )))
        let half = -Scalar.one * Scalar(reducing: (2, 0, 0, 0)).inverse
        result += [half, half + .one]
        return result + result.map { -$0 }
    }()

    static func scalars(_ count: Int, seed: UInt64) -> [Scalar] {
        var generator = SeededWords(seed: seed)
        return (0..<count).map { _ in
            let words = generator.words()
            return Scalar(reducing: words)
        }
    }

    static func felts(_ count: Int, seed: UInt64) -> [Felt] {
        var generator = SeededWords(seed: seed)
        return (0..<count).map { _ in Felt(reducingBigEndianWords: generator.words()) }
    }

    /// Below 2^250.
    static func hashes(_ count: Int, seed: UInt64) -> [Felt] {
        var generator = SeededWords(seed: seed)
        return (0..<count).map { _ in
            var words = generator.words()
            words.0 &= 1 << 58 - 1
            return Felt(reducingBigEndianWords: words)
        }
    }
}

/// The slow twin of `SHA256`: FIPS 180-4, section 6.2, on arrays, with constants from the primes'
/// cube roots.
enum PlainSHA256 {
    private static let initial: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]

    /// The first 32 bits of the fractional parts of the first 64 primes' cube roots.
    private static let constants: [UInt32] = (2...311).filter { number in
        (2..<number).allSatisfy { number % $0 != 0 }
    }.map { prime in
        // floor(cbrt(prime) * 2^32), bit by bit.
        var root: UInt128 = 0
        for bit in (0..<35).reversed() {
            let next = root | 1 << UInt128(bit)
            if next * next * next <= UInt128(prime) << 96 { root = next }
        }
        return UInt32(truncatingIfNeeded: root)
    }

    static func hash(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        padded += (0..<8).map { UInt8(truncatingIfNeeded: (8 * message.count) >> (56 - 8 * $0)) }
        func turn(_ word: UInt32, _ n: UInt32) -> UInt32 { word >> n | word << (32 - n) }
        var state = initial
        for start in stride(from: 0, to: padded.count, by: 64) {
            var w = (0..<16).map { index in
                (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(padded[start + 4 * index + $1]) }
            }
            for t in 16..<64 {
                let s0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3
                let s1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10
                w.append(s1 &+ w[t - 7] &+ s0 &+ w[t - 16])
            }
            var v = state
            for t in 0..<64 {
                let s1 = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)
                let choice = v[4] & v[5] ^ ~v[4] & v[6]
                let first = v[7] &+ s1 &+ choice &+ constants[t] &+ w[t]
                let s0 = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)
                let majority = v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]
                v = [first &+ s0 &+ majority] + v[0..<3] + [v[3] &+ first] + v[4..<7]
            }
            for index in 0..<8 { state[index] &+= v[index] }
        }
        return state.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
        }
    }
}
