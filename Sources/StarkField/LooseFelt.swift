/// A 256-bit integer that stands for a residue mod p = 2^251 + 17*2^192 + 1 without being reduced:
/// the carrier of the lazy arithmetic inside kernels. Limbs are little-endian 64-bit words.
///
/// Bounds are the caller's: each operation states what its operands may be in multiples of p.
/// 2^256 is a little less than 32p, so 31 multiples of p fit.
@frozen
public struct LooseFelt: Sendable {
    public var l0: UInt64
    public var l1: UInt64
    public var l2: UInt64
    public var l3: UInt64

    @inlinable @inline(__always)
    public init(_ l0: UInt64, _ l1: UInt64, _ l2: UInt64, _ l3: UInt64) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
    }

    /// A field element's Montgomery limbs, in 0 ..< p.
    @inlinable @inline(__always)
    public init(_ felt: Felt) {
        self.init(felt.l0, felt.l1, felt.l2, felt.l3)
    }
}

/// The top limb of p; its others are 1, 0, 0.
@inlinable @inline(__always)
var topLimbOfPrime: UInt64 { 0x0800_0000_0000_0011 }

@inlinable @inline(__always)
func addWithCarry(_ a: UInt64, _ b: UInt64, _ carry: inout Bool) -> UInt64 {
    let (partial, first) = a.addingReportingOverflow(b)
    let (sum, second) = partial.addingReportingOverflow(carry ? 1 : 0)
    carry = first || second
    return sum
}

@inlinable @inline(__always)
func subtractWithBorrow(_ a: UInt64, _ b: UInt64, _ borrow: inout Bool) -> UInt64 {
    let (partial, first) = a.subtractingReportingOverflow(b)
    let (difference, second) = partial.subtractingReportingOverflow(borrow ? 1 : 0)
    borrow = first || second
    return difference
}

/// a*b + c + d as (high, low); never overflows 128 bits.
@inlinable @inline(__always)
func multiplyAdd(
    _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64
) -> (high: UInt64, low: UInt64) {
    let wide =
        UInt128(truncatingIfNeeded: a) &* UInt128(truncatingIfNeeded: b)
        &+ UInt128(truncatingIfNeeded: c) &+ UInt128(truncatingIfNeeded: d)
    return (UInt64(truncatingIfNeeded: wide &>> 64), UInt64(truncatingIfNeeded: wide))
}

/// A 512-bit product before its reduction.
@frozen
@usableFromInline
struct WideProduct {
    @usableFromInline var t0: UInt64
    @usableFromInline var t1: UInt64
    @usableFromInline var t2: UInt64
    @usableFromInline var t3: UInt64
    @usableFromInline var t4: UInt64
    @usableFromInline var t5: UInt64
    @usableFromInline var t6: UInt64
    @usableFromInline var t7: UInt64

    /// Schoolbook product, 16 multiplications.
    @inlinable @inline(__always)
    init(_ a: LooseFelt, _ b: LooseFelt) {
        var carry: UInt64
        (carry, t0) = multiplyAdd(a.l0, b.l0, 0, 0)
        (carry, t1) = multiplyAdd(a.l0, b.l1, carry, 0)
        (carry, t2) = multiplyAdd(a.l0, b.l2, carry, 0)
        (t4, t3) = multiplyAdd(a.l0, b.l3, carry, 0)

        (carry, t1) = multiplyAdd(a.l1, b.l0, t1, 0)
        (carry, t2) = multiplyAdd(a.l1, b.l1, t2, carry)
        (carry, t3) = multiplyAdd(a.l1, b.l2, t3, carry)
        (t5, t4) = multiplyAdd(a.l1, b.l3, t4, carry)

        (carry, t2) = multiplyAdd(a.l2, b.l0, t2, 0)
        (carry, t3) = multiplyAdd(a.l2, b.l1, t3, carry)
        (carry, t4) = multiplyAdd(a.l2, b.l2, t4, carry)
        (t6, t5) = multiplyAdd(a.l2, b.l3, t5, carry)

        (carry, t3) = multiplyAdd(a.l3, b.l0, t3, 0)
        (carry, t4) = multiplyAdd(a.l3, b.l1, t4, carry)
        (carry, t5) = multiplyAdd(a.l3, b.l2, t5, carry)
        (t7, t6) = multiplyAdd(a.l3, b.l3, t6, carry)
    }

