/// Powers of the generator of the group of order 2^192, for square roots.
///
/// With z = 3^t (t = 2^59 + 17; 3 is no square) and windows of six bits, `powers[64 * k + d]` is
/// z^-(d * 64^k) for k in 0 ..< 32. A logarithm e = sum of d_k * 64^k is found digit by digit:
/// when the lower digits are known, (residue * z^-(lower digits))^(64^(31 - k)) is a power of the
/// root of unity of order 64, whose exponent is d_k. The powers 64^j of the residue are computed
/// once, and each digit's correction is a product of table entries.
struct RootTables: Sendable {
    static let windowBits = 6
    static let windows = 32

    static let shared = RootTables()

    private let powers: [Felt]
    private let digitOfLimb: [UInt8]
    private let modulus: UInt64

    private init() {
        let generator = Felt(3).power((1 << 59) + 17)
        guard let inverse = generator.inverse() else {
            preconditionFailure("a power of 3 is zero")
        }
        var table = [Felt]()
        table.reserveCapacity(RootTables.windows * 64)
        var base = inverse
        for _ in 0..<RootTables.windows {
            var entry = Felt.one
            for _ in 0..<64 {
                table.append(entry)
                entry *= base
            }
            base = entry
        }
        powers = table
        // z^(d * 64^31), d in 0 ..< 64, told apart by the lowest Montgomery limb mod the smallest
        // modulus under which the 64 limbs differ.
        let unit = generator.squaredRepeatedly(6 * 31)
        var limbs = [UInt64]()
        var entry = Felt.one
        for _ in 0..<64 {
            limbs.append(entry.l0)
            entry *= unit
        }
        var candidate: UInt64 = 64
        while Set(limbs.map { $0 % candidate }).count < 64 { candidate += 1 }
        modulus = candidate
        var digits = [UInt8](repeating: 0, count: Int(candidate))
        for (digit, limb) in limbs.enumerated() {
            digits[Int(limb % candidate)] = UInt8(digit)
        }
        digitOfLimb = digits
    }

    /// For residue = z^e with e even: z^-(e/2), so that its square times the residue is one. Nil
    /// for odd e.
    func halfLogarithmPower(of residue: Felt) -> Felt? {
        let windows = RootTables.windows
        return withUnsafeTemporaryAllocation(of: Felt.self, capacity: windows) { ladder in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: windows) { digits in
                // ladder[j] = residue^(64^j)
                var value = residue
                for index in 0..<windows {
                    ladder.initializeElement(at: index, to: value)
                    value = value.squaredRepeatedly(RootTables.windowBits)
                }
                for level in 0..<windows {
                    // residue^(64^(31 - level)) without its known lower digits.
                    var remaining = ladder[windows - 1 - level]
                    for known in 0..<level {
                        // z^-(digit * 64^known) raised to 64^(31 - level).
                        remaining *= powers[64 * (windows - 1 - level + known) + digits[known]]
                    }
                    let digit = Int(digitOfLimb[Int(remaining.l0 % modulus)])
                    if level == 0, digit & 1 == 1 { return nil }
                    digits.initializeElement(at: level, to: digit)
                }
                var root = Felt.one
                for level in 0..<windows {
                    // Half of e, digit by digit: the low bit of each digit moves to the one below.
                    let carried = level + 1 < windows ? (digits[level + 1] & 1) << 5 : 0
                    root *= powers[64 * level + (digits[level] >> 1 | carried)]
                }
                return root
            }
        }
    }
}
