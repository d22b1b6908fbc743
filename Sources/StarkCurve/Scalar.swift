package import StarkField

/// An integer mod n, the prime order of the STARK curve's group
/// (n = 0x800000000000010ffffffffffffffffb781126dcae7b2321e66a241adc64d2f), in Montgomery form with
/// R = 2^256; the limbs are below n. Addition, negation and multiplication run the same
/// instructions for every value.
package struct Scalar: Equatable, Sendable {
    private let l0: UInt64
    private let l1: UInt64
    private let l2: UInt64
    private let l3: UInt64

    package typealias Words = (UInt64, UInt64, UInt64, UInt64)

    /// n, least significant word first.
    @inline(__always)
    private static var order: Words {
        (0x1e66_a241_adc6_4d2f, 0xb781_126d_cae7_b232, .max, 0x0800_0000_0000_0010)
    }
    /// -1/n mod 2^64.
    @inline(__always)
    private static var negatedInverse: UInt64 { 0xbb6b_3c4c_e8bd_e631 }
    /// 2^512 mod n.
    private static let montgomeryFactor = Scalar(
        0x6021_b3f1_ea1c_688d, 0x509c_f64d_14ce_60b9, 0xbaf0_ab4c_f78b_babb,
        0x07d9_e57c_2333_766e)
    package static let one = Scalar(
        0x5192_5a0b_f4fc_a74f, 0xc75e_c4b4_6df1_6bee, 8, 0x07ff_ffff_ffff_fdf1)

    @inline(__always)
    private init(_ l0: UInt64, _ l1: UInt64, _ l2: UInt64, _ l3: UInt64) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
    }

    /// Nil for an integer of n or more.
    package init?(_ felt: Felt) {
        let (w3, w2, w1, w0) = felt.bigEndianWords
        guard Scalar.isBelow((w0, w1, w2, w3), Scalar.order) else { return nil }
        self = Scalar(w0, w1, w2, w3) * Scalar.montgomeryFactor
    }

    /// The integer mod n of up to 2^256, least significant word first.
    package init(reducing words: Words) {
        // A product with a factor below n needs no reduced operand: 2^256 * n < n * R.
        self = Scalar(words.0, words.1, words.2, words.3) * Scalar.montgomeryFactor
    }

    package var isZero: Bool { l0 | l1 | l2 | l3 == 0 }

    /// The integer in 0 ..< n, least significant word first.
    package var words: Words {
        let plain = self * Scalar(1, 0, 0, 0)
        return (plain.l0, plain.l1, plain.l2, plain.l3)
    }

    /// The integer in 0 ..< n as a field element: n < p.
    package var felt: Felt {
        let (w0, w1, w2, w3) = words
        return Felt(reducingBigEndianWords: (w3, w2, w1, w0))
    }

    /// Whether the integer is above (n - 1) / 2.
    package var isHigh: Bool {
        // (n - 1) / 2
        Scalar.isBelow(
            (
                0x0f33_5120_d6e3_2697, 0xdbc0_8936_e573_d919, 0x7fff_ffff_ffff_ffff,
                0x0400_0000_0000_0008
            ), words)
    }

    private static func isBelow(_ a: Words, _ b: Words) -> Bool {
        if a.3 != b.3 { return a.3 < b.3 }
        if a.2 != b.2 { return a.2 < b.2 }
        if a.1 != b.1 { return a.1 < b.1 }
        return a.0 < b.0
    }

    /// See `StarkField`'s carries for why these take them from 128-bit sums.
    @inline(__always)
    private static func add(_ a: UInt64, _ b: UInt64, _ carry: inout UInt64) -> UInt64 {
        let wide =
            UInt128(truncatingIfNeeded: a) &+ UInt128(truncatingIfNeeded: b)
            &+ UInt128(truncatingIfNeeded: carry)
        carry = UInt64(truncatingIfNeeded: wide &>> 64)
        return UInt64(truncatingIfNeeded: wide)
    }

    @inline(__always)
    private static func subtract(_ a: UInt64, _ b: UInt64, _ borrow: inout UInt64) -> UInt64 {
        let wide =
            UInt128(truncatingIfNeeded: a) &- UInt128(truncatingIfNeeded: b)
            &- UInt128(truncatingIfNeeded: borrow)
        borrow = UInt64(truncatingIfNeeded: wide &>> 64) & 1
        return UInt64(truncatingIfNeeded: wide)
    }

    /// The value minus n where that isn't negative; the value is below 2n.
    @inline(__always)
    private static func reduce(
        _ a0: UInt64, _ a1: UInt64, _ a2: UInt64, _ a3: UInt64
    ) -> Scalar {
        var borrow: UInt64 = 0
        let r0 = subtract(a0, order.0, &borrow)
        let r1 = subtract(a1, order.1, &borrow)
        let r2 = subtract(a2, order.2, &borrow)
        let r3 = subtract(a3, order.3, &borrow)
        let mask = 0 &- borrow
        return Scalar(
            a0 & mask | r0 & ~mask, a1 & mask | r1 & ~mask, a2 & mask | r2 & ~mask,
            a3 & mask | r3 & ~mask)
    }

    package static func + (a: Scalar, b: Scalar) -> Scalar {
        var carry: UInt64 = 0
        let r0 = add(a.l0, b.l0, &carry)
        let r1 = add(a.l1, b.l1, &carry)
        let r2 = add(a.l2, b.l2, &carry)
        let r3 = add(a.l3, b.l3, &carry)
        return reduce(r0, r1, r2, r3)
    }

    package static prefix func - (a: Scalar) -> Scalar {
        var borrow: UInt64 = 0
        let r0 = subtract(order.0, a.l0, &borrow)
        let r1 = subtract(order.1, a.l1, &borrow)
        let r2 = subtract(order.2, a.l2, &borrow)
        let r3 = subtract(order.3, a.l3, &borrow)
        return reduce(r0, r1, r2, r3)
    }

    @inline(__always)
    private static func multiplyAdd(
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64
    ) -> (high: UInt64, low: UInt64) {
        let wide =
            UInt128(truncatingIfNeeded: a) &* UInt128(truncatingIfNeeded: b)
            &+ UInt128(truncatingIfNeeded: c) &+ UInt128(truncatingIfNeeded: d)
        return (UInt64(truncatingIfNeeded: wide &>> 64), UInt64(truncatingIfNeeded: wide))
    }

    /// One row of the interleaved product: (t + a * limb + m * n) / 2^64 with m making it exact.
    /// For a, t < 2n before, t is below 2n after: (2n + 2^64 a + 2^64 n) / 2^64 with a < n. The
    /// fifth word is only the row's.
    @inline(__always)
    private static func row(
        _ a: Scalar, _ limb: UInt64, _ t: inout (UInt64, UInt64, UInt64, UInt64, UInt64)
    ) {
        var carry: UInt64
        (carry, t.0) = multiplyAdd(a.l0, limb, t.0, 0)
        (carry, t.1) = multiplyAdd(a.l1, limb, t.1, carry)
        (carry, t.2) = multiplyAdd(a.l2, limb, t.2, carry)
        (carry, t.3) = multiplyAdd(a.l3, limb, t.3, carry)
        t.4 = t.4 &+ carry
        let m = t.0 &* negatedInverse
        (carry, _) = multiplyAdd(m, order.0, t.0, 0)
        (carry, t.0) = multiplyAdd(m, order.1, t.1, carry)
        (carry, t.1) = multiplyAdd(m, order.2, t.2, carry)
        (carry, t.2) = multiplyAdd(m, order.3, t.3, carry)
        t.3 = t.4 &+ carry
        t.4 = 0
    }

    /// Montgomery product, operand by operand (CIOS). One factor is below n, the other below 2^256.
    package static func * (a: Scalar, b: Scalar) -> Scalar {
        var t: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        row(b, a.l0, &t)
        row(b, a.l1, &t)
        row(b, a.l2, &t)
        row(b, a.l3, &t)
        return reduce(t.0, t.1, t.2, t.3)
    }

    private static let modulus = ModularInverse(modulus: order)
    /// 2^768 mod n.
    private static let montgomeryCube = Scalar(
        0x8114_7668_fddd_0429, 0x1da2_136e_b8b3_f20e, 0x1f0d_9ded_fedf_da50, 0x01b2_ba88_ca1f_e18a)

    /// The inverse mod n; zero gives zero. Time depends on the value.
    package var inverse: Scalar {
        let (w0, w1, w2, w3) = Scalar.modulus.inverse(of: (l0, l1, l2, l3))
        return Scalar(w0, w1, w2, w3) * Scalar.montgomeryCube
    }
}
