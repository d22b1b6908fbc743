import StarkCurve
import StarkField

/// Pedersen sums of many pairs side by side: each pair's table points are one list of `AffineSums`.
enum PedersenBatch {
    /// Fewer go one by one.
    static let leastCount = 2
    /// Pairs side by side: their state of 6 KB each is to stay in the second-level cache.
    static let capacity = 32

    static func hash(_ pairs: UnsafeBufferPointer<(Felt, Felt)>) -> [Felt] {
        let tables = PedersenTables.shared
        let sums = AffineSums(capacity: min(capacity, pairs.count))
        var results = [Felt]()
        results.reserveCapacity(pairs.count)
        var start = 0
        while start < pairs.count {
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
            // Sums that met an equal x, which takes a discrete logarithm between constant points:
            // the one by one path knows doubling.
            var exceptional = [Int]()
            sums.sum(lists: count, into: &results) { exceptional.append(start + $0) }
            for index in exceptional {
                results[index] = Pedersen.hash(pairs[index].0, pairs[index].1)
            }
            start += count
        }
        return results
    }
}
