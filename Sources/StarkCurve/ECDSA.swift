public import StarkField

/// ECDSA on the STARK curve as Starknet has it: public keys and r are x coordinates, r is not
/// reduced mod n, and either sign of the key's point counts.
///
/// *Rules* (cairo-lang 0.14, `starkware.crypto.signature`): message hash below 2^251,
/// 0 < r < 2^251, 0 < s < n, and 1/s mod n below 2^251. A canonical signature has s at most
/// (n - 1) / 2 too; verification alone doesn't ask for that.
///
/// *Deviation*: cairo-lang's verification follows the steps of a proof's trace and refuses
/// operands for which one of its partial sums meets an equal x coordinate. Here such a sum is
/// computed. Telling the two apart takes a discrete logarithm or a key made for it.
///
/// *Timing*: verification handles public values and its time depends on them. Signing runs scalar
/// products and sums of fixed sequence. Where time depends on the operands, in the multiplication
/// by the nonce and in inversions, these are first split or multiplied by numbers that are
/// pseudo-random functions of key and nonce, so that the time says nothing of the secrets. Table
/// addresses still depend on the nonce's shares: signing isn't protected against somebody who
/// measures the same machine's caches.
public enum ECDSA {
    /// Makes the generator's table, some milliseconds of work, so that no first signature has to.
    public static func prepare() { _ = FixedBase.generator }

    /// 2^251, least significant word first.
    private static func isBelowLimit(_ value: Felt) -> Bool {
        value.bigEndianWords.0 < 1 << 59
    }

    /// Whether 0 < r < 2^251 and 0 < s <= (n - 1) / 2.
    public static func isCanonical(_ signature: StarkSignature) -> Bool {
        guard !signature.r.isZero, isBelowLimit(signature.r) else { return false }
        guard let s = Scalar(signature.s) else { return false }
        return !s.isZero && !s.isHigh
    }

    /// Signs a hash below 2^251 with the nonce of RFC 6979 (HMAC-SHA256).
    public static func sign(messageHash: Felt, secretKey: SecretKey) -> StarkSignature {
        sign(messageHash: messageHash, secretKey: secretKey, canonical: false)
    }

    /// The same nonce, and s negated where it is above (n - 1) / 2.
    public static func signCanonical(messageHash: Felt, secretKey: SecretKey) -> StarkSignature {
        sign(messageHash: messageHash, secretKey: secretKey, canonical: true)
    }

    private static func sign(
        messageHash: Felt, secretKey: SecretKey, canonical: Bool
    ) -> StarkSignature {
        precondition(isBelowLimit(messageHash), "message hash \(messageHash) of 2^251 or more")
        guard let message = Scalar(messageHash) else {
            preconditionFailure("2^251 is below n")
        }
        var attempt: UInt8 = 0
        while true {
            precondition(attempt < .max, "every nonce so far is unfit, which is beyond chance")
            let nonce = DeterministicNonce.make(
                messageHash: messageHash, secretKey: secretKey.scalar,
                entropy: attempt == 0 ? [] : [attempt])
            attempt += 1
            let blinding = Blinding(of: nonce, secret: secretKey.scalar)
            guard let r = generatorMultipleX(nonce, blinding), !r.isZero, isBelowLimit(r),
                let rScalar = Scalar(r)
            else { continue }
            let sum = message + rScalar * secretKey.scalar
            if sum.isZero { continue }
            // 1/s = nonce / (message + r * key); one inversion for both fractions.
            let product = (nonce * sum * blinding.factor).inverse * blinding.factor
            var inverse = nonce * (nonce * product)
            var s = sum * (sum * product)
            guard isBelowLimit(inverse.felt) else { continue }
            if canonical, s.isHigh {
                s = -s
                inverse = -inverse
                guard isBelowLimit(inverse.felt) else { continue }
            }
            return StarkSignature(r: r, s: s.felt)
        }
    }

    /// Numbers that hide a secret scalar from the time of what is done with it.
    struct Blinding {
        let share: Scalar
        let factor: Scalar
        let fieldFactor: Felt

