import Consensus
package import Primitives
package import Replica
package import Replication

/// Takes part honestly, and lies to whoever is behind: it claims absurd heights, so that everyone asks
/// it, and answers with altered bodies, certificates short of signers or for other blocks, and ranges
/// that do not link. Two answers of three are lies, so that it is not known by silence.
package struct LiarInSync: Adversary {
    /// What it adds to its height.
    package static let exaggeration: UInt64 = 1 << 40

    private let environment: AdversaryEnvironment
    private var generator: SeededGenerator
    private var lastCertificate: Certificate?

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
        guard case .status = message, let certificate = lastCertificate, lies() else {
            return (true, [])
        }
        return (
            true,
            [AdversaryDeparture(.message(.certificate(truncated(certificate))), to: peer)]
        )
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
        switch generator.uniform(below: 4) {
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
