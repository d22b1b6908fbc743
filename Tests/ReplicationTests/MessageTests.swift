import Consensus
import Primitives
import Replication
import Testing
import WireCodec

/// One of everything that is sent, and a few of the awkward.
enum Samples {
    static let signature = SignatureBytes(r: Digest(number: 1), s: Digest(1, 2, 3, 4))
    static let reference = BlockReference(slot: Slot(9), hash: Digest(number: 5))
    static let prices = BlockPrices(
        l1GasWei: 1, l1GasFri: .max, l1DataGasWei: 3, l1DataGasFri: 4, l2GasWei: 5, l2GasFri: 6)
    static let opening = SignedOpening(
        value: Opening(
            chain: Digest(number: 1), epoch: Epoch(2), slot: Slot(3), height: Height(4),
            parent: reference, timestamp: 6, anchorNumber: 7, anchorHash: Digest(.max, 1, 2, 3),
            inboxCursor: 8, prices: prices, protocolVersion: 9), signature: signature)
    static let chunk = Chunk(
        header: SignedChunkHeader(
            value: ChunkHeader(
                chain: Digest(number: 1), epoch: Epoch(2), slot: Slot(3), sequence: 1,
                previous: Digest(number: 4), transactionRoot: Digest(number: 5),
                receiptsCommitment: Digest(number: 6), count: 2), signature: signature),
        transactions: [TransactionBytes([]), TransactionBytes([1, 2, 3])])
    static let header = SignedHeader(
        value: Header(
            opening: opening.value, lastChunk: Digest(number: 1), chunkCount: 1,
            transactionCount: 2, eventCount: 3, stateDiffLength: 4,
            stateDiffCommitment: Digest(number: 5), transactionCommitment: Digest(number: 6),
            eventCommitment: Digest(number: 7), receiptCommitment: Digest(number: 8),
            laggedBlockHash: Digest(number: 9)), signature: signature)
    static let body = BlockBody(opening: opening, chunks: [chunk, chunk], header: header)
    static func certificate(_ kind: Certificate.Kind) -> Certificate {
        Certificate(
            kind: kind,
            signers: [0, 3, 200].map {
                Certificate.Signer(
                    index: ValidatorIndex($0),
                    slot: { if case .skip = kind { Slot(8) } else { reference.slot } }(),
                    signature: signature)
            })
    }
    static let certificates = [
        certificate(.notar(reference)), certificate(.final(reference)),
        certificate(.skip(Window(2), Slot(9))),
    ]

    static var messages: [PeerMessage] {
        let statements: [Statement] = [
            .notar(reference), .final(reference), .skipFrom(Window(.max), Slot(0)),
        ]
        return statements.map {
            .statement(SignedStatement(statement: $0, signer: 7, signature: signature))
        } + certificates.map { .certificate($0) } + [
            .beat(Beat(window: Window(3), sequence: .max)),
            .status(
                Status(
                    topFinal: reference, topFinalHeight: Height(4), firstUnclearedSlot: Slot(10))
            ),
            .opening(opening, parent: nil, skips: []),
            .opening(opening, parent: certificates[0], skips: [certificates[2]]),
            .chunk(chunk), .header(header), .transactions([]),
            .transactions([TransactionBytes([1]), TransactionBytes([])]),
            .blockRequest(reference), .block(body), .finalRequest(from: Height(3)),
            .finalReply(FinalRange(blocks: [], certificate: certificates[1])),
            .finalReply(FinalRange(blocks: [body, body], certificate: certificates[1])),
        ]
    }
}

@Suite("What peers say to each other")
struct MessageTests {
    @Test("Every message decodes to itself, has a class and no shorter or longer form")
    func roundTrips() throws {
        for message in Samples.messages {
            let bytes = message.encoded()
            #expect(try PeerMessage(decoding: bytes) == message)
            for count in 0..<bytes.count {
                #expect(throws: WireError.self) {
                    _ = try PeerMessage(decoding: Array(bytes.prefix(count)))
                }
            }
            #expect(throws: WireError.trailing(count: 1)) {
                _ = try PeerMessage(decoding: bytes + [0])
            }
        }
        #expect(
            Set(Samples.messages.map(\.messageClass)) == Set(MessageClass.allCases),
            "every stream is used")
    }

    @Test("Mutated and random bytes never trap; what decodes is canonical")
    func hostileBytes() {
        var generator = SeededGenerator(seed: 5)
        var accepted = 0
        func take(_ bytes: [UInt8]) {
            guard let message = try? PeerMessage(decoding: bytes) else { return }
            accepted += 1
            #expect(message.encoded() == bytes)
        }
        let samples = Samples.messages.map { $0.encoded() }
        for round in 0..<30_000 {
            var bytes = samples[round % samples.count]
            for _ in 0...generator.uniform(below: 3) where !bytes.isEmpty {
                let position = Int(generator.uniform(below: UInt64(bytes.count)))
                switch generator.uniform(below: 5) {
                case 0: bytes[position] = UInt8(generator.uniform(below: 256))
                case 1: bytes[position] ^= 1 << UInt8(generator.uniform(below: 8))
                case 2: bytes.remove(at: position)
                case 3: bytes.insert(0xff, at: position)
                default: bytes[position] = 0xff
                }
            }
            take(bytes)
        }
        for _ in 0..<5000 {
            let count = generator.uniform(below: 400)
            var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            if let first = bytes.indices.first {
                bytes[first] = UInt8(generator.uniform(below: 14))
            }
            take(bytes)
        }
        #expect(accepted > 1000, "\(accepted)")
    }

    @Test("Field elements outside the field, unordered signers and unknown tags are refused")
    func refusals() {
        let outside = BlockReference(slot: Slot(1), hash: Digest.fieldModulus)
        #expect(throws: WireError.invalid(what: "block hash")) {
            _ = try PeerMessage(decoding: PeerMessage.blockRequest(outside).encoded())
        }
        let signers = [3, 3].map {
            Certificate.Signer(
                index: ValidatorIndex($0), slot: Samples.reference.slot,
                signature: Samples.signature)
        }
        let twice = Certificate(kind: .final(Samples.reference), signers: signers)
        #expect(throws: WireError.invalid(what: "order of signers")) {
            _ = try PeerMessage(decoding: PeerMessage.certificate(twice).encoded())
        }
        for tag in [0, 13, 255] as [UInt8] {
            #expect(throws: WireError.unknownTag(what: "peer message", tag: tag)) {
                _ = try PeerMessage(decoding: [tag])
            }
        }
    }

    @Test("A message over its bounds is refused whole")
    func bounds() {
        let many = PeerMessage.transactions(
            Array(
                repeating: TransactionBytes([]), count: WireLimits.transactionsPerMessage + 1))
        #expect(throws: WireError.self) { _ = try PeerMessage(decoding: many.encoded()) }
        let large = PeerMessage.transactions([
            TransactionBytes(Array(repeating: 0, count: WireLimits.transactionBytes + 1))
        ])
        #expect(throws: WireError.self) { _ = try PeerMessage(decoding: large.encoded()) }
        let fits = PeerMessage.transactions([
            TransactionBytes(Array(repeating: 0, count: WireLimits.transactionBytes))
        ])
        #expect((try? PeerMessage(decoding: fits.encoded())) == fits)
    }
}
