import Consensus
import Primitives
import Replica
import Replication

/// The other version of what an equivocating leader streams: as valid as the first, and different.
///
/// A second block has another timestamp, or stands on a second parent, and holds the same
/// transactions; so execution gives the same commitments. A header also names the block hash of an
/// ancestor so many heights below, which only execution can tell: the second chain ends before it
/// would have to name one of its own blocks.
struct SecondStream: Sendable {
    private let environment: AdversaryEnvironment
    /// Of the first version: hash to the second's hash, for openings, chunks and headers.
    private var hashes = RecentTable<Digest, Digest>()
    private var openings = RecentTable<Slot, SignedOpening>(capacity: 128)
    private var chunks = RecentTable<Slot, [Chunk]>(capacity: 32)
    private var bodies = RecentTable<Digest, BlockBody>(capacity: 32)
    /// The second version of a message, by the hash of the first.
    private var messages = RecentTable<Digest, PeerMessage>()
    private var firstHeight: Height?

    init(_ environment: AdversaryEnvironment) { self.environment = environment }

    /// What replaces a leader's message for those who are to see the second version.
    func second(of message: PeerMessage) -> PeerMessage? {
        switch message {
        case .opening(let opening, _, _): messages[ObjectHash.digest(of: opening.value.hashInput)]
        case .chunk(let chunk): messages[ObjectHash.digest(of: chunk.header.value.hashInput)]
        case .header(let header): messages[ObjectHash.digest(of: header.value.hashInput)]
        default: nil
        }
    }

    func body(_ reference: BlockReference) -> BlockBody? { bodies[reference.hash] }

    mutating func follow(_ message: PeerMessage, now: Moment) {
        switch message {
        case .opening(let opening, let parent, let skips):
            guard environment.leads(opening.value.slot) else { return }
            follow(opening.value, parent, skips, now)
        case .chunk(let chunk):
            guard environment.leads(chunk.header.value.slot) else { return }
            follow(chunk)
        case .header(let header):
            guard environment.leads(header.value.opening.slot) else { return }
            follow(header.value)
        default: break
        }
    }

    private mutating func follow(
        _ first: Opening, _ parent: Certificate?, _ skips: [Certificate], _ now: Moment
    ) {
        var opening = first
        var certificate = parent
        let bound = min(environment.configuration.hashLag, 10)
        if let other = hashes[first.parent.hash] {
            guard let base = firstHeight, first.height.rawValue < base.rawValue + bound else {
                return
            }
            opening.parent = BlockReference(slot: first.parent.slot, hash: other)
            let before = openings[first.parent.slot]?.value.timestamp ?? first.timestamp
            opening.timestamp = max(first.timestamp, before)
            // The certificate is the first parent's.
            certificate = nil
        } else {
            opening.timestamp = first.timestamp + 1
            firstHeight = first.height
        }
        let firstHash = ObjectHash.digest(of: first.hashInput)
        let hash = ObjectHash.digest(of: opening.hashInput)
        let signed = SignedOpening(
            value: opening, signature: environment.signer.sign(hash))
        hashes[firstHash] = hash
        openings[first.slot] = signed
        chunks[first.slot] = []
        messages[firstHash] = .opening(signed, parent: certificate, skips: skips)
    }

    private mutating func follow(_ first: Chunk) {
        var value = first.header.value
        guard let previous = hashes[value.previous] else { return }
        let firstHash = ObjectHash.digest(of: value.hashInput)
        value.previous = previous
        let hash = ObjectHash.digest(of: value.hashInput)
        let chunk = Chunk(
            header: SignedChunkHeader(value: value, signature: environment.signer.sign(hash)),
            transactions: first.transactions)
        hashes[firstHash] = hash
        chunks[value.slot] = (chunks[value.slot] ?? []) + [chunk]
        messages[firstHash] = .chunk(chunk)
    }

    private mutating func follow(_ first: Header) {
        guard let opening = openings[first.opening.slot], let last = hashes[first.lastChunk] else {
            return
        }
        let firstHash = ObjectHash.digest(of: first.hashInput)
        var header = first
        header.opening = opening.value
        header.lastChunk = last
        let hash = ObjectHash.digest(of: header.hashInput)
        let signed = SignedHeader(value: header, signature: environment.signer.sign(hash))
        hashes[firstHash] = hash
        messages[firstHash] = .header(signed)
        bodies[hash] = BlockBody(
            opening: opening, chunks: chunks[first.opening.slot] ?? [], header: signed)
    }
}
