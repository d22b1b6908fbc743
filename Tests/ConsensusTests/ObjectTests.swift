import Consensus
import Primitives
import Testing
import WireCodec

struct ObjectTests {
    private static let opening = Opening(
        chain: Digest(number: 1), epoch: 2, slot: 3, height: 4,
        parent: BlockReference(slot: 2, hash: Digest(number: 5)), timestamp: 6, anchorNumber: 7,
        anchorHash: Digest(.max, 8, 9, 10), inboxCursor: 11,
        prices: BlockPrices(
            l1GasWei: 12, l1GasFri: UInt128(1) << 100, l1DataGasWei: 13, l1DataGasFri: 14,
            l2GasWei: 15, l2GasFri: .max),
        protocolVersion: 16)

    private static let header = Header(
        opening: opening, lastChunk: Digest(number: 20), chunkCount: 21, transactionCount: 22,
        eventCount: 23, stateDiffLength: 24, stateDiffCommitment: Digest(number: 25),
        transactionCommitment: Digest(number: 26), eventCommitment: Digest(number: 27),
        receiptCommitment: Digest(number: 28), laggedBlockHash: Digest(number: 29))

    private static let chunk = ChunkHeader(
        chain: Digest(number: 1), epoch: 2, slot: 3, sequence: 1, previous: Digest(number: 4),
        transactionRoot: Digest(number: 5), receiptsCommitment: Digest(number: 6), count: 7)

    private static let reference = BlockReference(slot: 9, hash: Digest(1, 2, 3, 4))
    private static let signature = SignatureBytes(r: Digest(1, 2, 3, 4), s: Digest(5, 6, 7, 8))

    private static let skipped = certificate(.skip(2, 9), by: [(0, 8), (1, 9), (3, 8)])

    private func roundTrip<T: WireCodable & Hashable>(_ value: T) throws {
        #expect(try T(decoding: value.encoded()) == value)
    }

    @Test("Every object comes back from its encoding")
    func roundTrips() throws {
        try roundTrip(Signed(value: Self.opening, signature: Self.signature))
        try roundTrip(Signed(value: Self.header, signature: Self.signature))
        try roundTrip(Signed(value: Self.chunk, signature: Self.signature))
        for statement in [
            Statement.notar(Self.reference), .final(Self.reference), .skipFrom(2, 9),
        ] {
            try roundTrip(sign(statement, by: 3))
        }
        try roundTrip(notarCertificate(Self.reference, by: [0, 1, 3]))
        try roundTrip(finalCertificate(Self.reference, by: [0, 1, 3]))
        try roundTrip(Self.skipped)
        try roundTrip(Beat(window: 3, sequence: 4))
        try roundTrip(
            Status(topFinal: Self.reference, topFinalHeight: 4, firstUnclearedSlot: 10))
    }

