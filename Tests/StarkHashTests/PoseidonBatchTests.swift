import StarkField
import TestSupport
import Testing

import StarkHash

@Suite("Poseidon of many inputs")
struct PoseidonBatchTests {
    /// Lanes for everything, for half-full ones, and none, whatever the build prefers.
    static let leastLanes = [1, 4, 8, .max]

    @Test("pairs side by side equal pairs one by one")
    func pairs() {
        let edges = Samples.edges
        var pairs = edges.flatMap { a in edges.prefix(12).map { (a, $0) } }
        pairs += zip(edges, Samples.random(edges.count, seed: 0x5eed_0108)).map { ($0, $1) }
        let expected = pairs.map { Poseidon.hash($0.0, $0.1) }
        #expect(Poseidon.hashPairs(pairs) == expected)
        for leastLanes in Self.leastLanes {
            #expect(PoseidonBatch.hashPairs(pairs, leastLanes: leastLanes) == expected)
            for count in 0...20 {
                #expect(
                    PoseidonBatch.hashPairs(Array(pairs.prefix(count)), leastLanes: leastLanes)
                        == Array(expected.prefix(count)), "\(count) pairs")
            }
        }
    }

    @Test("sponges of any lengths side by side equal those one by one")
    func sponges() {
        var generator = SeededWords(seed: 0x5eed_0109)
        let values = Samples.edges + Samples.random(60, seed: 0x5eed_010a)
        for jobs in 0...40 {
            let most = [1, 2, 9, 40][jobs % 4] as UInt64
            let counts = (0..<jobs).map { _ in Int(generator.next() % most) }
            var flat: [Felt] = []
            var expected: [Felt] = []
            for count in counts {
                let input = (0..<count).map { _ in
                    values[Int(generator.next() % UInt64(values.count))]
                }
                var hasher = PoseidonHasher()
                for value in input { hasher.update(value) }
                expected.append(hasher.finalize())
                #expect(Poseidon.hashMany(input) == expected[expected.count - 1])
                flat += input
            }
            #expect(Poseidon.hashMany(flat: flat, counts: counts) == expected)
            for leastLanes in Self.leastLanes {
                #expect(
                    PoseidonBatch.hashMany(flat: flat, counts: counts, leastLanes: leastLanes)
                        == expected, "\(counts)")
            }
        }
    }

    @Test("many permutations of one lane stay right, so that no bound grows")
    func longSponge() {
        let values = Samples.random(3000, seed: 0x5eed_010b)
        let expected = Poseidon.hashMany(values)
        #expect(
            PoseidonBatch.hashMany(flat: values, counts: [values.count], leastLanes: 1)
                == [expected])
    }
}
