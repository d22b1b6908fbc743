import StarkCurve
import StarkField
import TestSupport
import Testing

import StarkHash

@Suite("Hashes against their slow twins")
struct TwinTests {
    static let pedersenPoints: [PlainPedersen.Point] = [
        PedersenConstants.shiftPoint, PedersenConstants.firstLowPoint,
        PedersenConstants.firstHighPoint, PedersenConstants.secondLowPoint,
        PedersenConstants.secondHighPoint,
    ].map { ($0.x, $0.y) }

    @Test("the Poseidon permutation equals the one with plain rounds")
    func poseidon() {
        var values = Samples.edges + Samples.random(300, seed: 0x5eed_0101)
        values += [Felt](repeating: -Felt.one, count: 3) + [Felt](repeating: 0, count: 3)
        for start in 0..<(values.count - 2) {
            var state = (values[start], values[start + 1], values[start + 2])
            Poseidon.permute(&state)
            let expected = PlainPoseidon.permute(
                Array(values[start..<start + 3]), constants: PoseidonConstants.roundConstants)
            #expect([state.0, state.1, state.2] == expected, "\(values[start..<start + 3])")
        }
    }

    @Test("Poseidon's sponge: pairs, singles and sequences are the permutation with their padding")
    func poseidonSponge() {
        let values = Samples.random(9, seed: 0x5eed_0102)
        func permuted(_ a: Felt, _ b: Felt, _ c: Felt) -> [Felt] {
            PlainPoseidon.permute([a, b, c], constants: PoseidonConstants.roundConstants)
        }
        #expect(Poseidon.hash(values[0], values[1]) == permuted(values[0], values[1], 2)[0])
        #expect(Poseidon.hash(single: values[0]) == permuted(values[0], 0, 1)[0])
        for count in 0...9 {
            var padded = Array(values.prefix(count)) + [1]
            if padded.count % 2 == 1 { padded.append(0) }
            var state: [Felt] = [0, 0, 0]
            for start in stride(from: 0, to: padded.count, by: 2) {
                state = permuted(
                    state[0] + padded[start], state[1] + padded[start + 1], state[2])
            }
            #expect(Poseidon.hashMany(values.prefix(count)) == state[0])
            var hasher = PoseidonHasher()
            for value in values.prefix(count) { hasher.update(value) }
            #expect(hasher.finalize() == state[0])
        }
    }

