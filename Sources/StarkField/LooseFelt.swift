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

/// a + b + carry, with the carry of 0 or 1 replaced by the next one. Carries are taken from a
/// 128-bit sum because that, unlike overflow flags, compiles to add-with-carry and to no branch.
@inlinable @inline(__always)
func addWithCarry(_ a: UInt64, _ b: UInt64, _ carry: inout UInt64) -> UInt64 {
    let wide =
        UInt128(truncatingIfNeeded: a) &+ UInt128(truncatingIfNeeded: b)
        &+ UInt128(truncatingIfNeeded: carry)
    carry = UInt64(truncatingIfNeeded: wide &>> 64)
    return UInt64(truncatingIfNeeded: wide)
}

/// a - b - borrow, with the borrow of 0 or 1 replaced by the next one. From a 128-bit difference for
/// the same reason; as the sum with a complement it takes more instructions.
@inlinable @inline(__always)
func subtractWithBorrow(_ a: UInt64, _ b: UInt64, _ borrow: inout UInt64) -> UInt64 {
    let wide =
        UInt128(truncatingIfNeeded: a) &- UInt128(truncatingIfNeeded: b)
        &- UInt128(truncatingIfNeeded: borrow)
    borrow = UInt64(truncatingIfNeeded: wide &>> 64) & 1
    return UInt64(truncatingIfNeeded: wide)
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

    /// Square, 10 multiplications: cross products are taken with doubled limbs. The operand must lie
    /// below 2^255.
    @inlinable @inline(__always)
    init(squareOf a: LooseFelt) {
        // 2 (a1, a2, a3) as (d1, d2, d3); 2 (a2, a3) as (e2, d3).
        let d1 = a.l1 &<< 1
        let d2 = a.l2 &<< 1 | a.l1 &>> 63
        let d3 = a.l3 &<< 1 | a.l2 &>> 63
        let e2 = a.l2 &<< 1
        var carry: UInt64
        (carry, t0) = multiplyAdd(a.l0, a.l0, 0, 0)
        (carry, t1) = multiplyAdd(a.l0, d1, carry, 0)
        (carry, t2) = multiplyAdd(a.l0, d2, carry, 0)
        (t4, t3) = multiplyAdd(a.l0, d3, carry, 0)

        (carry, t2) = multiplyAdd(a.l1, a.l1, t2, 0)
        (carry, t3) = multiplyAdd(a.l1, e2, t3, carry)
        (t5, t4) = multiplyAdd(a.l1, d3, t4, carry)

        (carry, t4) = multiplyAdd(a.l2, a.l2, t4, 0)
        (t6, t5) = multiplyAdd(a.l2, a.l3 &<< 1, t5, carry)
        (t7, t6) = multiplyAdd(a.l3, a.l3, t6, 0)
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
        var carry: UInt64 = 0
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
    /// Returns the difference mod 2^256, and 0 or, where it is negative, 1. The value lies in
    /// -p < value <= T / 2^256.
    @inlinable @inline(__always)
    var reduced: (value: LooseFelt, isNegative: UInt64) {
        let h0 = t0.multipliedFullWidth(by: topLimbOfPrime)
        let h1 = t1.multipliedFullWidth(by: topLimbOfPrime)
        let h2 = t2.multipliedFullWidth(by: topLimbOfPrime)
        var borrow: UInt64 = 0
        let q3 = subtractWithBorrow(t3, h0.low, &borrow)
        let h3 = q3.multipliedFullWidth(by: topLimbOfPrime)
        var carry: UInt64 = 0
        let s1 = addWithCarry(h0.high, h1.low, &carry)
        let s2 = addWithCarry(h1.high, h2.low, &carry)
        let s3 = addWithCarry(h2.high, h3.low, &carry)
        let s4 = h3.high &+ carry
        let r0 = subtractWithBorrow(t4, s1, &borrow)
        let r1 = subtractWithBorrow(t5, s2, &borrow)
        let r2 = subtractWithBorrow(t6, s3, &borrow)
        let r3 = subtractWithBorrow(t7, s4, &borrow)
        return (LooseFelt(r0, r1, r2, r3), borrow)
    }

    /// The reduction with p added where it is negative: 0 ..< p for products below 2^256 * p.
    @inlinable @inline(__always)
    var reducedNonNegative: LooseFelt {
        let (value, isNegative) = reduced
        return value.addingPrime(if: isNegative)
    }
}

extension LooseFelt {
    /// Sum mod 2^256; exact when the operands' bounds add to at most 31p.
    @inlinable @inline(__always)
    public static func &+ (a: LooseFelt, b: LooseFelt) -> LooseFelt {
        var carry: UInt64 = 0
        let l0 = addWithCarry(a.l0, b.l0, &carry)
        let l1 = addWithCarry(a.l1, b.l1, &carry)
        let l2 = addWithCarry(a.l2, b.l2, &carry)
        let l3 = addWithCarry(a.l3, b.l3, &carry)
        return LooseFelt(l0, l1, l2, l3)
    }

    /// Difference mod 2^256; the caller adds enough multiples of p to keep it from being negative.
    @inlinable @inline(__always)
    public static func &- (a: LooseFelt, b: LooseFelt) -> LooseFelt {
        var borrow: UInt64 = 0
        let l0 = subtractWithBorrow(a.l0, b.l0, &borrow)
        let l1 = subtractWithBorrow(a.l1, b.l1, &borrow)
        let l2 = subtractWithBorrow(a.l2, b.l2, &borrow)
        let l3 = subtractWithBorrow(a.l3, b.l3, &borrow)
        return LooseFelt(l0, l1, l2, l3)
    }

    /// Twice the value; exact below 2^255.
    @inlinable @inline(__always)
    public var doubled: LooseFelt { self &+ self }

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
        var carry: UInt64 = 0
        wide.t4 = addWithCarry(wide.t4, 1, &carry)
        wide.t5 = addWithCarry(wide.t5, 0, &carry)
        wide.t6 = addWithCarry(wide.t6, 0, &carry)
        wide.t7 = addWithCarry(wide.t7, topLimbOfPrime, &carry)
        return wide.reduced.value
    }

    /// The same residue below 2^252 < 2p, for any value: with q = floor(value / 2^251), subtracts
    /// (q - 1) * p unless q is zero. For q > 1 that leaves at least 2^251 - 30 * 17 * 2^192 - 30.
    @inlinable @inline(__always)
    public var weaklyReduced: LooseFelt {
        let floor = l3 &>> 59
        let quotient = floor &- (floor == 0 ? 0 : 1)
        return self &- LooseFelt(quotient, 0, 0, quotient &* topLimbOfPrime)
    }

    /// The same residue in two's complement, between -2^201 and 2^251 + 2^201, for one between -15p
    /// and 15p: with q = floor(value / 2^251) subtracts q * p.
    @inlinable @inline(__always)
    public var nearlyReduced: LooseFelt {
        let floor = Int64(bitPattern: l3) &>> 59
        let quotient = UInt64(bitPattern: floor)
        let sign = UInt64(bitPattern: floor &>> 63)
        return self &- LooseFelt(quotient, sign, sign, quotient &* topLimbOfPrime &+ sign)
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
        var borrow: UInt64 = 0
        let r0 = subtractWithBorrow(l0, 1, &borrow)
        let r1 = subtractWithBorrow(l1, 0, &borrow)
        let r2 = subtractWithBorrow(l2, 0, &borrow)
        let r3 = subtractWithBorrow(l3, topLimbOfPrime, &borrow)
        let mask = 0 &- borrow
        return LooseFelt(
            r0 ^ mask & (r0 ^ l0), r1 ^ mask & (r1 ^ l1), r2 ^ mask & (r2 ^ l2),
            r3 ^ mask & (r3 ^ l3))
    }

    /// p added where the flag is 1 and not where it is 0.
    @inlinable @inline(__always)
    func addingPrime(if flag: UInt64) -> LooseFelt {
        self &+ LooseFelt(flag, 0, 0, (0 &- flag) & topLimbOfPrime)
    }
}
