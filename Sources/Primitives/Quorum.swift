/// Quorum arithmetic (PROTOCOL section 1): with total power W, a quorum is power w with 3w > 2W,
/// and Byzantine power F is tolerated while 3F < W. All in 128-bit integers, so that no set of
/// 64-bit powers can overflow.
package struct PowerSum: Hashable, Comparable, Sendable, CustomStringConvertible {
    package private(set) var value: UInt128

    package init(_ value: UInt128 = 0) { self.value = value }

    /// Adds one validator's power. At most 2^16 validators of power below 2^64 are ever summed,
    /// so the sum stays below 2^80.
    package mutating func add(_ power: Power) { value += UInt128(power.rawValue) }

    package static func + (left: PowerSum, right: PowerSum) -> PowerSum {
        PowerSum(left.value + right.value)
    }
    package static func < (left: PowerSum, right: PowerSum) -> Bool { left.value < right.value }
    package var description: String { "\(value)" }

    /// 3w > 2W. Exactly two thirds is not a quorum.
    package func isQuorum(of total: PowerSum) -> Bool { 3 * value > 2 * total.value }
    /// 3w >= W: enough to be blamed for a breach, or to hold honest power for certain.
    package func isAtLeastThird(of total: PowerSum) -> Bool { 3 * value >= total.value }
    /// 3w > W: more than a third holds at least one honest validator.
    package func exceedsThird(of total: PowerSum) -> Bool { 3 * value > total.value }
    /// The smallest power that is a quorum of this total.
    package var smallestQuorum: PowerSum { PowerSum(2 * value / 3 + 1) }
    /// The largest power F with 3F < W: what may be Byzantine, or simply away.
    package var tolerated: PowerSum { PowerSum(value == 0 ? 0 : (value - 1) / 3) }
}
