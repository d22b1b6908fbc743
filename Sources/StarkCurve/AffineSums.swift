package import StarkField

/// Sums of many lists of affine points, added pairwise as in a tournament: all additions of a round
/// are independent of each other, so that they share one inversion (Montgomery's trick), and lists
/// of n points take log2 n rounds, however many lists there are. An addition costs six
/// multiplications, against ten into an accumulator; rounds too small to pay for their inversion
/// are left to accumulators.
package struct AffineSums: ~Copyable {
    /// The most points of one list.
    package static let slots = 64
    /// An inversion costs about as much as so many additions save.
    private static let leastAdditions = 24

    package let capacity: Int
    /// Row `list` begins at `list * slots`.
    private let points: UnsafeMutablePointer<CurvePoint>
    private let counts: UnsafeMutablePointer<Int>
    /// Of each addition of a round, the difference of the x coordinates and the product of those
    /// before it.
    private let differences: UnsafeMutablePointer<LooseFelt>
    private let prefixes: UnsafeMutablePointer<LooseFelt>

    /// Memory for so many lists: 6 KB each.
    package init(capacity: Int) {
        precondition(capacity > 0, "capacity \(capacity)")
        self.capacity = capacity
        points = .allocate(capacity: capacity * AffineSums.slots)
        counts = .allocate(capacity: capacity)
        counts.initialize(repeating: 0, count: capacity)
        differences = .allocate(capacity: capacity * AffineSums.slots / 2)
        prefixes = .allocate(capacity: capacity * AffineSums.slots / 2)
    }

    deinit {
        points.deallocate()
        counts.deallocate()
        differences.deallocate()
        prefixes.deallocate()
    }

    /// Takes the points of one list: `fill` writes them to the row's start and returns how many
    /// they are, 1 ... `slots`.
    @inline(__always)
    package func set(_ list: Int, _ fill: (UnsafeMutablePointer<CurvePoint>) -> Int) {
        precondition(list >= 0 && list < capacity, "list \(list) of \(capacity)")
        let count = fill(points + list * AffineSums.slots)
        precondition(count > 0 && count <= AffineSums.slots, "\(count) points")
        counts[list] = count
    }

    /// The x coordinates of the sums of the first lists, by list. Lists that met two points with
    /// the same x, and sums at infinity, are given to `exceptional`; their results mean nothing.
    package func sum(lists: Int, into results: inout [Felt], exceptional: (Int) -> Void) {
        precondition(lists <= capacity, "\(lists) lists of \(capacity)")
        var stride = 1
        while additions(lists, stride) >= AffineSums.leastAdditions {
            round(lists, stride, exceptional)
            stride *= 2
        }
        if additions(lists, stride) == 0 {
            for list in 0..<lists { results.append(points[list &* AffineSums.slots].x) }
            return
        }
        var numerators = [Felt]()
        var denominators = [Felt]()
        for list in 0..<lists {
            let row = points + list &* AffineSums.slots
            var sum = AccumulatorPoint(row[0])
            var index = stride
            while index < counts[list] {
                sum.add(row[index])
                index &+= stride
            }
            if sum.isInfinity { exceptional(list) }
            let (numerator, denominator) = sum.xFraction
            numerators.append(numerator)
            denominators.append(denominator)
        }
        Felt.batchInvert(&denominators)
        for list in 0..<lists { results.append(numerators[list] * denominators[list]) }
    }

    /// Additions of the round that adds each second of the points `stride` apart to the one before.
    private func additions(_ lists: Int, _ stride: Int) -> Int {
        var result = 0
        for list in 0..<lists { result &+= (counts[list] &+ stride &- 1) / (2 &* stride) }
        return result
    }

    private func round(_ lists: Int, _ stride: Int, _ exceptional: (Int) -> Void) {
        var product = LooseFelt(.one)
        var next = 0
        for list in 0..<lists {
            let row = points + list &* AffineSums.slots
            let count = counts[list]
            var index = stride
            while index < count {
                var difference = row[index].x - row[index &- stride].x
                if difference.isZero {
                    exceptional(list)
                    difference = .one
                }
                differences[next] = LooseFelt(difference)
                prefixes[next] = product
                product = .product(product, LooseFelt(difference))
                next &+= 1
                index &+= 2 &* stride
            }
        }
        guard let inverted = product.assumedReduced.inverse() else {
            preconditionFailure("a product of nonzero differences is zero")
        }
        var inverse = LooseFelt(inverted)
        for list in (0..<lists).reversed() {
            let row = points + list &* AffineSums.slots
            let additions = (counts[list] &+ stride &- 1) / (2 &* stride)
            var index = (2 &* additions &- 1) &* stride
            while index > 0 {
                next &-= 1
                let left = row[index &- stride]
                let right = row[index]
                let rise = LooseFelt(right.y) &+ .primes(1) &- LooseFelt(left.y)  // < 2p
                let slope = LooseFelt.product(rise, .product(inverse, prefixes[next]))
                inverse = .product(inverse, differences[next])
                let x = slope.squared.assumedReduced - left.x - right.x
                let run = LooseFelt(left.x) &+ .primes(1) &- LooseFelt(x)  // < 2p
                let y = LooseFelt.product(slope, run).assumedReduced - left.y
                row[index &- stride] = CurvePoint(unchecked: x, y)
                index &-= 2 &* stride
            }
        }
    }
}
