public import StarkField

extension Poseidon {
    /// The hashes of pairs, in their order: eight at a time where the build has wide vectors.
    public static func hashPairs(_ pairs: [(Felt, Felt)]) -> [Felt] {
        PoseidonBatch.hashPairs(pairs, leastLanes: PoseidonBatch.leastLanes)
    }

    /// `hashMany` of consecutive parts of `flat`, which have these counts: eight at a time where the
    /// build has wide vectors, of any different counts.
    public static func hashMany(flat: [Felt], counts: [Int]) -> [Felt] {
        PoseidonBatch.hashMany(flat: flat, counts: counts, leastLanes: PoseidonBatch.leastLanes)
    }

    /// `hashMany` of an array, without generic code at run time.
    public static func hashMany(_ values: [Felt]) -> Felt {
        var job = PoseidonBatch.Job(values.indices)
        return job.finish(values)
    }
}

/// Sponges side by side. Lanes take as long for one state as for eight, so that with fewer than
/// `leastLanes` of them in use states go on one by one.
package enum PoseidonBatch {
    #if WIDE_VECTORS
        static let leastLanes = 5
    #else
        static let leastLanes = Int.max
    #endif

    static func prepare() {
        if leastLanes <= LaneFelt.count { _ = PoseidonLanes.shared }
    }

    package static func hashPairs(_ pairs: [(Felt, Felt)], leastLanes: Int) -> [Felt] {
        var results = [Felt]()
        results.reserveCapacity(pairs.count)
        while pairs.count - results.count >= leastLanes, results.count < pairs.count {
            let start = results.count
            let last = min(LaneFelt.count, pairs.count - start) - 1
            var state = (
                LaneFelt(entering: { pairs[start + min($0, last)].0 }),
                LaneFelt(entering: { pairs[start + min($0, last)].1 }),
                LaneFelt(entering: { _ in Felt(2) })
            )
            PoseidonLanes.shared.permute(&state)
            state.0.leave { lane, hash in
                if lane <= last { results.append(hash) }
            }
        }
        for index in results.count..<pairs.count {
            results.append(Poseidon.hash(pairs[index].0, pairs[index].1))
        }
        return results
    }

    package static func hashMany(flat: [Felt], counts: [Int], leastLanes: Int) -> [Felt] {
        var jobs: [Job] = []
        jobs.reserveCapacity(counts.count)
        var start = 0
        for count in counts {
            precondition(count >= 0 && count <= flat.count - start, "\(count) after \(start)")
            jobs.append(Job(start..<(start + count)))
            start += count
        }
        precondition(start == flat.count, "counts of \(start) for \(flat.count) elements")
        if jobs.count >= leastLanes { runInLanes(&jobs, flat, leastLanes) }
        var results: [Felt] = []
        results.reserveCapacity(jobs.count)
        for index in jobs.indices { results.append(jobs[index].finish(flat)) }
        return results
    }

    /// A sponge and what is left of its input.
    fileprivate struct Job {
        var state = (Felt.zero, Felt.zero, Felt.zero)
        private var next: Int
        private let end: Int
        /// Permutations left: the input is padded with a one and, to an even number, a zero.
        private(set) var blocks: Int

        init(_ range: Range<Int>) {
            next = range.lowerBound
            end = range.upperBound
            blocks = range.count / 2 + 1
        }

        mutating func nextBlock(_ flat: [Felt]) -> (Felt, Felt) {
            let first = next < end ? flat[next] : .one
            let second = next + 1 < end ? flat[next + 1] : next + 1 == end ? .one : .zero
            next += 2
            blocks -= 1
            return (first, second)
        }

        mutating func finish(_ flat: [Felt]) -> Felt {
            while blocks > 0 {
                let (first, second) = nextBlock(flat)
                state.0 += first
                state.1 += second
                Poseidon.permute(&state)
            }
            return state.0
        }
    }

    /// Runs the jobs until no lane can be filled again and fewer than `leastLanes` are in use. The
    /// longest jobs come first, so that those in use at the end are few or short.
    private static func runInLanes(_ jobs: inout [Job], _ flat: [Felt], _ leastLanes: Int) {
        var waiting = jobs.indices.sorted { jobs[$0].blocks < jobs[$1].blocks }
        var lanes = [Int?](repeating: nil, count: LaneFelt.count)
        var first = [Felt](repeating: .zero, count: LaneFelt.count)
        var second = first
        var state = (LaneFelt.zero, LaneFelt.zero, LaneFelt.zero)
        while true {
            var used = 0
            for lane in 0..<LaneFelt.count {
                if lanes[lane] == nil { lanes[lane] = waiting.popLast() }
                guard lanes[lane] != nil else { continue }
                used += 1
            }
            if used == 0 { return }
            if used < leastLanes { break }
            for lane in 0..<LaneFelt.count {
                guard let job = lanes[lane] else { continue }
                (first[lane], second[lane]) = jobs[job].nextBlock(flat)
            }
            state.0 = state.0 &+ LaneFelt(entering: { first[$0] })
            state.1 = state.1 &+ LaneFelt(entering: { second[$0] })
            PoseidonLanes.shared.permute(&state)
            var cleared = LaneFelt.Lanes()
            for lane in 0..<LaneFelt.count {
                if let job = lanes[lane], jobs[job].blocks == 0 { cleared[lane] = -1 }
            }
            if cleared == LaneFelt.Lanes() { continue }
            state.0.leave { lane, hash in
                guard cleared[lane] != 0, let job = lanes[lane] else { return }
                jobs[job].state.0 = hash
                lanes[lane] = nil
            }
            state.0.clear(cleared)
            state.1.clear(cleared)
            state.2.clear(cleared)
        }
        state.0.leave { lane, value in
            if let job = lanes[lane] { jobs[job].state.0 = value }
        }
        state.1.leave { lane, value in
            if let job = lanes[lane] { jobs[job].state.1 = value }
        }
        state.2.leave { lane, value in
            if let job = lanes[lane] { jobs[job].state.2 = value }
        }
    }
}
