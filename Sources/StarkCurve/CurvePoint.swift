public import StarkField

/// A finite point of the STARK curve y^2 = x^3 + x + beta over Starknet's field, in affine
/// coordinates. The group has prime order n, so every finite point generates it and no point has
/// y = 0. Constants: StarkWare, "STARK Curve" (StarkEx documentation).
@frozen
public struct CurvePoint: Hashable, Sendable {
    public let x: Felt
    public let y: Felt

    /// The curve's constant term, in Montgomery limbs:
    /// 0x6f21413efbe40de150e596d72f7a8c5609ad26c15c915c1f4cdfcb99cee9e89.
    public static let beta = Felt(
        reducingBigEndianWords: (
            0x06f2_1413_efbe_40de, 0x150e_596d_72f7_a8c5, 0x609a_d26c_15c9_15c1,
            0xf4cd_fcb9_9cee_9e89
        ))

    public static let generator = CurvePoint(
        unchecked: Felt(
            reducingBigEndianWords: (
                0x01ef_15c1_8599_971b, 0x7bec_ed41_5a40_f0c7, 0xdeac_fd9b_0d18_19e0,
                0x3d72_3d8b_c943_cfca
            )),
        Felt(
            reducingBigEndianWords: (
                0x0056_6806_0aa4_9730, 0xb7be_4801_df46_ec62, 0xde53_ecd1_1abe_43a3,
                0x2873_000c_36e8_dc1f
            )))

    /// Trusts that the point is on the curve.
    @inlinable
    init(unchecked x: Felt, _ y: Felt) {
        self.x = x
        self.y = y
    }

    /// x^3 + x + beta.
    @usableFromInline
    static func rightSide(_ x: Felt) -> Felt {
        (x.squared() + .one) * x + beta
    }

    /// Nil for coordinates that are not on the curve.
    public init?(x: Felt, y: Felt) {
        guard y.squared() == CurvePoint.rightSide(x) else { return nil }
        self.init(unchecked: x, y)
    }

    /// One of the two points with this x; nil where there is none. Which of the two is not
    /// specified.
    public init?(x: Felt) {
        guard let y = CurvePoint.rightSide(x).squareRoot() else { return nil }
        self.init(unchecked: x, y)
    }

    public static prefix func - (point: CurvePoint) -> CurvePoint {
        CurvePoint(unchecked: point.x, -point.y)
    }

    /// The negative where the flag is set, without a branch. p - y is ~y + 1 + p mod 2^256, and
    /// reduced since no point has y = 0.
    @inlinable @inline(__always)
    public func negated(if flag: Bool) -> CurvePoint {
        let mask: UInt64 = flag ? .max : 0
        let (limbs, prime) = (LooseFelt(y), LooseFelt.primes(1))
        let complement = LooseFelt(
            limbs.l0 ^ mask, limbs.l1 ^ mask, limbs.l2 ^ mask, limbs.l3 ^ mask)
        let addend = LooseFelt((prime.l0 &+ 1) & mask, 0, 0, prime.l3 & mask)
        return CurvePoint(unchecked: x, (complement &+ addend).assumedReduced)
    }
}
