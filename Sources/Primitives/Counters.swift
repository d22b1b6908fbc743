/// The distinct number types of the protocol. Each wraps one integer so that a slot can never be
/// taken for a height, nor an index for a count. Sources: PROTOCOL sections 1 and 2.

/// A number with one stored integer, ordered and hashed by it.
package protocol Counter: RawRepresentable, Hashable, Comparable, Sendable,
    CustomStringConvertible, ExpressibleByIntegerLiteral
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
    init(_ value: RawValue)
}

extension Counter {
    package init?(rawValue: RawValue) { self.init(rawValue) }
    package init(integerLiteral value: RawValue) { self.init(value) }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    package var description: String { "\(rawValue)" }
    /// The next number. Traps past the maximum, which no honest run reaches.
    package var next: Self { Self(rawValue + 1) }
    /// `self + distance`, or nil past the maximum: safe for numbers that a peer sent.
    package func advanced(by distance: RawValue) -> Self? {
        let (sum, overflow) = rawValue.addingReportingOverflow(distance)
        return overflow ? nil : Self(sum)
    }
}

/// An epoch: the life of one validator set. Starts at 0.
package struct Epoch: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
}

/// A consensus slot. Counts from 0 in each epoch.
package struct Slot: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
    /// The window that holds this slot, for windows of `length` slots (`length` > 0).
    package func window(length: UInt64) -> Window { Window(rawValue / length) }
    /// Position inside its window, in `0 ..< length`.
    package func offset(length: UInt64) -> UInt64 { rawValue % length }
}

/// A leader window: `length` consecutive slots of one leader.
package struct Window: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
    /// The first slot of the window. Traps on overflow: check numbers from peers first.
    package func firstSlot(length: UInt64) -> Slot { Slot(rawValue * length) }
    /// The slots of the window. Traps on overflow: check numbers from peers first.
    package func slots(length: UInt64) -> Range<UInt64> {
        let first = rawValue * length
        return first..<(first + length)
    }
}

/// A block height over the chain's life; genesis is height 0.
package struct Height: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
}

/// A validator's place in its epoch's set, `0 ..< set size`.
package struct ValidatorIndex: Counter {
    package let rawValue: UInt16
    package init(_ value: UInt16) { rawValue = value }
}

/// Voting power of one validator or a group, in the units of the set (PROTOCOL section 5).
package struct Power: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
}

/// An instant of a node's monotonic clock in nanoseconds, from an arbitrary start. Pure code gets
/// it as an argument and never reads a clock.
package struct Tick: Counter {
    package let rawValue: UInt64
    package init(_ value: UInt64) { rawValue = value }
    /// `self + nanoseconds`, held at the maximum instead of overflowing.
    package func after(nanoseconds: UInt64) -> Tick {
        let (sum, overflow) = rawValue.addingReportingOverflow(nanoseconds)
        return overflow ? Tick(.max) : Tick(sum)
    }
    package func after(milliseconds: UInt64) -> Tick {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? Tick(.max) : after(nanoseconds: product)
    }
    /// Nanoseconds from `earlier` to `self`; 0 when `earlier` is later.
    package func nanoseconds(since earlier: Tick) -> UInt64 {
        rawValue >= earlier.rawValue ? rawValue - earlier.rawValue : 0
    }
}
