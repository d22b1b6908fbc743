public import StarkField

/// A point in XYZZ coordinates: x = X/ZZ, y = Y/ZZZ with ZZ^3 = ZZZ^2; ZZ = 0 is infinity.
/// Formulas: Explicit-Formulas Database, short Weierstrass, xyzz, `madd-2008-s`, `add-2008-s` and
/// `dbl-2008-s-1`, with the field's lazy reduction. Complete: equal and opposite operands and
/// infinity are told apart by branches, which no constant-time code may use.
///
/// Invariant: X < 4p, and Y, ZZ, ZZZ < p (Montgomery limbs, in multiples of p); infinity has X = 0
/// mod p, so that a mixed addition finds it among the equal x coordinates.
@frozen
public struct AccumulatorPoint: Sendable {
    @usableFromInline var x: LooseFelt
    @usableFromInline var y: LooseFelt
    @usableFromInline var zz: LooseFelt
    @usableFromInline var zzz: LooseFelt

    @inlinable @inline(__always)
    init(_ x: LooseFelt, _ y: LooseFelt, _ zz: LooseFelt, _ zzz: LooseFelt) {
        self.x = x
        self.y = y
        self.zz = zz
        self.zzz = zzz
    }

    @inlinable @inline(__always)
    public static var infinity: AccumulatorPoint {
        AccumulatorPoint(
            LooseFelt(.zero), LooseFelt(.one), LooseFelt(.zero), LooseFelt(.zero))
    }

    @inlinable @inline(__always)
    public init(_ point: CurvePoint) {
        self.init(LooseFelt(point.x), LooseFelt(point.y), LooseFelt(.one), LooseFelt(.one))
    }

    /// Twice a point of a curve with any coefficient a < p.
    init(doubling point: CurvePoint, a: LooseFelt) {
        let u = LooseFelt(point.y).doubled  // < 2p
        let v = u.squared
        let w = LooseFelt.product(u, v)
        let s = LooseFelt.product(LooseFelt(point.x), v)
        let xx = LooseFelt(point.x).squared
        let m = xx &+ xx &+ xx &+ a  // < 4p
        let x3 = m.squared &+ .primes(2) &- s &- s  // < 3p
        self.init(
            x3,
            LooseFelt.sumOfProducts(
                m, s &+ .primes(3) &- x3, w, .primes(1) &- LooseFelt(point.y)),
            v, w)
    }

    @inlinable @inline(__always)
    public var isInfinity: Bool { zz.assumedReduced.isZero }

    /// X, ZZ as field elements: x = X/ZZ.
    @inlinable
    public var xFraction: (numerator: Felt, denominator: Felt) {
        (x.reduced, zz.assumedReduced)
    }

    /// Adds an affine point: 8 multiplications (one shares its reduction) and 2 squarings.
    ///
    /// Never inlined: it is some 8 KB of code, and a few copies of it would fill the cache of
    /// instructions.
    @inline(never)
    public mutating func add(_ point: CurvePoint) {
        let u2 = LooseFelt.product(LooseFelt(point.x), zz)
        let s2 = LooseFelt.product(LooseFelt(point.y), zzz)
        let p = u2 &- x &+ .primes(4)  // < 5p
        let pp = p.squared
        if pp.assumedReduced.isZero {
            addExceptional(point, s2)
            return
        }
        let r = s2 &- y &+ .primes(1)  // < 2p
        let ppp = LooseFelt.product(p, pp)
        let q = LooseFelt.product(x, pp)
        let x3 = r.squared &+ .primes(3) &- ppp &- q &- q  // < 4p
        y = LooseFelt.sumOfProducts(
            r, q &- x3 &+ .primes(4), ppp, .primes(1) &- y)  // 2 * 5 + 1 <= 32
        x = x3
        zz = LooseFelt.product(zz, pp)
        zzz = LooseFelt.product(zzz, ppp)
    }

    /// The x coordinates agree, or this is infinity.
    @inline(never)
    private mutating func addExceptional(_ point: CurvePoint, _ s2: LooseFelt) {
        if isInfinity {
            self = AccumulatorPoint(point)
        } else if s2.assumedReduced == y.assumedReduced {
            double()
        } else {
            self = .infinity
        }
    }

