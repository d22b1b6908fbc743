import Mempool
package import Primitives
package import Replica
package import Replication

/// Leads in time, votes in time, and includes no transaction of those whom it censors. What its users
/// send it, it tells nobody.
///
/// A chunk without a transaction is never signed (the replica drops an empty one), so a censored block
/// is simply an empty one: as valid as any, and no proof of anything. Only the next leader helps.
package struct Censor: Adversary {
    package enum Victims: Hashable, Sendable {
        case everyone
        /// Senders whose address ends in an odd digit, about half of them.
        case oddSenders
    }

    private let victims: Victims

    package init(_ environment: AdversaryEnvironment, victims: Victims = .everyone) {
        self.victims = victims
    }

    package mutating func rewrite(_ effects: inout [ReplicaEffect], now: Moment) {
        for index in effects.indices {
            guard case .execute(.build(let key, let sequence, let candidates)) = effects[index]
            else { continue }
            effects[index] = .execute(
                .build(
                    key, sequence: sequence,
                    candidates: candidates.filter { !isCensored($0) }))
        }
    }

    package mutating func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [AdversaryDeparture] {
        if case .transactions = message { return [] }
        return [AdversaryDeparture(.message(message), to: peer)]
    }

    private func isCensored(_ transaction: MempoolTransaction) -> Bool {
        switch victims {
        case .everyone: true
        case .oddSenders: transaction.sender.word3 & 1 == 1
        }
    }
}
