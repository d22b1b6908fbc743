package import StarkCurve
import StarkField

/// Multiples of Pedersen's constant points for signed windows, made at first use: 1.6 MB.
///
/// Per operand: 24 windows of ten bits with 512 points each for the lowest 240 bits; the 256
/// multiples for the eight bits above with their carry, as they are, so that nothing is carried on;
/// nine points for the high bits, 0 ... 8 since a field element is below 9 * 2^248. The first
/// operand's points for high bits have the shift point in them.
struct PedersenTables: Sendable {
    static let shared = PedersenTables()

    private static let windowBits = 10
    private static let windows = 24
    private static let entriesPerWindow = 1 << (windowBits - 1)
    private static let restEntries = 256
    private static let highStart = windows * entriesPerWindow + restEntries
    /// Points of one operand.
    private static let stride = highStart + 9

    /// The most points of one hash.
    static let pointsPerHash = 2 * (windows + 2)

    private let points: PointTable

    private init() {
        let shift = AccumulatorPoint(PedersenConstants.shiftPoint)
        points = PointTable(
            PedersenTables.operandPoints(
                low: PedersenConstants.firstLowPoint,
                high: (0...8).map { multiple in
                    PedersenTables.sum(shift, multiple, PedersenConstants.firstHighPoint)
                })
                // Zero times a point is no entry of a table, and nothing reads this one.
                + PedersenTables.operandPoints(
                    low: PedersenConstants.secondLowPoint,
                    high: [shift]
                        + (1...8).map { multiple in
                            PedersenTables.sum(
                                .infinity, multiple, PedersenConstants.secondHighPoint)
                        }))
    }

    private static func sum(
        _ start: AccumulatorPoint, _ multiple: Int, _ point: CurvePoint
    ) -> AccumulatorPoint {
        var result = start
        for _ in 0..<multiple { result.add(point) }
        return result
    }

    private static func operandPoints(
        low: CurvePoint, high: [AccumulatorPoint]
    ) -> [CurvePoint] {
        var unit = AccumulatorPoint(low)
        for _ in 0..<(windowBits * windows) { unit.double() }
        var multiples = [unit]
        for _ in 1..<restEntries {
            var next = unit
            next.add(multiples[multiples.count - 1])
            multiples.append(next)
        }
        return PointTable.signedWindows(of: low, bits: windowBits, windows: windows)
            + AccumulatorPoint.normalize(multiples + high)
    }

    /// The point whose x is the hash.
    func sum(_ a: Felt, _ b: Felt) -> AccumulatorPoint {
        points.withPoints { table in
            var result = AccumulatorPoint.infinity
            PedersenTables.forEachPoint(a, b) { index, isNegated in
                result.add(table[index].negated(if: isNegated))
            }
            return result
        }
    }

    func withPoints<Result>(_ body: (UnsafeBufferPointer<CurvePoint>) -> Result) -> Result {
        points.withPoints(body)
    }

    /// Hands out the points whose sum is the hash: their indices in the table, and whether they
    /// are subtracted. They are 1 ... `pointsPerHash`.
    @inline(__always)
    static func forEachPoint(_ a: Felt, _ b: Felt, _ body: (Int, Bool) -> Void) {
        body(highStart &+ forEachWindow(a, base: 0, body), false)
        let high = forEachWindow(b, base: stride, body)
        if high != 0 { body(stride &+ highStart &+ high, false) }
    }

    /// Hands out the points of the low bits, and returns the high bits.
    @inline(__always)
    private static func forEachWindow(
        _ value: Felt, base: Int, _ body: (Int, Bool) -> Void
    ) -> Int {
        var (w3, w2, w1, w0) = value.bigEndianWords
        let (bits, mask) = (UInt64(windowBits), UInt64(1) << windowBits - 1)
        var carry: UInt64 = 0
        var base = base
        for _ in 0..<windows {
            let digit = w0 & mask &+ carry
            w0 = w0 &>> bits | w1 &<< (64 &- bits)
            w1 = w1 &>> bits | w2 &<< (64 &- bits)
            w2 = w2 &>> bits | w3 &<< (64 &- bits)
            w3 = w3 &>> bits
            let isNegated = digit > UInt64(entriesPerWindow)
            carry = isNegated ? 1 : 0
            let magnitude = isNegated ? mask &+ 1 &- digit : digit
            if magnitude != 0 {
                body(base &+ Int(truncatingIfNeeded: magnitude) &- 1, isNegated)
            }
            base &+= entriesPerWindow
        }
        let rest = w0 & 0xff &+ carry
        if rest != 0 { body(base &+ Int(truncatingIfNeeded: rest) &- 1, false) }
        return Int(truncatingIfNeeded: w0 &>> 8)
    }
}

/// The points of `pedersen_params`: the shift point, then the bases of the two operands' low and
/// high parts.
package enum PedersenConstants {
    package static let shiftPoint = constantPoint(
        (
            0x049e_e3eb_a8c1_6007, 0x00ee_1b87_eb59_9f16, 0x716b_0b10_2294_7733,
            0x551f_de40_50ca_6804
        ),
        (0x03ca_0cfe_4b3b_c6dd, 0xf346_d49d_06ea_0ed3, 0x4e62_1062_c0e0_56c1, 0xd040_5d26_6e10_268a)
    )
    package static let firstLowPoint = constantPoint(
        (
            0x0234_287d_cbaf_fe7f, 0x969c_7486_55fc_a9e5, 0x8fa8_120b_6d56_eb0c,
            0x1080_d179_57eb_e47b
        ),
        (0x03b0_56f1_00f9_6fb2, 0x1e88_9527_d41f_4e39, 0x9401_35dd_7a6c_94cc, 0x6ed0_268e_e89e_5615)
    )
    package static let firstHighPoint = constantPoint(
        (
            0x04fa_56f3_76c8_3db3, 0x3f9d_ab26_5655_8f33, 0x9909_9ec1_de5e_3018,
            0xb7a6_932d_ba8a_a378
        ),
        (0x03fa_0984_c931_c9e3, 0x8113_e0c0_e47e_4401, 0x5627_61f9_2a7a_23b4, 0x5168_f4e8_0ff5_b54d)
    )
    package static let secondLowPoint = constantPoint(
        (
            0x04ba_4cc1_66be_8dec, 0x7649_10f7_5b45_f74b, 0x40c6_90c7_4709_e90f,
            0x3aa3_72f0_bd2d_6997
        ),
        (0x0040_301c_f5c1_751f, 0x4b97_1e46_c4ed_e85f, 0xcac5_c59a_5ce5_ae7c, 0x4815_1f27_b24b_219c)
    )
    package static let secondHighPoint = constantPoint(
        (
            0x0543_02dc_b0e6_cc1c, 0x6e44_cca8_f61a_63bb, 0x2ca6_5048_d53f_b325,
            0xd36f_f12c_49a5_8202
        ),
        (0x01b7_7b3e_37d1_3504, 0xb348_0462_68d8_ae25, 0xce98_ad78_3c25_561a, 0x879d_cc77_e99c_2426)
    )

    private typealias Words = (UInt64, UInt64, UInt64, UInt64)

    private static func constantPoint(_ x: Words, _ y: Words) -> CurvePoint {
        let point = CurvePoint(
            x: Felt(reducingBigEndianWords: x), y: Felt(reducingBigEndianWords: y))
        guard let point else { preconditionFailure("a constant point is off the curve") }
        return point
    }
}
