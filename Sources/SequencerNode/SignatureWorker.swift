import Consensus
import Primitives
import Replica
import StarkCurve
import StarkField

/// Checks batches of signatures against the committee's keys. Statements of one content share one
/// hash: votes for a block are hashed once, not once a voter.
final class SignatureWorker: @unchecked Sendable {
    /// Distinct contents whose hash is kept.
    private static let keptHashes = 4096

    private let keys: [PreparedPublicKey]
    private var hashes: [HashInput: Digest] = [:]
    /// Good signatures, in two generations: a vote comes by itself and in certificates, and the
    /// replica asks again for what is still on its way through here.
    private struct Verified: Hashable {
        let digest: Digest
        let signer: ValidatorIndex
        let signature: SignatureBytes
    }
    private var young: Set<Verified> = []
    private var old: Set<Verified> = []

    /// Nil when a key is not the x coordinate of a point.
    init?(committee keys: [Felt]) {
        var prepared: [PreparedPublicKey] = []
        for key in keys {
            guard let ready = PreparedPublicKey(key) else { return nil }
            prepared.append(ready)
        }
        self.keys = prepared
    }

    /// The objects' hashes, nil where the signature is not the signer's in canonical form.
    func check(_ checks: [ObjectCheck]) -> [Digest?] {
        checks.map { check in
            guard Int(check.signer.rawValue) < keys.count else { return nil }
            let digest = hash(check.input)
            let known = Verified(
                digest: digest, signer: check.signer, signature: check.signature)
            if young.contains(known) || old.contains(known) { return digest }
            guard let r = Felt(bigEndianWords: check.signature.r.words),
                let s = Felt(bigEndianWords: check.signature.s.words)
            else { return nil }
            let signature = StarkSignature(r: r, s: s)
            guard ECDSA.isCanonical(signature),
                keys[Int(check.signer.rawValue)].verify(
                    messageHash: digest.felt, signature: signature)
            else { return nil }
            if young.count >= Self.keptHashes {
                old = young
                young.removeAll(keepingCapacity: true)
            }
            young.insert(known)
            return digest
        }
    }

    private func hash(_ input: HashInput) -> Digest {
        if let known = hashes[input] { return known }
        if hashes.count >= Self.keptHashes { hashes.removeAll(keepingCapacity: true) }
        let digest = ObjectHash.digest(of: input)
        hashes[input] = digest
        return digest
    }
}

extension Digest {
    var words: (UInt64, UInt64, UInt64, UInt64) { (word0, word1, word2, word3) }
}
