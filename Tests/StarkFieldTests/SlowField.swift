import StarkField
import TestSupport

/// The slow twin of the field: 256-bit integers as four words, multiplication by shift and add,
/// reduction by comparing and subtracting. No Montgomery form, no lazy bounds.
struct SlowFelt: Equatable {
    /// Least significant word first; always below p.
    var words: [UInt64]

    static let prime: [UInt64] = [1, 0, 0, 0x0800_0000_0000_0011]
    static let zero = SlowFelt(words: [0, 0, 0, 0])
    static let one = SlowFelt(words: [1, 0, 0, 0])

    init(words: [UInt64]) {
        self.words = words
        while !SlowFelt.isBelow(self.words, SlowFelt.prime) {
            self.words = SlowFelt.subtract(self.words, SlowFelt.prime)
        }
    }

    init(_ felt: Felt) {
        let (w0, w1, w2, w3) = felt.bigEndianWords
        self.init(words: [w3, w2, w1, w0])
    }

    var felt: Felt? {
        Felt(bigEndianWords: (words[3], words[2], words[1], words[0]))
    }

    static func isBelow(_ a: [UInt64], _ b: [UInt64]) -> Bool {
        for index in (0..<4).reversed() where a[index] != b[index] { return a[index] < b[index] }
        return false
    }

    static func subtract(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
        var borrow: UInt64 = 0
        return (0..<4).map { index in
            let wide = (UInt128(1) << 64) + UInt128(a[index]) - UInt128(b[index]) - UInt128(borrow)
            borrow = wide >> 64 == 0 ? 1 : 0
            return UInt64(truncatingIfNeeded: wide)
        }
    }

    static func + (a: SlowFelt, b: SlowFelt) -> SlowFelt {
        var carry: UInt128 = 0
        let sum = (0..<4).map { index in
            carry = (carry >> 64) + UInt128(a.words[index]) + UInt128(b.words[index])
            return UInt64(truncatingIfNeeded: carry)
        }
        return SlowFelt(words: sum)
    }

    static prefix func - (a: SlowFelt) -> SlowFelt { SlowFelt(words: subtract(prime, a.words)) }

    static func * (a: SlowFelt, b: SlowFelt) -> SlowFelt {
        var result = zero
        for bit in (0..<252).reversed() {
            result = result + result
            if b.words[bit / 64] >> UInt64(bit % 64) & 1 == 1 { result = result + a }
        }
        return result
    }

    func power(_ exponent: [UInt64]) -> SlowFelt {
        var result = SlowFelt.one
        for bit in (0..<256).reversed() {
            result = result * result
            if exponent[bit / 64] >> UInt64(bit % 64) & 1 == 1 { result = result * self }
        }
        return result
    }
}

enum Samples {
    /// Integers at the places where carries, borrows and reductions turn over.
    static let edges: [Felt] = {
        var result: [Felt] = [0, 1, 2, 3, 31, 32]
        for value in [Felt(UInt64.max), Felt(UInt128.max), Felt(2).power(64), Felt(2).power(128)] {
            result += [value, value - 1, value + 1]
        }
        for exponent: UInt64 in [191, 192, 193, 196, 250, 251] {
            let value = Felt(2).power(exponent)
            result += [value, value - 1, value + 1]
        }
        // Montgomery limbs that are themselves on an edge: R^-1, -R^-1.
        let inverseOfR = Felt(2).power(256).inverse() ?? 0
        result += [inverseOfR, inverseOfR * Felt(UInt64.max), inverseOfR * Felt(UInt128.max)]
        return result + result.map { -$0 }
    }()

    static func random(_ count: Int, seed: UInt64) -> [Felt] {
        var generator = SeededWords(seed: seed)
        return (0..<count).map { _ in Felt(reducingBigEndianWords: generator.words()) }
    }
}