    /// Square: six cross products doubled, four squares. The operand must lie below 2^255, so that
    /// doubling the cross products stays within 512 bits limb by limb.
    @inlinable @inline(__always)
    init(squareOf a: LooseFelt) {
        var carry: UInt64
        var c1: UInt64
        var c2: UInt64
        var c3: UInt64
        var c4: UInt64
        var c5: UInt64
        var c6: UInt64
        (carry, c1) = multiplyAdd(a.l0, a.l1, 0, 0)
        (carry, c2) = multiplyAdd(a.l0, a.l2, carry, 0)
        (c4, c3) = multiplyAdd(a.l0, a.l3, carry, 0)
        (carry, c3) = multiplyAdd(a.l1, a.l2, c3, 0)
        (c5, c4) = multiplyAdd(a.l1, a.l3, c4, carry)
        (c6, c5) = multiplyAdd(a.l2, a.l3, c5, 0)

        t7 = c6 &>> 63
        c6 = c6 &<< 1 | c5 &>> 63
        c5 = c5 &<< 1 | c4 &>> 63
        c4 = c4 &<< 1 | c3 &>> 63
        c3 = c3 &<< 1 | c2 &>> 63
        c2 = c2 &<< 1 | c1 &>> 63
        c1 = c1 &<< 1

        let s0 = a.l0.multipliedFullWidth(by: a.l0)
        let s1 = a.l1.multipliedFullWidth(by: a.l1)
        let s2 = a.l2.multipliedFullWidth(by: a.l2)
        let s3 = a.l3.multipliedFullWidth(by: a.l3)
        var over = false
        t0 = s0.low
        t1 = addWithCarry(c1, s0.high, &over)
        t2 = addWithCarry(c2, s1.low, &over)
        t3 = addWithCarry(c3, s1.high, &over)
        t4 = addWithCarry(c4, s2.low, &over)
        t5 = addWithCarry(c5, s2.high, &over)
        t6 = addWithCarry(c6, s3.low, &over)
        t7 = addWithCarry(t7, s3.high, &over)
    }

    @inlinable @inline(__always)
    init(
        _ t0: UInt64, _ t1: UInt64, _ t2: UInt64, _ t3: UInt64,
        _ t4: UInt64, _ t5: UInt64, _ t6: UInt64, _ t7: UInt64
    ) {
        self.t0 = t0
        self.t1 = t1
        self.t2 = t2
        self.t3 = t3
        self.t4 = t4
        self.t5 = t5
        self.t6 = t6
        self.t7 = t7
    }

    /// Sum mod 2^512.
    @inlinable @inline(__always)
    static func &+ (a: WideProduct, b: WideProduct) -> WideProduct {
        var carry = false
        let t0 = addWithCarry(a.t0, b.t0, &carry)
        let t1 = addWithCarry(a.t1, b.t1, &carry)
        let t2 = addWithCarry(a.t2, b.t2, &carry)
        let t3 = addWithCarry(a.t3, b.t3, &carry)
        let t4 = addWithCarry(a.t4, b.t4, &carry)
        let t5 = addWithCarry(a.t5, b.t5, &carry)
        let t6 = addWithCarry(a.t6, b.t6, &carry)
        let t7 = addWithCarry(a.t7, b.t7, &carry)
        return WideProduct(t0, t1, t2, t3, t4, t5, t6, t7)
    }

    /// Montgomery reduction by subtraction: with q = T * p^-1 mod 2^256, (T - q*p) / 2^256 is
    /// T_high - floor(q*p / 2^256). Because p = 1 + P3 * 2^192, the first three limbs of q are the
    /// first three limbs of T, and the whole reduction is four multiplications by P3.
    ///
    /// Returns the difference mod 2^256 and whether it is negative. The value lies in
    /// -p < value <= T / 2^256.
    @inlinable @inline(__always)
    var reduced: (value: LooseFelt, negative: Bool) {
        let h0 = t0.multipliedFullWidth(by: topLimbOfPrime)
        let h1 = t1.multipliedFullWidth(by: topLimbOfPrime)
        let h2 = t2.multipliedFullWidth(by: topLimbOfPrime)
        let (q3, firstBorrow) = t3.subtractingReportingOverflow(h0.low)
        let h3 = q3.multipliedFullWidth(by: topLimbOfPrime)
        var carry = false
        let s1 = addWithCarry(h0.high, h1.low, &carry)
        let s2 = addWithCarry(h1.high, h2.low, &carry)
        let s3 = addWithCarry(h2.high, h3.low, &carry)
        let s4 = h3.high &+ (carry ? 1 : 0)
        var borrow = firstBorrow
        let r0 = subtractWithBorrow(t4, s1, &borrow)
        let r1 = subtractWithBorrow(t5, s2, &borrow)
        let r2 = subtractWithBorrow(t6, s3, &borrow)
        let r3 = subtractWithBorrow(t7, s4, &borrow)
        return (LooseFelt(r0, r1, r2, r3), borrow)
    }

    /// The reduction with p added where it is negative: 0 ..< p for products below 2^256 * p.
    @inlinable @inline(__always)
    var reducedNonNegative: LooseFelt {
        let (value, negative) = reduced
        return value.addingPrime(if: negative)
    }
}

extension LooseFelt {
    /// Sum mod 2^256; exact when the operands' bounds add to at most 31p.
    @inlinable @inline(__always)
    public static func &+ (a: LooseFelt, b: LooseFelt) -> LooseFelt {
        var carry = false
        let l0 = addWithCarry(a.l0, b.l0, &carry)
        let l1 = addWithCarry(a.l1, b.l1, &carry)
        let l2 = addWithCarry(a.l2, b.l2, &carry)
        let l3 = addWithCarry(a.l3, b.l3, &carry)
        return LooseFelt(l0, l1, l2, l3)
    }

