package import Primitives

/// What a leader was heard to do.
package enum LeaderActivity: Hashable, Sendable {
    case chunk(Slot)
    case header(Slot)
    case beat
}

package enum BlockVerdict: Hashable, Sendable {
    /// The body is held and executed with exactly the header's commitments.
    case valid
    /// As `valid`, but this node's own view (clock, a hash not yet computed) holds its Notar.
    case hold
    case invalid
}

/// Everything that the window machine learns. Signatures have been checked before.
package enum ConsensusInput: Hashable, Sendable {
    /// Replay of the own log, before `start`.
    case restoreOwn(SignedStatement)
    case restoreCertificate(Certificate)
    case restoreHeader(BlockSummary)
    case start
    case receivedHeader(BlockSummary)
    case judgedBlock(BlockReference, BlockVerdict)
    /// The leader's stream in this window cannot become a valid block.
    case invalidLeaderBlock(Window)
    case receivedStatement(SignedStatement)
    case receivedCertificate(Certificate)
    /// My own statement, signed and on its way to the log.
    case castDone(SignedStatement)
    case heardFromLeader(Window, LeaderActivity)
    /// My own header is signed: the next slot may follow.
    case proposed(BlockSummary)
    case receivedStatus(Status, from: ValidatorIndex)
    case peerConnected(ValidatorIndex)
    /// Consecutive blocks up to a final one, from catch-up.
    case caughtUpRange([BlockSummary], Certificate)
    case clockTick
}

package enum SkipReason: String, Hashable, Sendable {
    case noFirstChunk, slotTimeout, silence, leaderSkipped, invalidBlock, inactiveLeader
}

/// Two signed statements that no honest validator makes both of (PROTOCOL section 3, E4 and E5).
package struct Evidence: Hashable, Sendable {
    package enum Offence: Hashable, Sendable {
        case twoNotars, twoFinals, twoSkips, finalAndSkip
    }
    package let offence: Offence
    package let first: SignedStatement
    package let second: SignedStatement
    package var guilty: ValidatorIndex { first.signer }
}

/// What the window machine wants done, in order.
package enum ConsensusEffect: Hashable, Sendable {
    /// Sign, make durable after the certificates, send, and report `castDone`.
    case cast(Statement, restsOn: [Certificate])
    case broadcastCertificate(Certificate)
    case sendCertificates([Certificate], [SignedStatement], to: ValidatorIndex)
    /// I lead: a block for this slot may be opened on this parent.
    case propose(
        Slot, parent: BlockReference, parentCertificate: Certificate?, skips: [Certificate])
    case abandonProposal
    case certified(BlockReference)
    /// Oldest first; the certificate covers the last.
    case finalised([BlockReference], Certificate)
    case enteredWindow(Window, leader: ValidatorIndex)
    case skipped(Window, from: Slot, SkipReason)
    case evidence(Evidence)
    /// A certificate, or more than a third of the votes, names a block that is not held.
    case wantBlock(BlockReference, [ValidatorIndex])
    case broadcastStatus(Status)
    case rebroadcastOwn([SignedStatement])
    /// A peer holds a statement of mine that the log lacks: nothing more is signed this epoch.
    case lostLog
    /// A quorum stands for a block that execution calls invalid: the node must stop.
    case contradiction(BlockReference)
}
