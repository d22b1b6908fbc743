/// Eight field elements side by side, one in each lane of nine vectors: limbs of 28 bits, so that the
/// sums of many products of limbs fit into 64 bits, which vector units multiply and add
/// without carries. Montgomery form with R = 2^280, ten limbs: a product of operands of many p is
/// hardly above p.
///
/// *Limbs.* The weight of an element is the bound of its limbs in units of 2^28, but for the highest
/// limb, which has what is above 2^224: 2^27 for each p of the value. Sums are taken limb by limb and
/// leave carries where they are. A product's operands need limbs that are not negative and below
/// 2^32, and columns below 2^63 - 2^57, which is 126 * 2^56. Weights up to 3 with values up to 16p
/// for both operands do: the fullest column has two products of 3 by 8 units and seven of 3 by 3.
/// So do a weight up to 8 with a value up to 16p, and a canonical other operand.
///
/// *Instructions.* This code is right everywhere, and pays where the compiler may use 512-bit vectors
/// (`WIDE_VECTORS`; see `Package.swift`). `low` shows it that 32 by 32 bits are multiplied. It forgets
/// that from one basic block to the next: what comes around a loop should be carried in it, or come
/// as a `LaneProduct` that is reduced in it.
@usableFromInline
package struct LaneFelt {
    @usableFromInline package typealias Lanes = SIMD8<Int64>
    @inlinable package static var count: Int { Lanes.scalarCount }

    @usableFromInline package var l0: Lanes
    @usableFromInline package var l1: Lanes
    @usableFromInline package var l2: Lanes
    @usableFromInline package var l3: Lanes
    @usableFromInline package var l4: Lanes
    @usableFromInline package var l5: Lanes
    @usableFromInline package var l6: Lanes
    @usableFromInline package var l7: Lanes
    @usableFromInline package var l8: Lanes

    @inlinable @inline(__always)
    package init(
        _ l0: Lanes, _ l1: Lanes, _ l2: Lanes, _ l3: Lanes, _ l4: Lanes, _ l5: Lanes, _ l6: Lanes,
        _ l7: Lanes, _ l8: Lanes
    ) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
        self.l4 = l4
        self.l5 = l5
        self.l6 = l6
        self.l7 = l7
        self.l8 = l8
    }

    /// The same limbs in every lane.
    @inlinable @inline(__always)
    package init(broadcasting limbs: UnsafePointer<Int64>) {
        self.init(
            Lanes(repeating: limbs[0]), Lanes(repeating: limbs[1]), Lanes(repeating: limbs[2]),
            Lanes(repeating: limbs[3]), Lanes(repeating: limbs[4]), Lanes(repeating: limbs[5]),
            Lanes(repeating: limbs[6]), Lanes(repeating: limbs[7]), Lanes(repeating: limbs[8]))
    }

    /// 256-bit integers by little-endian words, limbs of weight one; the highest is below 2^32.
    @inlinable @inline(__always)
    package init(words w0: Lanes, _ w1: Lanes, _ w2: Lanes, _ w3: Lanes) {
        let mask = LaneFelt.limbMask
        self.init(
            w0 & mask, w0 &>> 28 & mask, (w0 &>> 56 & Lanes(repeating: 0xff) | w1 &<< 8) & mask,
            w1 &>> 20 & mask, (w1 &>> 48 & Lanes(repeating: 0xffff) | w2 &<< 16) & mask,
            w2 &>> 12 & mask, (w2 &>> 40 & Lanes(repeating: 0xff_ffff) | w3 &<< 24) & mask,
            w3 &>> 4 & mask, w3 &>> 32 & Lanes(repeating: 0xffff_ffff))
    }

    @inlinable @inline(__always)
    package static var zero: LaneFelt {
        let zero = Lanes(repeating: 0)
        return LaneFelt(zero, zero, zero, zero, zero, zero, zero, zero, zero)
    }

    @inlinable @inline(__always)
    static var limbMask: Lanes { Lanes(repeating: 0xfff_ffff) }

    /// One lane's integer, for limbs of weight one and a highest below 2^32.
    @inlinable
    package func words(lane: Int) -> LooseFelt {
        func limb(_ limbs: Lanes) -> UInt64 { UInt64(bitPattern: limbs[lane]) }
        return LooseFelt(
            limb(l0) | limb(l1) &<< 28 | limb(l2) &<< 56,
            limb(l2) &>> 8 | limb(l3) &<< 20 | limb(l4) &<< 48,
            limb(l4) &>> 16 | limb(l5) &<< 12 | limb(l6) &<< 40,
            limb(l6) &>> 24 | limb(l7) &<< 4 | limb(l8) &<< 32)
    }

    // MARK: - Arithmetic

    /// Weights add.
    @inlinable @inline(__always)
    package static func &+ (a: LaneFelt, b: LaneFelt) -> LaneFelt {
        LaneFelt(
            a.l0 &+ b.l0, a.l1 &+ b.l1, a.l2 &+ b.l2, a.l3 &+ b.l3, a.l4 &+ b.l4, a.l5 &+ b.l5,
            a.l6 &+ b.l6, a.l7 &+ b.l7, a.l8 &+ b.l8)
    }

    /// The caller adds a multiple of p whose every limb is at least that of b.
    @inlinable @inline(__always)
    package static func &- (a: LaneFelt, b: LaneFelt) -> LaneFelt {
        LaneFelt(
            a.l0 &- b.l0, a.l1 &- b.l1, a.l2 &- b.l2, a.l3 &- b.l3, a.l4 &- b.l4, a.l5 &- b.l5,
            a.l6 &- b.l6, a.l7 &- b.l7, a.l8 &- b.l8)
    }

    /// Montgomery product a*b/2^280, above 0 and at most (1 + A*B/2^29)p for values up to Ap and Bp,
    /// in limbs of weight one.
    @inlinable @inline(__always)
    package static func product(_ a: LaneFelt, _ b: LaneFelt) -> LaneFelt {
        LaneProduct(a, b).reduced
    }

    @inlinable @inline(__always)
    package var squared: LaneFelt { LaneProduct(squareOf: self).reduced }

    /// The same value with weights of little more than one, for non-negative limbs below 2^36, but
    /// for the highest limb: each limb's excess goes to the next, all at once.
    @inlinable @inline(__always)
    package var carriedOnce: LaneFelt {
        let mask = LaneFelt.limbMask
        return LaneFelt(
            l0 & mask, l1 & mask &+ l0 &>> 28, l2 & mask &+ l1 &>> 28, l3 & mask &+ l2 &>> 28,
            l4 & mask &+ l3 &>> 28, l5 & mask &+ l4 &>> 28, l6 & mask &+ l5 &>> 28,
            l7 & mask &+ l6 &>> 28, l8 &+ l7 &>> 28)
    }

    /// The same residue above 0 and below 2.01p, in limbs of weight one, for a value below 31p and
    /// non-negative limbs below 2^33: with q = floor(l8 / 2^27) subtracts (q - 1) * p. What is left
    /// is p and, less 31 * 17 * 2^192 at most, the lower 27 bits of l8 with the limbs below, which
    /// are worth less than 2^251 + 2^230. Limbs may become negative; the carries, one after the
    /// other and with their sign, set that right.
    @inlinable @inline(__always)
    package var weaklyReduced: LaneFelt {
        let mask = LaneFelt.limbMask
        let multiple = l8 &>> 27 &- Lanes(repeating: 1)
        var carry = l0 &- multiple
        let r0 = carry & mask
        carry = l1 &+ carry &>> 28
        let r1 = carry & mask
        carry = l2 &+ carry &>> 28
        let r2 = carry & mask
        carry = l3 &+ carry &>> 28
        let r3 = carry & mask
        carry = l4 &+ carry &>> 28
        let r4 = carry & mask
        carry = l5 &+ carry &>> 28
        let r5 = carry & mask
        carry = l6 &- multiple &<< 24 &+ carry &>> 28
        let r6 = carry & mask
        carry = l7 &- multiple &+ carry &>> 28
        let r7 = carry & mask
        let r8 = l8 &- multiple &<< 27 &+ carry &>> 28
        return LaneFelt(r0, r1, r2, r3, r4, r5, r6, r7, r8)
    }
}

