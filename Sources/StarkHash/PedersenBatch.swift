import StarkCurve
package import StarkField

/// Pedersen sums of many pairs side by side: each pair's table points are one list of `AffineSums`,
/// or of `AffineLanes` where the build has wide vectors.
package enum PedersenBatch {
    /// Fewer go one by one.
    static let leastCount = 2
    /// Pairs side by side: their state of 6 KB each, or 11 KB in lanes, is to stay in the
    /// second-level cache with most of the tables.
    static let capacity = 32
    #if WIDE_VECTORS
        static let leastInLanes = 5
    #else
        static let leastInLanes = Int.max
    #endif

    package static func hash(_ pairs: [(Felt, Felt)], leastInLanes: Int) -> [Felt] {
        pairs.withUnsafeBufferPointer { hash($0, leastInLanes: leastInLanes) }
    }

    static func hash(
        _ pairs: UnsafeBufferPointer<(Felt, Felt)>, leastInLanes: Int
    ) -> [Felt] {
        var results = [Felt]()
        results.reserveCapacity(pairs.count + AffineLanes.lanes)
        // Sums that met an equal x, which takes a discrete logarithm between constant points: the
        // one by one path knows doubling.
        var exceptional = [Int]()
        if pairs.count >= max(leastInLanes, 1) {
            hashInLanes(pairs, leastInLanes, &results, &exceptional)
        }
        if results.count < pairs.count { hashInLists(pairs, &results, &exceptional) }
        for index in exceptional {
            results[index] = Pedersen.hash(pairs[index].0, pairs[index].1)
        }
        return results
    }

    /// Leaves fewer than `leastInLanes` pairs to lists.
    private static func hashInLanes(
        _ pairs: UnsafeBufferPointer<(Felt, Felt)>, _ leastInLanes: Int, _ results: inout [Felt],
        _ exceptional: inout [Int]
    ) {
        let tables = PedersenTables.shared
        let most = min(capacity, pairs.count)
        let groups = (most + AffineLanes.lanes - 1) / AffineLanes.lanes
        let sums = AffineLanes(groups: groups, slots: PedersenTables.pointsPerHash)
        while pairs.count - results.count >= max(leastInLanes, 1) {
            let start = results.count
            let count = min(capacity, pairs.count - start)
            let groups = (count + AffineLanes.lanes - 1) / AffineLanes.lanes
            tables.withPoints { points in
                for group in 0..<groups {
                    sums.set(group) { lane, put in
                        let index = group &* AffineLanes.lanes &+ lane
                        if index >= count { return }
                        let pair = pairs[start &+ index]
                        PedersenTables.forEachPoint(pair.0, pair.1) { index, isNegated in
                            put(points[index].negated(if: isNegated))
                        }
                    }
                }
            }
            sums.sum(groups: groups, into: &results) {
                if $0 < count { exceptional.append(start + $0) }
            }
            results.removeLast(results.count - start - count)
        }
    }

    private static func hashInLists(
        _ pairs: UnsafeBufferPointer<(Felt, Felt)>, _ results: inout [Felt],
        _ exceptional: inout [Int]
    ) {
        let tables = PedersenTables.shared
        let sums = AffineSums(capacity: min(capacity, pairs.count - results.count))
        while results.count < pairs.count {
            let start = results.count
            let count = min(capacity, pairs.count - start)
            tables.withPoints { points in
                for index in 0..<count {
                    let pair = pairs[start &+ index]
                    sums.set(index) { row in
                        var next = 0
                        PedersenTables.forEachPoint(pair.0, pair.1) { index, isNegated in
                            row[next] = points[index].negated(if: isNegated)
                            next &+= 1
                        }
                        return next
                    }
                }
            }
            sums.sum(lists: count, into: &results) { exceptional.append(start + $0) }
        }
    }
}
