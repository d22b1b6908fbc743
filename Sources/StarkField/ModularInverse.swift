/// Inverses modulo an odd 256-bit number by division steps (Bernstein and Yang, "Fast constant-time
/// gcd computation and modular inversion", 2019), in the variant that skips runs of zero bits: the
/// time depends on the value. About ten rounds of 62 steps each; a round works on the lowest words
/// alone and yields a matrix of 62-bit entries, which is then applied to the whole numbers.
///
/// Numbers are five signed limbs of 62 bits, of which all but the highest are in 0 ..< 2^62.
package struct ModularInverse: Sendable {
    /// Least significant word first.
    package typealias Words = (UInt64, UInt64, UInt64, UInt64)

    private struct Number {
        var l0: Int64
        var l1: Int64
        var l2: Int64
        var l3: Int64
        var l4: Int64

        init(_ words: Words) {
            let mask = ModularInverse.mask
            l0 = Int64(bitPattern: words.0 & mask)
            l1 = Int64(bitPattern: (words.0 >> 62 | words.1 << 2) & mask)
            l2 = Int64(bitPattern: (words.1 >> 60 | words.2 << 4) & mask)
            l3 = Int64(bitPattern: (words.2 >> 58 | words.3 << 6) & mask)
            l4 = Int64(bitPattern: words.3 >> 56)
        }

        init(small value: Int64) {
            (l0, l1, l2, l3, l4) = (value, 0, 0, 0, 0)
        }

        var isZero: Bool { l0 | l1 | l2 | l3 | l4 == 0 }

        /// The number where it is in 0 ..< 2^256.
        var words: Words {
            let (a, b, c, d, e) = (
                UInt64(bitPattern: l0), UInt64(bitPattern: l1), UInt64(bitPattern: l2),
                UInt64(bitPattern: l3), UInt64(bitPattern: l4)
            )
            return (a | b << 62, b >> 2 | c << 60, c >> 4 | d << 58, d >> 6 | e << 56)
        }

        /// self + other * factor, limbs carried; factor is -1, 0 or 1.
        func adding(_ other: Number, times factor: Int64) -> Number {
            var result = self
            result.l0 &+= other.l0 &* factor
            result.l1 &+= other.l1 &* factor &+ result.l0 &>> 62
            result.l2 &+= other.l2 &* factor &+ result.l1 &>> 62
            result.l3 &+= other.l3 &* factor &+ result.l2 &>> 62
            result.l4 &+= other.l4 &* factor &+ result.l3 &>> 62
            let mask = Int64(bitPattern: ModularInverse.mask)
            result.l0 &= mask
            result.l1 &= mask
            result.l2 &= mask
            result.l3 &= mask
            return result
        }
    }

    /// 62 division steps as a matrix times 2^62: f' = (u f + v g) / 2^62, g' = (q f + r g) / 2^62.
    private struct Steps {
        var u: Int64
        var v: Int64
        var q: Int64
        var r: Int64
    }

    private static let mask: UInt64 = 1 << 62 - 1

    private let modulus: Number
    /// 1/modulus mod 2^62.
    private let inverseOfLowest: UInt64

    /// The modulus is odd and below 2^253, so that sums of two residues keep within the limbs.
    package init(modulus words: Words) {
        precondition(words.0 & 1 == 1 && words.3 < 1 << 61, "modulus out of range")
        modulus = Number(words)
        // Newton's iteration doubles the correct bits, of which x = m has three.
        var inverse = words.0
        for _ in 0..<5 { inverse = inverse &* (2 &- words.0 &* inverse) }
        inverseOfLowest = inverse & ModularInverse.mask
    }

    /// The inverse in 0 ..< modulus of a number prime to the modulus and below it; zero for zero.
    package func inverse(of words: Words) -> Words {
        var f = modulus
        var g = Number(words)
        var d = Number(small: 0)
        var e = Number(small: 1)
        var eta: Int64 = -1
        while !g.isZero {
            let steps = ModularInverse.steps(
                &eta, UInt64(bitPattern: f.l0 | f.l1 &<< 62), UInt64(bitPattern: g.l0 | g.l1 &<< 62)
            )
            update(&d, &e, by: steps)
            ModularInverse.divide(&f, &g, by: steps)
        }
        // f is 1 or -1, and d = f / words, in -2 * modulus ..< modulus.
        if d.l4 < 0 { d = d.adding(modulus, times: 1) }
        if f.l4 < 0 { d = Number(small: 0).adding(d, times: -1) }
        if d.l4 < 0 { d = d.adding(modulus, times: 1) }
        return d.words
    }

    @inline(__always)
    private static func steps(_ eta: inout Int64, _ f0: UInt64, _ g0: UInt64) -> Steps {
        var (u, v, q, r): (UInt64, UInt64, UInt64, UInt64) = (1, 0, 0, 1)
        var (f, g) = (f0, g0)
        var left: Int64 = 62
        while true {
            // A bit at `left` stops the count there.
            let zeros = (g | UInt64.max &<< UInt64(bitPattern: left)).trailingZeroBitCount
            g = g &>> UInt64(zeros)
            u = u &<< UInt64(zeros)
            v = v &<< UInt64(zeros)
            eta &-= Int64(zeros)
            left &-= Int64(zeros)
            if left == 0 { break }
            // Both odd: add a multiple of f to g that clears as many low bits as the steps allow.
            let multiple: UInt64
            if eta < 0 {
                eta = 0 &- eta
                (f, g) = (g, 0 &- f)
                (u, q) = (q, 0 &- u)
                (v, r) = (r, 0 &- v)
                let limit = min(eta &+ 1, left)
                let bits = (UInt64.max &>> UInt64(bitPattern: 64 &- limit)) & 63
                // f * (f^2 - 2) = -1/f mod 64.
                multiple = (f &* g &* (f &* f &- 2)) & bits
            } else {
                let limit = min(eta &+ 1, left)
                let bits = (UInt64.max &>> UInt64(bitPattern: 64 &- limit)) & 15
                // 1/f mod 16.
                let inverse = f &+ ((f &+ 1) & 4) &<< 1
                multiple = (0 &- inverse &* g) & bits
            }
            g = g &+ f &* multiple
            q = q &+ u &* multiple
            r = r &+ v &* multiple
        }
        return Steps(
            u: Int64(bitPattern: u), v: Int64(bitPattern: v), q: Int64(bitPattern: q),
            r: Int64(bitPattern: r))
    }

    @inline(__always)
    private static func product(_ a: Int64, _ b: Int64) -> Int128 {
        Int128(truncatingIfNeeded: a) &* Int128(truncatingIfNeeded: b)
    }

    /// The lowest 62 bits.
    @inline(__always)
    private static func low(_ wide: Int128) -> Int64 {
        Int64(truncatingIfNeeded: wide) & Int64(bitPattern: mask)
    }

    /// f, g = (u f + v g, q f + r g) / 2^62; exact.
    @inline(__always)
    private static func divide(_ f: inout Number, _ g: inout Number, by t: Steps) {
        var cf = product(t.u, f.l0) &+ product(t.v, g.l0)
        var cg = product(t.q, f.l0) &+ product(t.r, g.l0)
        @inline(__always)
        func next(_ a: Int64, _ b: Int64) -> (Int64, Int64) {
            cf = cf &>> 62 &+ product(t.u, a) &+ product(t.v, b)
            cg = cg &>> 62 &+ product(t.q, a) &+ product(t.r, b)
            return (low(cf), low(cg))
        }
        (f.l0, g.l0) = next(f.l1, g.l1)
        (f.l1, g.l1) = next(f.l2, g.l2)
        (f.l2, g.l2) = next(f.l3, g.l3)
        (f.l3, g.l3) = next(f.l4, g.l4)
        f.l4 = Int64(truncatingIfNeeded: cf &>> 62)
        g.l4 = Int64(truncatingIfNeeded: cg &>> 62)
    }

    /// d, e = (u d + v e, q d + r e) / 2^62 mod modulus, kept in -2 * modulus ..< modulus.
    @inline(__always)
    private func update(_ d: inout Number, _ e: inout Number, by t: Steps) {
        typealias M = ModularInverse
        let signOfD = d.l4 &>> 63
        let signOfE = e.l4 &>> 63
        // What multiple of the modulus makes the sums divisible, on top of one per negative operand.
        var md = (t.u & signOfD) &+ (t.v & signOfE)
        var me = (t.q & signOfD) &+ (t.r & signOfE)
        var cd = M.product(t.u, d.l0) &+ M.product(t.v, e.l0)
        var ce = M.product(t.q, d.l0) &+ M.product(t.r, e.l0)
        let excessD = inverseOfLowest &* UInt64(truncatingIfNeeded: cd) &+ UInt64(bitPattern: md)
        let excessE = inverseOfLowest &* UInt64(truncatingIfNeeded: ce) &+ UInt64(bitPattern: me)
        md &-= Int64(bitPattern: excessD & M.mask)
        me &-= Int64(bitPattern: excessE & M.mask)
        cd = cd &+ M.product(modulus.l0, md)
        ce = ce &+ M.product(modulus.l0, me)
        @inline(__always)
        func next(_ a: Int64, _ b: Int64, _ m: Int64) -> (Int64, Int64) {
            cd = cd &>> 62 &+ M.product(t.u, a) &+ M.product(t.v, b) &+ M.product(m, md)
            ce = ce &>> 62 &+ M.product(t.q, a) &+ M.product(t.r, b) &+ M.product(m, me)
            return (M.low(cd), M.low(ce))
        }
        (d.l0, e.l0) = next(d.l1, e.l1, modulus.l1)
        (d.l1, e.l1) = next(d.l2, e.l2, modulus.l2)
        (d.l2, e.l2) = next(d.l3, e.l3, modulus.l3)
        (d.l3, e.l3) = next(d.l4, e.l4, modulus.l4)
        d.l4 = Int64(truncatingIfNeeded: cd &>> 62)
        e.l4 = Int64(truncatingIfNeeded: ce &>> 62)
    }
}
