/// Arithmetic on elements of the field as integers in 0 ..< p, little-endian words: what a Cairo
/// machine keeps in memory, where most values are small and a conversion to Montgomery form would
/// cost more than the work. All operands must lie in 0 ..< p; all results do.
public enum CanonicalFelt {
    /// The integer of an element.
    @inlinable @inline(__always)
    public static func words(of felt: Felt) -> LooseFelt { felt.canonical }

    /// The element of an integer below 2^256.
    @inlinable @inline(__always)
    public static func felt(_ words: LooseFelt) -> Felt { Felt(reducing: words) }

    @inlinable @inline(__always)
    public static func isReduced(_ a: LooseFelt) -> Bool {
        Felt.isBelowPrime((a.l3, a.l2, a.l1, a.l0))
    }

    @inlinable @inline(__always)
    public static func sum(_ a: LooseFelt, _ b: LooseFelt) -> LooseFelt {
        (a &+ b).subtractingPrimeIfNotBelow
    }

    @inlinable @inline(__always)
    public static func difference(_ a: LooseFelt, _ b: LooseFelt) -> LooseFelt {
        var borrow: UInt64 = 0
        let r0 = subtractWithBorrow(a.l0, b.l0, &borrow)
        let r1 = subtractWithBorrow(a.l1, b.l1, &borrow)
        let r2 = subtractWithBorrow(a.l2, b.l2, &borrow)
        let r3 = subtractWithBorrow(a.l3, b.l3, &borrow)
        return LooseFelt(r0, r1, r2, r3).addingPrime(if: borrow)
    }

    /// Two Montgomery products: the first takes one operand into Montgomery form, the second takes
    /// the result out of it again.
    @inlinable @inline(__always)
    public static func product(_ a: LooseFelt, _ b: LooseFelt) -> LooseFelt {
        LooseFelt.product(LooseFelt.product(a, Felt.montgomeryFactor), b)
    }

    /// -1, 0 or 1 by the order of the integers.
    @inlinable @inline(__always)
    public static func compare(_ a: LooseFelt, _ b: LooseFelt) -> Int {
        if a.l3 != b.l3 { return a.l3 < b.l3 ? -1 : 1 }
        if a.l2 != b.l2 { return a.l2 < b.l2 ? -1 : 1 }
        if a.l1 != b.l1 { return a.l1 < b.l1 ? -1 : 1 }
        if a.l0 != b.l0 { return a.l0 < b.l0 ? -1 : 1 }
        return 0
    }

    /// p itself, which is no element.
    @inlinable @inline(__always)
    public static var prime: LooseFelt { LooseFelt(1, 0, 0, topLimbOfPrime) }
}
