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
