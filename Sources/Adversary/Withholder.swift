import Consensus
package import Primitives
package import Replica
package import Replication

/// Speaks to some only: each block that it leads reaches about half of the peers, drawn anew for each
/// window, and each of its votes about half of them. In every second window it opens a block for all
/// and closes it for none, and goes on showing that it lives.
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
        func isLeftOpen(_ slot: Slot) -> Bool {
            slot.window(length: length).rawValue.isMultiple(of: 2)
        }
        switch message {
        case .opening(let opening, _, _):
            return isLeftOpen(opening.value.slot) || isChosen(opening.value.slot)
        case .chunk(let chunk):
            let slot = chunk.header.value.slot
            return isLeftOpen(slot) || isChosen(slot)
        case .header(let header):
            let slot = header.value.opening.slot
            return !isLeftOpen(slot) && isChosen(slot)
        case .statement(let signed) where signed.signer == environment.own:
            return environment.coin(~signed.statement.slot.rawValue, peer)
        default: return true
        }
    }
}
