import Primitives

/// Counting statements and certificates.
extension ConsensusMachine {
    mutating func count(
        _ signed: SignedStatement, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        guard let power = committee.power(of: signed.signer) else { return }
        let window = signed.statement.slot.window(length: length)
        noteActivity(of: signed.signer)
        statementCounts[Int(signed.signer.rawValue)] += 1
        switch signed.statement {
        case .notar(let reference):
            guard accepts(slot: reference.slot) else { return }
            if isForeignOwn(signed, slots[reference.slot]?.ownNotar == reference.hash, &effects) {
                return
            }
            // In place: a copy of the slot would copy its votes.
            let outcome = slots[reference.slot, default: SlotState()].notars.add(
                signed, hash: reference.hash, power: power, committee: committee.powers.count)
            switch outcome {
            case .known: return
            case .conflict(let first): report(.twoNotars, first, signed, &effects)
            case .counted(let sum):
                guard let state = slots[reference.slot], state.notarCertificate == nil
                else { return }
                guard VoteRules.isQuorum(sum, of: committee.total) else {
                    wantVoted(reference, state, sum, now)
                    return
                }
                let certificate = Certificate(
                    kind: .notar(reference),
                    signers: state.notars.signers(of: signed.statement))
                hold(certificate, relay: true, now, &effects)
            }
        case .final(let reference):
            guard accepts(slot: reference.slot) else { return }
            if isForeignOwn(signed, slots[reference.slot]?.ownFinal == reference.hash, &effects) {
                return
            }
            let outcome = slots[reference.slot, default: SlotState()].finals.add(
                signed, hash: reference.hash, power: power, committee: committee.powers.count)
            checkFinalAgainstSkip(signed, window, &effects)
            switch outcome {
            case .known: return
            case .conflict(let first): report(.twoFinals, first, signed, &effects)
            case .counted(let sum):
                guard VoteRules.isQuorum(sum, of: committee.total),
                    let state = slots[reference.slot],
                    state.finalCertificate == nil
                else { return }
                let certificate = Certificate(
                    kind: .final(reference),
                    signers: state.finals.signers(of: signed.statement))
                hold(certificate, relay: true, now, &effects)
            }
        case .skipFrom(let named, let slot):
            guard acceptsSkip(named, slot) else { return }
            if isForeignOwn(signed, windows[named]?.ownSkip == slot, &effects) { return }
            countSkip(signed, named, slot, now, &effects)
        }
    }

    /// A statement of mine that I do not remember making: the log is lost (rule T2).
    private mutating func isForeignOwn(
        _ signed: SignedStatement, _ remembered: Bool, _ effects: inout [ConsensusEffect]
    ) -> Bool {
        guard signed.signer == own, !remembered else { return false }
        if !lostLog {
            lostLog = true
            effects.append(.lostLog)
        }
        return true
    }

    mutating func noteActivity(of validator: ValidatorIndex) {
        let index = Int(validator.rawValue)
        if lastHeard[index] < currentWindow { lastHeard[index] = currentWindow }
    }

    private mutating func countSkip(
        _ signed: SignedStatement, _ window: Window, _ slot: Slot, _ now: Tick,
        _ effects: inout [ConsensusEffect]
    ) {
        var state = windows[window] ?? WindowState()
        if state.skips.isEmpty {
            state.skips = Array(repeating: nil, count: committee.powers.count)
        }
        let index = Int(signed.signer.rawValue)
        if let known = state.skips[index] {
            if known.statement != signed.statement {
                report(.twoSkips, known, signed, &effects)
            }
            return
        }
        state.skips[index] = signed
        windows[window] = state
        checkSkipAgainstFinals(signed, window, slot, &effects)
        if let certificate = skipCertificate(window, state),
            state.skippedFrom.map({ certificate.slot < $0 }) ?? true
        {
            hold(certificate, relay: true, now, &effects)
        }
        if signed.signer == schedule.leader(of: window), signed.signer != own {
            wantSkip(window, slot, .leaderSkipped, now, &effects)
        }
    }

    /// The certificate for the lowest slot that a quorum skips, if there is one.
    private func skipCertificate(_ window: Window, _ state: WindowState) -> Certificate? {
        let sorted = state.skips.compactMap { $0 }.sorted {
            ($0.statement.slot, $0.signer) < ($1.statement.slot, $1.signer)
        }
        var power = PowerSum()
        for (position, signed) in sorted.enumerated() {
            power.add(committee.power(of: signed.signer) ?? Power(0))
            guard VoteRules.isQuorum(power, of: committee.total) else { continue }
            let signers = sorted.prefix(position + 1).sorted { $0.signer < $1.signer }
            return Certificate(
                kind: .skip(window, signed.statement.slot),
                signers: signers.map {
                    Certificate.Signer(
                        index: $0.signer, slot: $0.statement.slot, signature: $0.signature)
                })
        }
        return nil
    }

