import Primitives

/// One account's transactions by nonce. Most lanes hold one: it is kept inline.
struct NonceTable: Sendable {
    private var first: (nonce: UInt64, hash: Digest)?
    private var others: [UInt64: Digest] = [:]

    var count: Int { others.count + (first == nil ? 0 : 1) }
    var isEmpty: Bool { first == nil && others.isEmpty }

    /// In no particular order.
    var nonces: [UInt64] { others.keys + (first.map { [$0.nonce] } ?? []) }

    subscript(nonce: UInt64) -> Digest? {
        get {
            if let first, first.nonce == nonce { return first.hash }
            return others.isEmpty ? nil : others[nonce]
        }
        set {
            if first?.nonce == nonce {
                first = newValue.map { (nonce, $0) }
            } else if first == nil, others.isEmpty || others[nonce] == nil, let newValue {
                first = (nonce, newValue)
            } else {
                others[nonce] = newValue
            }
        }
    }
}

struct Lane: Sendable {
    /// No nonce below this can be in a block any more.
    var accountNonce: UInt64
    /// The nonce that may go into a block next: above the account's nonce and all in flight.
    var next: UInt64
    /// How many wait from `next` on without a gap.
    var ready = 0
    var table = NonceTable()
    /// At least the highest nonce of the table.
    var highest: UInt64 = 0
    /// The number of the candidate that stands for this lane; 0 for none.
    var offer: UInt64 = 0

    init(accountNonce: UInt64) {
        self.accountNonce = accountNonce
        next = accountNonce
    }
}

/// A lane's next transaction among those of other lanes.
struct Candidate: Sendable {
    let tip: UInt64
    let arrival: UInt64
    let hash: Digest
    /// Sets it apart from candidates that stood for the same lane before.
    let offer: UInt64

    /// Higher tips first, then earlier arrivals.
    static func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
        (other.tip, one.arrival) < (one.tip, other.arrival)
    }
}

/// A transaction among those that may have to go.
struct Evictable: Sendable {
    let tip: UInt64
    let arrival: UInt64
    let hash: Digest

    /// Lower tips first, then later arrivals.
    static func precedes(_ one: Evictable, _ other: Evictable) -> Bool {
        (one.tip, other.arrival) < (other.tip, one.arrival)
    }
}

/// Hashes of transactions that the pool does not hold and must not admit: they are in a block. A
/// bounded number; the oldest is forgotten first.
struct RecentHashes: Sendable {
    private struct Mark: Sendable {
        /// Blocks that are not final and hold the transaction.
        var blocks: Int
        var isFinal: Bool
        let sequence: UInt64
    }

    private let maximum: Int
    private var marks: [Digest: Mark] = [:]
    private var order: [(hash: Digest, sequence: UInt64)] = []
    private var head = 0
    private var sequence: UInt64 = 0

    init(maximum: Int) { self.maximum = maximum }

    var count: Int { marks.count }
    func contains(_ hash: Digest) -> Bool { marks[hash] != nil }

    /// One more block holds it.
    mutating func addBlock(_ hash: Digest) {
        if marks[hash] != nil { marks[hash]?.blocks += 1 } else { insert(hash, isFinal: false) }
    }

    /// One of those blocks will not be final.
    mutating func removeBlock(_ hash: Digest) {
        guard let mark = marks[hash], !mark.isFinal else { return }
        if mark.blocks > 1 { marks[hash]?.blocks -= 1 } else { marks[hash] = nil }
    }

    mutating func addFinal(_ hash: Digest) {
        if marks[hash] != nil { marks[hash]?.isFinal = true } else { insert(hash, isFinal: true) }
    }

    private mutating func insert(_ hash: Digest, isFinal: Bool) {
        sequence += 1
        marks[hash] = Mark(blocks: isFinal ? 0 : 1, isFinal: isFinal, sequence: sequence)
        order.append((hash, sequence))
        // The order may also hold hashes that were returned since; they count towards the bound.
        if order.count - head > maximum {
            let oldest = order[head]
            if marks[oldest.hash]?.sequence == oldest.sequence { marks[oldest.hash] = nil }
            head += 1
        }
        if head > maximum {
            order.removeFirst(head)
            head = 0
        }
    }
}

/// Final nonces of accounts, also of those that have no lane. Two generations: at least `generation`
/// accounts are remembered, at most twice as many.
struct NonceFloors: Sendable {
    private let generation: Int
    private var young: [Digest: UInt64] = [:]
    private var old: [Digest: UInt64] = [:]

    init(generation: Int) { self.generation = generation }

    subscript(account: Digest) -> UInt64? { young[account] ?? old[account] }

    mutating func raise(_ account: Digest, to nonce: UInt64) {
        if let known = young[account] {
            if known < nonce { young[account] = nonce }
            return
        }
        if young.count >= generation {
            old = young
            young.removeAll(keepingCapacity: true)
        }
        young[account] = max(nonce, old[account] ?? 0)
    }
}
