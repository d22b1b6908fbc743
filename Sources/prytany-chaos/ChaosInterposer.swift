import Adversary
import Primitives
import Replica
import Replication
import SequencerNode
import Synchronization

/// Puts a Byzantine role and a journal, or one of them, between a replica and the world.
final class ChaosInterposer: LoopInterposer {
    private let role: ByzantineRole?
    private let twinSide: Int
    private let seed: UInt64
    private let journal: ObservationJournal?
    /// Only the loop's thread takes the lock.
    private let adversary = Mutex<(any Adversary)?>(nil)

    init(role: ByzantineRole?, twinSide: Int, seed: UInt64, journal: ObservationJournal?) {
        self.role = role
        self.twinSide = twinSide
        self.seed = seed
        self.journal = journal
    }

    func begin(_ place: InterposerPlace) {
        journal?.begin(own: place.own)
        guard let role, let own = place.own, let signer = place.signer else { return }
        let made = role.adversary(
            AdversaryEnvironment(
                configuration: place.configuration, committee: place.committee,
                schedule: place.schedule, own: own, signer: signer, seed: seed),
            twinSide: twinSide)
        adversary.withLock { $0 = made }
    }

    var interferes: Bool { role != nil }

    var tickNanoseconds: UInt64? { adversary.withLock { $0?.tickNanoseconds } }

    func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        var rewritten = effects
        adversary.withLock { $0?.rewrite(&rewritten, now: now) }
        effects = rewritten
    }

    func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [InterposedDeparture] {
        adversary.withLock { $0?.departures(of: message, to: peer, now: now) ?? [] }
            .map(Self.interposed)
    }

    func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [InterposedDeparture]) {
        let answer = adversary.withLock { $0?.heard(message, from: peer, now: now) }
        guard let answer else { return (true, []) }
        return (answer.passes, answer.departures.map(Self.interposed))
    }

    func tick(now: Moment) -> [InterposedDeparture] {
        adversary.withLock { $0?.tick(now: now) ?? [] }.map(Self.interposed)
    }

    func observe(_ events: [NodeEvent]) { journal?.append(events) }

    private static func interposed(_ departure: AdversaryDeparture) -> InterposedDeparture {
        let content: InterposedDeparture.Content =
            switch departure.content {
            case .message(let message): .message(message)
            case .bytes(let bytes, let messageClass): .bytes(bytes, messageClass)
            }
        return InterposedDeparture(
            content, to: departure.to, delayNanoseconds: departure.delayNanoseconds)
    }
}
