package import Consensus
package import Primitives
package import StarkCurve
import StarkField
import StarkHash

/// The hash under every signature (PROTOCOL section 1): Poseidon over the object's domain and
/// fields, cut to its low 250 bits.
package enum ObjectHash {
    package static func digest(of input: HashInput) -> Digest {
        var hasher = PoseidonHasher()
        for field in input.fields {
            hasher.update(
                Felt(
                    reducingBigEndianWords: (
                        field.word0, field.word1, field.word2, field.word3
                    )))
        }
        let words = hasher.finalize().bigEndianWords
        return Digest(words.0 & (1 << 58 - 1), words.1, words.2, words.3)
    }
}

/// A validator's consensus key. Signs deterministically (RFC 6979), in the canonical form that the
/// protocol accepts, so the same object always gets the same bytes.
package struct ConsensusSigner: Sendable {
    private let signing: @Sendable (Digest) -> SignatureBytes

    /// Whatever holds the key: the same digest must always get the same bytes.
    package init(signing: @escaping @Sendable (Digest) -> SignatureBytes) {
        self.signing = signing
    }

    package init(key: SecretKey) {
        signing = { digest in
            let signature = ECDSA.signCanonical(
                messageHash: Felt(
                    reducingBigEndianWords: (
                        digest.word0, digest.word1, digest.word2, digest.word3
                    )), secretKey: key)
            func wide(_ felt: Felt) -> Digest {
                let words = felt.bigEndianWords
                return Digest(words.0, words.1, words.2, words.3)
            }
            return SignatureBytes(r: wide(signature.r), s: wide(signature.s))
        }
    }

    package func sign(_ digest: Digest) -> SignatureBytes { signing(digest) }
}
