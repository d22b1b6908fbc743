package import Primitives

/// Finality, windows, skips, timers and leading.
extension ConsensusMachine {
    // MARK: - Finality

    /// Rule 5: a Final quorum makes its block and all ancestors final, once they are executed here.
    /// The lowest certificate comes first, so that a node whose execution lags behind the quorum
    /// still finalises all the time.
    mutating func tryFinalise(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        while let slot = finalSlots.first {
            guard slot > topFinal.slot, let certificate = slots[slot]?.finalCertificate,
                case .final(let target) = certificate.kind
            else {
                finalSlots.removeFirst()
                continue
            }
            guard let path = executedPath(to: target, certificate, now, &effects) else { return }
            finalSlots.removeFirst()
            finalise(path, certificate, now, &effects)
        }
    }

    /// The blocks above the top final up to `target`, oldest first, if all are executed; asks for
    /// the first that is missing.
    private mutating func executedPath(
        to target: BlockReference, _ certificate: Certificate, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) -> [BlockSummary]? {
        var path: [BlockSummary] = []
        var next = target
        while next != topFinal {
            guard next.slot > topFinal.slot else {
                // Two final blocks, neither an ancestor of the other.
                effects.append(.contradiction(target))
                return nil
            }
            guard let state = slots[next.slot], let block = state.block(next.hash) else {
                want(next, certificate, now)
                return nil
            }
            switch state.verdict(next.hash) {
            case .valid, .hold: break
            case .invalid:
                effects.append(.contradiction(next))
                return nil
            case nil:
                want(next, certificate, now)
                return nil
            }
            path.append(block)
            next = block.parent
        }
        path.reverse()
        return path
    }

    private mutating func finalise(
        _ path: [BlockSummary], _ certificate: Certificate, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        guard let last = path.last else { return }
        topFinal = last.reference
        topFinalHeight = last.height
        lastFinalAt = now
        standstillCount = 0
        nextStandstill = now.after(nanoseconds: configuration.standstillInterval)
        statusDue = nil
        skippedWindows = 0
        prune()
        effects.append(.finalised(path.map(\.reference), certificate))
        if let proposal = nextProposal, proposal.slot <= topFinal.slot { nextProposal = nil }
        if topFinal.slot > highestNotar { raiseHighestNotar(to: topFinal.slot, now, &effects) }
        for child in children(of: topFinal) {
            tryCertify(child, now, &effects)
            tryNotar(child, now, &effects)
        }
        retryWaitingSkip(currentWindow, now, &effects)
    }

    /// Forgets what a final block covers; the statements of its window bind until it ends.
    private mutating func prune() {
        for slot in slots.keys.filter({ $0 <= topFinal.slot }) { slots[slot] = nil }
        for slot in wanted.keys.filter({ $0 <= topFinal.slot }) { wanted[slot] = nil }
        let window = topFinal.slot.window(length: length)
        for old in windows.keys.filter({ $0 < window }) { windows[old] = nil }
        if reported.count >= ConsensusMachine.maximumReported / 2 {
            reported = reported.filter {
                $0.place >= ($0.offence == .twoSkips ? window.rawValue : topFinal.slot.rawValue)
            }
        }
    }

    // MARK: - Windows

    private func isCleared(_ slot: Slot) -> Bool {
        if slot <= topFinal.slot || slots[slot]?.certified != nil { return true }
        return (windows[slot.window(length: length)]?.skippedFrom).map { slot >= $0 } ?? false
    }

    /// Moves over everything that is cleared, window by window, and lets the leader lead.
    mutating func progress(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        if firstUnclearedSlot <= topFinal.slot { firstUnclearedSlot = topFinal.slot.next }
        while isCleared(firstUnclearedSlot) { firstUnclearedSlot = firstUnclearedSlot.next }
        let window = firstUnclearedSlot.window(length: length)
        if currentWindow < window {
            let final = topFinal.slot.window(length: length)
            if currentWindow <= final, currentWindow.next < window {
                // Windows passed in this node's absence: it can't say who was silent in them.
                for index in lastHeard.indices { lastHeard[index] = max(lastHeard[index], window) }
            }
            skippedWindows += window.rawValue - max(currentWindow, min(final.next, window)).rawValue
            enter(window, now, &effects)
            if window.rawValue > final.rawValue + 1, statusDue == nil {
                statusDue = now.after(nanoseconds: configuration.deltaNanoseconds)
            }
        }
        offerProposal(now, &effects)
    }

