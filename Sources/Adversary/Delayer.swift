import Consensus
package import Primitives
package import Replica
package import Replication

/// Does everything right, as late as nobody may hold against it: leader objects and votes come just
/// under the timers of rule T4, with the factor that those have at the time; answers just under the
/// time for which a peer waits.
package struct Delayer: Adversary {
    private let environment: AdversaryEnvironment
    private var window: Window
    private var finalWindow: Window
    /// When the next header may leave: one slot after the other takes nearly T_slot.
    private var nextHeader = Tick(0)
    /// When the header that is asked for now leaves, the same to every peer.
    private var header: (hash: Digest, at: Tick)?

    package init(_ environment: AdversaryEnvironment) {
        self.environment = environment
        window = Window(0)
        finalWindow = Window(0)
    }

    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        for effect in effects {
            switch effect {
            case .note(.enteredWindow(let entered, _)): window = entered
            case .commit(let blocks, _):
                if let last = blocks.last {
                    finalWindow = last.reference.slot.window(length: environment.windowLength)
                }
            case .broadcast(.header(let signed)): schedule(signed, now)
            default: break
            }
        }
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        [
            AdversaryDeparture(
                .message(message), to: peer, delayNanoseconds: delay(of: message, now))
        ]
    }

    private var consensus: ConsensusConfiguration { environment.configuration.consensus }

    private func scaled(_ nanoseconds: UInt64) -> UInt64 {
        consensus.scaled(
            nanoseconds,
            windowsAboveFinal: window.rawValue - min(window.rawValue, finalWindow.rawValue))
    }

    /// Three of the four deltas that a receiver grants; one is left for the way.
    private var late: UInt64 { scaled(3 * consensus.deltaNanoseconds) }

    private mutating func schedule(_ signed: SignedHeader, _ now: Moment) {
        let hash = ObjectHash.digest(of: signed.value.hashInput)
        let at = max(now.tick.after(nanoseconds: late), nextHeader)
        header = (hash, at)
        nextHeader = at.after(nanoseconds: scaled(consensus.slotNanoseconds) / 8 * 7)
    }

    private func delay(of message: PeerMessage, _ now: Moment) -> UInt64 {
        switch message {
        case .opening, .chunk, .beat, .statement, .certificate, .block: return late
        case .header(let signed):
            guard let header, header.hash == ObjectHash.digest(of: signed.value.hashInput) else {
                return late
            }
            return header.at.nanoseconds(since: now.tick)
        case .finalReply: return environment.configuration.catchUp.answerNanoseconds / 8 * 7
        case .status, .transactions, .blockRequest, .finalRequest: return 0
        }
    }
}