    /// What decodes must be the one encoding of what it decoded to.
    private func fuzz<T: WireCodable>(_ type: T.Type, _ sample: T, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let original = sample.encoded()
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0...random.uniform(below: 3) {
                switch random.uniform(below: 4) {
                case 0 where !bytes.isEmpty:
                    bytes.removeLast(Int(random.uniform(below: UInt64(bytes.count))) + 1)
                case 1: bytes.append(UInt8(random.uniform(below: 256)))
                case _ where !bytes.isEmpty:
                    let position = Int(random.uniform(below: UInt64(bytes.count)))
                    bytes[position] = random.uniform(below: 2) == 0 ? 0xFF : UInt8(position & 0xFF)
                default: break
                }
            }
            guard let decoded = try? T(decoding: bytes) else { continue }
            #expect(decoded.encoded() == bytes, "\(type), seed \(seed)")
        }
    }

    @Test("No bytes trap a decoder, and none decode that are not canonical")
    func hostileBytes() {
        for seed in 1...3 as ClosedRange<UInt64> {
            fuzz(
                SignedHeader.self, Signed(value: Self.header, signature: Self.signature),
                seed: seed)
            fuzz(
                SignedOpening.self, Signed(value: Self.opening, signature: Self.signature),
                seed: seed)
            fuzz(
                SignedChunkHeader.self, Signed(value: Self.chunk, signature: Self.signature),
                seed: seed)
            fuzz(SignedStatement.self, sign(.skipFrom(2, 9), by: 1), seed: seed)
            fuzz(Certificate.self, Self.skipped, seed: seed)
            fuzz(Certificate.self, notarCertificate(Self.reference, by: [0, 1, 2]), seed: seed)
            fuzz(Beat.self, Beat(window: 3, sequence: 4), seed: seed)
            fuzz(
                Status.self,
                Status(topFinal: Self.reference, topFinalHeight: 4, firstUnclearedSlot: 10),
                seed: seed)
        }
    }

    @Test("Hashes that are no field elements do not decode; an L1 hash may be any 256 bits")
    func fieldElements() throws {
        var header = Self.header
        header.receiptCommitment = Digest.fieldModulus
        #expect(throws: WireError.invalid(what: "receipt commitment")) {
            try Header(decoding: header.encoded())
        }
        header.receiptCommitment = Digest(0x0800_0000_0000_0011, 0, 0, 0)
        try roundTrip(header)
        let wrong = Statement.notar(BlockReference(slot: 1, hash: Digest(.max, 0, 0, 0)))
        #expect(throws: WireError.invalid(what: "block hash")) {
            try Statement(decoding: wrong.encoded())
        }
    }

    @Test("A certificate's signers must ascend in its encoding")
    func order() {
        let twice = certificate(.notar(Self.reference), by: [(0, 9), (1, 9), (1, 9)])
        #expect(throws: WireError.invalid(what: "order of signers")) {
            try Certificate(decoding: twice.encoded())
        }
        let down = certificate(.notar(Self.reference), by: [(1, 9), (0, 9)])
        #expect(throws: WireError.invalid(what: "order of signers")) {
            try Certificate(decoding: down.encoded())
        }
    }

    @Test("What is hashed: below the field's modulus, no two kinds or fields alike")
    func hashInputs() {
        let committee = Committee(chain: Digest(number: 1), epoch: 2, powers: [1])
        let other = Committee(chain: Digest(number: 1), epoch: 3, powers: [1])
        var inputs = [
            Statement.notar(Self.reference).hashInput(committee),
            Statement.final(Self.reference).hashInput(committee),
            Statement.skipFrom(2, 9).hashInput(committee),
            Statement.skipFrom(2, 8).hashInput(committee),
            Statement.notar(Self.reference).hashInput(other),
            Self.opening.hashInput, Self.chunk.hashInput, Self.header.hashInput,
        ]
        let changes: [(inout Header) -> Void] = [
            { $0.opening.chain = Digest(number: 2) }, { $0.opening.epoch = 3 },
            { $0.opening.slot = 4 }, { $0.opening.height = 5 },
            { $0.opening.parent = BlockReference(slot: 1, hash: Digest(number: 5)) },
            { $0.opening.parent = BlockReference(slot: 2, hash: Digest(number: 6)) },
            { $0.opening.timestamp += 1 }, { $0.opening.anchorNumber += 1 },
            { $0.opening.anchorHash.word0 -= 1 }, { $0.opening.anchorHash.word3 += 1 },
            { $0.opening.inboxCursor += 1 }, { $0.opening.prices.l1GasWei += 1 },
            { $0.opening.prices.l1GasFri += 1 }, { $0.opening.prices.l1DataGasWei += 1 },
            { $0.opening.prices.l1DataGasFri += 1 }, { $0.opening.prices.l2GasWei += 1 },
            { $0.opening.prices.l2GasFri -= 1 }, { $0.opening.protocolVersion += 1 },
            { $0.lastChunk = .zero }, { $0.chunkCount += 1 }, { $0.transactionCount += 1 },
            { $0.eventCount += 1 }, { $0.stateDiffLength += 1 },
            { $0.stateDiffCommitment = .zero }, { $0.transactionCommitment = .zero },
            { $0.eventCommitment = .zero }, { $0.receiptCommitment = .zero },
            { $0.laggedBlockHash = .zero },
        ]
        for change in changes {
            var header = Self.header
            change(&header)
            inputs.append(header.hashInput)
            if header.opening != Self.opening { inputs.append(header.opening.hashInput) }
        }
        #expect(Set(inputs).count == inputs.count)
        for input in inputs {
            for field in input.fields { #expect(field < Digest.fieldModulus) }
        }
    }
}

struct CertificateTests {
    private let block = BlockReference(slot: 9, hash: Digest(number: 77))
    private let committee = Committee(chain: Digest(number: 1), epoch: 0, powers: [1, 1, 1, 1])

    private func fault(_ certificate: Certificate, _ powers: [Power]? = nil) -> CertificateFault? {
        let set = powers.map { Committee(chain: .zero, epoch: 0, powers: $0) } ?? committee
        if case .failure(let fault) = certificate.judge(set, windowLength: 4) { return fault }
        return nil
    }

