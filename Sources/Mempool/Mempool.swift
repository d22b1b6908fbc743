package import Primitives

/// A transaction as the pool sees it. Whether it is well signed and paid for was decided before.
package struct MempoolTransaction: Hashable, Sendable {
    package let hash: Digest
    /// Its lane: the sender's address; its own hash where there is no order to keep.
    package let sender: Digest
    package let nonce: UInt64
    package let tip: UInt64
    package let bytes: [UInt8]

    package init(hash: Digest, sender: Digest, nonce: UInt64, tip: UInt64, bytes: [UInt8]) {
        self.hash = hash
        self.sender = sender
        self.nonce = nonce
        self.tip = tip
        self.bytes = bytes
    }
}

package struct MempoolConfiguration: Hashable, Sendable {
    package var maximumCount = 65_536
    package var maximumBytes = 64 * 1024 * 1024
    package var transactionBytes = 256 * 1024
    /// Transactions of one account.
    package var laneCount = 512
    /// How far a nonce may be above the account's.
    package var nonceGap: UInt64 = 512
    package var lifetimeNanoseconds: UInt64 = 60_000_000_000
    /// Hashes of transactions in recent blocks that are not admitted again.
    package var rememberedHashes = 131_072
    package init() {}
}

package enum MempoolVerdict: Hashable, Sendable {
    case accepted
    case replaced(Digest)
    case duplicate
    case nonceTooLow(accountNonce: UInt64)
    case nonceTooHigh(accountNonce: UInt64, limit: UInt64)
    /// The same nonce is taken by one with a tip of which 110% are needed.
    case underpriced(requiredTip: UInt64)
    /// The nonce is taken by one that is in a block already.
    case inBlock
    case laneFull
    case poolFull(lowestTip: UInt64)
    case tooLarge(bytes: Int, maximum: Int)
}

