import StarkField
import TestSupport
import Testing

import StarkCurve

private func felt(_ value: (any Sendable)?) throws -> Felt {
    let text = try #require(value as? String)
    let prefixed = text.hasPrefix("0x") ? text : "0x" + text
    return try #require(Felt(hex: prefixed), "\(text) is no field element")
}

@Suite(
    "Signature vectors of other implementations",
    .enabled(
        if: Fixtures.has("oracle-vectors"),
        Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
struct SignatureVectorTests {
    @Test("keys, nonces, signatures and their verification")
    func signatures() throws {
        let keys = ["priv", "pub", "msg", "r", "s", "k_rfc6979"]
        let files = Vectors.files(in: ["oracle-vectors"])
        let sections = try Vectors.sections("ecdsa", keys: keys, in: files)
        try #require(!sections.isEmpty)
        for entry in sections.flatMap(\.list) {
            let secret = try #require(SecretKey(felt(entry["priv"])))
            let publicKey = try felt(entry["pub"])
            let hash = try felt(entry["msg"])
            let expected = StarkSignature(r: try felt(entry["r"]), s: try felt(entry["s"]))
            #expect(secret.publicKey == publicKey)
            let nonce = DeterministicNonce.make(
                messageHash: hash, secretKey: secret.scalar, entropy: [])
            #expect(try nonce.felt == felt(entry["k_rfc6979"]))
            #expect(ECDSA.sign(messageHash: hash, secretKey: secret) == expected)
            #expect(
                ECDSA.verify(messageHash: hash, signature: expected, publicKey: publicKey))
            let prepared = try #require(PreparedPublicKey(publicKey))
            #expect(prepared.verify(messageHash: hash, signature: expected))
            #expect(!prepared.verify(messageHash: hash + 1, signature: expected))
        }
    }
}

@Suite(
    "Key and nonce vectors",
    .enabled(if: Fixtures.has("crypto"), Comment(rawValue: Fixtures.absence(of: "crypto"))))
struct KeyVectorTests {
    static let files = Vectors.files(in: ["crypto"], except: ["crypto/kzg"])

    @Test("nonces of RFC 6979 with seeds")
    func nonces() throws {
        var checked = 0
        for file in Self.files {
            guard let list = try Fixtures.json(file) as? [[String: String]] else { continue }
            for entry in list where entry["k"] != nil && entry["seed"] != nil {
                let secret = try #require(Scalar(felt(entry["priv_key"])))
                let seed = try felt(entry["seed"]).bigEndianBytes.drop { $0 == 0 }
                let nonce = DeterministicNonce.make(
                    messageHash: try felt(entry["msg_hash"]), secretKey: secret,
                    entropy: Array(seed))
                #expect(try nonce.felt == felt(entry["k"]), "\(entry)")
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test("public keys of secret keys")
    func keyPairs() throws {
        var checked = 0
        for file in Self.files {
            guard let table = try Fixtures.json(file) as? [String: String] else { continue }
            for (secret, publicKey) in table where secret.hasPrefix("0x") {
                let key = try #require(SecretKey(felt(secret)))
                #expect(try key.publicKey == felt(publicKey), "\(secret)")
                checked += 1
            }
        }
        #expect(checked > 0)
    }
}
