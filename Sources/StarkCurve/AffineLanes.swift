public import StarkField

/// `AffineSums` with one list in each lane: groups of eight lists, whose points with the same index
/// are added at once. All groups share the inversions.
///
/// *Scales.* A product in lanes divides by 2^280, and points come from tables in the form with
/// 2^256. Instead of converting them, x is kept as x * 2^256 and y as y * 2^244; slopes come as
/// slope * 2^268 when inverses are times 2^560: (2^268)^2 / 2^280 = 2^256, and
/// 2^268 * 2^256 / 2^280 = 2^244. The tables' y is divided by 2^12 for that. An inverse keeps its
/// factor while it goes back through the prefixes, as each product of theirs has divided once.
///
/// *Bounds*, as in `LaneFelt`: x and y are weakly reduced; differences have 4p added, which makes
/// a value of 6.1 and a weight of 3.3, and are multiplied by products only. x3 = slope^2 - x1 - x2
/// + 8p has value 9.1 and weight 3.6, y3 = slope * (x1 - x3) - y1 + 4p value 5.1 and weight 3.3.
@usableFromInline
package struct AffineLanes: ~Copyable {
    @inlinable package static var lanes: Int { 8 }

    @usableFromInline let groups: Int
    @usableFromInline let slots: Int
    /// Points of one group as they come: of each slot x and y as four words, each of all lanes.
    @usableFromInline let words: UnsafeMutablePointer<UInt64>
    /// Points of a list.
    @usableFromInline let counts: UnsafeMutablePointer<Int>
    /// The most points of a list of a group.
    private let lengths: UnsafeMutablePointer<Int>
    private let xs: UnsafeMutablePointer<LaneFelt>
    private let ys: UnsafeMutablePointer<LaneFelt>
    private let differences: UnsafeMutablePointer<LaneFelt>
    private let prefixes: UnsafeMutablePointer<LaneFelt>

    /// Memory for groups of eight lists with up to `slots` points each: some 90 KB a group for 52.
    package init(groups: Int, slots: Int) {
        precondition(groups > 0 && slots > 0, "\(groups) groups of \(slots) slots")
        precondition(AffineLanes.lanes == LaneFelt.count, "\(LaneFelt.count) lanes")
        self.groups = groups
        self.slots = slots
        let count = slots * 8 * AffineLanes.lanes
        words = UnsafeMutableRawPointer.allocate(byteCount: 8 * count, alignment: 64)
            .bindMemory(to: UInt64.self, capacity: count)
        words.initialize(repeating: 0, count: count)
        counts = .allocate(capacity: groups * AffineLanes.lanes)
        lengths = .allocate(capacity: groups)
        xs = .allocate(capacity: groups * slots)
        ys = .allocate(capacity: groups * slots)
        differences = .allocate(capacity: groups * (slots / 2 + 1))
        prefixes = .allocate(capacity: groups * (slots / 2 + 1))
    }

    deinit {
        UnsafeMutableRawPointer(words).deallocate()
        counts.deallocate()
        lengths.deallocate()
        xs.deallocate()
        ys.deallocate()
        differences.deallocate()
        prefixes.deallocate()
    }

    /// Takes the points of a group's lists: `fill` is called for each lane with a function that
    /// takes the list's next point; a list without one is none.
    @inlinable @inline(__always)
    package func set(_ group: Int, _ fill: (_ lane: Int, _ put: (CurvePoint) -> Void) -> Void) {
        precondition(group >= 0 && group < groups, "group \(group) of \(groups)")
        for lane in 0..<AffineLanes.lanes {
            var next = words + lane
            var count = 0
            fill(lane) { point in
                precondition(count < slots, "more than \(slots) points")
                let (x, y) = (LooseFelt(point.x), LooseFelt(point.y))
                next[0] = x.l0
                next[8] = x.l1
                next[16] = x.l2
                next[24] = x.l3
                next[32] = y.l0
                next[40] = y.l1
                next[48] = y.l2
                next[56] = y.l3
                next += 64
                count &+= 1
            }
            counts[group &* AffineLanes.lanes &+ lane] = count
        }
        load(group)
    }

    /// Splits the words of a group's points into limbs.
    @usableFromInline
    func load(_ group: Int) {
        var length = 0
        for lane in 0..<AffineLanes.lanes {
            length = max(length, counts[group * AffineLanes.lanes + lane])
        }
        precondition(length > 0, "a group without points")
        lengths[group] = length
        let (x, y) = (xs + group * slots, ys + group * slots)
        let vectors = UnsafeRawPointer(words)
        for slot in 0..<length {
            let row = (vectors + slot * 512).assumingMemoryBound(to: LaneFelt.Lanes.self)
            (x + slot).initialize(to: LaneFelt(words: row[0], row[1], row[2], row[3]))
            (y + slot).initialize(
                to: LaneFelt(words: row[4], row[5], row[6], row[7]).dividedBy4096)
        }
    }

    /// The x coordinates of the sums of the lists in the first groups, by list. Lists that met two
    /// points with the same x, and others in their lane, are given to `exceptional`; their results
    /// mean nothing, and neither do those of lists without points.
    package func sum(groups used: Int, into results: inout [Felt], exceptional: (Int) -> Void) {
        precondition(used > 0 && used <= groups, "\(used) groups of \(groups)")
        var failed = [Bool](repeating: false, count: AffineLanes.lanes)
        var longest = 0
        for group in 0..<used { longest = max(longest, lengths[group]) }
        var stride = 1
        while stride < longest {
            round(used, stride, &failed)
            stride *= 2
        }
        for group in 0..<used {
            for lane in 0..<AffineLanes.lanes {
                results.append(xs[group &* slots].words(lane: lane).reduced)
                if failed[lane] { exceptional(group * AffineLanes.lanes + lane) }
            }
        }
    }

    /// -1 in the lanes of lists that have a point with this index.
    @inline(__always)
    private func lanes(of group: Int, with index: Int) -> LaneFelt.Lanes {
        var lengths = LaneFelt.Lanes()
        for lane in 0..<AffineLanes.lanes {
            lengths[lane] = Int64(counts[group &* AffineLanes.lanes &+ lane])
        }
        return (LaneFelt.Lanes(repeating: Int64(index)) &- lengths) &>> 63
    }

    private func round(_ used: Int, _ stride: Int, _ failed: inout [Bool]) {
        // Whatever the product starts with cancels out.
        var pending = LaneProduct(.unit, .unit)
        var next = 0
        for group in 0..<used {
            let row = xs + group &* slots
            var index = stride
            while index < lengths[group] {
                let difference = LaneFelt.unit.replaced(
                    by: row[index] &+ .fourPrimes &- row[index &- stride],
                    where: lanes(of: group, with: index))
                let product = pending.reduced
                (differences + next).initialize(to: difference)
                (prefixes + next).initialize(to: product)
                pending = LaneProduct(product, difference)
                next &+= 1
                index &+= 2 &* stride
            }
        }
        pending = LaneProduct(AffineLanes.inverses(of: pending.reduced, &failed), .unit)
        for group in (0..<used).reversed() {
            let additions = (lengths[group] &+ stride &- 1) / (2 &* stride)
            var index = (2 &* additions &- 1) &* stride
            while index > 0 {
                next &-= 1
                let left = group &* slots &+ index &- stride
                let right = left &+ stride
                let inverse = pending.reduced
                pending = LaneProduct(inverse, differences[next])
                let rise = ys[right] &+ .fourPrimes &- ys[left]
                let slope = LaneFelt.product(rise, .product(inverse, prefixes[next]))
                let x = (slope.squared &+ .eightPrimes &- xs[left] &- xs[right]).weaklyReduced
                let run = xs[left] &+ .fourPrimes &- x
                let y = (LaneFelt.product(slope, run) &+ .fourPrimes &- ys[left]).weaklyReduced
                let added = lanes(of: group, with: index)
                xs[left] = xs[left].replaced(by: x, where: added)
                ys[left] = ys[left].replaced(by: y, where: added)
                index &-= 2 &* stride
            }
        }
    }

    /// 2^840 by each lane's integer mod p: 2^560, and 2^280 for a product with one.
    private static func inverses(of product: LaneFelt, _ failed: inout [Bool]) -> LaneFelt {
        var values = [Felt]()
        values.reserveCapacity(lanes)
        for lane in 0..<lanes {
            let value = product.words(lane: lane).reduced
            if value.isZero { failed[lane] = true }
            values.append(value)
        }
        Felt.batchInvert(&values)
        return LaneFelt(montgomeryLimbs: { LooseFelt(values[$0] * inverseFactor) })
    }

    /// Read as a form with 2^256, an integer's inverse is times 2^512: 328 are left.
    private static let inverseFactor = Felt(2).power(328)
}