        /// HMAC-SHA256 under the secret key.
        init(of scalar: Scalar, secret: Scalar) {
            let mac = HMACSHA256(key: secret.felt.bigEndianWords)
            let message = scalar.felt.bigEndianWords
            func words(_ label: UInt8) -> SHA256.Words {
                mac.authenticate { hasher in
                    hasher.update(bigEndianWords: message)
                    hasher.update(byte: label)
                }
            }
            share = Scalar(reducing: words(0))
            let second = words(1)
            // Zero has a chance of 2^-251, and would only make an inversion fail.
            factor = Scalar(reducing: second)
            fieldFactor = Felt(reducingBigEndianWords: second)
        }
    }

    /// The x coordinate of scalar * generator, as the sum of two shares' multiples.
    static func generatorMultipleX(_ scalar: Scalar, _ blinding: Blinding) -> Felt? {
        var result = FixedBase.generator.multiply(scalar + -blinding.share)
        result.add(FixedBase.generator.multiply(blinding.share))
        return result.affineX(blindedBy: blinding.fieldFactor)
    }

    /// Whether the signature is valid for the key with this x coordinate.
    public static func verify(
        messageHash: Felt, signature: StarkSignature, publicKey: Felt
    ) -> Bool {
        guard let factors = factors(messageHash: messageHash, signature: signature),
            let keyMultiple = VariableBase.multiply(x: publicKey, factors.key)
        else { return false }
        return isSumOrDifference(
            FixedBase.generator.multiply(factors.generator), keyMultiple, x: signature.r)
    }

    /// message/s and r/s mod n where the operands are in range.
    static func factors(
        messageHash: Felt, signature: StarkSignature
    ) -> (generator: Scalar, key: Scalar)? {
        guard isBelowLimit(messageHash), !signature.r.isZero, isBelowLimit(signature.r),
            let s = Scalar(signature.s), !s.isZero,
            let message = Scalar(messageHash), let r = Scalar(signature.r)
        else { return nil }
        let inverse = s.inverse
        guard inverse.words.3 < 1 << 59 else { return nil }
        return (message * inverse, r * inverse)
    }

    /// Whether x is the x coordinate of a + b or of a - b, for a finite b of which the x coordinate
    /// is given.
    ///
    /// With x1, x2 those of a and b, the two candidates are the roots of
    /// (x1 - x2)^2 X^2 - 2 ((x1 + x2)(1 + x1 x2) + 2 beta) X + (x1 x2 - 1)^2 - 4 beta (x1 + x2),
    /// which needs neither y. For a = +-b one candidate is infinity, and the polynomial is linear
    /// with the other one, the double, as its root.
    package static func isSumOrDifference(
        _ a: AccumulatorPoint, _ b: (numerator: Felt, denominator: Felt), x: Felt
    ) -> Bool {
        let (n2, d2) = b
        if a.isInfinity { return n2 == x * d2 }
        return isSumOrDifference(a.xFraction, b, x: x)
    }

    /// The same for the x coordinates of two finite points.
    static func isSumOrDifference(_ a: Felt, _ b: Felt, x: Felt) -> Bool {
        isSumOrDifference((a, .one), (b, .one), x: x)
    }

    private static func isSumOrDifference(
        _ a: (numerator: Felt, denominator: Felt), _ b: (numerator: Felt, denominator: Felt),
        x: Felt
    ) -> Bool {
        let (n1, d1) = a
        let (n2, d2) = b
        let left = n1 * d2
        let right = n2 * d1
        let numerators = n1 * n2
        let denominators = d1 * d2
        let sum = left + right
        let difference = left - right
        let betaDenominators = CurvePoint.beta * denominators
        let linear =
            sum * (denominators + numerators) + (betaDenominators * denominators).doubled()
        let constant =
            (numerators - denominators).squared()
            - (betaDenominators * sum).doubled().doubled()
        let square = difference * x
        return square.squared() - (linear * x).doubled() + constant == .zero
    }
}
