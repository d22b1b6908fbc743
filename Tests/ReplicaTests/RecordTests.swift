import Consensus
import Primitives
import Replica
import Replication
import StarkCurve
import StarkField
import Testing
import WireCodec

@Suite("Log records, object hashes and chunk roots")
struct RecordTests {
    /// Everything that a short run of four nodes has logged.
    private static func records() -> [ReplicaRecord] {
        let network = Network()
        for nonce in UInt64(0)..<4 {
            network.after(milliseconds: 5 + nonce * 10) {
                $0.submit([transaction(lane: 1, nonce: nonce)], to: 0)
            }
        }
        network.run(milliseconds: 120)
        return network.nodes.flatMap(\.durable)
    }

    @Test("Every kind of record decodes to itself and has no other length")
    func roundTrips() throws {
        let records = Self.records()
        var kinds: Set<UInt8> = []
        for record in records {
            let bytes = record.encoded()
            kinds.insert(bytes[0])
            #expect(try ReplicaRecord(decoding: bytes) == record)
            #expect(throws: WireError.self) {
                _ = try ReplicaRecord(decoding: Array(bytes.dropLast()))
            }
            #expect(throws: WireError.trailing(count: 1)) {
                _ = try ReplicaRecord(decoding: bytes + [1])
            }
        }
        #expect(kinds == [1, 2, 3, 4, 5, 6], "the run logs every kind")
    }

    @Test("Mutated records never trap; what decodes is canonical")
    func hostileBytes() {
        let samples = Self.records().prefix(60).map { $0.encoded() }
        var generator = SeededGenerator(seed: 3)
        var accepted = 0
        for round in 0..<20_000 {
            var bytes = samples[round % samples.count]
            for _ in 0...generator.uniform(below: 2) where !bytes.isEmpty {
                let position = Int(generator.uniform(below: UInt64(bytes.count)))
                switch generator.uniform(below: 4) {
                case 0: bytes[position] = UInt8(generator.uniform(below: 256))
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(0xff, at: position)
                default: bytes[position] ^= 1
                }
            }
            guard let record = try? ReplicaRecord(decoding: bytes) else { continue }
            accepted += 1
            #expect(record.encoded() == bytes)
        }
        #expect(accepted > 500, "\(accepted)")
    }

    @Test("A replica that restarts from its log says the same bytes again")
    func sameBytes() {
        let network = Network()
        network.run(milliseconds: 100)
        func own(_ index: Int) -> Set<[UInt8]> {
            Set(
                network.nodes[index].durable.compactMap {
                    if case .statement(let signed) = $0 { return signed.encoded() }
                    return nil
                })
        }
        let said = network.nodes.indices.map(own)
        for index in network.nodes.indices { network.crash(index) }
        for index in network.nodes.indices { network.restart(index) }
        network.run(milliseconds: 1)
        for index in network.nodes.indices { #expect(said[index].isSubset(of: own(index))) }
        #expect(network.violations == [])
    }

    @Test("A signer's signatures are canonical, deterministic and good for one object only")
    func signer() throws {
        let key = try #require(SecretKey(Felt(1234)))
        let signer = ConsensusSigner(key: key)
        for number in UInt64(0)..<20 {
            let digest = ObjectHash.digest(
                of: HashInput(.notar, [Digest(number: number), Digest(number: 1)]))
            #expect(digest.word0 < 1 << 58, "250 bits")
            let signature = signer.sign(digest)
            #expect(signature == signer.sign(digest))
            func felt(_ value: Digest) throws -> Felt {
                try #require(
                    Felt(
                        bigEndianWords: (value.word0, value.word1, value.word2, value.word3)))
            }
            let stark = StarkSignature(r: try felt(signature.r), s: try felt(signature.s))
            #expect(ECDSA.isCanonical(stark))
            #expect(
                ECDSA.verify(
                    messageHash: try felt(digest), signature: stark, publicKey: key.publicKey))
            let other = ObjectHash.digest(
                of: HashInput(.final, [Digest(number: number), Digest(number: 1)]))
            #expect(other != digest, "kinds do not share hashes")
            #expect(
                !ECDSA.verify(
                    messageHash: try felt(other), signature: stark, publicKey: key.publicKey))
        }
    }

    @Test("A chunk's root covers every leaf, its place and the number of leaves")
    func chunkRoots() {
        #expect(ChunkRoot.root(of: []) == .zero)
        var seen: Set<Digest> = []
        for count in 1...20 {
            let leaves = (0..<count).map { ChunkRoot.leaf([UInt8($0)]) }
            #expect(seen.insert(ChunkRoot.root(of: leaves)).inserted)
            #expect(ChunkRoot.root(of: leaves).word0 < 1 << 58)
            for position in 0..<count {
                var changed = leaves
                changed[position] = ChunkRoot.leaf([200])
                #expect(seen.insert(ChunkRoot.root(of: changed)).inserted)
            }
            if count > 1 {
                #expect(seen.insert(ChunkRoot.root(of: leaves.reversed())).inserted)
            }
        }
    }
}