    mutating func enter(_ window: Window, _ now: Tick, _ effects: inout [ConsensusEffect]) {
        currentWindow = window
        nextProposal = nil
        let leader = schedule.leader(of: window)
        currentLeader = leader
        armTimers(now)
        if own != nil { effects.append(.abandonProposal) }
        effects.append(.enteredWindow(window, leader: leader))
        firstProposalDue = leader == own
        applyInactivityRule(window, leader, now, &effects)
        retryWaitingSkip(window, now, &effects)
    }

    /// Skips at once a leader that said nothing in the last M windows; the rule rests for one
    /// window after M skipped ones.
    private mutating func applyInactivityRule(
        _ window: Window, _ leader: ValidatorIndex, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        guard leader != own else { return }
        if skippedWindows >= configuration.inactivityWindows {
            skippedWindows = 0
            return
        }
        let (bound, overflow) = lastHeard[Int(leader.rawValue)].rawValue
            .addingReportingOverflow(configuration.inactivityWindows)
        guard !overflow, window.rawValue > bound else { return }
        wantSkip(window, window.firstSlot(length: length), .inactiveLeader, now, &effects)
    }

    // MARK: - Skips (rule 4)

    /// A reason to skip `window` from `slot` on. It waits until that slot is the first that is
    /// not Certified.
    mutating func wantSkip(
        _ window: Window, _ slot: Slot, _ reason: SkipReason, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        guard started, own != nil, !lostLog, window >= currentWindow,
            windows[window]?.ownSkip == nil
        else { return }
        if let waiting = windows[window]?.waitingReason, waiting.slot <= slot {
        } else {
            windows[window, default: WindowState()].waitingReason = (slot, reason)
        }
        retryWaitingSkip(window, now, &effects)
    }

    mutating func retryWaitingSkip(
        _ window: Window, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        guard window == currentWindow, let waiting = windows[window]?.waitingReason,
            let first = VoteRules.skipVote(window, reason: waiting.slot, self)
        else { return }
        skip(window, from: first, waiting.reason, &effects)
    }

    private mutating func skip(
        _ window: Window, from slot: Slot, _ reason: SkipReason,
        _ effects: inout [ConsensusEffect]
    ) {
        guard started, own != nil, !lostLog else { return }
        windows[window, default: WindowState()].ownSkip = slot
        windows[window]?.waitingReason = nil
        effects.append(.skipped(window, from: slot, reason))
        effects.append(.cast(.skipFrom(window, slot), restsOn: []))
        if schedule.leader(of: window) == own {
            nextProposal = nil
            firstProposalDue = false
            effects.append(.abandonProposal)
        }
    }

    // MARK: - Timers

    /// A delay with the factor of the current window (T4).
    private func scaled(_ nanoseconds: UInt64) -> UInt64 {
        let final = topFinal.slot.window(length: length).rawValue
        let above = currentWindow.rawValue - min(currentWindow.rawValue, final)
        return configuration.scaled(nanoseconds, windowsAboveFinal: above)
    }

    private var fourDelta: UInt64 { 4 * configuration.deltaNanoseconds }

    private mutating func armTimers(_ now: Tick) {
        timedOut = false
        firstChunkDue = now.after(nanoseconds: scaled(fourDelta))
        armSilenceTimer(now)
        armSlotTimer(now)
    }

    private mutating func armSilenceTimer(_ now: Tick) {
        silenceDue = now.after(nanoseconds: scaled(fourDelta + configuration.beatNanoseconds))
    }

    /// At entry, at the first sign of the block, and whenever a slot of the window is Certified.
    mutating func armSlotTimer(_ now: Tick) {
        slotDue = now.after(nanoseconds: scaled(fourDelta + configuration.slotNanoseconds))
    }

    mutating func heard(_ window: Window, _ activity: LeaderActivity, _ now: Tick) {
        guard acceptsAhead(window) else { return }
        noteActivity(of: schedule.leader(of: window))
        guard window >= currentWindow else { return }
        let isFirst = activity != .beat && windows[window]?.heardFirst != true
        if isFirst { windows[window, default: WindowState()].heardFirst = true }
        guard window == currentWindow else { return }
        armSilenceTimer(now)
        #if MUTANTS
            if Mutant.beatResetsSlotTimer.isActive { armSlotTimer(now) }
        #endif
        if isFirst { armSlotTimer(now) }
    }

    /// The timer that runs out first in the current window; none once this node has skipped it or
    /// has decided to. A leader does not wait to hear itself.
    private var timeout: (due: Tick, reason: SkipReason)? {
        guard own != nil, !lostLog, !timedOut, windows[currentWindow]?.ownSkip == nil
        else { return nil }
        var result = (due: slotDue, reason: SkipReason.slotTimeout)
        if currentLeader != own {
            if silenceDue < result.due { result = (silenceDue, .silence) }
            if firstChunkDue < result.due, windows[currentWindow]?.heardFirst != true {
                result = (firstChunkDue, .noFirstChunk)
            }
        }
        return result
    }

