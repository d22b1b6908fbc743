public import StarkField

/// A signature (r, s). Any two field elements: what a valid one is, `ECDSA` says. n < p, so both
/// fit.
public struct StarkSignature: Hashable, Sendable {
    public let r: Felt
    public let s: Felt

    public init(r: Felt, s: Felt) {
        self.r = r
        self.s = s
    }
}

/// A signing key: an integer in 1 ..< n. Its description shows nothing of it.
public struct SecretKey: Sendable, CustomStringConvertible {
    package let scalar: Scalar

    /// Nil for zero and for n or more.
    public init?(_ value: Felt) {
        guard let scalar = Scalar(value), !scalar.isZero else { return nil }
        self.scalar = scalar
    }

    /// The x coordinate of the key times the generator. See `ECDSA` for what its time depends on.
    public var publicKey: Felt {
        let blinding = ECDSA.Blinding(of: scalar, secret: scalar)
        guard let x = ECDSA.generatorMultipleX(scalar, blinding) else {
            preconditionFailure("a key in 1 ..< n times the generator is infinity")
        }
        return x
    }

    public var description: String { "SecretKey" }
}

/// A public key with its multiples in tables, for keys that check many signatures: additions only,
/// 32 for the generator and one per window of the key.
public struct PreparedPublicKey: Sendable {
    /// The key itself, an x coordinate.
    public let x: Felt
    let multiples: FixedBase

    /// Nil where no point of the curve has this x.
    ///
    /// Windows of 7 bits are 36 additions, 144 KB and about 0.7 ms to make; of 5 bits, 51, 51 KB
    /// and 0.3 ms; of 4 bits, 63, 32 KB and 0.25 ms. `windowBits` in 2 ... 12.
    public init?(_ x: Felt, windowBits: Int = 7) {
        guard let point = CurvePoint(x: x) else { return nil }
        self.x = x
        multiples = FixedBase(point, bits: windowBits)
    }

    /// The same answer as `ECDSA.verify` with this key.
    public func verify(messageHash: Felt, signature: StarkSignature) -> Bool {
        guard let factors = ECDSA.factors(messageHash: messageHash, signature: signature) else {
            return false
        }
        return ECDSA.isSumOrDifference(
            FixedBase.generator.multiply(factors.generator),
            multiples.multiply(factors.key).xFraction,
            x: signature.r)
    }
}

extension PreparedPublicKey: Equatable {
    public static func == (a: PreparedPublicKey, b: PreparedPublicKey) -> Bool { a.x == b.x }
}
