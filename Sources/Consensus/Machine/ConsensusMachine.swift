package import Primitives

/// The window machine: see the landing article for the rules and invariants it keeps.
package struct ConsensusMachine: Sendable {
    package let configuration: ConsensusConfiguration
    package let committee: Committee
    package let schedule: LeaderSchedule
    package let own: ValidatorIndex?

    var slots: [Slot: SlotState] = [:]
    var windows: [Window: WindowState] = [:]

    /// The highest final block, and the window it is in (k_f).
    package internal(set) var topFinal: BlockReference
    package internal(set) var topFinalHeight: Height
    package internal(set) var currentWindow: Window
    package internal(set) var lostLog = false
    var started = false

    /// The highest slot with a Notar certificate: the base of the pipeline bound P.
    var highestNotar: Slot
    /// Slots above the top final whose Final certificate is held, ascending: their blocks become
    /// final here once they are executed.
    var finalSlots: [Slot] = []
    /// The highest slot of a Final of this node's own (rule 4).
    var lastOwnFinal = Slot(0)
    /// The first slot that is neither certified, skipped nor final.
    package internal(set) var firstUnclearedSlot: Slot

    // Timers of the current window. Each is armed with the factor of its time and never shortened.
    var firstChunkDue: Tick
    var silenceDue: Tick
    var slotDue: Tick
    var timedOut = false
    /// The leader of the current window.
    package internal(set) var currentLeader: ValidatorIndex

    // Leading.
    var nextProposal: (slot: Slot, parent: BlockReference)?
    var firstProposalDue = false

    // Standstill.
    var lastFinalAt: Tick
    var nextStandstill: Tick
    var standstillCount: UInt64 = 0
    /// When to ask for more, while windows pass without a final block.
    var statusDue: Tick?

    /// The current window when each validator was last heard, for the inactivity rule.
    var lastHeard: [Window]
    var skippedWindows: UInt64 = 0

    struct Wanted: Sendable {
        let hints: [ValidatorIndex]
        var nextAt: Tick
        var turn = 0
    }
    /// Blocks that a certificate or more than a third of the votes name and that are not held, by slot;
    /// at most one a slot.
    var wanted: [Slot: (reference: BlockReference, state: Wanted)] = [:]
    var nextReply: [Tick]
    package internal(set) var evidenceCount: UInt64 = 0
    /// Statements counted of each validator, and the signers of the newest certificate.
    package internal(set) var statementCounts: [UInt64]
    package internal(set) var lastCertificateSigners = 0
    /// Guilt already reported: validator, kind, slot or window.
    var reported: Set<EvidenceKey> = []

    /// Offences remembered, so that each is reported once.
    static let maximumReported = 4096
    /// Own statements sent again at once.
    static let maximumRepeated = 128

    struct EvidenceKey: Hashable, Sendable {
        let validator: ValidatorIndex
        let offence: Evidence.Offence
        let place: UInt64
    }

    var length: UInt64 { configuration.windowLength }

    /// `root` is the highest final block that storage holds, at first the epoch's root.
    package init(
        configuration: ConsensusConfiguration, committee: Committee, schedule: LeaderSchedule,
        own: ValidatorIndex?, root: BlockReference, rootHeight: Height, now: Tick
    ) {
        self.configuration = configuration
        self.committee = committee
        self.schedule = schedule
        self.own = own
        topFinal = root
        topFinalHeight = rootHeight
        currentWindow = root.slot.window(length: configuration.windowLength)
        currentLeader = schedule.leader(of: currentWindow)
        highestNotar = root.slot
        firstUnclearedSlot = root.slot.next
        firstChunkDue = now
        silenceDue = now
        slotDue = now
        lastFinalAt = now
        nextStandstill = now.after(nanoseconds: configuration.standstillInterval)
        lastHeard = Array(repeating: currentWindow, count: committee.powers.count)
        statementCounts = Array(repeating: 0, count: committee.powers.count)
        nextReply = Array(repeating: Tick(0), count: committee.powers.count)
    }

    package var status: Status {
        Status(
            topFinal: topFinal, topFinalHeight: topFinalHeight,
            firstUnclearedSlot: firstUnclearedSlot)
    }

    /// Whether a block at this slot is worth keeping: above the last final, not too far ahead.
    package func accepts(slot: Slot) -> Bool {
        slot > topFinal.slot && acceptsAhead(slot.window(length: length))
    }

    func acceptsAhead(_ window: Window) -> Bool {
        window.rawValue <= currentWindow.rawValue
            || window.rawValue - currentWindow.rawValue <= configuration.lookaheadWindows
    }

    func acceptsSkip(_ window: Window, _ slot: Slot) -> Bool {
        slot.window(length: length) == window
            && window >= topFinal.slot.window(length: length) && acceptsAhead(window)
    }

    /// After so many windows without a statement of a validator, even a late one is checked.
    static let activitySampleWindows: UInt64 = 4

    /// Whether checking this statement's signature can change anything.
    package func isUseful(_ signed: SignedStatement) -> Bool {
        // A slow validator's votes always come too late to count; some are taken all the same, or
        // the inactivity rule would take it for dead.
        if let heard = committee.power(of: signed.signer).map({ _ in
            lastHeard[Int(signed.signer.rawValue)]
        }), currentWindow.rawValue > heard.rawValue + ConsensusMachine.activitySampleWindows {
            return true
        }
        switch signed.statement {
        case .notar(let reference):
            guard accepts(slot: reference.slot) else { return false }
            guard let state = slots[reference.slot] else { return true }
            if state.notarised == reference, signed.signer != own { return false }
            #if MUTANTS
                if Mutant.voteCountedTwice.isActive { return true }
            #endif
            return state.notars.vote(of: signed.signer)?.statement != signed.statement
        case .final(let reference):
            guard accepts(slot: reference.slot) else { return false }
            guard let state = slots[reference.slot] else { return true }
            if state.finalised == reference, signed.signer != own { return false }
            return state.finals.vote(of: signed.signer)?.statement != signed.statement
        case .skipFrom(let window, let slot):
            guard acceptsSkip(window, slot) else { return false }
            return windows[window]?.skip(of: signed.signer)?.statement != signed.statement
        }
    }

    package func isUseful(_ certificate: Certificate) -> Bool {
        switch certificate.kind {
        case .notar(let reference):
            accepts(slot: reference.slot) && slots[reference.slot]?.notarCertificate == nil
        case .final(let reference):
            accepts(slot: reference.slot) && slots[reference.slot]?.finalCertificate == nil
        case .skip(let window, let slot):
            acceptsSkip(window, slot) && (windows[window]?.skippedFrom).map { slot < $0 } ?? true
        }
    }

    /// Whether this very statement has been counted, signature and all.
    package func knows(_ signed: SignedStatement) -> Bool {
        switch signed.statement {
        case .notar(let reference):
            slots[reference.slot]?.notars.vote(of: signed.signer) == signed
        case .final(let reference):
            slots[reference.slot]?.finals.vote(of: signed.signer) == signed
        case .skipFrom(let window, _): windows[window]?.skip(of: signed.signer) == signed
        }
    }

    /// Whether a certificate that is held names this very block.
    package func isNamed(_ reference: BlockReference) -> Bool {
        guard let state = slots[reference.slot] else { return false }
        return state.notarised == reference || state.finalised == reference
    }

    /// No block has become final for the standstill interval.
    package func isStalled(now: Tick) -> Bool {
        now.nanoseconds(since: lastFinalAt) > configuration.standstillInterval
    }

    // MARK: - Steps

    package mutating func step(
        _ input: ConsensusInput, now: Tick, into effects: inout [ConsensusEffect]
    ) {
        switch input {
        case .restoreOwn(let signed): restoreOwn(signed, now, &effects)
        case .restoreCertificate(let certificate):
            hold(certificate, relay: false, now, &effects)
        case .restoreHeader(let summary): remember(summary)
        case .start: start(now, &effects)
        case .receivedHeader(let summary): received(summary, now, &effects)
        case .judgedBlock(let reference, let verdict): judged(reference, verdict, now, &effects)
        case .invalidLeaderBlock(let window):
            wantSkip(window, window.firstSlot(length: length), .invalidBlock, now, &effects)
        case .receivedStatement(let signed): count(signed, now, &effects)
        case .receivedCertificate(let certificate):
            hold(certificate, relay: true, now, &effects)
        case .castDone(let signed): count(signed, now, &effects)
        case .heardFromLeader(let window, let activity): heard(window, activity, now)
        case .proposed(let summary): proposed(summary, &effects)
        case .receivedStatus(let status, let peer): answer(status, to: peer, now, &effects)
        case .peerConnected(let peer):
            let statements = ownStatements()
            if !statements.isEmpty { effects.append(.sendCertificates([], statements, to: peer)) }
        case .caughtUpRange(let summaries, let certificate):
            for summary in summaries { remember(summary) }
            hold(certificate, relay: false, now, &effects)
        case .clockTick: break
        }
        guard started else { return }
        runTimers(now, &effects)
        progress(now, &effects)
    }

    private mutating func start(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        started = true
        lastFinalAt = now
        nextStandstill = now.after(nanoseconds: configuration.standstillInterval)
        enter(currentWindow, now, &effects)
        for slot in slots.keys.sorted() {
            tryCertify(slot, now, &effects)
            tryNotar(slot, now, &effects)
        }
        tryFinalise(now, &effects)
        let statements = ownStatements()
        if !statements.isEmpty { effects.append(.rebroadcastOwn(statements)) }
    }

    private mutating func restoreOwn(
        _ signed: SignedStatement, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        switch signed.statement {
        case .notar(let reference):
            guard reference.slot > topFinal.slot else { return }
            slots[reference.slot, default: SlotState()].ownNotar = reference.hash
        case .final(let reference):
            lastOwnFinal = max(lastOwnFinal, reference.slot)
            guard reference.slot > topFinal.slot else { return }
            slots[reference.slot, default: SlotState()].ownFinal = reference.hash
        case .skipFrom(let window, let slot):
            guard window >= topFinal.slot.window(length: length) else { return }
            windows[window, default: WindowState()].ownSkip = slot
        }
        count(signed, now, &effects)
    }

    // MARK: - Blocks

    @discardableResult
    mutating func remember(_ summary: BlockSummary) -> Bool {
        let slot = summary.reference.slot
        guard slot > topFinal.slot else { return false }
        if let state = slots[slot] {
            if state.block(summary.reference.hash) != nil { return true }
            let named =
                state.notarised == summary.reference || state.finalised == summary.reference
                || wanted[slot]?.reference == summary.reference
            guard named || state.blocks.count < SlotState.maximumBlocks else { return false }
        }
        slots[slot, default: SlotState()].blocks.append(summary)
        return true
    }

    private mutating func received(
        _ summary: BlockSummary, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        guard remember(summary) else { return }
        let slot = summary.reference.slot
        if !isWellPlaced(summary) {
            let window = slot.window(length: length)
            wantSkip(window, slot, .invalidBlock, now, &effects)
        }
        tryCertify(slot, now, &effects)
    }

    func isWellPlaced(_ summary: BlockSummary) -> Bool {
        VoteRules.isWellPlaced(
            summary.reference.slot, onParentAt: summary.parent.slot, windowLength: length)
    }

    private mutating func judged(
        _ reference: BlockReference, _ verdict: BlockVerdict, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        let slot = reference.slot
        guard slot > topFinal.slot, slots[slot]?.block(reference.hash) != nil else { return }
        slots[slot]?.judge(reference.hash, verdict)
        guard let state = slots[slot] else { return }
        if wanted[slot]?.reference == reference { wanted[slot] = nil }
        if verdict == .invalid {
            if state.notarised == reference || state.finalised == reference {
                effects.append(.contradiction(reference))
                return
            }
            wantSkip(slot.window(length: length), slot, .invalidBlock, now, &effects)
            return
        }
        tryCertify(slot, now, &effects)
        tryNotar(slot, now, &effects)
        tryFinalise(now, &effects)
    }

    /// Certified, or final: what a child may be built on.
    package func isCertified(_ reference: BlockReference) -> Bool {
        VoteRules.isCertified(reference.slot, reference.hash, self)
    }

    /// Certificates of skip for every slot above `parent` and below `slot`, one a window; nil when
    /// one is missing.
    func skips(from parent: Slot, to slot: Slot) -> [Certificate]? {
        guard VoteRules.skipsCover(from: parent, to: slot, self) else { return nil }
        var certificates: [Certificate] = []
        var next = parent.next
        while next < slot {
            let window = next.window(length: length)
            if let certificate = windows[window]?.certificate { certificates.append(certificate) }
            next = window.next.firstSlot(length: length)
        }
        return certificates
    }

    // MARK: - Rules 1 to 3

    /// Rule 1.
    mutating func tryNotar(_ slot: Slot, _ now: Tick, _ effects: inout [ConsensusEffect]) {
        guard started, own != nil, !lostLog, VoteRules.mayStillNotarise(slot, self),
            let state = slots[slot],
            let block = state.blocks.first(where: {
                #if MUTANTS
                    if Mutant.twoNotars.isActive, $0.reference.hash == state.ownNotar {
                        return false
                    }
                #endif
                return state.verdict($0.reference.hash) == .valid && isWellPlaced($0)
            }),
            VoteRules.maySupport(slot, onParent: block.parent.slot, block.parent.hash, self)
        else { return }
        slots[slot]?.ownNotar = block.reference.hash
        effects.append(.cast(.notar(block.reference), restsOn: []))
        tryNotar(slot.next, now, &effects)
    }

    /// Rule 2, and what follows from it.
    mutating func tryCertify(_ slot: Slot, _ now: Tick, _ effects: inout [ConsensusEffect]) {
        guard VoteRules.mayStillCertify(slot, self), let state = slots[slot],
            let reference = state.notarised
        else { return }
        #if MUTANTS
            if Mutant.noCertifiedAfterSkip.isActive,
                let skip = windows[slot.window(length: length)]?.ownSkip, skip <= slot
            {
                return
            }
        #endif
        guard let block = state.block(reference.hash) else {
            want(reference, state.notarCertificate, now)
            return
        }
        guard isCertified(block.parent) else { return }
        switch state.verdict(reference.hash) {
        case .valid, .hold: break
        case .invalid:
            effects.append(.contradiction(reference))
            return
        case nil:
            want(reference, state.notarCertificate, now)
            return
        }
        slots[slot]?.certified = reference.hash
        effects.append(.certified(reference))
        if slot.window(length: length) == currentWindow { armSlotTimer(now) }
        tryFinal(slot, now, &effects)
        tryNotar(slot.next, now, &effects)
        for child in children(of: reference) {
            tryCertify(child, now, &effects)
            tryNotar(child, now, &effects)
        }
        retryWaitingSkip(slot.window(length: length), now, &effects)
    }

    /// Slots that hold a block on this one: the next, or the first of a later window.
    func children(of reference: BlockReference) -> [Slot] {
        var result: [Slot] = []
        for index in slots.indices where slots.keys[index] > reference.slot {
            if slots.values[index].blocks.contains(where: { $0.parent == reference }) {
                result.append(slots.keys[index])
            }
        }
        result.sort()
        return result
    }

    /// Rule 3.
    private mutating func tryFinal(
        _ slot: Slot, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        guard started, own != nil, !lostLog, let hash = VoteRules.finalVote(at: slot, self)
        else { return }
        slots[slot]?.ownFinal = hash
        lastOwnFinal = max(lastOwnFinal, slot)
        let reference = BlockReference(slot: slot, hash: hash)
        effects.append(.cast(.final(reference), restsOn: notarChain(to: reference)))
    }

    /// The Notar certificates above the last final on which a Final for `reference` rests, oldest
    /// first, less those that the log holds already.
    private mutating func notarChain(to reference: BlockReference) -> [Certificate] {
        var chain: [Certificate] = []
        var next = reference
        while next != topFinal, let state = slots[next.slot], let block = state.block(next.hash),
            !state.certificateLogged
        {
            if let certificate = state.notarCertificate { chain.append(certificate) }
            slots[next.slot]?.certificateLogged = true
            next = block.parent
        }
        return chain.reversed()
    }
}
