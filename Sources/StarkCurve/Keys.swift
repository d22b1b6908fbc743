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

/// A public key with its multiples in tables, for keys that check many signatures: 36 + 32
/// additions and no doubling. Takes 144 KB and about a millisecond to make.
public struct PreparedPublicKey: Sendable {
    /// The key itself, an x coordinate.
    public let x: Felt
    private let multiples: FixedBase

    /// Nil where no point of the curve has this x.
    public init?(_ x: Felt) {
        guard let point = CurvePoint(x: x) else { return nil }
        self.x = x
        multiples = FixedBase(point, bits: 7)
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
