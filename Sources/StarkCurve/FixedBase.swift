import StarkField

/// Multiples of one point for signed windows, so that a multiplication is one mixed addition per
/// window and no doubling.
package struct FixedBase: Sendable {
    private let table: PointTable
    private let bits: Int
    private let windows: Int

    /// 2^(bits - 1) * ceil(252 / bits) points of 64 bytes: 8 bits are 256 KB and 32 additions, 7
    /// are 144 KB and 36, 6 are 84 KB and 42. `bits` in 2 ... 12.
    package init(_ point: CurvePoint, bits: Int) {
        precondition((2...12).contains(bits), "windows of \(bits) bits")
        self.bits = bits
        windows = (252 + bits - 1) / bits
        table = PointTable(
            PointTable.signedWindows(of: point, bits: bits, windows: windows))
    }

    package static let generator = FixedBase(.generator, bits: 8)

    /// scalar * point. Addresses and branches depend on the scalar.
    package func multiply(_ scalar: Scalar) -> AccumulatorPoint {
        table.withPoints { points in
            var result = AccumulatorPoint.infinity
            forEachPoint(of: scalar) { index, isNegated in
                result.add(points[index], negated: isNegated)
            }
            return result
        }
    }

    /// The most points that `forEachPoint` hands out.
    var pointsPerScalar: Int { windows }

    func withPoints<Result>(_ body: (UnsafeBufferPointer<CurvePoint>) -> Result) -> Result {
        table.withPoints(body)
    }

    /// Hands out the points whose sum is scalar * point, by their index in the table, and whether
    /// they are subtracted.
    @inline(__always)
    func forEachPoint(of scalar: Scalar, _ body: (Int, Bool) -> Void) {
        // At most (n - 1) / 2 < 2^251, so that the highest window's digit needs no carry.
        let isHigh = scalar.isHigh
        var (w0, w1, w2, w3) = (isHigh ? -scalar : scalar).words
        let entries = 1 << (bits - 1)
        let mask = UInt64(2 * entries - 1)
        let shift = UInt64(bits)
        let half = UInt64(entries)
        var carry: UInt64 = 0
        var base = 0
        for _ in 0..<windows {
            let digit = (w0 & mask) &+ carry
            w0 = w0 &>> shift | w1 &<< (64 &- shift)
            w1 = w1 &>> shift | w2 &<< (64 &- shift)
            w2 = w2 &>> shift | w3 &<< (64 &- shift)
            w3 = w3 &>> shift
            let isNegative = digit > half
            carry = isNegative ? 1 : 0
            let magnitude = isNegative ? 2 &* half &- digit : digit
            if magnitude != 0 {
                body(
                    base &+ Int(truncatingIfNeeded: magnitude) &- 1, isNegative != isHigh)
            }
            base &+= entries
        }
    }
}