    /// Adds the point or its negative.
    @inlinable @inline(__always)
    public mutating func add(_ point: CurvePoint, negated: Bool) {
        add(CurvePoint(unchecked: point.x, negated ? -point.y : point.y))
    }

    @inlinable @inline(__always)
    public mutating func subtract(_ point: CurvePoint) { add(-point) }

    /// Doubling: 6 multiplications and 4 squarings. Infinity stays infinity.
    @inline(never)
    public mutating func double() {
        let u = y.doubled  // < 2p
        let v = u.squared
        let w = LooseFelt.product(u, v)
        let s = LooseFelt.product(x, v)
        let xx = x.squared
        let m = xx &+ xx &+ xx &+ zz.squared  // < 4p
        let x3 = m.squared &+ .primes(2) &- s &- s  // < 3p
        y = LooseFelt.sumOfProducts(
            m, s &- x3 &+ .primes(3), w, .primes(1) &- y)  // 4 * 4 + 1 <= 32
        x = x3
        zz = LooseFelt.product(v, zz)
        zzz = LooseFelt.product(w, zzz)
    }

    /// Adds another accumulator: 12 multiplications and 2 squarings.
    @inline(never)
    public mutating func add(_ other: AccumulatorPoint) {
        if other.isInfinity { return }
        let u1 = LooseFelt.product(x, other.zz)
        let u2 = LooseFelt.product(other.x, zz)
        let s1 = LooseFelt.product(y, other.zzz)
        let s2 = LooseFelt.product(other.y, zzz)
        if isInfinity {
            self = other
            return
        }
        let p = u2 &- u1 &+ .primes(1)  // < 2p
        let pp = p.squared
        if pp.assumedReduced.isZero {
            if s1.assumedReduced == s2.assumedReduced { double() } else { self = .infinity }
            return
        }
        let r = s2 &- s1 &+ .primes(1)  // < 2p
        let ppp = LooseFelt.product(p, pp)
        let q = LooseFelt.product(u1, pp)
        let x3 = r.squared &+ .primes(3) &- ppp &- q &- q  // < 4p
        y = LooseFelt.sumOfProducts(
            r, q &- x3 &+ .primes(4), ppp, .primes(1) &- s1)
        x = x3
        zz = LooseFelt.product(LooseFelt.product(zz, other.zz), pp)
        zzz = LooseFelt.product(LooseFelt.product(zzz, other.zzz), ppp)
    }

    /// The affine point; nil for infinity. One inversion.
    public var affine: CurvePoint? {
        // 1/ZZZ, then 1/Z = ZZ/ZZZ and 1/ZZ = (1/Z)^2.
        guard let inverse = zzz.assumedReduced.inverse() else { return nil }
        return affine(inverseOfZZZ: inverse)
    }

    /// The affine x; nil for infinity. One inversion.
    public var affineX: Felt? {
        guard let inverse = zz.assumedReduced.inverse() else { return nil }
        return LooseFelt.product(x, LooseFelt(inverse)).assumedReduced
    }

    /// The same, with ZZ times a pseudo-random factor under the inversion, so that its time says
    /// nothing of the point.
    func affineX(blindedBy factor: Felt) -> Felt? {
        guard let inverse = (zz.assumedReduced * factor).inverse() else { return nil }
        return LooseFelt.product(x, LooseFelt(inverse * factor)).assumedReduced
    }

    func affine(inverseOfZZZ inverse: Felt) -> CurvePoint {
        let inverseOfZ = inverse * zz.assumedReduced
        let newX = LooseFelt.product(x, LooseFelt(inverseOfZ.squared())).assumedReduced
        return CurvePoint(unchecked: newX, y.assumedReduced * inverse)
    }

    /// The affine points of finite accumulators, with one inversion.
    public static func normalize(_ points: [AccumulatorPoint]) -> [CurvePoint] {
        var inverses = points.map { point in
            precondition(!point.isInfinity, "infinity has no affine coordinates")
            return point.zzz.assumedReduced
        }
        Felt.batchInvert(&inverses)
        return zip(points, inverses).map { $0.affine(inverseOfZZZ: $1) }
    }
}
