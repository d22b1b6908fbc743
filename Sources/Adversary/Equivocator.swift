import Consensus
package import Primitives
package import Replica
package import Replication

/// Two blocks, two votes. As a leader it streams two versions of each block, one to each side of the
/// committee. As a voter it agrees with everyone: whatever a peer voted for, it signs too, and shows
/// it to that peer alone, so that each peer counts its vote for the peer's own block. Its SkipFrom of
/// the whole window goes with every Final.
///
/// With a third of the power or less that only proves its guilt. With more, and honest halves that do
/// not hear each other, each half has its quorum: a block that one half made final is skipped by the
/// other. Several equivocators need no word between them.
package struct Equivocator: Adversary {
    private struct Shown: Hashable {
        let peer: ValidatorIndex
        let statement: Statement
    }

    private let environment: AdversaryEnvironment
    private var filter: OwnStatementFilter
    private var stream: SecondStream
    private var shown = RecentSet<Shown>()

    package init(_ environment: AdversaryEnvironment) {
        self.environment = environment
        filter = OwnStatementFilter(own: environment.own)
        stream = SecondStream(environment)
    }

    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        filter.note(effects)
        for effect in effects {
            if case .broadcast(let message) = effect { stream.follow(message, now: now) }
        }
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        switch message {
        case .statement(let signed) where signed.signer == environment.own:
            switch signed.statement {
            // Shown only to those who voted so: a peer counts one vote, and it shall be for its block.
            case .notar, .final: return []
            case .skipFrom(let window, _):
                return show([.skipFrom(window, window.firstSlot(length: length))], to: peer)
            }
        case .opening, .chunk, .header:
            let other = AdversaryEnvironment.side(of: peer) == 1 ? stream.second(of: message) : nil
            let version = other ?? message
            return [AdversaryDeparture(.message(version), to: peer)] + forged(version, to: peer)
        default: return [AdversaryDeparture(.message(message), to: peer)]
        }
    }

    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) {
        let passes = filter.passes(message)
        switch message {
        case .statement(let signed) where signed.signer != environment.own:
            return (passes, echo(signed.statement, to: peer))
        case .header(let header):
            let reference = BlockReference(
                slot: header.value.opening.slot, hash: ObjectHash.digest(of: header.value.hashInput)
            )
            return (passes, echo(.notar(reference), to: peer))
        case .blockRequest(let reference):
            guard let body = stream.body(reference) else { return (passes, []) }
            return (false, [AdversaryDeparture(.message(.block(body)), to: peer)])
        default: return (passes, [])
        }
    }

    private var length: UInt64 { environment.windowLength }

    /// Everything that helps this statement along.
    private mutating func echo(
        _ statement: Statement, to peer: ValidatorIndex
    ) -> [AdversaryDeparture] {
        switch statement {
        case .notar(let reference), .final(let reference):
            let window = reference.slot.window(length: length)
            var statements: [Statement] = [.notar(reference), .final(reference)]
            // A leader's own skip would end its window before its two blocks could do harm.
            if environment.schedule.leader(of: window) != environment.own {
                statements.append(.skipFrom(window, window.firstSlot(length: length)))
            }
            return show(statements, to: peer)
        case .skipFrom(let window, let slot):
            guard slot.window(length: length) == window else { return [] }
            return show([.skipFrom(window, window.firstSlot(length: length))], to: peer)
        }
    }

    /// In every fourth window each side's block comes with certificates that this validator alone has
    /// signed, as many times as there are validators. If both sides take them for what they claim, each
    /// has a final block of its own.
    private func forged(
        _ message: PeerMessage, to peer: ValidatorIndex
    ) -> [AdversaryDeparture] {
        guard case .header(let header) = message,
            header.value.opening.slot.window(length: length).rawValue % 4 == 1
        else { return [] }
        let reference = BlockReference(
            slot: header.value.opening.slot, hash: ObjectHash.digest(of: header.value.hashInput))
        let votes: [(Statement, Certificate.Kind)] = [
            (.notar(reference), .notar(reference)), (.final(reference), .final(reference)),
        ]
        return votes.map { statement, kind in
            let signed = environment.signed(statement)
            let signer = Certificate.Signer(
                index: environment.own, slot: reference.slot, signature: signed.signature)
            let signers = Array(repeating: signer, count: environment.committee.powers.count)
            return AdversaryDeparture(
                .message(.certificate(Certificate(kind: kind, signers: signers))), to: peer)
        }
    }

    private mutating func show(
        _ statements: [Statement], to peer: ValidatorIndex
    ) -> [AdversaryDeparture] {
        statements.filter { shown.insert(Shown(peer: peer, statement: $0)) }.map {
            AdversaryDeparture(.message(.statement(environment.signed($0))), to: peer)
        }
    }
}