    /// Takes a certificate that is new: stores it, relays it once, and goes on from it. Its
    /// signatures count as votes too, so that conflicts in it are found.
    mutating func hold(
        _ certificate: Certificate, relay: Bool, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        lastCertificateSigners = certificate.signers.count
        switch certificate.kind {
        case .notar(let reference):
            guard slots[reference.slot]?.notarCertificate == nil,
                reference.slot > topFinal.slot
            else { return }
            slots[reference.slot, default: SlotState()].notarCertificate = certificate
            // What comes before the start comes from the log.
            if !started { slots[reference.slot]?.certificateLogged = true }
            absorb(certificate, now, &effects)
            if relay { effects.append(.broadcastCertificate(certificate)) }
            if reference.slot > highestNotar {
                raiseHighestNotar(to: reference.slot, now, &effects)
            }
            if slots[reference.slot]?.verdict(reference.hash) == .invalid {
                effects.append(.contradiction(reference))
                return
            }
            tryCertify(reference.slot, now, &effects)
        case .final(let reference):
            guard slots[reference.slot]?.finalCertificate == nil,
                reference.slot > topFinal.slot
            else { return }
            slots[reference.slot, default: SlotState()].finalCertificate = certificate
            absorb(certificate, now, &effects)
            if relay { effects.append(.broadcastCertificate(certificate)) }
            let place = finalSlots.lastIndex { $0 < reference.slot }.map { $0 + 1 } ?? 0
            finalSlots.insert(reference.slot, at: place)
            tryFinalise(now, &effects)
        case .skip(let window, let slot):
            guard acceptsSkip(window, slot) else { return }
            var state = windows[window] ?? WindowState()
            if let from = state.skippedFrom, from <= slot { return }
            state.certificate = certificate
            windows[window] = state
            absorb(certificate, now, &effects)
            if relay { effects.append(.broadcastCertificate(certificate)) }
            for next in slots.keys.filter({ $0 > slot }).sorted() {
                tryNotar(next, now, &effects)
            }
        }
    }

    /// Moves the pipeline bound, and tries the slots whose Notar it may have held: those that the
    /// old bound excluded and the new one admits.
    mutating func raiseHighestNotar(
        to slot: Slot, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        let old = highestNotar
        highestNotar = slot
        let depth = configuration.pipelineDepth
        var next = max(old.rawValue + depth, slot.rawValue) + 1
        while next <= slot.rawValue + depth {
            tryNotar(Slot(next), now, &effects)
            next += 1
        }
    }

    private mutating func absorb(
        _ certificate: Certificate, _ now: Tick, _ effects: inout [ConsensusEffect]
    ) {
        for signed in certificate.statements where !knows(signed) {
            count(signed, now, &effects)
        }
    }

    // MARK: - Evidence

    /// Guilt is reported once for each validator, kind and place, and the table is bounded.
    private mutating func report(
        _ offence: Evidence.Offence, _ first: SignedStatement, _ second: SignedStatement,
        _ effects: inout [ConsensusEffect]
    ) {
        let place: UInt64
        switch first.statement {
        case .notar(let reference), .final(let reference): place = reference.slot.rawValue
        case .skipFrom(let window, _): place = window.rawValue
        }
        let key = EvidenceKey(validator: first.signer, offence: offence, place: place)
        guard reported.count < ConsensusMachine.maximumReported,
            reported.insert(key).inserted
        else { return }
        #if MUTANTS
            if Mutant.evidenceUnsaid.isActive { return }
        #endif
        evidenceCount += 1
        effects.append(.evidence(Evidence(offence: offence, first: first, second: second)))
    }

    private mutating func checkFinalAgainstSkip(
        _ signed: SignedStatement, _ window: Window, _ effects: inout [ConsensusEffect]
    ) {
        guard let skip = windows[window]?.skip(of: signed.signer),
            skip.statement.slot <= signed.statement.slot
        else { return }
        report(.finalAndSkip, signed, skip, &effects)
    }

    private mutating func checkSkipAgainstFinals(
        _ signed: SignedStatement, _ window: Window, _ slot: Slot,
        _ effects: inout [ConsensusEffect]
    ) {
        for number in slot.rawValue..<window.next.firstSlot(length: length).rawValue {
            if let final = slots[Slot(number)]?.finals.vote(of: signed.signer) {
                report(.finalAndSkip, final, signed, &effects)
                return
            }
        }
    }
}
