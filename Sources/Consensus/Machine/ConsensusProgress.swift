package import Primitives

/// Finality, windows, skips, timers and leading.
extension ConsensusMachine {
    // MARK: - Finality

    /// Rule 5: a Final quorum makes its block and all ancestors final, once they are executed here.
    mutating func tryFinalise(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        guard let certificate = pendingFinal, case .final(let target) = certificate.kind else {
            return
        }
        guard target.slot > topFinal.slot else {
            pendingFinal = nil
            return
        }
        var path: [BlockSummary] = []
        var next = target
        while next != topFinal {
            guard next.slot > topFinal.slot, let state = slots[next.slot] else { return }
            guard let block = state.block(next.hash) else {
                want(next, certificate, now)
                return
            }
            switch state.verdict(next.hash) {
            case .valid, .hold: break
            case .invalid:
                effects.append(.contradiction(next))
                return
            case nil: return
            }
            path.append(block)
            next = block.parent
        }
        path.reverse()
        guard let last = path.last else { return }
        pendingFinal = nil
        topFinal = last.reference
        topFinalHeight = last.height
        highestNotar = max(highestNotar, topFinal.slot)
        lastFinalAt = now
        standstillCount = 0
        nextStandstill = now.after(nanoseconds: configuration.standstillNanoseconds)
        skippedWindows = 0
        prune()
        effects.append(.finalised(path.map(\.reference), certificate))
        if let proposal = nextProposal, proposal.slot <= topFinal.slot { nextProposal = nil }
        for slot in slots.keys.sorted() {
            tryCertify(slot, now, &effects)
            tryNotar(slot, now, &effects)
        }
    }

    /// Forgets what a final block covers; the statements of its window bind until it ends.
    private mutating func prune() {
        for slot in slots.keys.filter({ $0 <= topFinal.slot }) { slots[slot] = nil }
        for slot in wanted.keys.filter({ $0 <= topFinal.slot }) { wanted[slot] = nil }
        let window = topFinal.slot.window(length: length)
        for old in windows.keys.filter({ $0 < window }) { windows[old] = nil }
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
        var window = firstUnclearedSlot.window(length: length)
        // A window whose slots are all cleared has been left; the next may be cleared as well.
        if window < currentWindow { window = currentWindow }
        while currentWindow < window {
            if currentWindow > topFinal.slot.window(length: length) { skippedWindows += 1 }
            enter(currentWindow.next, now, &effects)
        }
        offerProposal(now, &effects)
    }

    mutating func enter(_ window: Window, _ now: Tick, _ effects: inout [ConsensusEffect]) {
        currentWindow = window
        enteredAt = now
        heardAt = now
        progressAt = now
        heardFirst = false
        nextProposal = nil
        let leader = schedule.leader(of: window)
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

    /// The first slot of the window that this node has not Certified, above its last Final; nil
    /// when all are.
    private func firstUncertified(_ window: Window) -> Slot? {
        for number in window.slots(length: length) {
            let slot = Slot(number)
            if slot > topFinal.slot, slots[slot]?.certified == nil { return slot }
        }
        return nil
    }

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
            let first = firstUncertified(window), first >= waiting.slot
        else { return }
        skip(window, from: first, waiting.reason, &effects)
    }