    /// The earliest time at which a step without an input can change something.
    package var nextDeadline: Tick? {
        guard started else { return nil }
        var due = nextStandstill
        if let timeout { due = min(due, timeout.due) }
        if let statusDue { due = min(due, statusDue) }
        for entry in wanted.values { due = min(due, entry.state.nextAt) }
        return due
    }

    mutating func runTimers(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        if let timeout, now >= timeout.due {
            timedOut = true
            wantSkip(
                currentWindow, currentWindow.firstSlot(length: length), timeout.reason, now,
                &effects)
        }
        if !wanted.isEmpty { askForWanted(now, &effects) }
        if let due = statusDue, now >= due {
            statusDue = nil
            effects.append(.broadcastStatus(status))
        }
        if now >= nextStandstill {
            effects.append(.broadcastStatus(status))
            let statements = repeatedStatements
            if !statements.isEmpty { effects.append(.rebroadcastOwn(statements)) }
            // Seldom enough to feed no standstill, often enough to end one in which messages are lost.
            standstillCount = min(standstillCount + 1, 2)
            nextStandstill = now.after(
                nanoseconds: configuration.standstillInterval << standstillCount)
        }
    }

    private var repeatedStatements: [SignedStatement] {
        #if MUTANTS
            if Mutant.statementsSentOnce.isActive { return [] }
        #endif
        return ownStatements()
    }

    /// Each signer in turn, the lowest slots first.
    private mutating func askForWanted(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        for slot in wanted.keys.sorted() {
            guard var entry = wanted[slot], now >= entry.state.nextAt else { continue }
            let hints = entry.state.hints
            let peer = hints[entry.state.turn % hints.count]
            entry.state.turn += 1
            entry.state.nextAt = now.after(nanoseconds: fourDelta)
            wanted[slot] = entry
            effects.append(.wantBlock(entry.reference, [peer]))
        }
    }

    /// A certificate names a block that is not here or not executed: ask its signers, a little
    /// later, since the leader's own stream is likely on its way.
    mutating func want(_ reference: BlockReference, _ certificate: Certificate?, _ now: Tick) {
        let due = now.after(nanoseconds: configuration.deltaNanoseconds)
        if let entry = wanted[reference.slot], entry.reference == reference {
            wanted[reference.slot]?.state.nextAt = min(entry.state.nextAt, due)
            return
        }
        guard let certificate else { return }
        want(reference, of: certificate.signers, from: due)
    }

    /// More than a third of the power, and so an honest validator, voted for a block that is not here:
    /// it exists, and my vote may be the one that its quorum lacks. A node that restarts or connects
    /// while the leader streams never gets the block's start from it. The stream has time to arrive first.
    mutating func wantVoted(
        _ reference: BlockReference, _ state: SlotState, _ power: PowerSum, _ now: Tick
    ) {
        guard power.exceedsThird(of: committee.total), wanted[reference.slot] == nil,
            state.block(reference.hash) == nil
        else { return }
        want(
            reference, of: state.notars.signers(of: .notar(reference)),
            from: now.after(nanoseconds: fourDelta))
    }

    private mutating func want(
        _ reference: BlockReference, of signers: [Certificate.Signer], from due: Tick
    ) {
        let hints = signers.map(\.index).filter { $0 != own }
        guard reference.slot > topFinal.slot, !hints.isEmpty else { return }
        let start = Int(reference.slot.rawValue % UInt64(hints.count))
        wanted[reference.slot] = (reference, Wanted(hints: hints, nextAt: due, turn: start))
    }

    // MARK: - Leading

    mutating func proposed(_ summary: BlockSummary, _ effects: inout [ConsensusEffect]) {
        let slot = summary.reference.slot.next
        guard slot.window(length: length) == currentWindow, currentLeader == own, !timedOut,
            windows[currentWindow]?.ownSkip == nil
        else { return }
        nextProposal = (slot, summary.reference)
    }

    /// Offers the leader its next slot as soon as the rules allow the others to notarise it.
    private mutating func offerProposal(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        guard started, own != nil, !lostLog, currentLeader == own, !timedOut,
            windows[currentWindow]?.ownSkip == nil
        else { return }
        if firstProposalDue {
            offerFirst(&effects)
            return
        }
        guard let (slot, parent) = nextProposal else { return }
        guard
            isCertified(parent)
                || slot.rawValue <= highestNotar.rawValue + configuration.pipelineDepth
        else { return }
        nextProposal = nil
        effects.append(
            .propose(
                slot, parent: parent, parentCertificate: slots[parent.slot]?.notarCertificate,
                skips: []))
    }

