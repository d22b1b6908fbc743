package import Consensus
package import Primitives
package import Replica
package import Replication

/// What every role does with the key that it abuses.
extension AdversaryEnvironment {
    package var windowLength: UInt64 { configuration.consensus.windowLength }

    /// All other validators, by index.
    package var peers: [ValidatorIndex] {
        committee.powers.indices.map { ValidatorIndex(UInt16($0)) }.filter { $0 != own }
    }

    /// Two-faced roles show one face to validators of even index and one to those of odd index.
    /// All of them split alike, without a word between them.
    package static func side(of peer: ValidatorIndex) -> Int { Int(peer.rawValue & 1) }

    package func leads(_ slot: Slot) -> Bool {
        schedule.leader(of: slot.window(length: windowLength)) == own
    }

    package func signed(_ statement: Statement) -> SignedStatement {
        SignedStatement(
            statement: statement, signer: own,
            signature: signer.sign(ObjectHash.digest(of: statement.hashInput(committee))))
    }

    /// Something about this validator that looks random and is the same each time it is asked.
    package func coin(_ topic: UInt64, _ peer: ValidatorIndex) -> Bool {
        var generator = SeededGenerator(
            seed: seed ^ topic &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(peer.rawValue) << 48)
        return generator.next() & 1 == 0
    }
}

/// A set that forgets its oldest members: what a role remembers of its peers is bounded.
package struct RecentSet<Element: Hashable & Sendable>: Sendable {
    private var members: Set<Element> = []
    private var ring: [Element] = []
    private var position = 0
    private let capacity: Int

    package init(capacity: Int = 1 << 14) { self.capacity = capacity }

    package func contains(_ element: Element) -> Bool { members.contains(element) }

    /// False when it was in already.
    @discardableResult
    package mutating func insert(_ element: Element) -> Bool {
        guard members.insert(element).inserted else { return false }
        if ring.count < capacity {
            ring.append(element)
        } else {
            members.remove(ring[position])
            ring[position] = element
            position = (position + 1) % capacity
        }
        return true
    }
}

/// A table that forgets its oldest entries.
package struct RecentTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var entries: [Key: Value] = [:]
    private var order: [Key] = []
    private let capacity: Int

    package init(capacity: Int = 512) { self.capacity = capacity }

    package subscript(key: Key) -> Value? {
        get { entries[key] }
        set {
            if let newValue {
                if entries.updateValue(newValue, forKey: key) == nil { order.append(key) }
                if order.count > capacity { entries[order.removeFirst()] = nil }
            } else if entries.removeValue(forKey: key) != nil {
                order.removeAll { $0 == key }
            }
        }
    }
}

/// Keeps from the replica what its key said behind its back. An honest replica that is shown a
/// statement of its own which its log lacks takes the log for lost and falls silent (rule T2); a liar
/// must go on lying. What the replica itself cast passes.
package struct OwnStatementFilter: Sendable {
    private let own: ValidatorIndex
    private var cast = RecentSet<Statement>()

    package init(own: ValidatorIndex) { self.own = own }

    package mutating func note(_ effects: [ReplicaEffect]) {
        for effect in effects {
            switch effect {
            case .persist(.statement(let signed)), .broadcast(.statement(let signed)):
                if signed.signer == own { cast.insert(signed.statement) }
            default: break
            }
        }
    }

    package func hasCast(_ statement: Statement) -> Bool { cast.contains(statement) }

    package func passes(_ message: PeerMessage) -> Bool {
        switch message {
        case .statement(let signed): signed.signer != own || cast.contains(signed.statement)
        case .certificate(let certificate): isClean(certificate)
        case .opening(_, let parent, let skips):
            parent.map(isClean) ?? true && skips.allSatisfy(isClean)
        case .finalReply(let range): isClean(range.certificate)
        default: true
        }
    }

    private func isClean(_ certificate: Certificate) -> Bool {
        guard let mine = certificate.signers.first(where: { $0.index == own }) else { return true }
        return cast.contains(certificate.statement(of: mine))
    }
}
