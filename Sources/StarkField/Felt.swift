/// An element of Starknet's field, p = 2^251 + 17*2^192 + 1, in Montgomery form with R = 2^256.
///
/// The four limbs are always those of the one representative in 0 ..< p, so equality and hashing
/// work on them directly. Arithmetic is total and allocates nothing. Nothing here is promised to
/// run in constant time, although addition, subtraction and multiplication have no branch that
/// depends on the values.
@frozen
public struct Felt: Hashable, Sendable {
    @usableFromInline let l0: UInt64
    @usableFromInline let l1: UInt64
    @usableFromInline let l2: UInt64
    @usableFromInline let l3: UInt64

    /// Trusts that the limbs are below p.
    @inlinable @inline(__always)
    init(montgomery limbs: LooseFelt) {
        l0 = limbs.l0
        l1 = limbs.l1
        l2 = limbs.l2
        l3 = limbs.l3
    }

    @inlinable @inline(__always)
    public static var zero: Felt { Felt(montgomery: LooseFelt(0, 0, 0, 0)) }

    /// 2^256 mod p in Montgomery limbs.
    @inlinable @inline(__always)
    public static var one: Felt {
        Felt(montgomery: LooseFelt(0xffff_ffff_ffff_ffe1, .max, .max, 0x07ff_ffff_ffff_fdf0))
    }

    /// 2^512 mod p: what an integer is multiplied with to enter Montgomery form.
    @inlinable @inline(__always)
    static var montgomeryFactor: LooseFelt {
        LooseFelt(
            0xffff_fd73_7e00_0401, 0x0000_0001_330f_ffff, 0xffff_ffff_ff6f_8000,
            0x07ff_d4ab_5e00_8810)
    }

    @inlinable @inline(__always)
    public var isZero: Bool { l0 | l1 | l2 | l3 == 0 }

    @inlinable @inline(__always)
    public static func == (a: Felt, b: Felt) -> Bool {
        (a.l0 ^ b.l0) | (a.l1 ^ b.l1) | (a.l2 ^ b.l2) | (a.l3 ^ b.l3) == 0
    }

    /// Hashes the Montgomery limbs: the representation is unique.
    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(l0)
        hasher.combine(l1)
        hasher.combine(l2)
        hasher.combine(l3)
    }
}

// MARK: - Integers

extension Felt: ExpressibleByIntegerLiteral {
    /// The element of any 256-bit integer, given by little-endian words, mod p.
    @inlinable @inline(__always)
    init(reducing words: LooseFelt) {
        // words < 2^256, so the product is below 2^256 * p as the reduction wants.
        self.init(montgomery: LooseFelt.product(words, Felt.montgomeryFactor))
    }

    @inlinable
    public init(_ value: UInt64) {
        self.init(reducing: LooseFelt(value, 0, 0, 0))
    }

    @inlinable
    public init(_ value: UInt128) {
        self.init(
            reducing: LooseFelt(
                UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value >> 64), 0, 0))
    }

    @inlinable
    public init(integerLiteral value: UInt64) {
        self.init(value)
    }

    /// The integer mod p, most significant word first.
    @inlinable
    public init(reducingBigEndianWords words: (UInt64, UInt64, UInt64, UInt64)) {
        self.init(reducing: LooseFelt(words.3, words.2, words.1, words.0))
    }

    /// Nil where the integer is p or more. Most significant word first.
    @inlinable
    public init?(bigEndianWords words: (UInt64, UInt64, UInt64, UInt64)) {
        guard Felt.isBelowPrime(words) else { return nil }
        self.init(reducingBigEndianWords: words)
    }

    @inlinable
    static func isBelowPrime(_ words: (UInt64, UInt64, UInt64, UInt64)) -> Bool {
        if words.0 != topLimbOfPrime { return words.0 < topLimbOfPrime }
        return words.1 | words.2 | words.3 == 0
    }

    /// The integer in 0 ..< p, as little-endian words.
    @inlinable @inline(__always)
    var canonical: LooseFelt {
        // A product with 1: T = limbs, so the reduction is zero or negative.
        WideProduct(l0, l1, l2, l3, 0, 0, 0, 0).reducedNonNegative
    }

    /// The integer in 0 ..< p, most significant word first.
    @inlinable
    public var bigEndianWords: (UInt64, UInt64, UInt64, UInt64) {
        let words = canonical
        return (words.l3, words.l2, words.l1, words.l0)
    }

    /// The integer where it is below 2^64.
    @inlinable
    public var asUInt64: UInt64? {
        let words = canonical
        return words.l1 | words.l2 | words.l3 == 0 ? words.l0 : nil
    }

    /// The integer where it is below 2^128.
    @inlinable
    public var asUInt128: UInt128? {
        let words = canonical
        guard words.l2 | words.l3 == 0 else { return nil }
        return UInt128(words.l1) << 64 | UInt128(words.l0)
    }
}

/// The order of the integers in 0 ..< p. Costs two conversions out of Montgomery form.
extension Felt: Comparable {
    @inlinable
    public static func < (a: Felt, b: Felt) -> Bool {
        let x = a.canonical
        let y = b.canonical
        if x.l3 != y.l3 { return x.l3 < y.l3 }
        if x.l2 != y.l2 { return x.l2 < y.l2 }
        if x.l1 != y.l1 { return x.l1 < y.l1 }
        return x.l0 < y.l0
    }
}

// MARK: - Arithmetic

extension Felt {
    @inlinable @inline(__always)
    public static func + (a: Felt, b: Felt) -> Felt {
        // The sum is below 2p < 2^256.
        (LooseFelt(a) &+ LooseFelt(b)).subtractingPrimeIfNotBelow.assumedReduced
    }

    @inlinable @inline(__always)
    public static func - (a: Felt, b: Felt) -> Felt {
        var borrow: UInt64 = 0
        let r0 = subtractWithBorrow(a.l0, b.l0, &borrow)
        let r1 = subtractWithBorrow(a.l1, b.l1, &borrow)
        let r2 = subtractWithBorrow(a.l2, b.l2, &borrow)
        let r3 = subtractWithBorrow(a.l3, b.l3, &borrow)
        return LooseFelt(r0, r1, r2, r3).addingPrime(if: borrow).assumedReduced
    }

    @inlinable @inline(__always)
    public static func * (a: Felt, b: Felt) -> Felt {
        LooseFelt.product(LooseFelt(a), LooseFelt(b)).assumedReduced
    }

    @inlinable @inline(__always)
    public static prefix func - (a: Felt) -> Felt { .zero - a }

    @inlinable @inline(__always)
    public static func += (a: inout Felt, b: Felt) { a = a + b }

    @inlinable @inline(__always)
    public static func -= (a: inout Felt, b: Felt) { a = a - b }

    @inlinable @inline(__always)
    public static func *= (a: inout Felt, b: Felt) { a = a * b }

    @inlinable @inline(__always)
    public func squared() -> Felt { LooseFelt(self).squared.assumedReduced }

    @inlinable @inline(__always)
    public func doubled() -> Felt {
        LooseFelt(self).doubled.subtractingPrimeIfNotBelow.assumedReduced
    }
}