    @Test("Pedersen's windowed tables equal addition bit by bit, singly and in batches")
    func pedersen() {
        let edges = Samples.edges
        let random = Samples.random(24, seed: 0x5eed_0103)
        var pairs = zip(edges, edges.reversed()).map { ($0, $1) }
        pairs += zip(random, random.dropFirst()).map { ($0, $1) }
        pairs += edges.map { (Felt.zero, $0) }
        // Digits at the ends of the windows, and the highest bits.
        for bits in [1, 9, 10, 11, 239, 240, 241, 247, 248, 249, 250, 251] as [UInt64] {
            let power = Felt(2).power(bits)
            pairs += [(power, power - 1), (power + 1, -power), (-power, 0)]
        }
        let expected = pairs.map {
            PlainPedersen.hash($0.0, $0.1, points: Self.pedersenPoints)
        }
        for (pair, value) in zip(pairs, expected) {
            #expect(Pedersen.hash(pair.0, pair.1) == value, "\(pair)")
        }
        for count in [0, 1, 2, 3, 7, 31, 32, 33, 65, pairs.count] {
            #expect(
                Pedersen.hashBatch(Array(pairs.prefix(count))) == Array(expected.prefix(count)))
            #expect(
                Pedersen.hashBatch(Array(pairs.suffix(count))) == Array(expected.suffix(count)))
            for least in [1, 5, .max] {
                #expect(
                    PedersenBatch.hash(Array(pairs.suffix(count)), leastInLanes: least)
                        == Array(expected.suffix(count)), "\(count) pairs, lanes from \(least)")
            }
        }
    }

    @Test("Pedersen of an array folds from zero and ends with the count")
    func pedersenArray() {
        let values = Samples.random(5, seed: 0x5eed_0104)
        for count in 0...5 {
            var expected = Felt.zero
            for value in values.prefix(count) { expected = Pedersen.hash(expected, value) }
            expected = Pedersen.hash(expected, Felt(UInt64(count)))
            #expect(Pedersen.hashArray(values.prefix(count)) == expected)
        }
    }

    @Test("Keccak-256 equals the specification's steps on bits, at every length about a block")
    func keccak() {
        var generator = SeededWords(seed: 0x5eed_0105)
        for count in [0, 1, 7, 8, 31, 32, 64, 134, 135, 136, 137, 271, 272, 273, 500] {
            let message = generator.bytes(count)
            #expect(Keccak256.hash(message) == PlainKeccak.hash(message), "\(count) bytes")
        }
    }

    @Test("BLAKE2s equals the RFC's steps, at every length about a block and in any pieces")
    func blake2s() {
        var generator = SeededWords(seed: 0x5eed_0106)
        for count in Array(0...200) + [255, 256, 257, 1000] {
            let message = generator.bytes(count)
            let expected = PlainBlake2s.hash(message)
            #expect(Blake2s.hash(message) == expected, "\(count) bytes")
            for most in [3, 70, 150] as [UInt64] {
                var hasher = Blake2sHasher()
                var rest = message[...]
                while !rest.isEmpty {
                    let size = min(rest.count, Int(generator.next() % most))
                    // Arrays, sequences without storage and single bytes take different ways.
                    switch generator.next() % 3 {
                    case 0: hasher.update(rest.prefix(size))
                    case 1: hasher.update(rest.prefix(size).lazy.map { $0 })
                    default: for byte in rest.prefix(size) { hasher.update(byte: byte) }
                    }
                    rest = rest.dropFirst(size)
                }
                #expect(hasher.finalize() == expected, "\(count) bytes in pieces up to \(most)")
            }
        }
    }

    @Test("BLAKE2s of a tag and bytes or two digests equals that of their concatenation")
    func taggedBlake2s() {
        func bytes(_ words: Blake2s.Words) -> [UInt8] {
            [words.0, words.1, words.2, words.3].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
            }
        }
        var generator = SeededWords(seed: 0x5eed_0107)
        for count in 0...200 {
            let message = generator.bytes(count)
            let tag = UInt8(truncatingIfNeeded: generator.next())
            #expect(
                bytes(Blake2s.hashWords(tag: tag, message)) == PlainBlake2s.hash([tag] + message),
                "\(count) bytes")
            let (left, right) = (generator.words(), generator.words())
            #expect(
                bytes(Blake2s.hashWords(tag: tag, left, right))
                    == PlainBlake2s.hash([tag] + bytes(left) + bytes(right)))
        }
    }

    @Test("BLAKE2s of field elements is that of their words, small ones two and others eight")
    func blake2sOfElements() {
        /// The elements' bytes, word by word.
        func bytes(_ values: [Felt]) -> [UInt8] {
            values.flatMap { value -> [UInt8] in
                let all = value.bigEndianBytes
                let isSmall = all.prefix(24).allSatisfy { $0 == 0 } && all[24] < 0x80
                var digits = isSmall ? Array(all.suffix(8)) : all
                if !isSmall { digits[0] |= 0x80 }
                return stride(from: 0, to: digits.count, by: 4).flatMap {
                    digits[$0..<$0 + 4].reversed()
                }
            }
        }
        /// The digest's bytes, the least significant first, as Horner's rule has it.
        func element(_ digest: [UInt8]) -> Felt {
            digest.reversed().reduce(Felt.zero) { $0 * 256 + Felt(UInt64($1)) }
        }
        let border = Felt(UInt64(1) << 63)
        let values =
            [0, 1, border - 1, border, border + 1, -Felt.one]
            + Samples.edges + Samples.random(20, seed: 0x5eed_0109)
        for count in 0...values.count {
            let some = Array(values.prefix(count))
            #expect(
                Blake2s.hashMany(some) == element(PlainBlake2s.hash(bytes(some))), "\(count)")
        }
        for value in values {
            #expect(Blake2s.hashMany([value]) == element(PlainBlake2s.hash(bytes([value]))))
        }
    }

    @Test("published digests of Keccak-256, BLAKE2s and the known selectors")
    func published() {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
        }
        #expect(
            hex(Keccak256.hash([UInt8]()))
                == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        #expect(
            hex(Keccak256.hash(Array("abc".utf8)))
                == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45")
        // RFC 7693, appendix B.
        #expect(
            hex(Blake2s.hash(Array("abc".utf8)))
                == "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982")
        #expect(selector("__default__") == 0)
        #expect(selector("__l1_default__") == 0)
        #expect(
            selector("transfer")
                == Felt(hex: "0x83afd3f4caedc6eebf44246fe54e38c95e3179a5ec9ea81740eca5b482d12e"))
    }
}
