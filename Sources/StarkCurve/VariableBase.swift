package import StarkField

/// Multiplication of a point that is used once and of which only the x coordinate is known, and
/// wanted.
///
/// *No square root.* For d = x^3 + x + beta, (X, Y) -> (d X, d^(3/2) Y) maps the curve to
/// E: Y^2 = X^3 + d^2 X + beta d^3 and the points of abscissa x to (x d, +-d^2): known without
/// the root, which only has to exist. Multiples are taken on E, and their abscissas divided by d.
///
/// *Digits.* Non-adjacent digits of five bits, odd multiples up to 15; about 250 doublings at 4
/// multiplications and 4 squarings in modified Jacobian coordinates (Cohen, Miyaji and Ono, 1998)
/// and 42 additions at 8 and 5. Time depends on the scalar.
package enum VariableBase {
    static let width = 5

    /// The x coordinate of scalar * (x, y) as a fraction; nil where no point has this x. The
    /// scalar isn't zero.
    package static func multiply(
        x: Felt, _ scalar: Scalar
    ) -> (numerator: Felt, denominator: Felt)? {
        precondition(!scalar.isZero, "a multiple by zero has no x coordinate")
        let d = CurvePoint.rightSide(x)
        // d is never zero: the group's order is odd.
        guard d.isSquare else { return nil }
        let a = d.squared()
        let multiples = oddMultiples(of: CurvePoint(unchecked: x * d, a), a: LooseFelt(a))
        // x knows no sign: below n / 2 no partial sum meets the digit's point or its negative,
        // since prefixes of the digits are below n / 2 + 16 and, but for the first, above 16.
        let words = (scalar.isHigh ? -scalar : scalar).words
        let result = withUnsafeTemporaryAllocation(of: Int8.self, capacity: 256) { digits in
            let count = nonAdjacentForm(words, into: digits)
            return multiples.withUnsafeBufferPointer { multiples in
                // The highest digit is positive.
                var result = JacobianPoint(multiples[Int(digits[count - 1]) >> 1], a: LooseFelt(a))
                for index in (0..<(count - 1)).reversed() {
                    result.double()
                    let digit = Int(digits[index])
                    if digit != 0 {
                        let point = multiples[abs(digit) >> 1]
                        result.add(digit > 0 ? point : -point)
                    }
                }
                return result
            }
        }
        return (result.x.reduced, result.z.squared.assumedReduced * d)
    }

    /// The point's multiples by 1, 3, ... 15.
    private static func oddMultiples(of point: CurvePoint, a: LooseFelt) -> [CurvePoint] {
        let twice = AccumulatorPoint(doubling: point, a: a)
        var accumulators = [AccumulatorPoint]()
        accumulators.reserveCapacity(8)
        var odd = twice
        odd.add(point)
        accumulators.append(AccumulatorPoint(point))
        for _ in 1..<7 {
            accumulators.append(odd)
            odd.add(twice)
        }
        accumulators.append(odd)
        return AccumulatorPoint.normalize(accumulators)
    }

    /// Digits of `width` bits, odd or zero, least significant first; returns how many there are,
    /// the highest being positive. The integer is below 2^252 and isn't zero.
    package static func nonAdjacentForm(
        _ words: Scalar.Words, into digits: UnsafeMutableBufferPointer<Int8>
    ) -> Int {
        digits.initialize(repeating: 0)
        var (w0, w1, w2, w3) = words
        var position = 0
        while true {
            let zeros: Int
            if w0 != 0 {
                zeros = w0.trailingZeroBitCount
            } else if w1 | w2 | w3 != 0 {
                zeros = 63
            } else {
                return 0
            }
            if zeros > 0 {
                let count = UInt64(zeros)
                w0 = w0 >> count | w1 << (64 - count)
                w1 = w1 >> count | w2 << (64 - count)
                w2 = w2 >> count | w3 << (64 - count)
                w3 >>= count
                position += zeros
                continue
            }
            let low = w0 & 31
            let digit = low > 16 ? Int8(low) - 32 : Int8(low)
            digits[position] = digit
            w0 &-= low
            if digit < 0 {
                var carry: Bool
                (w0, carry) = w0.addingReportingOverflow(32)
                (w1, carry) = w1.addingReportingOverflow(carry ? 1 : 0)
                (w2, carry) = w2.addingReportingOverflow(carry ? 1 : 0)
                w3 &+= carry ? 1 : 0
            }
            if w0 | w1 | w2 | w3 == 0 { return position + 1 }
        }
    }
}

/// A finite point of a curve Y^2 = X^3 + a X + b in modified Jacobian coordinates: x = X/Z^2,
/// y = Y/Z^3, and a Z^4 as the product of two factors that is only taken when a doubling needs it.
///
/// Bounds in multiples of p: X < 4, Y < 3, Z < 1, the factors at most 1 and 4.
struct JacobianPoint {
    private(set) var x: LooseFelt
    private var y: LooseFelt
    private(set) var z: LooseFelt
    private var first: LooseFelt
    private var second: LooseFelt
    private let a: LooseFelt

    init(_ point: CurvePoint, a: LooseFelt) {
        x = LooseFelt(point.x)
        y = LooseFelt(point.y)
        z = LooseFelt(.one)
        first = a
        second = LooseFelt(.one)
        self.a = a
    }

    @inline(__always)
    mutating func double() {
        let t = LooseFelt.product(first, second)
        let xx = x.squared
        let yy = y.squared
        let d = yy &+ yy  // 2 y^2, < 2
        let s = LooseFelt.product(x, d &+ d)  // 4 x y^2; 4 * 4 <= 32
        let m = xx &+ xx &+ xx &+ t  // < 4
        let dd = d.squared
        let e = dd &+ dd  // 8 y^4, < 2
        let x3 = m.squared &+ .primes(2) &- s &- s  // < 3
        z = LooseFelt.product(y &+ y, z)
        y = LooseFelt.product(m, s &+ .primes(3) &- x3) &+ .primes(2) &- e  // 4 * 4; < 3
        x = x3
        first = t
        second = e &+ e
    }

    /// Adds an affine point that is neither this point nor its negative.
    @inline(__always)
    mutating func add(_ point: CurvePoint) {
        let zz = z.squared
        let u2 = LooseFelt.product(LooseFelt(point.x), zz)
        let s2 = LooseFelt.product(LooseFelt(point.y), LooseFelt.product(z, zz))
        let h = u2 &+ .primes(4) &- x  // < 5
        let r = s2 &+ .primes(3) &- y  // < 4
        let hh = h.squared
        let hhh = LooseFelt.product(h, hh)
        let v = LooseFelt.product(x, hh)
        let x3 = r.squared &+ .primes(3) &- hhh &- v &- v  // < 4
        y = LooseFelt.sumOfProducts(r, v &+ .primes(4) &- x3, hhh, .primes(3) &- y)  // 4 * 5 + 3
        x = x3
        z = LooseFelt.product(z, h)
        first = a
        second = z.squared.squared
    }
}
