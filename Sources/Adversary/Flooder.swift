import Consensus
package import Primitives
package import Replica
package import Replication
import WireCodec

/// Sends without end, within what one connection carries: statements for far slots, certificates and
/// messages of others again, statuses, requests for blocks that do not exist and for the whole chain,
/// and transactions that are none. Everything is well formed: nobody may drop it for one message.
package struct Flooder: Adversary {
    /// Of each kind to each peer in one tick.
    package static let burst = 16
    /// Transactions in one message, and bytes of each.
    package static let transactions = 16
    package static let transactionBytes: UInt64 = 1024
    /// Messages of others kept to be sent again.
    static let kept = 256

    private let environment: AdversaryEnvironment
    private var generator: SeededGenerator
    private var heard: [PeerMessage] = []
    private var position = 0
    /// Signed once and sent for ever: signing is dear.
    private var statements: [PeerMessage] = []
    private var topSlot = Slot(0)

    package init(_ environment: AdversaryEnvironment) {
        self.environment = environment
        generator = SeededGenerator(seed: environment.seed)
    }

    package var tickNanoseconds: UInt64? { 100_000_000 }

    package mutating func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [AdversaryDeparture]) {
        switch message {
        case .certificate(let certificate): note(certificate.slot, message)
        case .statement(let signed): note(signed.statement.slot, message)
        default: break
        }
        return (true, [])
    }

    private mutating func note(_ slot: Slot, _ message: PeerMessage) {
        topSlot = max(topSlot, slot)
        if heard.count < Self.kept {
            heard.append(message)
        } else {
            heard[position % Self.kept] = message
        }
        position += 1
    }

    package mutating func tick(now: Moment) -> [AdversaryDeparture] {
        refreshStatements()
        var messages = statements.suffix(Self.burst).map { $0 }
        for _ in 0..<Self.burst where !heard.isEmpty {
            messages.append(heard[Int(generator.uniform(below: UInt64(heard.count)))])
        }
        for _ in 0..<Self.burst {
            let reference = BlockReference(slot: farSlot(), hash: randomHash())
            messages.append(.blockRequest(reference))
            messages.append(
                .status(
                    Status(
                        topFinal: reference, topFinalHeight: Height(1),
                        firstUnclearedSlot: Slot(1))))
        }
        messages.append(.finalRequest(from: Height(1)))
        messages.append(.transactions(garbage()))
        return environment.peers.flatMap { peer in
            messages.map { AdversaryDeparture(.message($0), to: peer) }
        }
    }

    /// Two new ones a tick, for slots that receivers keep votes for and slots that they don't.
    private mutating func refreshStatements() {
        for _ in 0..<2 {
            let reference = BlockReference(slot: farSlot(), hash: randomHash())
            let statement: Statement =
                generator.uniform(below: 2) == 0 ? .notar(reference) : .final(reference)
            statements.append(.statement(environment.signed(statement)))
        }
        if statements.count > Self.kept { statements.removeFirst(statements.count - Self.kept) }
    }

    private mutating func farSlot() -> Slot {
        let consensus = environment.configuration.consensus
        let reach = consensus.windowLength * consensus.lookaheadWindows * 2
        return Slot(topSlot.rawValue + 1 + generator.uniform(below: reach))
    }

    /// Below the field's modulus.
    private mutating func randomHash() -> Digest {
        Digest(
            generator.next() >> 6, generator.next(), generator.next(), generator.next())
    }

    private mutating func garbage() -> [TransactionBytes] {
        (0..<Self.transactions).map { _ in
            let count = 1 + generator.uniform(below: Self.transactionBytes)
            return TransactionBytes(
                (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        }
    }
}
