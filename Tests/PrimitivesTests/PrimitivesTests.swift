import Primitives
import Testing

@Suite("Counters, quorums, bit sets, digests and the generator")
struct PrimitivesTests {
    @Test("Slots fall into windows, and windows know their slots")
    func windows() {
        for length in UInt64(1)...9 {
            for number in UInt64(0)..<60 {
                let slot = Slot(number)
                let window = slot.window(length: length)
                #expect(window.slots(length: length).contains(number))
                #expect(
                    window.firstSlot(length: length).rawValue + slot.offset(length: length)
                        == number)
            }
        }
        #expect(Slot(.max).window(length: 16) == Window(.max / 16))
    }

    @Test("Numbers from peers do not overflow")
    func overflow() {
        #expect(Slot(5).advanced(by: 3) == Slot(8))
        #expect(Slot(.max).advanced(by: 1) == nil)
        #expect(Slot(.max).advanced(by: 0) == Slot(.max))
        #expect(Tick(.max).after(nanoseconds: 1) == Tick(.max))
        #expect(Tick(7).after(nanoseconds: 1) == Tick(8))
        #expect(Tick(1).after(milliseconds: .max) == Tick(.max))
        #expect(Tick(1).after(milliseconds: 2) == Tick(2_000_001))
        #expect(Tick(3).nanoseconds(since: Tick(5)) == 0)
        #expect(Tick(5).nanoseconds(since: Tick(3)) == 2)
    }

    @Test("A quorum is more than two thirds, whatever the total")
    func quorum() {
        for total in UInt64(0)...300 {
            let sum = PowerSum(UInt128(total))
            for power in UInt64(0)...total {
                let part = PowerSum(UInt128(power))
                #expect(part.isQuorum(of: sum) == (3 * power > 2 * total))
                #expect(part.isAtLeastThird(of: sum) == (3 * power >= total))
                #expect(part.exceedsThird(of: sum) == (3 * power > total))
                #expect((part < sum.smallestQuorum) == !part.isQuorum(of: sum))
                #expect((part <= sum.tolerated) == (3 * power < total || power == 0))
            }
            if total > 0 {
                // Two quorums share more than is tolerated; the honest alone are a quorum.
                let shared = 2 * sum.smallestQuorum.value - sum.value
                #expect(shared > sum.tolerated.value)
                #expect(PowerSum(sum.value - sum.tolerated.value).isQuorum(of: sum))
            }
        }
        // Exactly two thirds.
        #expect(!PowerSum(2).isQuorum(of: PowerSum(3)))
        #expect(!PowerSum(200).isQuorum(of: PowerSum(300)))
    }

    @Test("The powers of a whole committee at their maximum add up")
    func largePowers() {
        var sum = PowerSum()
        for _ in 0..<65_536 { sum.add(Power(.max)) }
        #expect(sum.value == UInt128(UInt64.max) * 65_536)
        #expect(sum.isQuorum(of: sum))
        #expect(!sum.tolerated.isQuorum(of: sum))
        #expect(sum.smallestQuorum.isQuorum(of: sum))
    }

    @Test("A bit set holds what a set of numbers holds")
    func bitSet() {
        var generator = SeededGenerator(seed: 4)
        for bound in [1, 63, 64, 65, 130, 1024, 65_536] as [UInt64] {
            var bits = BitSet()
            var plain: Set<UInt16> = []
            #expect(bits.isEmpty)
            for _ in 0..<200 {
                let number = UInt16(generator.uniform(below: bound))
                #expect(bits.insert(ValidatorIndex(number)) == plain.insert(number).inserted)
                #expect(bits.count == plain.count)
            }
            #expect(bits.members.map(\.rawValue) == plain.sorted())
            for number in UInt16(0)..<200 {
                #expect(bits.contains(ValidatorIndex(number)) == plain.contains(number))
            }
            #expect(!bits.isEmpty)
        }
        #expect(!BitSet().contains(ValidatorIndex(.max)))
    }

    @Test("Digests are ordered, written and read as 256-bit numbers")
    func digests() {
        var generator = SeededGenerator(seed: 8)
        var previous = Digest.zero
        for _ in 0..<200 {
            let digest = Digest(
                generator.next(), generator.next(), generator.next(), generator.next())
            let bytes = digest.bigEndianBytes
            #expect(bytes.count == 32)
            #expect(Digest(bigEndianBytes: bytes) == digest)
            let other = previous.bigEndianBytes
            #expect((digest < previous) == bytes.lexicographicallyPrecedes(other))
            previous = digest
        }
        for count in [0, 1, 31, 33, 64] {
            #expect(Digest(bigEndianBytes: Array(repeating: 1, count: count)) == nil)
        }
        #expect(Digest.zero.description == "0x0")
        #expect(Digest(number: 0xabc).description == "0xabc")
        #expect(Digest(0, 1, 0, 2).description == "0x1" + "00000000000000000000000000000002")
        #expect(Digest(number: 7).bigEndianBytes.last == 7)
    }

    @Test("The generator is the same on every machine")
    func generator() {
        var one = SeededGenerator(seed: 42)
        var same = SeededGenerator(seed: 42)
        var other = SeededGenerator(seed: 43)
        let words = (0..<64).map { _ in one.next() }
        #expect(words == (0..<64).map { _ in same.next() })
        #expect(words != (0..<64).map { _ in other.next() })
        #expect(words == SeededTwin.words(seed: 42, count: 64))
    }

    @Test("A uniform draw stays below its bound and reaches everything there")
    func uniform() {
        var generator = SeededGenerator(seed: 1)
        for bound in [1, 2, 3, 7, 10] as [UInt64] {
            var counts = Array(repeating: 0, count: Int(bound))
            for _ in 0..<(1000 * Int(bound)) {
                counts[Int(generator.uniform(below: bound))] += 1
            }
            #expect(counts.allSatisfy { $0 > 800 && $0 < 1200 || bound == 1 })
        }
        for bound in [1 << 63, (1 << 63) + 1, .max] as [UInt64] {
            for _ in 0..<100 { #expect(generator.uniform(below: bound) < bound) }
        }
    }
}

/// xoshiro256** and SplitMix64 written from their papers' pseudocode, over an array.
enum SeededTwin {
    static func words(seed: UInt64, count: Int) -> [UInt64] {
        var mixer = seed
        var s: [UInt64] = []
        for _ in 0..<4 {
            mixer &+= 0x9e37_79b9_7f4a_7c15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            s.append(z ^ (z >> 31))
        }
        func turned(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
        return (0..<count).map { _ in
            let result = turned(s[1] &* 5, 7) &* 9
            let t = s[1] << 17
            s[2] ^= s[0]
            s[3] ^= s[1]
            s[1] ^= s[2]
            s[0] ^= s[3]
            s[2] ^= t
            s[3] = turned(s[3], 45)
            return result
        }
    }
}
