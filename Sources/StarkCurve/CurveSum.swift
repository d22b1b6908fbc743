public import StarkField

/// P + m Q as the EC operation builtin of Cairo defines it: bit by bit, and not at all where the
/// partial sum and the doubled point meet on the way.
///
/// Source: cairo-lang 0.14.0.1, `ec_op_builtin_runner.py`, `ec_op_impl`.
public enum CurveSum {
    /// Nil where the partial sum and the doubled point have one x coordinate at a bit of m, zero
    /// bits below its highest included. m is an integer in 0 ..< p.
    public static func adding(to p: CurvePoint, _ q: CurvePoint, times m: Felt) -> CurvePoint? {
        let words = m.bigEndianWords
        let limbs = [words.3, words.2, words.1, words.0]
        var bits = 0
        for (index, limb) in limbs.enumerated() where limb != 0 {
            bits = 64 * index + 64 - limb.leadingZeroBitCount
        }
        var sum = Jacobian(p)
        var doubled = Jacobian(q)
        for bit in 0..<bits {
            let difference = sum.x * doubled.zSquared - doubled.x * sum.zSquared
            if difference.isZero { return nil }
            if limbs[bit / 64] >> UInt64(bit % 64) & 1 == 1 {
                sum.add(doubled, xDifference: -difference)
            }
            doubled.double()
        }
        guard let inverse = sum.z.inverse() else { return nil }
        let square = inverse.squared()
        return CurvePoint(unchecked: sum.x * square, sum.y * square * inverse)
    }

    /// (X / Z^2, Y / Z^3); never infinity here, since the two points of a sum differ in x.
    private struct Jacobian {
        var x: Felt
        var y: Felt
        var z: Felt
        var zSquared: Felt

        init(_ point: CurvePoint) {
            x = point.x
            y = point.y
            z = .one
            zSquared = .one
        }

        /// H = X2 Z1^2 - X1 Z2^2 is given and not zero.
        mutating func add(_ other: Jacobian, xDifference h: Felt) {
            let s1 = y * other.z * other.zSquared
            let r = other.y * z * zSquared - s1
            let hh = h.squared()
            let hhh = h * hh
            let v = x * other.zSquared * hh
            x = r.squared() - hhh - v.doubled()
            y = r * (v - x) - s1 * hhh
            z = z * other.z * h
            zSquared = z.squared()
        }

        /// a = 1: M = 3 X^2 + Z^4.
        mutating func double() {
            let yy = y.squared()
            let s = (x * yy).doubled().doubled()
            let xx = x.squared()
            let m = xx.doubled() + xx + zSquared.squared()
            let newX = m.squared() - s.doubled()
            let newY = m * (s - newX) - yy.squared().doubled().doubled().doubled()
            z = (y * z).doubled()
            zSquared = z.squared()
            x = newX
            y = newY
        }
    }
}
