import Execution
import Foundation
import StarkCurve
import StarkField
import StarkHash
import TestSupport
import Testing

@Suite("Signatures of public sequencers", .serialized)
struct HashesSignatureTests {
    /// What `get_public_key` of the public feeder gateways answers, by chain.
    private static let publicKeys = [
        "SN_MAIN": "0x48253ff2c3bed7af18bde0b611b083b39445959102d4947c51c4db6aa4f4e58",
        "SN_SEPOLIA": "0x1252b6bce1351844c677869c6327e80eae1535755b611c66b8f46e595b40eea",
        "SN_INTEGRATION_SEPOLIA":
            "0x4e4856eb36dbd5f4a7dca29f7bb5232974ef1fb7eb5b597c58077174c294da1",
    ]

    /// The chain of each block by its hash, for blocks with transactions.
    private static func chains() throws -> [Felt: String] {
        var chains: [Felt: String] = [:]
        for block in try VectorBlock.all() {
            guard let hash = block.hash, let chain = try block.chain() else { continue }
            chains[hash] = VectorTransaction.knownChains.first { Felt(shortString: $0) == chain }
        }
        return chains
    }

    @Test(
        "A public sequencer's signature is valid over its block's hash",
        .enabled(if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func signatures() throws {
        let chains = try HashesSignatureTests.chains()
        var checked = 0
        for file in Fixtures.files(under: "blocks", suffix: ".json") {
            guard let object = JSONFields(try Fixtures.json(file)), object.has("signature") else {
                continue
            }
            // The older form signs the state diff's commitment too.
            let input = object.fields("signature_input")
            let blockHash = try (input ?? object).felt("block_hash")
            let message =
                try input.map {
                    Poseidon.hashMany([blockHash, try $0.felt("state_diff_commitment")])
                } ?? blockHash
            let parts = try object.felts("signature")
            try #require(parts.count == 2)
            guard let key = chains[blockHash].flatMap({ HashesSignatureTests.publicKeys[$0] }),
                let publicKey = Felt(hex: key)
            else {
                print("note: \(file): signed by a sequencer whose key is not known here")
                continue
            }
            #expect(
                ECDSA.verify(
                    messageHash: message, signature: StarkSignature(r: parts[0], s: parts[1]),
                    publicKey: publicKey), "\(file)")
            checked += 1
        }
        #expect(checked > 0)
    }
}
