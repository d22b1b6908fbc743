/// Between field elements and lanes.
extension LaneFelt {
    /// 2^304 mod p: from Montgomery form with 2^256 to 2^280.
    @inlinable @inline(__always)
    static var enteringFactor: LaneFelt {
        LaneFelt(
            repeating: 0x0000001, 0xe000000, 0xfffffff, 0xfffffff, 0xfffffff,
            0xfffffff, 0x0ffffff, 0x0000001, 0x5e00000)
    }

    /// 2^256 mod p: back.
    @inlinable @inline(__always)
    static var leavingFactor: LaneFelt {
        LaneFelt(
            repeating: 0xfffffe1, 0xfffffff, 0xfffffff, 0xfffffff, 0xfffffff,
            0xfffffff, 0x0ffffff, 0xfffffdf, 0x7ffffff)
    }

    @inlinable @inline(__always)
    init(
        repeating l0: Int64, _ l1: Int64, _ l2: Int64, _ l3: Int64, _ l4: Int64, _ l5: Int64,
        _ l6: Int64, _ l7: Int64, _ l8: Int64
    ) {
        self.init(
            Lanes(repeating: l0), Lanes(repeating: l1), Lanes(repeating: l2),
            Lanes(repeating: l3), Lanes(repeating: l4), Lanes(repeating: l5),
            Lanes(repeating: l6), Lanes(repeating: l7), Lanes(repeating: l8))
    }

    /// Eight elements, one from each call; value 1, weight one.
    @inlinable @inline(__always)
    package init(entering element: (Int) -> Felt) {
        self = .product(LaneFelt(montgomeryLimbs: { LooseFelt(element($0)) }), .enteringFactor)
    }

    /// Any integers below 2^256 as they are; weight one.
    @inlinable @inline(__always)
    package init(montgomeryLimbs element: (Int) -> LooseFelt) {
        var (w0, w1, w2, w3) = (Lanes(), Lanes(), Lanes(), Lanes())
        for lane in 0..<LaneFelt.count {
            let limbs = element(lane)
            w0[lane] = Int64(bitPattern: limbs.l0)
            w1[lane] = Int64(bitPattern: limbs.l1)
            w2[lane] = Int64(bitPattern: limbs.l2)
            w3[lane] = Int64(bitPattern: limbs.l3)
        }
        self.init(words: w0, w1, w2, w3)
    }

    /// Hands the elements to `body`, for weights up to 8 and values up to 16p.
    @inlinable @inline(__always)
    package func leave(_ body: (Int, Felt) -> Void) {
        let limbs = LaneFelt.product(self, .leavingFactor)
        for lane in 0..<LaneFelt.count { body(lane, limbs.words(lane: lane).reduced) }
    }

    /// 4p, with 2^29 in each limb from two units of the one above: at least 2 * (2^28 - 1) in each,
    /// and weight 2.3. What two products, or a reduced value, are subtracted from.
    @inlinable @inline(__always)
    package static var fourPrimes: LaneFelt {
        LaneFelt(
            repeating: 0x2000_0004, 0x1fff_fffe, 0x1fff_fffe, 0x1fff_fffe, 0x1fff_fffe,
            0x1fff_fffe, 0x23ff_fffe, 0x2000_0002, 0x1fff_fffe)
    }

    /// 8p likewise: at least 2 * (2^28 - 1) in each limb, 2^30 - 2 in the highest, weight 2.6. What
    /// two reduced values are subtracted from.
    @inlinable @inline(__always)
    package static var eightPrimes: LaneFelt {
        LaneFelt(
            repeating: 0x2000_0008, 0x1fff_fffe, 0x1fff_fffe, 0x1fff_fffe, 0x1fff_fffe,
            0x1fff_fffe, 0x27ff_fffe, 0x2000_0006, 0x3fff_fffe)
    }

    /// The integer 1.
    @inlinable @inline(__always)
    package static var unit: LaneFelt { LaneFelt(repeating: 1, 0, 0, 0, 0, 0, 0, 0, 0) }

    /// The other element in the lanes that are marked with -1 where others have 0.
    @inlinable @inline(__always)
    package func replaced(by other: LaneFelt, where marked: Lanes) -> LaneFelt {
        @inline(__always)
        func choose(_ a: Lanes, _ b: Lanes) -> Lanes { a ^ (a ^ b) & marked }
        return LaneFelt(
            choose(l0, other.l0), choose(l1, other.l1), choose(l2, other.l2),
            choose(l3, other.l3), choose(l4, other.l4), choose(l5, other.l5),
            choose(l6, other.l6), choose(l7, other.l7), choose(l8, other.l8))
    }

    /// The value divided by 2^12 mod p, weakly reduced, for a value up to p in limbs of weight one:
    /// with q, the twelve lowest bits, (value - q * p) / 2^12 lies above -p. What a limb has below
    /// 2^12 goes to the one below it, and limbs are negative until 4p is added.
    @inlinable @inline(__always)
    package var dividedBy4096: LaneFelt {
        let low = Lanes(repeating: 0xfff)
        let q = l0 & low
        let (m6, m7, m8) = (l6 &- q &<< 24, l7 &- q, l8 &- q &<< 27)
        let shifted = LaneFelt(
            l0 &>> 12 &+ (l1 & low) &<< 16, l1 &>> 12 &+ (l2 & low) &<< 16,
            l2 &>> 12 &+ (l3 & low) &<< 16, l3 &>> 12 &+ (l4 & low) &<< 16,
            l4 &>> 12 &+ (l5 & low) &<< 16, l5 &>> 12 &+ (m6 & low) &<< 16,
            m6 &>> 12 &+ (m7 & low) &<< 16, m7 &>> 12 &+ (m8 & low) &<< 16, m8 &>> 12)
        return (shifted &+ .fourPrimes).weaklyReduced
    }

    /// Zeros in the lanes that are marked with -1 where others have 0.
    @inlinable @inline(__always)
    package mutating func clear(_ marked: Lanes) {
        let kept = ~marked
        self = LaneFelt(
            l0 & kept, l1 & kept, l2 & kept, l3 & kept, l4 & kept, l5 & kept, l6 & kept,
            l7 & kept, l8 & kept)
    }

    /// Products and squares in lanes of given limbs, for tests: both operands are integers that are
    /// multiplied by `weight`, 1 ... 3, without a carry, and then at most 16p.
    package static func products(
        _ a: [LooseFelt], _ b: [LooseFelt], weight: Int
    ) -> (products: [Felt], squares: [Felt]) {
        precondition(a.count == b.count && (1...3).contains(weight), "weight \(weight)")
        var (products, squares): ([Felt], [Felt]) = ([], [])
        for start in stride(from: 0, to: a.count, by: count) {
            func load(_ values: [LooseFelt]) -> LaneFelt {
                let value = LaneFelt(montgomeryLimbs: { values[min(start + $0, a.count - 1)] })
                var sum = value
                for _ in 1..<weight { sum = sum &+ value }
                return sum
            }
            let (x, y) = (load(a), load(b))
            // The operands are in the form with 2^256, so that the product has lost 2^24 twice.
            func append(_ product: LaneFelt, _ list: inout [Felt]) {
                let entered = LaneFelt.product(.product(product, .enteringFactor), .enteringFactor)
                entered.leave { lane, value in
                    if start + lane < a.count { list.append(value) }
                }
            }
            append(.product(x, y), &products)
            append(x.squared, &squares)
        }
        return (products, squares)
    }
}
