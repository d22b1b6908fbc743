import Consensus
import Primitives
import Replica
import StarkCurve
import StarkField

/// The validators' keys, and the verdict on a signature, computed once for all nodes.
///
/// `modelled` signs with a keyed mix of the digest, that no role can make without the key's owner: the
/// curve's arithmetic is what a simulation spends most on and tests least. `real` is the shipped
/// signature on the curve.
final class SimulatedKeys {
    let kind: SimulationOptions.Signatures
    private let secrets: [UInt64]
    private let keys: [SecretKey]
    private let publicKeys: [Felt]
    private var digests: [HashInput: Digest] = [:]
    private var verdicts: [ObjectCheck: Digest?] = [:]
    private static let capacity = 1 << 16

    init(count: Int, kind: SimulationOptions.Signatures, seed: UInt64) {
        self.kind = kind
        var generator = SeededGenerator(seed: seed ^ 0x6b65_7973)
        secrets = (0..<count).map { _ in generator.next() }
        keys =
            kind == .real
            ? (0..<count).compactMap { SecretKey(Felt(UInt64($0) + 1000)) } : []
        publicKeys = keys.map(\.publicKey)
    }

    func signer(of validator: Int) -> ConsensusSigner {
        if kind == .real { return ConsensusSigner(key: keys[validator]) }
        let secret = secrets[validator]
        return ConsensusSigner { SimulatedKeys.sign($0, secret: secret) }
    }

    private static func sign(_ digest: Digest, secret: UInt64) -> SignatureBytes {
        var hash = TraceHash()
        hash.add(secret)
        for word in [digest.word0, digest.word1, digest.word2, digest.word3] { hash.add(word) }
        let first = hash.value
        hash.add(secret)
        return SignatureBytes(r: Digest(0, 0, first, first | 1), s: Digest(0, 0, 0, hash.value | 1))
    }

    /// The object's digest; nil where the signature is not its signer's.
    func verify(_ check: ObjectCheck) -> Digest? {
        guard kind == .real else {
            let digest = digest(of: check.input)
            let expected = Self.sign(digest, secret: secrets[Int(check.signer.rawValue)])
            return expected == check.signature ? digest : nil
        }
        if let known = verdicts[check] { return known }
        let verdict = verifyOnCurve(check)
        if verdicts.count >= Self.capacity { verdicts.removeAll(keepingCapacity: true) }
        verdicts[check] = .some(verdict)
        return verdict
    }

    func digest(of input: HashInput) -> Digest {
        if let known = digests[input] { return known }
        let digest = ObjectHash.digest(of: input)
        if digests.count >= Self.capacity { digests.removeAll(keepingCapacity: true) }
        digests[input] = digest
        return digest
    }

    private func verifyOnCurve(_ check: ObjectCheck) -> Digest? {
        let digest = digest(of: check.input)
        func felt(_ value: Digest) -> Felt? {
            Felt(bigEndianWords: (value.word0, value.word1, value.word2, value.word3))
        }
        guard let r = felt(check.signature.r), let s = felt(check.signature.s),
            let message = felt(digest)
        else { return nil }
        let signature = StarkSignature(r: r, s: s)
        guard ECDSA.isCanonical(signature),
            ECDSA.verify(
                messageHash: message, signature: signature,
                publicKey: publicKeys[Int(check.signer.rawValue)])
        else { return nil }
        return digest
    }
}
