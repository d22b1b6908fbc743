import StarkField
import TestSupport
import Testing

@Suite("Field elements in lanes")
struct LaneTests {
    /// Integers below 16p / weight: elements, multiples of p beside them, and limbs of all ones in
    /// any place.
    static func operands(weight: Int) -> [LooseFelt] {
        let most = [15, 7, 4][weight - 1]
        var result = (Samples.edges + Samples.random(60, seed: 0x5eed_0008)).map { LooseFelt($0) }
        result += result.prefix(40).map { $0 &+ .primes(UInt64(most - 1)) }
        for multiple in 1...UInt64(most) {
            result.append(.primes(multiple))
            result.append(.primes(multiple) &- LooseFelt(1, 0, 0, 0))
        }
        // 2^255 - 1, 2^254 - 1 and 2^253 - 1.
        let top = UInt64.max >> UInt64(weight)
        let ones = LooseFelt(.max, .max, .max, top)
        result.append(ones)
        for limb in 0..<8 as Range<UInt64> {
            let bit = 28 * limb
            var words = [UInt64](repeating: 0, count: 5)
            words[Int(bit / 64)] |= 0xfff_ffff << (bit % 64)
            words[Int(bit / 64) + 1] |= bit % 64 == 0 ? 0 : 0xfff_ffff >> (64 - bit % 64)
            let limb = LooseFelt(words[0], words[1], words[2], words[3])
            result.append(limb)
            result.append(ones &- limb)
        }
        result.append(LooseFelt(0, 0, 0, top & ~0xffff_ffff))
        return result
    }

    @Test("products and squares equal scalar ones, for limbs as large as they may be")
    func products() {
        for weight in 1...3 {
            let values = Self.operands(weight: weight)
            let factor = Felt(UInt64(weight * weight))
            for distance in [0, 1, 7, 64, 90] {
                let others = values.indices.map { values[($0 + distance) % values.count] }
                let result = LaneFelt.products(values, others, weight: weight)
                for index in values.indices {
                    let (a, b) = (values[index].reduced, others[index].reduced)
                    #expect(result.products[index] == a * b * factor, "\(values[index])")
                    #expect(result.squares[index] == a.squared() * factor, "\(values[index])")
                }
            }
        }
    }

    @Test("any number of products fills lanes")
    func counts() {
        let values = Samples.random(20, seed: 0x5eed_0009)
        for count in 0...20 {
            let operands = values.prefix(count).map { LooseFelt($0) }
            let result = LaneFelt.products(operands, operands.reversed(), weight: 1)
            let expected = zip(values.prefix(count), values.prefix(count).reversed()).map {
                $0 * $1
            }
            #expect(result.products == expected)
        }
    }
}
