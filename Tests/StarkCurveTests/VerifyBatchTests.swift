import StarkCurve
import StarkField
import TestSupport
import Testing

@Suite("Verification of many signatures at once")
struct VerifyBatchTests {
    private static func keys(_ count: Int) throws -> [(SecretKey, PreparedPublicKey)] {
        var random = SeededWords(seed: 5)
        return try (0..<count).map { number in
            let secret = try #require(SecretKey(Felt(reducingBigEndianWords: random.words())))
            // Of different shapes, so that lists of one batch have different lengths.
            let key = try #require(
                PreparedPublicKey(secret.publicKey, windowBits: 4 + number % 4))
            return (secret, key)
        }
    }

    @Test("The verdicts are those of one by one, good and bad, of any number", arguments: [1, 4])
    func verdicts(_ leastInLanes: Int) throws {
        let keys = try Self.keys(6)
        var random = SeededWords(seed: 6)
        for count in [0, 1, 2, 3, 4, 5, 31, 48, 49, 101] {
            let checks = (0..<count).map { number -> PreparedPublicKey.Check in
                let (secret, key) = keys[number % keys.count]
                let (w0, w1, w2, w3) = random.words()
                let hash = Felt(reducingBigEndianWords: (w0 & (1 << 58 - 1), w1, w2, w3))
                var signature = ECDSA.sign(messageHash: hash, secretKey: secret)
                switch number % 7 {
                case 1: signature = StarkSignature(r: signature.r + 1, s: signature.s)
                case 2: signature = StarkSignature(r: signature.r, s: signature.s + 1)
                case 3: signature = StarkSignature(r: 0, s: signature.s)
                case 4: signature = StarkSignature(r: signature.r, s: .zero - 1)
                default: break
                }
                return PreparedPublicKey.Check(
                    key: number % 7 == 5 ? keys[(number + 1) % keys.count].1 : key,
                    messageHash: hash, signature: signature)
            }
            let expected = checks.map {
                $0.key.verify(messageHash: $0.messageHash, signature: $0.signature)
            }
            #expect(VerifyBatch.verify(checks, leastInLanes: leastInLanes) == expected, "\(count)")
            #expect(PreparedPublicKey.verify(checks) == expected, "\(count)")
        }
    }

    @Test("A message hash of zero, whose generator share is no point, is checked as well")
    func zeroHash() throws {
        let (secret, key) = try #require(try Self.keys(1).first)
        let good = PreparedPublicKey.Check(
            key: key, messageHash: 0, signature: ECDSA.sign(messageHash: 0, secretKey: secret))
        let bad = PreparedPublicKey.Check(
            key: key, messageHash: 0, signature: ECDSA.sign(messageHash: 1, secretKey: secret))
        let checks = [good, bad, good, bad, good]
        #expect(
            VerifyBatch.verify(checks, leastInLanes: 1) == [true, false, true, false, true])
    }

    @Test("Sums of the generator's own multiples meet equal points, and are checked alone")
    func equalPoints() throws {
        // The key is the generator: its table holds the generator's points.
        let secret = try #require(SecretKey(1))
        let key = try #require(PreparedPublicKey(secret.publicKey, windowBits: 8))
        let checks = (1...9).map { number in
            PreparedPublicKey.Check(
                key: key, messageHash: Felt(UInt64(number)),
                signature: ECDSA.sign(messageHash: Felt(UInt64(number)), secretKey: secret))
        }
        #expect(
            VerifyBatch.verify(checks, leastInLanes: 1) == [Bool](repeating: true, count: 9))
    }
}
