import StarkField
import TestSupport
import Testing

import StarkCurve

@Suite("Signatures")
struct SignatureTests {
    static let limit = Felt(2).power(251)

    static let keys: [SecretKey] = Samples.scalars(6, seed: 0x5eed_0301).compactMap {
        SecretKey($0.felt)
    }

    /// The slow twin of verification: both signs of the key's point, affine, bit by bit.
    private func slowVerify(
        messageHash: Felt, signature: StarkSignature, publicKey: Felt
    ) -> Bool {
        guard let r = Scalar(signature.r), let s = Scalar(signature.s),
            let z = Scalar(messageHash), let key = CurvePoint(x: publicKey),
            !r.isZero, !s.isZero, signature.r < Self.limit, messageHash < Self.limit
        else { return false }
        let w = s.inverse
        guard w.felt < Self.limit else { return false }
        let generator = SlowPoint(x: CurvePoint.generator.x, y: CurvePoint.generator.y)
        let first = SlowPoint.multiply(generator, (z * w).words)
        return [key, -key].contains { point in
            let second = SlowPoint.multiply(SlowPoint(x: point.x, y: point.y), (r * w).words)
            return SlowPoint.add(first, second)?.x == signature.r
        }
    }

    private func agree(
        _ hash: Felt, _ signature: StarkSignature, _ key: Felt, _ prepared: PreparedPublicKey?,
        _ expected: Bool
    ) {
        #expect(
            ECDSA.verify(messageHash: hash, signature: signature, publicKey: key) == expected)
        #expect(
            (prepared?.verify(messageHash: hash, signature: signature) ?? false) == expected)
    }

    @Test("what is signed verifies, by key and by prepared key, and nothing near it does")
    func signAndVerify() {
        let hashes = Samples.hashes(4, seed: 0x5eed_0302) + [0, 1, Self.limit - 1]
        for key in Self.keys {
            let publicKey = key.publicKey
            let prepared = PreparedPublicKey(publicKey)
            #expect(prepared?.x == publicKey)
            let stranger = Self.keys[0].publicKey == publicKey ? Self.keys[1] : Self.keys[0]
            for hash in hashes {
                let plain = ECDSA.sign(messageHash: hash, secretKey: key)
                let canonical = ECDSA.signCanonical(messageHash: hash, secretKey: key)
                #expect(ECDSA.isCanonical(canonical))
                #expect(canonical.r == plain.r)
                for signature in [plain, canonical] {
                    agree(hash, signature, publicKey, prepared, true)
                    #expect(
                        slowVerify(
                            messageHash: hash, signature: signature, publicKey: publicKey))
                }
                let (r, s) = (plain.r, plain.s)
                agree(hash == 0 ? 1 : hash - 1, plain, publicKey, prepared, false)
                agree(hash, StarkSignature(r: r + 1, s: s), publicKey, prepared, false)
                agree(hash, StarkSignature(r: r, s: s + 1), publicKey, prepared, false)
                agree(hash, StarkSignature(r: s, s: r), publicKey, prepared, false)
                #expect(
                    !ECDSA.verify(
                        messageHash: hash, signature: plain, publicKey: stranger.publicKey))
            }
        }
    }

    @Test("the negated s is the same signature, and of the two exactly one is canonical")
    func malleability() throws {
        for hash in Samples.hashes(20, seed: 0x5eed_0303) {
            let key = Self.keys[1]
            let signature = ECDSA.sign(messageHash: hash, secretKey: key)
            let negated = StarkSignature(
                r: signature.r, s: (-(try #require(Scalar(signature.s)))).felt)
            #expect(
                ECDSA.verify(messageHash: hash, signature: negated, publicKey: key.publicKey))
            #expect(ECDSA.isCanonical(signature) != ECDSA.isCanonical(negated))
        }
    }

    @Test("operands out of range are refused, never a trap")
    func ranges() throws {
        let key = Self.keys[2]
        let publicKey = key.publicKey
        let prepared = try #require(PreparedPublicKey(publicKey))
        let good = ECDSA.sign(messageHash: 5, secretKey: key)
        let order = SlowScalar.order
        let n = try #require(Felt(bigEndianWords: (order[3], order[2], order[1], order[0])))
        let values: [Felt] = [0, 1, 2, n - 1, n, n + 1, Self.limit, Self.limit - 1, -Felt.one]
        for r in values + [good.r] {
            for s in values + [good.s] {
                let signature = StarkSignature(r: r, s: s)
                agree(5, signature, publicKey, prepared, r == good.r && s == good.s)
                #expect(
                    ECDSA.isCanonical(signature)
                        == (!r.isZero && r < Self.limit && !s.isZero && s <= (n - 1) * halfOf()))
            }
        }
        agree(Self.limit, good, publicKey, prepared, false)
        agree(-Felt.one, good, publicKey, prepared, false)
        for x in values + Samples.felts(20, seed: 0x5eed_0304) {
            let verdict = ECDSA.verify(messageHash: 5, signature: good, publicKey: x)
            #expect(!verdict)
            #expect((PreparedPublicKey(x) == nil) == (CurvePoint(x: x) == nil))
        }
    }

    /// 1/2 in the field: (n - 1) is even, so the product is exact.
    private func halfOf() -> Felt { Felt(2).inverse() ?? 0 }

    @Test("an s whose inverse is 2^251 or more is refused")
    func largeInverse() throws {
        // w = 2^251 + 1 < n; r and the hash are chosen after it: with the key known, take
        // R = k * G, r = x(R), and z from s = (z + r * key) / k.
        let key = try #require(SecretKey(77))
        var checked = 0
        for nonce: UInt64 in 2..<12 {
            let k = Scalar(reducing: (nonce, 0, 0, 0))
            let r = try #require(FixedBase.generator.multiply(k).affineX)
            guard r < Self.limit, let rScalar = Scalar(r) else { continue }
            for (w, valid) in [
                (Scalar(reducing: (1, 0, 0, 1 << 59)), false),
                (Scalar(reducing: (.max, .max, .max, 1 << 59 - 1)), true),
            ] {
                let s = w.inverse
                let z = s * k + -(rScalar * key.scalar)
                guard z.felt < Self.limit else { continue }
                let signature = StarkSignature(r: r, s: s.felt)
                agree(
                    z.felt, signature, key.publicKey, PreparedPublicKey(key.publicKey), valid)
                checked += 1
            }
        }
        #expect(checked > 10)
    }

    @Test("keys made to collide with the generator verify as double-and-add says")
    func collidingKeys() throws {
        // Key 1 is the generator itself: sums of equal and opposite points occur.
        for secret: UInt64 in [1, 2, 3, 127, 128, 255, 256] {
            let key = try #require(SecretKey(Felt(secret)))
            let prepared = try #require(PreparedPublicKey(key.publicKey))
            for nonce: UInt64 in [1, 2, 3, 4, 128, 256] {
                let k = Scalar(reducing: (nonce, 0, 0, 0))
                let r = try #require(FixedBase.generator.multiply(k).affineX)
                guard r < Self.limit, let rScalar = Scalar(r) else { continue }
                for z: UInt64 in [0, 1, 2, 200] {
                    let zScalar = Scalar(reducing: (z, 0, 0, 0))
                    let s = (zScalar + rScalar * key.scalar) * k.inverse
                    let signature = StarkSignature(r: r, s: s.felt)
                    let expected = slowVerify(
                        messageHash: Felt(z), signature: signature, publicKey: key.publicKey)
                    agree(Felt(z), signature, key.publicKey, prepared, expected)
                }
                // z = -r * key, so that the sum of both multiples is infinity.
                let opposite = -(rScalar * key.scalar)
                let signature = StarkSignature(r: r, s: k.felt)
                agree(
                    opposite.felt, signature, key.publicKey, prepared,
                    slowVerify(
                        messageHash: opposite.felt, signature: signature,
                        publicKey: key.publicKey))
            }
        }
    }

    @Test("secret keys are 1 to n - 1, and their description shows nothing")
    func secretKeys() throws {
        let order = SlowScalar.order
        let n = try #require(Felt(bigEndianWords: (order[3], order[2], order[1], order[0])))
        #expect(SecretKey(0) == nil)
        #expect(SecretKey(n) == nil)
        #expect(SecretKey(-Felt.one) == nil)
        #expect(SecretKey(1)?.publicKey == CurvePoint.generator.x)
        #expect(SecretKey(n - 1)?.publicKey == CurvePoint.generator.x)
        #expect("\(try #require(SecretKey(12345)))" == "SecretKey")
    }
}
