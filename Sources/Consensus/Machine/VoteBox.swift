import Primitives

/// The votes of one kind at one slot: each validator's first, and the power behind each hash.
struct VoteBox: Sendable {
    struct Tally: Sendable {
        let hash: Digest
        var power = PowerSum()
    }

    enum Outcome {
        case counted(power: PowerSum)
        case known
        case conflict(SignedStatement)
    }

    private(set) var votes: [SignedStatement?] = []
    private var tallies: [Tally] = []

    /// Counts a validator's first vote; reports a second one for another block.
    mutating func add(
        _ signed: SignedStatement, hash: Digest, power: Power, committee: Int
    ) -> Outcome {
        if votes.isEmpty { votes = Array(repeating: nil, count: committee) }
        let index = Int(signed.signer.rawValue)
        #if MUTANTS
            if Mutant.voteCountedTwice.isActive, votes[index]?.statement == signed.statement,
                let position = tallies.firstIndex(where: { $0.hash == hash })
            {
                tallies[position].power.add(power)
                return .counted(power: tallies[position].power)
            }
        #endif
        if let known = votes[index] {
            return known.statement == signed.statement ? .known : .conflict(known)
        }
        votes[index] = signed
        if let position = tallies.firstIndex(where: { $0.hash == hash }) {
            tallies[position].power.add(power)
            return .counted(power: tallies[position].power)
        }
        var tally = Tally(hash: hash)
        tally.power.add(power)
        tallies.append(tally)
        return .counted(power: tally.power)
    }

    func vote(of index: ValidatorIndex) -> SignedStatement? {
        Int(index.rawValue) < votes.count ? votes[Int(index.rawValue)] : nil
    }

    /// The signers of exactly this statement, in ascending order.
    func signers(of statement: Statement) -> [Certificate.Signer] {
        votes.compactMap { vote in
            guard let vote, vote.statement == statement else { return nil }
            return Certificate.Signer(
                index: vote.signer, slot: statement.slot, signature: vote.signature)
        }
    }
}

/// What is known of one slot.
struct SlotState: Sendable {
    /// Blocks proposed here: one of an honest leader, at most `maximumBlocks` kept of another.
    static let maximumBlocks = 4

    var blocks: [BlockSummary] = []
    var verdicts: [(hash: Digest, verdict: BlockVerdict)] = []
    var notars = VoteBox()
    var finals = VoteBox()
    var notarCertificate: Certificate?
    var finalCertificate: Certificate?
    /// The hash that this node has Certified.
    var certified: Digest?
    var ownNotar: Digest?
    var ownFinal: Digest?
    /// The Notar certificate is in the log already, with a Final that rests on it.
    var certificateLogged = false

    func block(_ hash: Digest) -> BlockSummary? {
        blocks.first { $0.reference.hash == hash }
    }

    func verdict(_ hash: Digest) -> BlockVerdict? {
        verdicts.first { $0.hash == hash }?.verdict
    }

    mutating func judge(_ hash: Digest, _ verdict: BlockVerdict) {
        if let position = verdicts.firstIndex(where: { $0.hash == hash }) {
            verdicts[position].verdict = verdict
        } else {
            verdicts.append((hash, verdict))
        }
    }

    var notarised: BlockReference? {
        if case .notar(let reference)? = notarCertificate?.kind { return reference }
        return nil
    }

    var finalised: BlockReference? {
        if case .final(let reference)? = finalCertificate?.kind { return reference }
        return nil
    }
}

/// What is known of one window: its skips.
struct WindowState: Sendable {
    /// Each validator's one SkipFrom of this window.
    var skips: [SignedStatement?] = []
    var ownSkip: Slot?
    /// The lowest slot that a quorum skips, and its certificate: it covers all later slots.
    var certificate: Certificate?
    /// A reason to skip from this slot on that waits until the slot is the first uncertified.
    var waitingReason: (slot: Slot, reason: SkipReason)?
    /// A chunk or header of the leader came, perhaps before this node entered the window.
    var heardFirst = false

    var skippedFrom: Slot? { certificate?.slot }

    func skip(of index: ValidatorIndex) -> SignedStatement? {
        Int(index.rawValue) < skips.count ? skips[Int(index.rawValue)] : nil
    }
}
