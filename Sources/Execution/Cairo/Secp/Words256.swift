/// An integer below 2^256 in four words, the lowest first.
struct Words256: Hashable, Sendable {
    var w0: UInt64
    var w1: UInt64
    var w2: UInt64
    var w3: UInt64

    init(_ w0: UInt64, _ w1: UInt64 = 0, _ w2: UInt64 = 0, _ w3: UInt64 = 0) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
    }

    init(low: UInt128, high: UInt128) {
        self.init(
            UInt64(truncatingIfNeeded: low), UInt64(truncatingIfNeeded: low >> 64),
            UInt64(truncatingIfNeeded: high), UInt64(truncatingIfNeeded: high >> 64))
    }

    var low: UInt128 { UInt128(w1) << 64 | UInt128(w0) }
    var high: UInt128 { UInt128(w3) << 64 | UInt128(w2) }
    var isZero: Bool { w0 | w1 | w2 | w3 == 0 }
    var isOdd: Bool { w0 & 1 == 1 }

    static func < (a: Self, b: Self) -> Bool {
        (a.w3, a.w2, a.w1, a.w0) < (b.w3, b.w2, b.w1, b.w0)
    }

    func bit(_ index: Int) -> Bool {
        let word =
            switch index >> 6 {
            case 0: w0
            case 1: w1
            case 2: w2
            default: w3
            }
        return word >> UInt64(index & 63) & 1 == 1
    }

    func subtracting(_ b: Self) -> (Self, borrow: Bool) {
        var result = self
        var borrow = false
        func step(_ x: UInt64, _ y: UInt64) -> UInt64 {
            let (first, one) = x.subtractingReportingOverflow(y)
            let (second, two) = first.subtractingReportingOverflow(borrow ? 1 : 0)
            borrow = one || two
            return second
        }
        result.w0 = step(w0, b.w0)
        result.w1 = step(w1, b.w1)
        result.w2 = step(w2, b.w2)
        result.w3 = step(w3, b.w3)
        return (result, borrow)
    }

    func adding(_ b: Self) -> (Self, carry: Bool) {
        var result = self
        var carry = false
        func step(_ x: UInt64, _ y: UInt64) -> UInt64 {
            let (first, one) = x.addingReportingOverflow(y)
            let (second, two) = first.addingReportingOverflow(carry ? 1 : 0)
            carry = one || two
            return second
        }
        result.w0 = step(w0, b.w0)
        result.w1 = step(w1, b.w1)
        result.w2 = step(w2, b.w2)
        result.w3 = step(w3, b.w3)
        return (result, carry)
    }

    /// A quarter of this plus one: for square roots modulo a prime that is 3 modulo 4.
    var quarterOfSuccessor: Self {
        let (sum, carry) = adding(Words256(1))
        return Words256(
            sum.w0 >> 2 | sum.w1 << 62, sum.w1 >> 2 | sum.w2 << 62,
            sum.w2 >> 2 | sum.w3 << 62, sum.w3 >> 2 | (carry ? 1 << 62 : 0))
    }
}

/// Integers modulo an odd prime above 2^255, in Montgomery form with R = 2^256.
///
/// Source: P. L. Montgomery, "Modular multiplication without trial division", 1985; interleaved by
/// words.
struct MontgomeryField: Sendable {
    let modulus: Words256
    /// -1 / modulus mod 2^64.
    private let inverse: UInt64
    /// R^2 mod modulus.
    private let square: Words256
    let one: Words256

    init(modulus: Words256) {
        precondition(modulus.w3 >> 63 == 1 && modulus.isOdd, "no modulus for this field")
        self.modulus = modulus
        // Newton: each step doubles the correct bits.
        var inverse: UInt64 = 1
        for _ in 0..<6 { inverse = inverse &* (2 &- modulus.w0 &* inverse) }
        self.inverse = 0 &- inverse
        // R mod p is 2^256 - p; doubling it 256 times gives R^2 mod p.
        let one = Words256(0).subtracting(modulus).0
        self.one = one
        var value = one
        for _ in 0..<256 {
            let (sum, carry) = value.adding(value)
            value = carry || !(sum < modulus) ? sum.subtracting(modulus).0 : sum
        }
        square = value
    }

    /// - Parameter value: below the modulus.
    func element(_ value: Words256) -> Words256 { product(value, square) }

    /// The integer of an element.
    func integer(_ element: Words256) -> Words256 { product(element, Words256(1)) }

    func sum(_ a: Words256, _ b: Words256) -> Words256 {
        let (sum, carry) = a.adding(b)
        return carry || !(sum < modulus) ? sum.subtracting(modulus).0 : sum
    }

    func difference(_ a: Words256, _ b: Words256) -> Words256 {
        let (difference, borrow) = a.subtracting(b)
        return borrow ? difference.adding(modulus).0 : difference
    }

    func product(_ a: Words256, _ b: Words256) -> Words256 {
        var t: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
        func multiplyAdd(
            _ x: UInt64, _ y: UInt64, _ addend: UInt64, _ carry: inout UInt64
        ) -> UInt64 {
            let (high, low) = x.multipliedFullWidth(by: y)
            let (first, one) = low.addingReportingOverflow(addend)
            let (second, two) = first.addingReportingOverflow(carry)
            // x y + addend + carry is below 2^128.
            carry = high &+ (one ? 1 : 0) &+ (two ? 1 : 0)
            return second
        }
        func round(_ word: UInt64) {
            var carry: UInt64 = 0
            t.0 = multiplyAdd(a.w0, word, t.0, &carry)
            t.1 = multiplyAdd(a.w1, word, t.1, &carry)
            t.2 = multiplyAdd(a.w2, word, t.2, &carry)
            t.3 = multiplyAdd(a.w3, word, t.3, &carry)
            let (top, overflow) = t.4.addingReportingOverflow(carry)
            t.4 = top
            t.5 = overflow ? 1 : 0
            let factor = t.0 &* inverse
            carry = 0
            _ = multiplyAdd(factor, modulus.w0, t.0, &carry)
            t.0 = multiplyAdd(factor, modulus.w1, t.1, &carry)
            t.1 = multiplyAdd(factor, modulus.w2, t.2, &carry)
            t.2 = multiplyAdd(factor, modulus.w3, t.3, &carry)
            let (last, over) = t.4.addingReportingOverflow(carry)
            t.3 = last
            t.4 = t.5 &+ (over ? 1 : 0)
        }
        round(b.w0)
        round(b.w1)
        round(b.w2)
        round(b.w3)
        let result = Words256(t.0, t.1, t.2, t.3)
        return t.4 != 0 || !(result < modulus) ? result.subtracting(modulus).0 : result
    }

    func power(_ base: Words256, _ exponent: Words256) -> Words256 {
        var result = one
        for index in (0..<256).reversed() {
            result = product(result, result)
            if exponent.bit(index) { result = product(result, base) }
        }
        return result
    }

    /// 1 / a by Fermat; zero for zero.
    func inverse(_ a: Words256) -> Words256 {
        power(a, modulus.subtracting(Words256(2)).0)
    }
}