    /// Difference mod 2^256; the caller adds enough multiples of p to keep it from being negative.
    @inlinable @inline(__always)
    public static func &- (a: LooseFelt, b: LooseFelt) -> LooseFelt {
        var borrow = false
        let l0 = subtractWithBorrow(a.l0, b.l0, &borrow)
        let l1 = subtractWithBorrow(a.l1, b.l1, &borrow)
        let l2 = subtractWithBorrow(a.l2, b.l2, &borrow)
        let l3 = subtractWithBorrow(a.l3, b.l3, &borrow)
        return LooseFelt(l0, l1, l2, l3)
    }

    /// Twice the value; exact below 2^255.
    @inlinable @inline(__always)
    public var doubled: LooseFelt {
        LooseFelt(
            l0 &<< 1,
            l1 &<< 1 | l0 &>> 63,
            l2 &<< 1 | l1 &>> 63,
            l3 &<< 1 | l2 &>> 63)
    }

    /// A multiple of p as an addend or bound; `count` at most 31.
    @inlinable @inline(__always)
    public static func primes(_ count: UInt64) -> LooseFelt {
        LooseFelt(count, 0, 0, count &* topLimbOfPrime)
    }

    /// p added, mod 2^256.
    @inlinable @inline(__always)
    public var addingPrime: LooseFelt {
        self &+ LooseFelt(1, 0, 0, topLimbOfPrime)
    }

    /// Montgomery product a*b/2^256 in 0 ..< p, for bounds with A*B <= 32 (A and B in multiples
    /// of p).
    @inlinable @inline(__always)
    public static func product(_ a: LooseFelt, _ b: LooseFelt) -> LooseFelt {
        WideProduct(a, b).reducedNonNegative
    }

    /// Montgomery square in 0 ..< p, for operands up to 5p.
    @inlinable @inline(__always)
    public var squared: LooseFelt {
        WideProduct(squareOf: self).reducedNonNegative
    }

    /// Montgomery product in two's complement: above -p, and at most (A*B/32)p.
    @inlinable @inline(__always)
    public static func signedProduct(_ a: LooseFelt, _ b: LooseFelt) -> LooseFelt {
        WideProduct(a, b).reduced.value
    }

    /// a*b + c*d with one reduction, in 0 ..< p, for bounds with A*B + C*D <= 32.
    @inlinable @inline(__always)
    public static func sumOfProducts(
        _ a: LooseFelt, _ b: LooseFelt, _ c: LooseFelt, _ d: LooseFelt
    ) -> LooseFelt {
        (WideProduct(a, b) &+ WideProduct(c, d)).reducedNonNegative
    }

    /// Montgomery square plus p: above 0, and at most (A*A/32 + 1)p, for operands below 2^255.
    @inlinable @inline(__always)
    public var squaredPlusPrime: LooseFelt {
        var wide = WideProduct(squareOf: self)
        var carry = false
        wide.t4 = addWithCarry(wide.t4, 1, &carry)
        wide.t5 = addWithCarry(wide.t5, 0, &carry)
        wide.t6 = addWithCarry(wide.t6, 0, &carry)
        wide.t7 = addWithCarry(wide.t7, topLimbOfPrime, &carry)
        return wide.reduced.value
    }

    /// The same residue in 0 ... 2p: subtracts (floor(value / 2^251) - 1) * p.
    @inlinable @inline(__always)
    public var weaklyReduced: LooseFelt {
        let quotient = l3 &>> 59
        var borrow = false
        let r0 = subtractWithBorrow(l0, quotient, &borrow)
        let r1 = subtractWithBorrow(l1, 0, &borrow)
        let r2 = subtractWithBorrow(l2, 0, &borrow)
        let r3 = subtractWithBorrow(l3, quotient &* topLimbOfPrime, &borrow)
        return LooseFelt(r0, r1, r2, r3).addingPrime
    }

    /// The field element with these Montgomery limbs; the value must lie in 0 ..< p.
    @inlinable @inline(__always)
    public var assumedReduced: Felt { Felt(montgomery: self) }

    /// The field element of this residue, for any value below 2^256.
    @inlinable
    public var reduced: Felt {
        let weak = weaklyReduced
        return weak.subtractingPrimeIfNotBelow.subtractingPrimeIfNotBelow.assumedReduced
    }

    /// The value, or the value minus p where that isn't negative.
    @inlinable @inline(__always)
    var subtractingPrimeIfNotBelow: LooseFelt {
        var borrow = false
        let r0 = subtractWithBorrow(l0, 1, &borrow)
        let r1 = subtractWithBorrow(l1, 0, &borrow)
        let r2 = subtractWithBorrow(l2, 0, &borrow)
        let r3 = subtractWithBorrow(l3, topLimbOfPrime, &borrow)
        return LooseFelt(
            borrow ? l0 : r0, borrow ? l1 : r1, borrow ? l2 : r2, borrow ? l3 : r3)
    }

    /// p added where `negative`, by a mask.
    @inlinable @inline(__always)
    func addingPrime(if negative: Bool) -> LooseFelt {
        let mask: UInt64 = negative ? .max : 0
        return self &+ LooseFelt(mask & 1, 0, 0, mask & topLimbOfPrime)
    }
}
