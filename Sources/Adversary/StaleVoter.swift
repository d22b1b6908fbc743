import Consensus
package import Primitives
package import Replica
package import Replication

/// A validator that forgot its log and votes as if it had said nothing before: what the log and the
/// rule of the lost log (T2) prevent, seen from outside. It skips what it made final, makes final what
/// it skipped, and notarises a second block where there is one; its older statements, which peers show
/// it, do not disturb it.
package struct StaleVoter: Adversary {
    /// What it forgot of one window.
    private struct Past: Sendable {
        var lowestFinal: Slot?
        var skip: Slot?
        var hasSkippedAnew = false
    }

    private let environment: AdversaryEnvironment
    private var filter: OwnStatementFilter
    private var past = RecentTable<Window, Past>(capacity: 128)
    private var notars = RecentTable<Slot, Digest>(capacity: 1024)
    private var anew = RecentSet<Statement>()

    package init(_ environment: AdversaryEnvironment) {
        self.environment = environment
        filter = OwnStatementFilter(own: environment.own)
    }

    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        filter.note(effects)
        var contradictions: [ReplicaEffect] = []
        for effect in effects {
            guard case .broadcast(.statement(let signed)) = effect,
                signed.signer == environment.own
            else { continue }
            for statement in contradicted(by: signed.statement) {
                contradictions.append(.broadcast(.statement(environment.signed(statement))))
            }
        }
        effects += contradictions
    }

    /// Notes an own statement, and gives those that stand against it.
    private mutating func contradicted(by statement: Statement) -> [Statement] {
        let length = environment.windowLength
        let window = statement.slot.window(length: length)
        var known = past[window] ?? Past()
        defer { past[window] = known }
        switch statement {
        case .notar(let reference):
            if notars[reference.slot] == nil { notars[reference.slot] = reference.hash }
            return []
        case .final(let reference):
            if let lowest = known.lowestFinal {
                // Its own window goes on: a leader's skip would end it.
                guard !known.hasSkippedAnew,
                    environment.schedule.leader(of: window) != environment.own
                else { return [] }
                known.hasSkippedAnew = true
                return [.skipFrom(window, lowest)]
            }
            known.lowestFinal = reference.slot
            return []
        case .skipFrom(_, let slot):
            known.skip = slot
            return []
        }
    }

    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) {
        let passes = filter.passes(message)
        guard case .statement(let signed) = message, signed.signer != environment.own else {
            return (passes, [])
        }
        let window = signed.statement.slot.window(length: environment.windowLength)
        var statement: Statement?
        switch signed.statement {
        case .notar(let reference):
            if let mine = notars[reference.slot], mine != reference.hash {
                statement = .notar(reference)
            }
        case .final(let reference):
            if let skip = past[window]?.skip, skip <= reference.slot {
                statement = .final(reference)
            }
        case .skipFrom: break
        }
        guard let statement, anew.insert(statement) else { return (passes, []) }
        let message = PeerMessage.statement(environment.signed(statement))
        return (passes, environment.peers.map { AdversaryDeparture(.message(message), to: $0) })
    }
}