/// Nothing new for limbs below 2^32, but the compiler sees it and multiplies halves.
@inlinable @inline(__always)
func low(_ limb: LaneFelt.Lanes) -> LaneFelt.Lanes { limb & LaneFelt.Lanes(repeating: 0xffff_ffff) }

/// The columns of a product before its reduction.
@usableFromInline
package struct LaneProduct {
    @usableFromInline typealias Lanes = LaneFelt.Lanes

    @usableFromInline var c0: Lanes
    @usableFromInline var c1: Lanes
    @usableFromInline var c2: Lanes
    @usableFromInline var c3: Lanes
    @usableFromInline var c4: Lanes
    @usableFromInline var c5: Lanes
    @usableFromInline var c6: Lanes
    @usableFromInline var c7: Lanes
    @usableFromInline var c8: Lanes
    @usableFromInline var c9: Lanes
    @usableFromInline var c10: Lanes
    @usableFromInline var c11: Lanes
    @usableFromInline var c12: Lanes
    @usableFromInline var c13: Lanes
    @usableFromInline var c14: Lanes
    @usableFromInline var c15: Lanes
    @usableFromInline var c16: Lanes

    /// Schoolbook product, 81 multiplications.
    @inlinable @inline(__always)
    package init(_ a: LaneFelt, _ b: LaneFelt) {
        c0 = low(a.l0) &* low(b.l0)
        c1 = low(a.l0) &* low(b.l1)
        c1 &+= low(a.l1) &* low(b.l0)
        c2 = low(a.l0) &* low(b.l2)
        c2 &+= low(a.l1) &* low(b.l1)
        c2 &+= low(a.l2) &* low(b.l0)
        c3 = low(a.l0) &* low(b.l3)
        c3 &+= low(a.l1) &* low(b.l2)
        c3 &+= low(a.l2) &* low(b.l1)
        c3 &+= low(a.l3) &* low(b.l0)
        c4 = low(a.l0) &* low(b.l4)
        c4 &+= low(a.l1) &* low(b.l3)
        c4 &+= low(a.l2) &* low(b.l2)
        c4 &+= low(a.l3) &* low(b.l1)
        c4 &+= low(a.l4) &* low(b.l0)
        c5 = low(a.l0) &* low(b.l5)
        c5 &+= low(a.l1) &* low(b.l4)
        c5 &+= low(a.l2) &* low(b.l3)
        c5 &+= low(a.l3) &* low(b.l2)
        c5 &+= low(a.l4) &* low(b.l1)
        c5 &+= low(a.l5) &* low(b.l0)
        c6 = low(a.l0) &* low(b.l6)
        c6 &+= low(a.l1) &* low(b.l5)
        c6 &+= low(a.l2) &* low(b.l4)
        c6 &+= low(a.l3) &* low(b.l3)
        c6 &+= low(a.l4) &* low(b.l2)
        c6 &+= low(a.l5) &* low(b.l1)
        c6 &+= low(a.l6) &* low(b.l0)
        c7 = low(a.l0) &* low(b.l7)
        c7 &+= low(a.l1) &* low(b.l6)
        c7 &+= low(a.l2) &* low(b.l5)
        c7 &+= low(a.l3) &* low(b.l4)
        c7 &+= low(a.l4) &* low(b.l3)
        c7 &+= low(a.l5) &* low(b.l2)
        c7 &+= low(a.l6) &* low(b.l1)
        c7 &+= low(a.l7) &* low(b.l0)
        c8 = low(a.l0) &* low(b.l8)
        c8 &+= low(a.l1) &* low(b.l7)
        c8 &+= low(a.l2) &* low(b.l6)
        c8 &+= low(a.l3) &* low(b.l5)
        c8 &+= low(a.l4) &* low(b.l4)
        c8 &+= low(a.l5) &* low(b.l3)
        c8 &+= low(a.l6) &* low(b.l2)
        c8 &+= low(a.l7) &* low(b.l1)
        c8 &+= low(a.l8) &* low(b.l0)
        c9 = low(a.l1) &* low(b.l8)
        c9 &+= low(a.l2) &* low(b.l7)
        c9 &+= low(a.l3) &* low(b.l6)
        c9 &+= low(a.l4) &* low(b.l5)
        c9 &+= low(a.l5) &* low(b.l4)
        c9 &+= low(a.l6) &* low(b.l3)
        c9 &+= low(a.l7) &* low(b.l2)
        c9 &+= low(a.l8) &* low(b.l1)
        c10 = low(a.l2) &* low(b.l8)
        c10 &+= low(a.l3) &* low(b.l7)
        c10 &+= low(a.l4) &* low(b.l6)
        c10 &+= low(a.l5) &* low(b.l5)
        c10 &+= low(a.l6) &* low(b.l4)
        c10 &+= low(a.l7) &* low(b.l3)
        c10 &+= low(a.l8) &* low(b.l2)
        c11 = low(a.l3) &* low(b.l8)
        c11 &+= low(a.l4) &* low(b.l7)
        c11 &+= low(a.l5) &* low(b.l6)
        c11 &+= low(a.l6) &* low(b.l5)
        c11 &+= low(a.l7) &* low(b.l4)
        c11 &+= low(a.l8) &* low(b.l3)
        c12 = low(a.l4) &* low(b.l8)
        c12 &+= low(a.l5) &* low(b.l7)
        c12 &+= low(a.l6) &* low(b.l6)
        c12 &+= low(a.l7) &* low(b.l5)
        c12 &+= low(a.l8) &* low(b.l4)
        c13 = low(a.l5) &* low(b.l8)
        c13 &+= low(a.l6) &* low(b.l7)
        c13 &+= low(a.l7) &* low(b.l6)
        c13 &+= low(a.l8) &* low(b.l5)
        c14 = low(a.l6) &* low(b.l8)
        c14 &+= low(a.l7) &* low(b.l7)
        c14 &+= low(a.l8) &* low(b.l6)
        c15 = low(a.l7) &* low(b.l8)
        c15 &+= low(a.l8) &* low(b.l7)
        c16 = low(a.l8) &* low(b.l8)
    }

    /// Square, 45 multiplications: cross products are taken with doubled limbs, which are below 2^32
    /// for weights below 8; the highest limb is not doubled.
    @inlinable @inline(__always)
    init(squareOf a: LaneFelt) {
        let d0 = a.l0 &+ a.l0
        let d1 = a.l1 &+ a.l1
        let d2 = a.l2 &+ a.l2
        let d3 = a.l3 &+ a.l3
        let d4 = a.l4 &+ a.l4
        let d5 = a.l5 &+ a.l5
        let d6 = a.l6 &+ a.l6
        let d7 = a.l7 &+ a.l7
        c0 = low(a.l0) &* low(a.l0)
        c1 = low(d0) &* low(a.l1)
        c2 = low(d0) &* low(a.l2)
        c2 &+= low(a.l1) &* low(a.l1)
        c3 = low(d0) &* low(a.l3)
        c3 &+= low(d1) &* low(a.l2)
        c4 = low(d0) &* low(a.l4)
        c4 &+= low(d1) &* low(a.l3)
        c4 &+= low(a.l2) &* low(a.l2)
        c5 = low(d0) &* low(a.l5)
        c5 &+= low(d1) &* low(a.l4)
        c5 &+= low(d2) &* low(a.l3)
        c6 = low(d0) &* low(a.l6)
        c6 &+= low(d1) &* low(a.l5)
        c6 &+= low(d2) &* low(a.l4)
        c6 &+= low(a.l3) &* low(a.l3)
        c7 = low(d0) &* low(a.l7)
        c7 &+= low(d1) &* low(a.l6)
        c7 &+= low(d2) &* low(a.l5)
        c7 &+= low(d3) &* low(a.l4)
        c8 = low(d0) &* low(a.l8)
        c8 &+= low(d1) &* low(a.l7)
        c8 &+= low(d2) &* low(a.l6)
        c8 &+= low(d3) &* low(a.l5)
        c8 &+= low(a.l4) &* low(a.l4)
        c9 = low(d1) &* low(a.l8)
        c9 &+= low(d2) &* low(a.l7)
        c9 &+= low(d3) &* low(a.l6)
        c9 &+= low(d4) &* low(a.l5)
        c10 = low(d2) &* low(a.l8)
        c10 &+= low(d3) &* low(a.l7)
        c10 &+= low(d4) &* low(a.l6)
        c10 &+= low(a.l5) &* low(a.l5)
        c11 = low(d3) &* low(a.l8)
        c11 &+= low(d4) &* low(a.l7)
        c11 &+= low(d5) &* low(a.l6)
        c12 = low(d4) &* low(a.l8)
        c12 &+= low(d5) &* low(a.l7)
        c12 &+= low(a.l6) &* low(a.l6)
        c13 = low(d5) &* low(a.l8)
        c13 &+= low(d6) &* low(a.l7)
        c14 = low(d6) &* low(a.l8)
        c14 &+= low(a.l7) &* low(a.l7)
        c15 = low(d7) &* low(a.l8)
        c16 = low(a.l8) &* low(a.l8)
    }

    /// Montgomery reduction by subtraction, plus p. In the ten lowest columns, q_k is what is left of
    /// column k once the carry is in: since p is 1 mod 2^192 subtracting q_k * p clears the column,
    /// takes q_k * 2^24 from column k + 6, q_k from k + 7 and q_k * 2^27 from k + 8, and p has no
    /// other limbs. Carries have their sign.
    @inlinable @inline(__always)
    package var reduced: LaneFelt {
        let one = Lanes(repeating: 1)
        var carry = Lanes(repeating: 0)
        @inline(__always)
        func limb(_ column: Lanes) -> Lanes {
            let sum = column &+ carry
            carry = sum &>> 28
            return sum & LaneFelt.limbMask
        }
        let q0 = limb(c0)
        let q1 = limb(c1)
        let q2 = limb(c2)
        let q3 = limb(c3)
        let q4 = limb(c4)
        let q5 = limb(c5)
        let q6 = limb(c6 &- q0 &<< 24)
        let q7 = limb(c7 &- q1 &<< 24 &- q0)
        let q8 = limb(c8 &- q2 &<< 24 &- q1 &- q0 &<< 27)
        let q9 = limb(c9 &- q3 &<< 24 &- q2 &- q1 &<< 27)
        let r0 = limb(c10 &- q4 &<< 24 &- q3 &- q2 &<< 27 &+ one)
        let r1 = limb(c11 &- q5 &<< 24 &- q4 &- q3 &<< 27)
        let r2 = limb(c12 &- q6 &<< 24 &- q5 &- q4 &<< 27)
        let r3 = limb(c13 &- q7 &<< 24 &- q6 &- q5 &<< 27)
        let r4 = limb(c14 &- q8 &<< 24 &- q7 &- q6 &<< 27)
        let r5 = limb(c15 &- q9 &<< 24 &- q8 &- q7 &<< 27)
        let r6 = limb(c16 &- q9 &- q8 &<< 27 &+ Lanes(repeating: 1 << 24))
        let r7 = limb(one &- q9 &<< 27)
        let r8 = carry &+ Lanes(repeating: 1 << 27)
        return LaneFelt(r0, r1, r2, r3, r4, r5, r6, r7, r8)
    }
}