    @Test("A quorum is more than two thirds of the power; exactly two thirds is none")
    func quorum() {
        #expect(fault(notarCertificate(block, by: [0, 1, 3])) == nil)
        #expect(
            fault(notarCertificate(block, by: [0, 1]))
                == .noQuorum(power: PowerSum(2), total: PowerSum(4)))
        #expect(
            fault(notarCertificate(block, by: [0, 1]), [1, 1, 1])
                == .noQuorum(power: PowerSum(2), total: PowerSum(3)))
        #expect(fault(notarCertificate(block, by: [0, 1, 2]), [1, 1, 1]) == nil)
        #expect(fault(notarCertificate(block, by: [])) != nil)
        // Sums beyond 64 bits.
        let huge = [Power](repeating: Power(.max), count: 4)
        #expect(fault(notarCertificate(block, by: [0, 1]), huge) != nil)
        #expect(fault(notarCertificate(block, by: [0, 1, 2]), huge) == nil)
    }

    @Test("A signer counts once, and only if it is in the committee")
    func signers() {
        let twice = certificate(.notar(block), by: [(0, 9), (1, 9), (1, 9)])
        #expect(fault(twice) == .signersNotAscending(1))
        #expect(fault(notarCertificate(block, by: [0, 1, 4])) == .unknownSigner(4))
        let skip = certificate(.skip(2, 9), by: [(1, 8), (1, 9), (2, 8)])
        #expect(fault(skip) == .signersNotAscending(1))
    }

    @Test("A skip certificate mixes slots of its window, none above its own")
    func skips() {
        #expect(fault(certificate(.skip(2, 9), by: [(0, 8), (1, 9), (3, 8)])) == nil)
        #expect(
            fault(certificate(.skip(2, 9), by: [(0, 8), (1, 10), (3, 8)])) == .slotAboveSkip(10))
        #expect(
            fault(certificate(.skip(2, 9), by: [(0, 8), (1, 7), (3, 8)])) == .slotOutsideWindow(7))
        #expect(
            fault(certificate(.skip(1, 9), by: [(0, 5), (1, 6), (3, 7)]))
                == .slotOutsideWindow(9))
    }

    @Test("The statements to check are those that were signed")
    func statements() {
        let skip = certificate(.skip(2, 9), by: [(0, 8), (1, 9), (3, 8)])
        #expect(
            skip.judge(committee, windowLength: 4)
                == .success([
                    sign(.skipFrom(2, 8), by: 0), sign(.skipFrom(2, 9), by: 1),
                    sign(.skipFrom(2, 8), by: 3),
                ]))
    }
}

struct LeaderScheduleTests {
    private static let powers: [Power] = [1, 2, 3, 4, 5, 10, 15, 20, 40]
    private static let windows: UInt64 = 60_000

    /// The critical values are those of probability 0.001; the seeds are fixed.
    @Test("Each validator leads as often as its power says (chi-squared)")
    func frequency() {
        for seed in 1...5 as ClosedRange<UInt64> {
            let schedule = LeaderSchedule(
                seed: Digest(seed, 2, 3, seed &* 0x9E37_79B9), powers: Self.powers)
            var counts = [Double](repeating: 0, count: Self.powers.count)
            for window in 0..<Self.windows {
                counts[Int(schedule.leader(of: Window(window)).rawValue)] += 1
            }
            var statistic = 0.0
            for (count, power) in zip(counts, Self.powers) {
                let expected = Double(Self.windows) * Double(power.rawValue) / 100
                statistic += (count - expected) * (count - expected) / expected
            }
            #expect(statistic < 26.12, "8 degrees of freedom, seed \(seed): \(counts)")
        }
    }

    @Test("Neighbouring windows are drawn independently (chi-squared over pairs)")
    func independence() {
        let schedule = LeaderSchedule(seed: Digest(number: 99), powers: [1, 1, 1, 1])
        var counts = [Double](repeating: 0, count: 16)
        var longest = 0
        var run = 0
        var previous = schedule.leader(of: 0)
        for window in 1...Self.windows {
            let leader = schedule.leader(of: Window(window))
            counts[Int(previous.rawValue) * 4 + Int(leader.rawValue)] += 1
            run = leader == previous ? run + 1 : 1
            longest = max(longest, run)
            previous = leader
        }
        let expected = Double(Self.windows) / 16
        let statistic = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
        #expect(statistic < 37.7, "15 degrees of freedom: \(counts)")
        // A run of n has probability 4^-(n-1) at each place: of 13, below one in 280 here.
        #expect(longest < 13 && longest > 4, "\(longest)")
    }

    @Test("The seed's every word and the window change the draw; nothing else does")
    func determinism() {
        let base = LeaderSchedule(seed: Digest(1, 2, 3, 4), powers: Self.powers)
        let again = LeaderSchedule(seed: Digest(1, 2, 3, 4), powers: Self.powers)
        let draws = (0..<200).map { base.leader(of: Window(UInt64($0))) }
        #expect(draws == (0..<200).map { again.leader(of: Window(UInt64($0))) })
        for seed in [
            Digest(2, 2, 3, 4), Digest(1, 3, 3, 4), Digest(1, 2, 4, 4), Digest(1, 2, 3, 5),
        ] {
            let other = LeaderSchedule(seed: seed, powers: Self.powers)
            #expect(draws != (0..<200).map { other.leader(of: Window(UInt64($0))) })
        }
        let lone = LeaderSchedule(seed: .zero, powers: [7])
        #expect(lone.leader(of: Window(.max)) == 0)
    }
}
