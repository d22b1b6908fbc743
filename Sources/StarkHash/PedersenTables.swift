package import StarkCurve
import StarkField

/// Multiples of Pedersen's constant points for signed windows of eight bits, made at first use.
///
/// Per operand: 31 windows of 128 points for the low 248 bits, then one table for the carry out of
/// the highest window together with the four high bits: entry carry + 2 * high - 1 is
/// carry * 2^248 * P_low + high * P_high. 2 * (3968 + 31) points of 64 bytes are 512 KB.
struct PedersenTables: Sendable {
    static let shared = PedersenTables()

    static let windowBits = 8
    static let windows = 31
    static let entriesPerWindow = 128
    /// Points of one operand.
    static let stride = windows * entriesPerWindow + 31

    private let points: PointTable
    private let shift: CurvePoint

    private init() {
        shift = PedersenConstants.shiftPoint
        points = PointTable(
            PedersenTables.operandPoints(
                low: PedersenConstants.firstLowPoint, high: PedersenConstants.firstHighPoint)
                + PedersenTables.operandPoints(
                    low: PedersenConstants.secondLowPoint,
                    high: PedersenConstants.secondHighPoint))
    }

    private static func operandPoints(low: CurvePoint, high: CurvePoint) -> [CurvePoint] {
        var carry = AccumulatorPoint(low)
        for _ in 0..<(windowBits * windows) { carry.double() }
        var top = [AccumulatorPoint]()
        for index in 1...31 {
            var entry = index & 1 == 1 ? carry : .infinity
            for _ in 0..<(index >> 1) { entry.add(high) }
            top.append(entry)
        }
        return PointTable.signedWindows(of: low, bits: windowBits, windows: windows)
            + AccumulatorPoint.normalize(top)
    }

    /// The point whose x is the hash.
    func sum(_ a: Felt, _ b: Felt) -> AccumulatorPoint {
        points.withPoints { table in
            var result = AccumulatorPoint(shift)
            @inline(__always)
            func add(_ step: Int, _ digit: Int16) {
                if digit != 0 {
                    result.add(table[abs(Int(digit)) &- 1], negated: digit < 0)
                }
            }
            PedersenTables.digits(of: a, isSecond: false, add)
            PedersenTables.digits(of: b, isSecond: true, add)
            return result
        }
    }

    /// Table points of one hash, at most: one per window and the top, of either operand.
    static let pointsPerHash = 2 * (windows + 1)

    func withPoints<Result>(_ body: (UnsafeBufferPointer<CurvePoint>) -> Result) -> Result {
        points.withPoints(body)
    }

    /// Hands out the points whose sum is an operand's share of the hash: the step, 0 ..< 32 for
    /// the first operand and 32 ..< 64 for the second, and the point's index in the table plus
    /// one, negated where the point is subtracted; 0 for none.
    @inline(__always)
    static func digits(of value: Felt, isSecond: Bool, _ body: (Int, Int16) -> Void) {
        var (w3, w2, w1, w0) = value.bigEndianWords
        var carry: UInt64 = 0
        var base = isSecond ? stride : 0
        let firstStep = isSecond ? windows + 1 : 0
        for window in 0..<windows {
            let digit = w0 & 0xff &+ carry
            w0 = w0 >> 8 | w1 << 56
            w1 = w1 >> 8 | w2 << 56
            w2 = w2 >> 8 | w3 << 56
            w3 >>= 8
            carry = digit > 128 ? 1 : 0
            let magnitude = digit > 128 ? 256 &- digit : digit
            let index = Int16(truncatingIfNeeded: base &+ Int(magnitude))
            body(
                firstStep &+ window,
                magnitude == 0 ? 0 : digit > 128 ? 0 &- index : index)
            base &+= entriesPerWindow
        }
        // Four bits are left: a field element has 252.
        let top = Int(carry | w0 << 1)
        body(firstStep &+ windows, top == 0 ? 0 : Int16(truncatingIfNeeded: base &+ top))
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
