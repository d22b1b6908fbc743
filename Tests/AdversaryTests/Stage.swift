import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Replication
import StarkCurve
import StarkField

/// A committee of four with keys, in which validator 0 is the liar.
struct Stage {
    static let length: UInt64 = 4
    let keys: [SecretKey]
    let committee: Committee
    let schedule: LeaderSchedule
    let configuration: ReplicaConfiguration
    let now = Moment(tick: Tick(1_000_000_000), unixSeconds: 1_000)

    init() {
        keys = (0..<4).compactMap { SecretKey(Felt(UInt64($0) + 1000)) }
        let powers = keys.map { _ in Power(1) }
        committee = Committee(chain: Digest(number: 5), epoch: Epoch(0), powers: powers)
        schedule = LeaderSchedule(seed: Digest(1, 2, 3, 4), powers: powers)
        var consensus = ConsensusConfiguration()
        consensus.windowLength = Self.length
        configuration = ReplicaConfiguration(
            consensus: consensus, mempool: MempoolConfiguration(),
            gasPrices: BlockPrices(
                l1GasWei: 1, l1GasFri: 1, l1DataGasWei: 1, l1DataGasFri: 1, l2GasWei: 1,
                l2GasFri: 1))
    }

    func signer(_ index: Int) -> ConsensusSigner { ConsensusSigner(key: keys[index]) }

    func environment(seed: UInt64 = 1, own: Int = 0) -> AdversaryEnvironment {
        AdversaryEnvironment(
            configuration: configuration, committee: committee, schedule: schedule,
            own: ValidatorIndex(UInt16(own)), signer: signer(own), seed: seed)
    }

    /// The first window above 0 whose leader is, or is not, validator 0.
    func window(ledByLiar: Bool) -> Window {
        var window = Window(1)
        while (schedule.leader(of: window) == ValidatorIndex(0)) != ledByLiar {
            window = window.next
        }
        return window
    }

    func isSigned(_ input: HashInput, _ signature: SignatureBytes, by index: Int) -> Bool {
        func felt(_ digest: Digest) -> Felt {
            Felt(
                reducingBigEndianWords: (digest.word0, digest.word1, digest.word2, digest.word3))
        }
        let parsed = StarkSignature(r: felt(signature.r), s: felt(signature.s))
        return ECDSA.isCanonical(parsed)
            && ECDSA.verify(
                messageHash: felt(ObjectHash.digest(of: input)), signature: parsed,
                publicKey: keys[index].publicKey)
    }

    func isSigned(_ signed: SignedStatement) -> Bool {
        isSigned(
            signed.statement.hashInput(committee), signed.signature, by: Int(signed.signer.rawValue)
        )
    }

    func statement(_ statement: Statement, by index: Int) -> SignedStatement {
        SignedStatement(
            statement: statement, signer: ValidatorIndex(UInt16(index)),
            signature: signer(index).sign(ObjectHash.digest(of: statement.hashInput(committee))))
    }

    func certificate(_ kind: Certificate.Kind, by signers: [Int]) -> Certificate {
        let slot = Certificate(kind: kind, signers: []).slot
        return Certificate(
            kind: kind,
            signers: signers.map { index in
                let empty = Certificate.Signer(
                    index: ValidatorIndex(UInt16(index)), slot: slot,
                    signature: SignatureBytes(r: .zero, s: .zero))
                let content = Certificate(kind: kind, signers: []).statement(of: empty)
                return Certificate.Signer(
                    index: empty.index, slot: slot,
                    signature: statement(content, by: index).signature)
            })
    }

    /// A block of one chunk.
    func block(slot: Slot, parent: BlockReference, height: UInt64, by index: Int = 0) -> BlockBody {
        let signer = signer(index)
        let opening = Opening(
            chain: committee.chain, epoch: committee.epoch, slot: slot, height: Height(height),
            parent: parent, timestamp: now.unixSeconds, anchorNumber: 0, anchorHash: .zero,
            inboxCursor: 0, prices: configuration.gasPrices, protocolVersion: 1)
        let key = ObjectHash.digest(of: opening.hashInput)
        let transactions = [TransactionBytes([1, 2, 3])]
        let chunk = ChunkHeader(
            chain: committee.chain, epoch: committee.epoch, slot: slot, sequence: 1, previous: key,
            transactionRoot: ChunkRoot.leaf([1, 2, 3]), receiptsCommitment: .zero, count: 1)
        let tail = ObjectHash.digest(of: chunk.hashInput)
        let header = Header(
            opening: opening, lastChunk: tail, chunkCount: 1, transactionCount: 1, eventCount: 0,
            stateDiffLength: 0, stateDiffCommitment: .zero, transactionCommitment: .zero,
            eventCommitment: .zero, receiptCommitment: .zero, laggedBlockHash: .zero)
        return BlockBody(
            opening: SignedOpening(value: opening, signature: signer.sign(key)),
            chunks: [
                Chunk(
                    header: SignedChunkHeader(value: chunk, signature: signer.sign(tail)),
                    transactions: transactions)
            ],
            header: SignedHeader(
                value: header,
                signature: signer.sign(ObjectHash.digest(of: header.hashInput))))
    }

    func reference(_ body: BlockBody) -> BlockReference {
        BlockReference(
            slot: body.slot, hash: ObjectHash.digest(of: body.header.value.hashInput))
    }

    func messages(of body: BlockBody) -> [PeerMessage] {
        [.opening(body.opening, parent: nil, skips: [])] + body.chunks.map { .chunk($0) }
            + [.header(body.header)]
    }
}

/// What an adversary makes of a list of effects, as both engines ask it.
func carryOut(
    _ effects: [ReplicaEffect], _ adversary: inout any Adversary, _ stage: Stage
) -> [AdversaryDeparture] {
    var rewritten = effects
    adversary.rewrite(&rewritten, now: stage.now)
    var result: [AdversaryDeparture] = []
    for effect in rewritten {
        switch effect {
        case .broadcast(let message):
            for peer in stage.environment().peers {
                result += adversary.departures(of: message, to: peer, now: stage.now)
            }
        case .send(let message, let peer):
            result += adversary.departures(of: message, to: peer, now: stage.now)
        default: break
        }
    }
    return result
}

extension AdversaryDeparture {
    var message: PeerMessage? {
        if case .message(let message) = content { message } else { nil }
    }
    var statement: SignedStatement? {
        if case .statement(let signed)? = message { signed } else { nil }
    }
}