/// # Mempool: what waits to be in a block
///
/// One lane an account, in nonce order; the lane's next transaction competes with the other lanes'
/// by tip, then by arrival. Invariants: (I1) count and bytes stay within their caps; (I2) `take`
/// gives a lane's transactions in nonce order without a gap; (I3) a transaction is in flight in at
/// most one block; (I4) eviction takes a lane's highest nonce first; (I5) nothing older than its
/// lifetime is given to a block. All operations are O(log n) amortised.
package struct Mempool: Sendable {
    private struct Entry: Sendable {
        let transaction: MempoolTransaction
        let arrival: UInt64
        let expires: Tick
        var inFlight: Bool
    }

    private struct Lane: Sendable {
        var accountNonce: UInt64
        /// The nonce that may go into a block next.
        var next: UInt64
        /// How many from `next` on are here without a gap, none in flight.
        var ready = 0
        var hashes: [UInt64: Digest] = [:]
        var highest: UInt64 = 0
    }

    private struct Ranked: Sendable {
        let tip: UInt64
        let arrival: UInt64
        let hash: Digest
    }

    package let configuration: MempoolConfiguration
    private var entries: [Digest: Entry] = [:]
    private var lanes: [Digest: Lane] = [:]
    private var best = Heap<Ranked> { ($1.tip, $0.arrival) < ($0.tip, $1.arrival) }
    private var worst = Heap<Ranked> { ($0.tip, $1.arrival) < ($1.tip, $0.arrival) }
    private var order: [(hash: Digest, arrival: UInt64)] = []
    private var orderHead = 0
    private var arrivals: UInt64 = 0
    private var remembered: Set<Digest> = []
    private var rememberedOrder: [Digest] = []
    private var rememberedHead = 0
    package private(set) var byteCount = 0
    package private(set) var readyCount = 0
    package private(set) var evictions: UInt64 = 0
    package private(set) var expiries: UInt64 = 0

    package init(configuration: MempoolConfiguration) { self.configuration = configuration }

    package var count: Int { entries.count }

    package func transaction(_ hash: Digest) -> MempoolTransaction? { entries[hash]?.transaction }

    /// One above the highest nonce without a gap of the account's waiting transactions.
    package func nextNonce(of sender: Digest) -> UInt64? {
        lanes[sender].map { $0.next + UInt64($0.ready) }
    }

    /// Waiting transactions in arrival order, up to so many bytes: for a peer that was away.
    package func waiting(maxBytes: Int) -> [MempoolTransaction] {
        var result: [MempoolTransaction] = []
        var bytes = 0
        for item in order[orderHead...] {
            guard let entry = entries[item.hash], entry.arrival == item.arrival, !entry.inFlight
            else { continue }
            bytes += entry.transaction.bytes.count
            if bytes > maxBytes { break }
            result.append(entry.transaction)
        }
        return result
    }

    // MARK: - Admission

    package mutating func admit(
        _ transaction: MempoolTransaction, accountNonce: UInt64, now: Tick
    ) -> MempoolVerdict {
        expire(now)
        let size = transaction.bytes.count
        guard size <= configuration.transactionBytes else {
            return .tooLarge(bytes: size, maximum: configuration.transactionBytes)
        }
        if entries[transaction.hash] != nil || remembered.contains(transaction.hash) {
            return .duplicate
        }
        advance(transaction.sender, to: accountNonce)
        let known = lanes[transaction.sender]
        let floor = max(accountNonce, known?.accountNonce ?? 0)
        if transaction.nonce < floor { return .nonceTooLow(accountNonce: floor) }
        if transaction.nonce - floor > configuration.nonceGap {
            return .nonceTooHigh(accountNonce: floor, limit: configuration.nonceGap)
        }
        var replaced: Digest?
        if let other = known?.hashes[transaction.nonce], let entry = entries[other] {
            if entry.inFlight { return .inBlock }
            let required = Self.replacementTip(entry.transaction.tip)
            guard transaction.tip >= required else { return .underpriced(requiredTip: required) }
            replaced = other
        } else if (known?.hashes.count ?? 0) >= configuration.laneCount {
            return .laneFull
        }
        if let replaced { remove(replaced) }
        while entries.count >= configuration.maximumCount
            || byteCount + size > configuration.maximumBytes
        {
            guard let lowest = lowestTip() else {
                return .poolFull(lowestTip: 0)
            }
            guard lowest.tip < transaction.tip else { return .poolFull(lowestTip: lowest.tip) }
            evictTail(ofLaneWith: lowest.hash)
        }
        insert(transaction, floor: floor, now: now)
        return replaced.map { .replaced($0) } ?? .accepted
    }

    /// 110% of a tip, rounded up, at least one more; at the maximum where it would not fit.
    package static func replacementTip(_ tip: UInt64) -> UInt64 {
        let raised = (UInt128(tip) * 110 + 99) / 100
        let needed = max(raised, UInt128(tip) + 1)
        return needed > UInt128(UInt64.max) ? .max : UInt64(needed)
    }

    private mutating func insert(_ transaction: MempoolTransaction, floor: UInt64, now: Tick) {
        arrivals += 1
        entries[transaction.hash] = Entry(
            transaction: transaction, arrival: arrivals,
            expires: now.after(nanoseconds: configuration.lifetimeNanoseconds), inFlight: false)
        byteCount += transaction.bytes.count
        order.append((transaction.hash, arrivals))
        worst.push(Ranked(tip: transaction.tip, arrival: arrivals, hash: transaction.hash))
        var lane = lanes[transaction.sender] ?? Lane(accountNonce: floor, next: floor)
        lane.hashes[transaction.nonce] = transaction.hash
        lane.highest = max(lane.highest, transaction.nonce)
        lanes[transaction.sender] = lane
        extend(transaction.sender)
        if transaction.nonce == lane.next { offer(transaction.sender) }
        compact()
    }

    /// Lengthens a lane's ready run over what has joined it.
    private mutating func extend(_ sender: Digest) {
        guard var lane = lanes[sender] else { return }
        while let hash = lane.hashes[lane.next + UInt64(lane.ready)], entries[hash]?.inFlight == false {
            lane.ready += 1
            readyCount += 1
        }
        lanes[sender] = lane
    }

    /// Puts a lane's next transaction among the candidates.
    private mutating func offer(_ sender: Digest) {
        guard let lane = lanes[sender], lane.ready > 0, let hash = lane.hashes[lane.next],
            let entry = entries[hash]
        else { return }
        best.push(Ranked(tip: entry.transaction.tip, arrival: entry.arrival, hash: hash))
    }

    // MARK: - Blocks

    /// The best transactions in order, now in flight.
    package mutating func take(maxCount: Int, maxBytes: Int, now: Tick) -> [MempoolTransaction] {
        expire(now)
        var taken: [MempoolTransaction] = []
        var bytes = 0
        while taken.count < maxCount, let top = best.top {
            guard let entry = entries[top.hash], entry.arrival == top.arrival, !entry.inFlight,
                let lane = lanes[entry.transaction.sender],
                lane.next == entry.transaction.nonce
            else {
                _ = best.pop()
                continue
            }
            bytes += entry.transaction.bytes.count
            if bytes > maxBytes, !taken.isEmpty { break }
            _ = best.pop()
            setInFlight(entry.transaction)
            taken.append(entry.transaction)
        }
        return taken
    }

    private mutating func setInFlight(_ transaction: MempoolTransaction) {
        entries[transaction.hash]?.inFlight = true
        guard var lane = lanes[transaction.sender] else { return }
        if transaction.nonce >= lane.next {
            let passed = Int(min(transaction.nonce - lane.next + 1, UInt64(lane.ready)))
            readyCount -= lane.ready
            lane.ready -= passed
            readyCount += lane.ready
            lane.next = transaction.nonce + 1
            if lane.ready == 0 || passed == 0 {
                readyCount -= lane.ready
                lane.ready = 0
            }
        }
        lanes[transaction.sender] = lane
        extend(transaction.sender)
        offer(transaction.sender)
    }

    /// These are in a block, whoever made it: they are no candidates until they come back.
    package mutating func markInFlight(_ hashes: [Digest]) {
        for hash in hashes {
            remember(hash)
            if let entry = entries[hash], !entry.inFlight { setInFlight(entry.transaction) }
        }
    }

    /// Their block will not be final: they may be taken again.
    package mutating func returned(_ hashes: [Digest]) {
        for hash in hashes {
            remembered.remove(hash)
            guard let entry = entries[hash], entry.inFlight else { continue }
            entries[hash]?.inFlight = false
            let sender = entry.transaction.sender
            guard var lane = lanes[sender] else { continue }
            if entry.transaction.nonce < lane.next {
                readyCount -= lane.ready
                lane.ready = 0
                lane.next = entry.transaction.nonce
            }
            lanes[sender] = lane
            extend(sender)
            offer(sender)
        }
        compact()
    }

    /// Their block is final.
    package mutating func committed(_ hashes: [Digest]) {
        for hash in hashes {
            remember(hash)
            guard let entry = entries[hash] else { continue }
            let transaction = entry.transaction
            remove(hash)
            advance(transaction.sender, to: transaction.nonce + 1)
        }
    }

    /// They can be in no block any more.
    package mutating func refused(_ hashes: [Digest]) {
        for hash in hashes {
            guard let transaction = entries[hash]?.transaction else { continue }
            remove(hash)
            guard var lane = lanes[transaction.sender], transaction.nonce < lane.next else {
                continue
            }
            readyCount -= lane.ready
            lane.ready = 0
            lane.next = transaction.nonce
            lanes[transaction.sender] = lane
            extend(transaction.sender)
            offer(transaction.sender)
        }
    }

    /// The account's nonce is at least this: what is below it can go.
    private mutating func advance(_ sender: Digest, to nonce: UInt64) {
        guard var lane = lanes[sender], lane.accountNonce < nonce else { return }
        let stale = lane.hashes.filter { $0.key < nonce }.sorted { $0.key < $1.key }.map(\.value)
        lane.accountNonce = nonce
        lanes[sender] = lane
        for hash in stale where entries[hash]?.inFlight == false { remove(hash) }
        guard var rest = lanes[sender] else { return }
        if rest.next < nonce {
            readyCount -= rest.ready
            rest.ready = 0
            rest.next = nonce
            lanes[sender] = rest
            extend(sender)
            offer(sender)
        }
    }

    // MARK: - Removal

    private mutating func remove(_ hash: Digest) {
        guard let entry = entries.removeValue(forKey: hash) else { return }
        let transaction = entry.transaction
        byteCount -= transaction.bytes.count
        guard var lane = lanes[transaction.sender] else { return }
        lane.hashes[transaction.nonce] = nil
        if transaction.nonce >= lane.next {
            let kept = min(UInt64(lane.ready), transaction.nonce - lane.next)
            readyCount -= lane.ready - Int(kept)
            lane.ready = Int(kept)
        }
        if lane.hashes.isEmpty {
            readyCount -= lane.ready
            lanes[transaction.sender] = nil
        } else {
            if lane.highest == transaction.nonce {
                lane.highest = lane.hashes.keys.max() ?? transaction.nonce
            }
            lanes[transaction.sender] = lane
        }
    }

    /// The waiting transaction with the lowest tip, the latest of them.
    private mutating func lowestTip() -> Ranked? {
        while let top = worst.top {
            if let entry = entries[top.hash], entry.arrival == top.arrival, !entry.inFlight {
                return top
            }
            _ = worst.pop()
        }
        return nil
    }

    private mutating func evictTail(ofLaneWith hash: Digest) {
        guard let entry = entries[hash], let lane = lanes[entry.transaction.sender] else { return }
        let tail = lane.hashes[lane.highest] ?? hash
        evictions += 1
        remove(entries[tail]?.inFlight == false ? tail : hash)
    }

    private mutating func expire(_ now: Tick) {
        while orderHead < order.count {
            let item = order[orderHead]
            if let entry = entries[item.hash], entry.arrival == item.arrival {
                guard entry.expires <= now else { break }
                if !entry.inFlight {
                    expiries += 1
                    remove(item.hash)
                }
            }
            orderHead += 1
        }
        if orderHead > 4096, orderHead * 2 > order.count {
            order.removeFirst(orderHead)
            orderHead = 0
        }
    }

    /// Drops what no longer stands for an entry once it outweighs what does.
    private mutating func compact() {
        let bound = 2 * entries.count + 1024
        if best.count > bound {
            best.keep { entries[$0.hash]?.arrival == $0.arrival }
        }
        if worst.count > bound {
            worst.keep { entries[$0.hash]?.arrival == $0.arrival }
        }
        if order.count - orderHead > bound {
            order = order[orderHead...].filter { entries[$0.hash]?.arrival == $0.arrival }
            orderHead = 0
        }
    }

    private mutating func remember(_ hash: Digest) {
        guard remembered.insert(hash).inserted else { return }
        rememberedOrder.append(hash)
        if rememberedOrder.count - rememberedHead > configuration.rememberedHashes {
            remembered.remove(rememberedOrder[rememberedHead])
            rememberedHead += 1
            if rememberedHead > 65_536 {
                rememberedOrder.removeFirst(rememberedHead)
                rememberedHead = 0
            }
        }
    }
}
