import Consensus
package import Primitives
package import Replica
package import Replication

/// Takes part honestly, and lies to whoever is behind: it claims absurd heights, so that everyone asks
/// it, and answers with altered bodies, certificates short of signers, with one signer many times or
/// for other blocks, blocks of its own rewritten, and ranges that do not link. Two answers of three are
/// lies, so that it is not known by silence.
package struct LiarInSync: Adversary {
    /// What it adds to its height.
    package static let exaggeration: UInt64 = 1 << 40

    private let environment: AdversaryEnvironment
    private var generator: SeededGenerator
    private var lastCertificate: Certificate?
    private var topSlot = Slot(0)

    package init(_ environment: AdversaryEnvironment) {
        self.environment = environment
        generator = SeededGenerator(seed: environment.seed)
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        switch message {
        case .status(let status):
            return [AdversaryDeparture(.message(.status(exaggerated(status))), to: peer)]
        case .finalReply(let range) where lies():
            return [AdversaryDeparture(.message(.finalReply(falsified(range))), to: peer)]
        case .block(let body) where lies():
            return [AdversaryDeparture(.message(.block(altered(body))), to: peer)]
        case .certificate(let certificate):
            lastCertificate = certificate
            return [AdversaryDeparture(.message(message), to: peer)]
        default: return [AdversaryDeparture(.message(message), to: peer)]
        }
    }

    /// Who shows where it stands is offered help, and gets half a certificate.
    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) {
        if case .statement(let signed) = message {
            topSlot = max(topSlot, signed.statement.slot)
        }
        guard case .status = message, let certificate = lastCertificate, lies() else {
            return (true, [])
        }
        return (
            true,
            [
                AdversaryDeparture(.message(.certificate(truncated(certificate))), to: peer),
                AdversaryDeparture(
                    .message(.certificate(repeated(max(topSlot, certificate.slot)))), to: peer),
            ]
        )
    }

    /// A certificate that this validator signed as many times as there are validators: a skip, or the
    /// finality of a block that does not exist.
    private mutating func repeated(_ slot: Slot) -> Certificate {
        let window = slot.window(length: environment.configuration.consensus.windowLength)
        let first = window.firstSlot(
            length: environment.configuration.consensus.windowLength)
        let invented = BlockReference(
            slot: slot.next, hash: Digest(0, 0, 0, generator.next()))
        let isSkip = generator.uniform(below: 2) == 0
        let statement = isSkip ? Statement.skipFrom(window, first) : .final(invented)
        let signer = Certificate.Signer(
            index: environment.own, slot: statement.slot,
            signature: environment.signer.sign(
                ObjectHash.digest(of: statement.hashInput(environment.committee))))
        return Certificate(
            kind: isSkip ? .skip(window, first) : .final(invented),
            signers: Array(repeating: signer, count: environment.committee.powers.count))
    }

    package var tickNanoseconds: UInt64? { 3_000_000_000 }

    package mutating func tick(now: Moment) -> [AdversaryDeparture] {
        guard let certificate = lastCertificate else { return [] }
        let forged = repeated(max(topSlot, certificate.slot))
        return environment.committee.powers.indices.map { ValidatorIndex(UInt16($0)) }
            .filter { $0 != environment.own }
            .map { AdversaryDeparture(.message(.certificate(forged)), to: $0) }
    }

    private mutating func lies() -> Bool { generator.uniform(below: 3) > 0 }

    private func exaggerated(_ status: Status) -> Status {
        let height = status.topFinalHeight.advanced(by: Self.exaggeration)
        return Status(
            topFinal: status.topFinal, topFinalHeight: height ?? status.topFinalHeight,
            firstUnclearedSlot: status.firstUnclearedSlot)
    }

    private mutating func falsified(_ range: FinalRange) -> FinalRange {
        var blocks = range.blocks
        switch generator.uniform(below: 7) {
        case 4..<7 where own(in: blocks) != nil: return rewritten(range)
        case 0 where !blocks.isEmpty:
            let index = Int(generator.uniform(below: UInt64(blocks.count)))
            blocks[index] = altered(blocks[index])
            return FinalRange(blocks: blocks, certificate: range.certificate)
        case 1 where blocks.count > 1:
            // The certificate is for a block that the range lacks.
            blocks.removeLast()
            return FinalRange(blocks: blocks, certificate: range.certificate)
        case 2 where blocks.count > 2:
            blocks.remove(at: 1)
            return FinalRange(blocks: blocks, certificate: range.certificate)
        default:
            return FinalRange(blocks: blocks, certificate: truncated(range.certificate))
        }
    }

    private func own(in blocks: [BlockBody]) -> Int? {
        blocks.lastIndex { environment.leads($0.slot) }
    }

    /// Up to its own last block in the range, of which it gives another version, signed anew, with a
    /// certificate of its own signature alone.
    private func rewritten(_ range: FinalRange) -> FinalRange {
        guard let place = own(in: range.blocks) else { return range }
        let body = range.blocks[place]
        var opening = body.opening.value
        opening.timestamp += 1
        var last = ObjectHash.digest(of: opening.hashInput)
        let signedOpening = SignedOpening(
            value: opening, signature: environment.signer.sign(last))
        var chunks: [Chunk] = []
        for chunk in body.chunks {
            var value = chunk.header.value
            value.previous = last
            last = ObjectHash.digest(of: value.hashInput)
            chunks.append(
                Chunk(
                    header: SignedChunkHeader(
                        value: value, signature: environment.signer.sign(last)),
                    transactions: chunk.transactions))
        }
        var header = body.header.value
        header.opening = opening
        header.lastChunk = last
        let hash = ObjectHash.digest(of: header.hashInput)
        let other = BlockBody(
            opening: signedOpening, chunks: chunks,
            header: SignedHeader(value: header, signature: environment.signer.sign(hash)))
        let reference = BlockReference(slot: body.slot, hash: hash)
        let vote = Statement.final(reference).hashInput(environment.committee)
        let signer = Certificate.Signer(
            index: environment.own, slot: body.slot,
            signature: environment.signer.sign(ObjectHash.digest(of: vote)))
        return FinalRange(
            blocks: range.blocks.prefix(place) + [other],
            certificate: Certificate(kind: .final(reference), signers: [signer]))
    }

    /// One signer: in no committee of several a quorum.
    private func truncated(_ certificate: Certificate) -> Certificate {
        Certificate(kind: certificate.kind, signers: Array(certificate.signers.prefix(1)))
    }

    /// A body with a byte of a transaction changed, or, of an empty block, with another state diff in
    /// its header: signed with this validator's key, which is the leader's only now and then.
    private func altered(_ body: BlockBody) -> BlockBody {
        var chunks = body.chunks
        if let last = chunks.last, var bytes = last.transactions.first?.bytes, !bytes.isEmpty {
            bytes[bytes.count - 1] ^= 1
            chunks[chunks.count - 1] = Chunk(
                header: last.header,
                transactions: [TransactionBytes(bytes)] + last.transactions.dropFirst())
            return BlockBody(opening: body.opening, chunks: chunks, header: body.header)
        }
        var value = body.header.value
        value.stateDiffCommitment = Digest(number: 1)
        let signature = environment.signer.sign(ObjectHash.digest(of: value.hashInput))
        return BlockBody(
            opening: body.opening, chunks: chunks,
            header: SignedHeader(value: value, signature: signature))
    }
}