    /// The window's first proposal: on the highest Certified block for which skips up to the slot
    /// can be shown. A leader that knows of a final block which it lacks fetches that first.
    private mutating func offerFirst(_ effects: inout [ConsensusEffect]) {
        if let known = finalSlots.last, known > topFinal.slot { return }
        let first = currentWindow.firstSlot(length: length)
        // The root, or a final block inside this window after a restart, is built upon directly.
        let slot = topFinal.slot >= first ? topFinal.slot.next : first
        guard slot.window(length: length) == currentWindow else {
            firstProposalDue = false
            return
        }
        var candidates = [topFinal]
        for (key, state) in slots where key < slot {
            if let hash = state.certified {
                candidates.append(BlockReference(slot: key, hash: hash))
            }
        }
        candidates.sort { ($0.slot, $0.hash) > ($1.slot, $1.hash) }
        guard let place = VoteRules.highestParent(for: slot, among: candidates.map(\.slot), self),
            let proof = skips(from: candidates[place].slot, to: slot)
        else { return }
        let parent = candidates[place]
        firstProposalDue = false
        effects.append(
            .propose(
                slot, parent: parent, parentCertificate: slots[parent.slot]?.notarCertificate,
                skips: proof))
    }

    // MARK: - Helping others

    /// My statements that no certificate held here covers, oldest first: all that a peer with my
    /// certificates could still lack.
    func ownStatements() -> [SignedStatement] {
        guard let own else { return [] }
        var result: [SignedStatement] = []
        for window in windows.keys.sorted() {
            guard let state = windows[window], let skip = state.skip(of: own) else { continue }
            if let from = state.skippedFrom, from <= skip.statement.slot { continue }
            result.append(skip)
        }
        for slot in slots.keys.sorted() {
            guard let state = slots[slot] else { continue }
            if state.notarCertificate == nil, let notar = state.notars.vote(of: own) {
                result.append(notar)
            }
            if state.finalCertificate == nil, let final = state.finals.vote(of: own) {
                result.append(final)
            }
        }
        return Array(result.suffix(ConsensusMachine.maximumRepeated))
    }

    /// Certificates from the peer's first uncleared slot on, oldest first, and my statements that no
    /// certificate covers, within the byte bound; at most one answer a delta to each peer. A Final
    /// certificate goes ahead of all: it spares the peer everything below.
    mutating func answer(
        _ status: Status, to peer: ValidatorIndex, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        #if MUTANTS
            if Mutant.statusUnanswered.isActive { return }
        #endif
        let index = Int(peer.rawValue)
        guard index < nextReply.count, peer != own, now >= nextReply[index] else { return }
        nextReply[index] = now.after(nanoseconds: configuration.deltaNanoseconds)
        var reply = Reply(budget: configuration.replyBytes)
        let final = max(status.topFinal.slot, topFinal.slot)
        let from = max(status.firstUnclearedSlot, final)
        if let known = finalSlots.last, known > final { reply.add(slots[known]?.finalCertificate) }
        let places = slots.keys.filter { $0 > final }.sorted()
        let first = from.window(length: length)
        let bypassed = windows.keys.filter { $0 >= first && windows[$0]?.certificate != nil }
        var skipped = bypassed.sorted()[...]
        for slot in places where slot >= from {
            let window = slot.window(length: length)
            while let next = skipped.first, next <= window {
                reply.add(windows[next]?.certificate)
                skipped.removeFirst()
            }
            reply.add(slots[slot]?.notarCertificate)
        }
        for window in skipped { reply.add(windows[window]?.certificate) }
        // The peer passed these by a skip, and a block may stand on them nevertheless.
        for slot in places where slot < from { reply.add(slots[slot]?.notarCertificate) }
        var statements: [SignedStatement] = []
        for signed in repeatedStatements where reply.takes(bytes: Reply.statementBytes) {
            statements.append(signed)
        }
        guard !reply.certificates.isEmpty || !statements.isEmpty else { return }
        effects.append(.sendCertificates(reply.certificates, statements, to: peer))
    }
}

/// What an answer holds so far, under its byte bound. Once something does not fit, nothing more is
/// taken: what is left out is newer than what is in.
private struct Reply {
    static let statementBytes = 140
    private var budget: Int
    private(set) var certificates: [Certificate] = []

    init(budget: Int) { self.budget = budget }

    mutating func takes(bytes: Int) -> Bool {
        budget = budget >= bytes ? budget - bytes : 0
        return budget > 0
    }

    mutating func add(_ certificate: Certificate?) {
        guard let certificate, takes(bytes: 64 + certificate.signers.count * 74) else { return }
        certificates.append(certificate)
    }
}
