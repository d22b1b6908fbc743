import Consensus
package import Primitives
package import Replica
package import Replication

/// Speaks to some only: each block that it leads reaches about half of the peers, drawn anew for each
/// window, and each of its votes about half of them.
package struct Withholder: Adversary {
    private let environment: AdversaryEnvironment

    package init(_ environment: AdversaryEnvironment) { self.environment = environment }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        isShown(message, to: peer) ? [AdversaryDeparture(.message(message), to: peer)] : []
    }

    private func isShown(_ message: PeerMessage, to peer: ValidatorIndex) -> Bool {
        let length = environment.windowLength
        func isChosen(_ slot: Slot) -> Bool {
            environment.coin(slot.window(length: length).rawValue, peer)
        }
        switch message {
        case .opening(let opening, _, _): return isChosen(opening.value.slot)
        case .chunk(let chunk): return isChosen(chunk.header.value.slot)
        case .header(let header): return isChosen(header.value.opening.slot)
        case .statement(let signed) where signed.signer == environment.own:
            return environment.coin(~signed.statement.slot.rawValue, peer)
        default: return true
        }
    }
}
