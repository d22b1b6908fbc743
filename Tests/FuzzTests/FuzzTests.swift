import FuzzTargets
import TestSupport
import Testing

/// A bounded, seeded share of what `deploy/fuzz` does without end. A failure is a trap: the last
/// line names the target, and the same seeds run again.
@Suite("Decoders of hostile bytes")
struct FuzzTests {
    /// Mutations of each seed input.
    static let rounds = 1500

    @Test("Every seed input is accepted as it is", arguments: FuzzTarget.allCases)
    func seeds(_ target: FuzzTarget) {
        var accepted = 0
        for seed in target.seeds where target.run(seed) { accepted += 1 }
        // The frames among the greetings and the damaged logs are refused.
        #expect(accepted >= target.seeds.count - 2 && accepted > 0)
    }

    @Test(
        "Mutated bytes are accepted in their only encoding, or refused",
        arguments: FuzzTarget.allCases)
    func mutations(_ target: FuzzTarget) {
        var refused = 0
        var random = SeededWords(seed: 1)
        for seed in target.seeds {
            for _ in 0..<Self.rounds {
                if !target.run(Self.mutated(seed, among: target.seeds, &random)) { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    @Test("Random bytes of every short length are refused or read", arguments: FuzzTarget.allCases)
    func noise(_ target: FuzzTarget) {
        var random = SeededWords(seed: 2)
        for count in 0..<300 { target.run(random.bytes(count)) }
    }

    /// One to four of: a flipped bit, another byte, a cut, a repeated piece, a piece of another
    /// input, a boundary number.
    private static func mutated(
        _ bytes: [UInt8], among seeds: [[UInt8]], _ random: inout SeededWords
    ) -> [UInt8] {
        var result = bytes
        func below(_ bound: Int) -> Int { bound == 0 ? 0 : Int(random.next() % UInt64(bound)) }
        for _ in 0...below(4) {
            let place = below(result.count)
            switch below(6) {
            case 0 where !result.isEmpty: result[place] ^= 1 << UInt8(below(8))
            case 1 where !result.isEmpty: result[place] = UInt8(below(256))
            case 2: result.removeLast(result.count - place)
            case 3: result.insert(contentsOf: result[place...].prefix(below(16)), at: place)
            case 4:
                let other = seeds[below(seeds.count)]
                result.replaceSubrange(place..., with: other.dropFirst(below(other.count)))
            default:
                let edge: [UInt8] =
                    [0, 1, 0x7f, 0x80, 0xff][below(5)] as UInt8 == 0
                    ? [0, 0, 0, 0] : [0xff, 0xff, 0xff, 0xff]
                result.replaceSubrange(place..<min(place + 4, result.count), with: edge)
            }
        }
        return result
    }
}
