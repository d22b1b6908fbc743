package import Consensus
package import Primitives
package import Replica
package import Replication

/// What leaves a Byzantine node: to whom, what, and how much later than an honest node would send it.
package struct AdversaryDeparture: Sendable {
    package enum Content: Sendable {
        case message(PeerMessage)
        /// Bytes that are no message, on the channel of this class.
        case bytes([UInt8], MessageClass)
    }
    package var content: Content
    package var to: ValidatorIndex
    package var delayNanoseconds: UInt64

    package init(_ content: Content, to: ValidatorIndex, delayNanoseconds: UInt64 = 0) {
        self.content = content
        self.to = to
        self.delayNanoseconds = delayNanoseconds
    }
}

/// What a Byzantine validator knows: all that an honest one does, and its own key.
package struct AdversaryEnvironment: Sendable {
    package let configuration: ReplicaConfiguration
    package let committee: Committee
    package let schedule: LeaderSchedule
    package let own: ValidatorIndex
    package let signer: ConsensusSigner
    package let seed: UInt64

    package init(
        configuration: ReplicaConfiguration, committee: Committee, schedule: LeaderSchedule,
        own: ValidatorIndex, signer: ConsensusSigner, seed: UInt64
    ) {
        self.configuration = configuration
        self.committee = committee
        self.schedule = schedule
        self.own = own
        self.signer = signer
        self.seed = seed
    }
}

/// A Byzantine validator is an honest replica with a liar between it and the world. The shell of
/// either engine calls it from one thread; it is deterministic in its seed and what it is told.
package protocol Adversary: Sendable {
    /// What the replica wants done this turn, before the shell does any of it.
    mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment)

    /// What leaves in the place of a message to one peer. A broadcast is asked for each peer.
    mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture]

    /// A message has come. Returns what is sent because of it; `passes` says whether the replica
    /// hears of it.
    mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture])

    /// Every `tickNanoseconds`, whatever else happens; never when that is nil.
    mutating func tick(now: Moment) -> [AdversaryDeparture]
    var tickNanoseconds: UInt64? { get }
}

extension Adversary {
    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {}
    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] { [AdversaryDeparture(.message(message), to: peer)] }
    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) { (true, []) }
    package mutating func tick(now: Moment) -> [AdversaryDeparture] { [] }
    package var tickNanoseconds: UInt64? { nil }
}
