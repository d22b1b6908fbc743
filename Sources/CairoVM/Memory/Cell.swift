package import StarkField

/// What one cell of memory holds: nothing yet, an element of the field, or an address.
///
/// A field element is kept as its integer in 0 ..< p, little-endian words, because most values are
/// small; p is below 2^252, so the top bits of the last word tell the three kinds apart. All bits
/// zero is an empty cell, and equal cells have equal bits.
@frozen
package struct Cell: Hashable, Sendable {
    @usableFromInline var l0: UInt64
    @usableFromInline var l1: UInt64
    @usableFromInline var l2: UInt64
    @usableFromInline var l3: UInt64

    /// In `l3`: the cell has a value.
    @usableFromInline static let presentBit: UInt64 = 1 << 63
    /// In `l3`: the value is an address, its offset in `l0` and its segment in `l1`.
    @usableFromInline static let addressBit: UInt64 = 1 << 62
    static let kindBits = presentBit | addressBit

    @inline(__always)
    init(raw l0: UInt64, _ l1: UInt64, _ l2: UInt64, _ l3: UInt64) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
    }

    package static let empty = Cell(raw: 0, 0, 0, 0)
    package static let zero = Cell(raw: 0, 0, 0, presentBit)

    /// The words of an integer in 0 ..< p.
    @inline(__always)
    package init(words: LooseFelt) {
        self.init(raw: words.l0, words.l1, words.l2, words.l3 | Cell.presentBit)
    }

    @inline(__always)
    package init(_ value: UInt64) { self.init(raw: value, 0, 0, Cell.presentBit) }

    @inline(__always)
    package init(_ value: UInt128) {
        self.init(
            raw: UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value &>> 64), 0,
            Cell.presentBit)
    }

    /// A negative number stands for p plus it.
    package init(_ value: Int) {
        self =
            value >= 0
            ? Cell(UInt64(value))
            : Cell(
                words: CanonicalFelt.difference(
                    LooseFelt(0, 0, 0, 0), LooseFelt(value.magnitude.asUInt64, 0, 0, 0)))
    }

    package init(_ value: Felt) { self.init(words: CanonicalFelt.words(of: value)) }

    @inline(__always)
    package init(_ address: Relocatable) {
        self.init(
            raw: UInt64(bitPattern: Int64(address.offset)),
            UInt64(bitPattern: Int64(address.segment)), 0, Cell.kindBits)
    }

    @inline(__always)
    package var isPresent: Bool { l3 & Cell.presentBit != 0 }
    @inline(__always)
    package var isFelt: Bool { l3 & Cell.kindBits == Cell.presentBit }
    @inline(__always)
    package var isAddress: Bool { l3 & Cell.addressBit != 0 }
    /// Whether this is the field element 0.
    @inline(__always)
    package var isZero: Bool { l0 | l1 | l2 | (l3 ^ Cell.presentBit) == 0 }

    /// The integer of a field element; of another cell it means nothing.
    @inline(__always)
    var words: LooseFelt { LooseFelt(l0, l1, l2, l3 & ~Cell.kindBits) }

    /// The address; of another cell it means nothing.
    @inline(__always)
    var uncheckedAddress: Relocatable {
        Relocatable(
            segment: Int(truncatingIfNeeded: l1), offset: Int(truncatingIfNeeded: l0))
    }

    package var address: Relocatable? { isAddress ? uncheckedAddress : nil }
    package var integer: LooseFelt? { isFelt ? words : nil }
    package var felt: Felt? { isFelt ? CanonicalFelt.felt(words) : nil }
    @inline(__always)
    package var asUInt64: UInt64? {
        l1 | l2 | (l3 ^ Cell.presentBit) == 0 ? l0 : nil
    }
    @inline(__always)
    package var asUInt128: UInt128? {
        l2 | (l3 ^ Cell.presentBit) == 0 ? UInt128(l1) << 64 | UInt128(l0) : nil
    }
    /// The number where it fits, counting from -p/2.
    package var asInt: Int? {
        if let small = asUInt64 { return Int(exactly: small) }
        guard isFelt else { return nil }
        let negated = CanonicalFelt.difference(LooseFelt(0, 0, 0, 0), words)
        guard negated.l1 | negated.l2 | negated.l3 == 0, let small = Int(exactly: negated.l0)
        else { return nil }
        return -small
    }
}

extension UInt {
    var asUInt64: UInt64 { UInt64(self) }
}

extension Cell: CustomStringConvertible {
    package var description: String {
        if let address { return address.description }
        if let felt { return felt.description }
        return "unknown"
    }
}

/// A place in memory: a segment, and an offset in it that is not negative.
///
/// Segments below zero are temporary (cairo-lang, `MemorySegmentManager.add_temp_segment`): the
/// first of them is -1.
package struct Relocatable: Hashable, Sendable {
    package var segment: Int
    package var offset: Int

    /// Offsets lie below; so that a small number can be added to any without a look.
    static let offsetLimit = 1 << 62

    @inline(__always)
    package init(segment: Int, offset: Int) {
        self.segment = segment
        self.offset = offset
    }

    /// Only for distances that are known to be small: addresses of code, of arguments.
    @inline(__always)
    package static func + (address: Relocatable, distance: Int) -> Relocatable {
        Relocatable(segment: address.segment, offset: address.offset + distance)
    }

    /// Nil where the offset would be negative or too large.
    @inline(__always)
    package func advanced(by distance: Int) -> Relocatable? {
        let (sum, overflow) = offset.addingReportingOverflow(distance)
        guard !overflow, sum >= 0, sum < Relocatable.offsetLimit else { return nil }
        return Relocatable(segment: segment, offset: sum)
    }

    /// The address behind this by a field element, which counts from -p/2; nil where that has no
    /// offset below the limit.
    @inline(__always)
    package func advanced(by distance: Cell) -> Relocatable? {
        if let small = distance.asUInt64, small < 1 << 62 { return advanced(by: Int(small)) }
        guard let distance = distance.asInt else { return nil }
        return advanced(by: distance)
    }
}

extension Relocatable: CustomStringConvertible {
    package var description: String { "\(segment):\(offset)" }
}
