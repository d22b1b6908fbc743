/// Cairo's `u256`: two halves of 128 bits, each in a field element of its own.
package struct U256: Hashable, Comparable, Sendable {
    package var low: UInt128
    package var high: UInt128

    package init(low: UInt128, high: UInt128 = 0) {
        self.low = low
        self.high = high
    }

    package static let zero = U256(low: 0)
    package static let max = U256(low: .max, high: .max)

    package static func < (left: U256, right: U256) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    /// Nil past 2^256 - 1.
    package func adding(_ other: U256) -> U256? {
        let (low, carry) = low.addingReportingOverflow(other.low)
        let (partial, overflow) = high.addingReportingOverflow(other.high)
        let (high, overflowOfCarry) = partial.addingReportingOverflow(carry ? 1 : 0)
        return overflow || overflowOfCarry ? nil : U256(low: low, high: high)
    }

    /// Nil below 0.
    package func subtracting(_ other: U256) -> U256? {
        if self < other { return nil }
        let (low, borrow) = low.subtractingReportingOverflow(other.low)
        return U256(low: low, high: high &- other.high &- (borrow ? 1 : 0))
    }
}
