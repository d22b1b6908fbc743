import Primitives
import Testing

struct QuorumTests {
    @Test("a quorum is more than two thirds: exactly two thirds is none", arguments: 1...300)
    func threshold(total: Int) {
        let sum = PowerSum(UInt128(total))
        for power in 0...total {
            let isQuorum = PowerSum(UInt128(power)).isQuorum(of: sum)
            #expect(isQuorum == (3 * power > 2 * total))
        }
        let smallest = sum.smallestQuorum
        #expect(smallest.isQuorum(of: sum))
        #expect(!PowerSum(smallest.value - 1).isQuorum(of: sum))
    }

    @Test("what may fail leaves a quorum, and one more does not", arguments: 1...300)
    func tolerance(total: Int) {
        let sum = PowerSum(UInt128(total))
        let tolerated = sum.tolerated
        #expect(3 * tolerated.value < sum.value)
        #expect(3 * (tolerated.value + 1) >= sum.value)
        #expect(PowerSum(sum.value - tolerated.value).isQuorum(of: sum))
    }

    @Test("two quorums share more than what may be Byzantine", arguments: 1...200)
    func intersection(total: Int) {
        let sum = PowerSum(UInt128(total))
        let overlap = 2 * sum.smallestQuorum.value - sum.value
        #expect(overlap > sum.tolerated.value)
    }

    @Test("sums of the largest powers do not overflow")
    func wide() {
        var sum = PowerSum()
        for _ in 0..<65_536 { sum.add(Power(.max)) }
        #expect(sum.value == UInt128(UInt64.max) * 65_536)
        #expect(sum.isQuorum(of: sum))
    }
}

struct NumberTests {
    @Test("slots fall into windows without a gap")
    func windows() {
        for length in UInt64(1)...17 {
            for number in UInt64(0)..<100 {
                let slot = Slot(number)
                let window = slot.window(length: length)
                #expect(window.slots(length: length).contains(number))
                #expect(
                    window.firstSlot(length: length).rawValue + slot.offset(length: length)
                        == number)
            }
        }
    }

    @Test("ticks stop at the maximum instead of overflowing")
    func ticks() {
        #expect(Tick(.max).after(nanoseconds: 1) == Tick(.max))
        #expect(Tick(5).after(milliseconds: .max) == Tick(.max))
        #expect(Tick(5).nanoseconds(since: Tick(9)) == 0)
        #expect(Height(.max).advanced(by: 1) == nil)
    }

    @Test("digests read back what they write, and order as integers")
    func digests() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            let digest = Digest(
                generator.next(), generator.next(), generator.next(), generator.next())
            #expect(Digest(bigEndianBytes: digest.bigEndianBytes) == digest)
            let other = Digest(
                digest.word0, generator.next(), generator.next(), generator.next())
            let isLess = digest.bigEndianBytes.lexicographicallyPrecedes(other.bigEndianBytes)
            #expect((digest < other) == isLess)
        }
        #expect(Digest(bigEndianBytes: [UInt8](repeating: 0, count: 31)) == nil)
        #expect(Digest.zero.description == "0x0")
        #expect(Digest(0, 0, 1, 0).description == "0x10000000000000000")
    }

    @Test("bit sets hold what was put in, in order")
    func bitSets() {
        var generator = SeededGenerator(seed: 5)
        var set = BitSet()
        var twin = Set<UInt16>()
        for _ in 0..<2000 {
            let member = UInt16(generator.uniform(below: 700))
            #expect(set.insert(ValidatorIndex(member)) == twin.insert(member).inserted)
        }
        #expect(set.members.map(\.rawValue) == twin.sorted())
        #expect(set.count == twin.count)
        #expect(!set.contains(ValidatorIndex(.max)))
    }

    @Test("the same seed gives the same stream, and draws stay below their bound")
    func generator() {
        var first = SeededGenerator(seed: 42)
        var second = SeededGenerator(seed: 42)
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[Int(first.uniform(below: 7))] += 1 }
        // Chi-squared with 6 degrees of freedom: 22.5 is beyond one in a thousand.
        let squares = counts.reduce(0) { $0 + ($1 - 10_000) * ($1 - 10_000) }
        #expect(squares < 225_000)
    }
}