    private mutating func skip(
        _ window: Window, from slot: Slot, _ reason: SkipReason,
        _ effects: inout [ConsensusEffect]
    ) {
        guard started, own != nil, !lostLog, windows[window]?.ownSkip == nil else { return }
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

    mutating func heard(_ window: Window, _ activity: LeaderActivity, _ now: Tick) {
        guard window == currentWindow else { return }
        heardAt = now
        if !heardFirst, activity != .beat {
            heardFirst = true
            progressAt = max(progressAt, now)
        }
    }

    /// The timeouts of the current window, the earliest first; none once this node has skipped it.
    private var timeouts: [(due: Tick, reason: SkipReason)] {
        guard own != nil, !lostLog, windows[currentWindow]?.ownSkip == nil,
            schedule.leader(of: currentWindow) != own || !firstProposalDue
        else { return [] }
        let above = currentWindow.rawValue
            - min(currentWindow.rawValue, topFinal.slot.window(length: length).rawValue)
        func scaled(_ nanoseconds: UInt64) -> UInt64 {
            configuration.scaled(nanoseconds, windowsAboveFinal: above)
        }
        let delays = 4 * configuration.deltaNanoseconds
        var result: [(due: Tick, reason: SkipReason)] = []
        if schedule.leader(of: currentWindow) != own {
            if !heardFirst {
                result.append((enteredAt.after(nanoseconds: scaled(delays)), .noFirstChunk))
            }
            result.append(
                (
                    heardAt.after(nanoseconds: scaled(delays + configuration.beatNanoseconds)),
                    .silence
                ))
        }
        result.append(
            (
                progressAt.after(nanoseconds: scaled(delays + configuration.slotNanoseconds)),
                .slotTimeout
            ))
        return result
    }

    /// The earliest time at which a step without an input can change something.
    package var nextDeadline: Tick? {
        guard started else { return nil }
        var due = nextStandstill
        for timeout in timeouts { due = min(due, timeout.due) }
        for entry in wanted.values { due = min(due, entry.state.nextAt) }
        return due
    }

    mutating func runTimers(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        for timeout in timeouts where now >= timeout.due {
            if let first = firstUncertified(currentWindow) {
                skip(currentWindow, from: first, timeout.reason, &effects)
            }
            break
        }
        for slot in wanted.keys.sorted() {
            guard var entry = wanted[slot], now >= entry.state.nextAt else { continue }
            let hints = entry.state.hints
            let peer = hints[entry.state.turn % hints.count]
            entry.state.turn += 1
            entry.state.nextAt = now.after(nanoseconds: 4 * configuration.deltaNanoseconds)
            wanted[slot] = entry
            effects.append(.wantBlock(entry.reference, [peer]))
        }
        if now >= nextStandstill {
            effects.append(.broadcastStatus(status))
            let statements = ownStatements()
            if !statements.isEmpty { effects.append(.rebroadcastOwn(statements)) }
            standstillCount = min(standstillCount + 1, 4)
            nextStandstill = now.after(
                nanoseconds: configuration.standstillNanoseconds << standstillCount)
        }
    }

    /// A certificate names a block that is not here: ask its signers, a little later, since the
    /// leader's own stream is likely on its way.
    mutating func want(_ reference: BlockReference, _ certificate: Certificate?, _ now: Tick) {
        guard reference.slot > topFinal.slot, wanted[reference.slot]?.reference != reference,
            let hints = certificate?.signers.map(\.index).filter({ $0 != own }), !hints.isEmpty
        else { return }
        let start = Int(reference.slot.rawValue % UInt64(hints.count))
        wanted[reference.slot] = (
            reference,
            Wanted(
                hints: hints, nextAt: now.after(nanoseconds: configuration.deltaNanoseconds),
                turn: start)
        )
    }

    // MARK: - Leading

    mutating func proposed(_ summary: BlockSummary, _ effects: inout [ConsensusEffect]) {
        let slot = summary.reference.slot.next
        guard slot.window(length: length) == currentWindow, currentLeader == own,
            windows[currentWindow]?.ownSkip == nil
        else { return }
        nextProposal = (slot, summary.reference)
    }

    /// Offers the leader its next slot as soon as the rules allow the others to notarise it.
    private mutating func offerProposal(_ now: Tick, _ effects: inout [ConsensusEffect]) {
        guard started, own != nil, !lostLog, currentLeader == own,
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
        if let pendingFinal, pendingFinal.slot > topFinal.slot { return }
        let first = currentWindow.firstSlot(length: length)
        // The root, or a final block inside this window after a restart, is built upon directly.
        let slot = topFinal.slot >= first ? topFinal.slot.next : first
        guard slot.window(length: length) == currentWindow else {
            firstProposalDue = false
            return
        }
        var candidates = [topFinal]
        for (key, state) in slots where key < slot {
            if let hash = state.certified { candidates.append(BlockReference(slot: key, hash: hash)) }
        }
        candidates.sort { ($0.slot, $0.hash) > ($1.slot, $1.hash) }
        for parent in candidates {
            guard slot == first || parent.slot.next == slot,
                let proof = skips(from: parent.slot, to: slot)
            else { continue }
            firstProposalDue = false
            effects.append(
                .propose(
                    slot, parent: parent,
                    parentCertificate: slots[parent.slot]?.notarCertificate, skips: proof))
            return
        }
    }

    // MARK: - Helping others

    /// My statements that still matter, oldest first.
    func ownStatements() -> [SignedStatement] {
        guard let own else { return [] }
        var result: [SignedStatement] = []
        for window in windows.keys.sorted() {
            if let skip = windows[window]?.skip(of: own) { result.append(skip) }
        }
        for slot in slots.keys.sorted() {
            if let notar = slots[slot]?.notars.vote(of: own) { result.append(notar) }
            if let final = slots[slot]?.finals.vote(of: own) { result.append(final) }
        }
        return result
    }

    /// Certificates above a slot, oldest first, and mine that no certificate covers, within the
    /// byte bound; at most one answer a delta to each peer.
    mutating func answer(
        _ status: Status, to peer: ValidatorIndex, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        let index = Int(peer.rawValue)
        guard index < nextReply.count, now >= nextReply[index] else { return }
        nextReply[index] = now.after(nanoseconds: configuration.deltaNanoseconds)
        let signerBytes = 74
        var budget = configuration.replyBytes
        var certificates: [Certificate] = []
        func add(_ certificate: Certificate?) {
            guard let certificate else { return }
            let size = 64 + certificate.signers.count * signerBytes
            guard budget >= size else {
                budget = 0
                return
            }
            budget -= size
            certificates.append(certificate)
        }
        let from = max(status.topFinal.slot, topFinal.slot)
        for window in windows.keys.sorted()
        where window >= from.window(length: length) {
            add(windows[window]?.certificate)
            for number in window.slots(length: length) where Slot(number) > from {
                add(slots[Slot(number)]?.notarCertificate)
            }
        }
        for slot in slots.keys.sorted() where slot > from {
            if windows[slot.window(length: length)] == nil { add(slots[slot]?.notarCertificate) }
            add(slots[slot]?.finalCertificate)
        }
        var statements: [SignedStatement] = []
        for signed in ownStatements() where budget >= 140 {
            budget -= 140
            statements.append(signed)
        }
        guard !certificates.isEmpty || !statements.isEmpty else { return }
        effects.append(.sendCertificates(certificates, statements, to: peer))
    }
}
