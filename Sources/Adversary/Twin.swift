import Consensus
package import Primitives
package import Replica
package import Replication

/// One of two copies with one key, each of which takes itself for the only one and talks to a side of
/// the committee. Each is honest by its own log; together they contradict themselves.
package struct Twin: Adversary {
    private let side: Int
    private var filter: OwnStatementFilter

    package init(_ environment: AdversaryEnvironment, side: Int) {
        self.side = side
        filter = OwnStatementFilter(own: environment.own)
    }

    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        filter.note(effects)
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        AdversaryEnvironment.side(of: peer) == side
            ? [AdversaryDeparture(.message(message), to: peer)] : []
    }

    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) {
        (AdversaryEnvironment.side(of: peer) == side && filter.passes(message), [])
    }
}
