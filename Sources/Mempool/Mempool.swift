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

    /// Has no order to keep with others.
    var isPayload: Bool { nonce == 0 && sender == hash }
}

package struct MempoolConfiguration: Hashable, Sendable {
    package var maximumCount = 65_536
    package var maximumBytes = 64 * 1024 * 1024
    package var transactionBytes = 2400 * 1024
    /// Transactions of one account.
    package var laneCount = 512
    /// How far a nonce may be above the account's.
    package var nonceGap: UInt64 = 512
    package var lifetimeNanoseconds: UInt64 = 60_000_000_000
    /// Hashes of transactions in recent blocks that are not admitted again.
    package var rememberedHashes = 131_072
    /// Accounts without a transaction here whose final nonce is remembered: at least so many.
    package var rememberedAccounts = 32_768
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
/// by tip, then by arrival. A transaction is *in flight* while a block that may become final holds
/// it; several blocks on different forks may. Nonces above a gap are parked until it is filled.
///
/// Invariants, checked against a naive twin:
/// - I1. Count and bytes stay within their caps.
/// - I2. `take` gives a lane's transactions in nonce order without a gap.
/// - I3. What a block on the way to finality holds is given to no other block, and comes back once
///   no block holds it any more.
/// - I4. Eviction takes a lane's highest waiting nonce first, and happens only if what comes in
///   stays: a refused transaction changes nothing.
/// - I5. Nothing older than its lifetime is given to a block.
/// - I6. A transaction whose nonce the account has passed is gone.
/// - I7. An account's nonce never goes back, also when a transaction is admitted against a state that
///   is older than what was committed here.
///
/// A *payload* is a transaction without order: its lane is its own hash and its nonce 0. Payloads
/// come out first in, first out, and need no lane.
///
/// All operations are O(log n) amortised for each transaction that they name, except that a
/// returned or refused one costs a walk over its lane.
package struct Mempool: Sendable {
    private struct Entry: Sendable {
        let transaction: MempoolTransaction
        let arrival: UInt64
        let expires: Tick
        /// Blocks that hold it and may become final.
        var blocks = 0
        /// Its lifetime ended while it was in flight.
        var isOverdue = false
        /// Whether `evictables` has it.
        var isRanked = false
        /// The number of its candidate, for a payload.
        var offer: UInt64 = 0

        var isInFlight: Bool { blocks > 0 }
    }

    package let configuration: MempoolConfiguration
    private var entries: [Digest: Entry] = [:]
    private var lanes: [Digest: Lane] = [:]
    private var candidates = Heap(Candidate.precedes)
    /// All that waits, while `isEvicting`.
    private var evictables = Heap(Evictable.precedes)
    /// Set when the pool was full, until it is half empty: what is not full needs no such order.
    private var isEvicting = false
    /// By arrival, hence by expiry.
    private var order: [(hash: Digest, arrival: UInt64)] = []
    private var orderHead = 0
    private var arrivals: UInt64 = 0
    private var offers: UInt64 = 0
    private var recent: RecentHashes
    private var floors: NonceFloors
    package private(set) var byteCount = 0
    /// Transactions that a block could take now.
    package private(set) var readyCount = 0
    package private(set) var evictions: UInt64 = 0
    package private(set) var expiries: UInt64 = 0

    package init(configuration: MempoolConfiguration) {
        self.configuration = configuration
        recent = RecentHashes(maximum: configuration.rememberedHashes)
        floors = NonceFloors(generation: configuration.rememberedAccounts)
    }

    /// Waiting and in flight.
    package var count: Int { entries.count }

    package func transaction(_ hash: Digest) -> MempoolTransaction? { entries[hash]?.transaction }

    /// Whether a block that may become final holds this transaction of the pool.
    package func isInFlight(_ hash: Digest) -> Bool { entries[hash]?.isInFlight ?? false }

    /// The nonce for the account's next transaction: one above those in flight and those that wait
    /// without a gap. Nil where the account has none here.
    package func nextNonce(of sender: Digest) -> UInt64? {
        lanes[sender].map { $0.next + UInt64($0.ready) }
    }

    /// Waiting transactions in arrival order, up to so many bytes: for a peer that was away.
    package func waiting(maxBytes: Int) -> [MempoolTransaction] {
        var result: [MempoolTransaction] = []
        var bytes = 0
        for item in order[orderHead...] {
            guard let entry = entries[item.hash], entry.arrival == item.arrival, !entry.isInFlight
            else { continue }
            bytes += entry.transaction.bytes.count
            if bytes > maxBytes { break }
            result.append(entry.transaction)
        }
        return result
    }

    // MARK: - Admission

    /// Takes in a transaction whose signature, balance and bounds were checked. `accountNonce` is
    /// the account's nonce in the newest state that the caller knows.
    package mutating func admit(
        _ transaction: MempoolTransaction, accountNonce: UInt64, now: Tick
    ) -> MempoolVerdict {
        expire(now)
        let size = transaction.bytes.count
        guard size <= configuration.transactionBytes else {
            return .tooLarge(bytes: size, maximum: configuration.transactionBytes)
        }
        if entries[transaction.hash] != nil || recent.contains(transaction.hash) {
            return .duplicate
        }
        if transaction.isPayload {
            if let lowestTip = makeRoom(for: transaction, replacing: nil) {
                return .poolFull(lowestTip: lowestTip)
            }
            enter(transaction, now: now)
            offerPayload(transaction.hash)
            return .accepted
        }
        advance(transaction.sender, to: accountNonce)
        // The caller's state may be older than a final block whose transactions left no lane.
        let known = max(accountNonce, floors[transaction.sender] ?? 0)
        let lane = lanes[transaction.sender] ?? Lane(accountNonce: known)
        let floor = lane.accountNonce
        if transaction.nonce < floor { return .nonceTooLow(accountNonce: floor) }
        if transaction.nonce - floor > configuration.nonceGap || transaction.nonce == .max {
            return .nonceTooHigh(accountNonce: floor, limit: configuration.nonceGap)
        }
        var replaced: Entry?
        if let other = lane.table[transaction.nonce], let entry = entries[other] {
            if entry.isInFlight { return .inBlock }
            let required = Self.replacementTip(entry.transaction.tip)
            guard transaction.tip >= required else { return .underpriced(requiredTip: required) }
            replaced = entry
        } else if lane.table.count >= configuration.laneCount {
            return .laneFull
        }
        if let lowestTip = makeRoom(for: transaction, replacing: replaced?.transaction) {
            return .poolFull(lowestTip: lowestTip)
        }
        if let replaced { remove(replaced.transaction.hash) }
        insert(transaction, floor: floor, now: now)
        return replaced.map { .replaced($0.transaction.hash) } ?? .accepted
    }

    /// 110% of a tip, rounded up, at least one more; at the maximum where it would not fit.
    package static func replacementTip(_ tip: UInt64) -> UInt64 {
        let raised = (UInt128(tip) * 110 + 99) / 100
        let needed = max(raised, UInt128(tip) + 1)
        return needed > UInt128(UInt64.max) ? .max : UInt64(needed)
    }

    private mutating func enter(_ transaction: MempoolTransaction, now: Tick) {
        arrivals += 1
        entries[transaction.hash] = Entry(
            transaction: transaction, arrival: arrivals,
            expires: now.after(nanoseconds: configuration.lifetimeNanoseconds))
        byteCount += transaction.bytes.count
        order.append((transaction.hash, arrivals))
        if isEvicting { rank(transaction.hash) }
        compact()
    }

    private mutating func insert(_ transaction: MempoolTransaction, floor: UInt64, now: Tick) {
        enter(transaction, now: now)
        change(transaction.sender, orNew: floor) { pool, lane in
            lane.table[transaction.nonce] = transaction.hash
            lane.highest = max(lane.highest, transaction.nonce)
            if transaction.nonce == lane.next + UInt64(lane.ready) { pool.extend(&lane) }
            if transaction.nonce == lane.next { pool.offer(&lane) }
        }
    }

    // MARK: - Eviction

    /// Evicts what has to go for an incoming transaction, lowest tips first, of each lane the
    /// highest waiting nonce. Returns nil once there is room; else the tip that is too high to
    /// evict (0 where nothing can be), and has evicted nothing.
    private mutating func makeRoom(
        for incoming: MempoolTransaction, replacing replaced: MempoolTransaction?
    ) -> UInt64? {
        var count = entries.count + (replaced == nil ? 1 : 0)
        var bytes = byteCount - (replaced?.bytes.count ?? 0) + incoming.bytes.count
        func isRoom() -> Bool {
            count <= configuration.maximumCount && bytes <= configuration.maximumBytes
        }
        if isRoom() { return nil }
        startEvicting()
        var victims: [Digest] = []
        // The lowest nonce of each lane that is among the victims.
        var cuts: [Digest: UInt64] = [:]
        var passed: [Evictable] = []
        var refusal: UInt64?
        while !isRoom() {
            guard let lowest = popLowest() else {
                refusal = 0
                break
            }
            passed.append(lowest)
            guard let entry = entries[lowest.hash] else { continue }
            let sender = entry.transaction.sender
            if entry.transaction.nonce >= cuts[sender] ?? .max { continue }
            guard lowest.tip < incoming.tip else {
                refusal = lowest.tip
                break
            }
            let highest =
                entry.transaction.isPayload
                ? entry.transaction : tail(of: sender, below: cuts[sender])
            guard let tail = highest else { continue }
            // Never a lower nonce than one that stays.
            if sender == incoming.sender, tail.nonce <= incoming.nonce { continue }
            victims.append(tail.hash)
            cuts[sender] = tail.nonce
            count -= 1
            bytes -= tail.bytes.count
            // The lane's lower nonces are still as cheap as this one.
            if tail.hash != lowest.hash {
                passed.removeLast()
                evictables.push(lowest)
            }
        }
        if refusal == nil {
            for victim in victims { remove(victim) }
            evictions += UInt64(victims.count)
        }
        for item in passed where entries[item.hash]?.arrival == item.arrival {
            evictables.push(item)
        }
        return refusal
    }

    private mutating func startEvicting() {
        if isEvicting { return }
        isEvicting = true
        // The latest first: among equal tips each then stays where it is pushed.
        for item in order[orderHead...].reversed() {
            guard let entry = entries[item.hash], entry.arrival == item.arrival else { continue }
            entries[item.hash]?.isRanked = false
            if !entry.isInFlight { rank(item.hash) }
        }
    }

    private mutating func rank(_ hash: Digest) {
        guard let entry = entries[hash] else { return }
        entries[hash]?.isRanked = true
        evictables.push(
            Evictable(tip: entry.transaction.tip, arrival: entry.arrival, hash: hash))
    }

    /// The waiting transaction with the lowest tip, the latest of them, taken from the heap.
    private mutating func popLowest() -> Evictable? {
        while let top = evictables.pop() {
            guard let entry = entries[top.hash], entry.arrival == top.arrival else { continue }
            if !entry.isInFlight { return top }
            entries[top.hash]?.isRanked = false
        }
        return nil
    }

    /// A lane's highest waiting transaction, of those below a nonce.
    private func tail(of sender: Digest, below cut: UInt64?) -> MempoolTransaction? {
        guard let lane = lanes[sender] else { return nil }
        var nonce = cut ?? lane.highest + 1
        while nonce > lane.accountNonce {
            nonce -= 1
            if let hash = lane.table[nonce], let entry = entries[hash], !entry.isInFlight {
                return entry.transaction
            }
        }
        return nil
    }

    // MARK: - Lanes

    /// Changes a lane in place, and forgets it once it is empty.
    private mutating func change(
        _ sender: Digest, orNew floor: UInt64? = nil, _ body: (inout Mempool, inout Lane) -> Void
    ) {
        guard var lane = lanes.removeValue(forKey: sender) ?? floor.map(Lane.init(accountNonce:))
        else { return }
        readyCount -= lane.ready
        body(&self, &lane)
        if lane.table.isEmpty { return }
        readyCount += lane.ready
        lanes[sender] = lane
    }

    /// Lengthens the ready run over what has joined it.
    private func extend(_ lane: inout Lane) {
        while let hash = lane.table[lane.next + UInt64(lane.ready)],
            entries[hash]?.isInFlight == false
        {
            lane.ready += 1
        }
    }

    /// Makes the lane's next transaction a candidate in the place of any other.
    private mutating func offer(_ lane: inout Lane) {
        lane.offer = 0
        guard lane.ready > 0, let hash = lane.table[lane.next], let entry = entries[hash] else {
            return
        }
        offers += 1
        lane.offer = offers
        candidates.push(
            Candidate(
                tip: entry.transaction.tip, arrival: entry.arrival, hash: hash, offer: offers))
    }

    /// A payload waits, for the first time or again.
    private mutating func offerPayload(_ hash: Digest) {
        guard let entry = entries[hash] else { return }
        offers += 1
        readyCount += 1
        entries[hash]?.offer = offers
        candidates.push(
            Candidate(
                tip: entry.transaction.tip, arrival: entry.arrival, hash: hash, offer: offers))
    }

    private func isLive(_ candidate: Candidate) -> Bool {
        guard let entry = entries[candidate.hash] else { return false }
        if entry.transaction.isPayload { return entry.offer == candidate.offer }
        return lanes[entry.transaction.sender]?.offer == candidate.offer
    }

    /// Moves the lane's next nonce up.
    private mutating func raise(_ lane: inout Lane, to next: UInt64) {
        guard next > lane.next else { return }
        let distance = next - lane.next
        lane.next = next
        lane.ready = distance < UInt64(lane.ready) ? lane.ready - Int(distance) : 0
        extend(&lane)
        offer(&lane)
    }

    /// Finds the lane's next nonce anew.
    private mutating func settle(_ sender: Digest) {
        change(sender) { pool, lane in
            lane.next = lane.accountNonce
            for nonce in lane.table.nonces {
                if let hash = lane.table[nonce], pool.entries[hash]?.isInFlight == true {
                    lane.next = max(lane.next, nonce + 1)
                }
            }
            lane.ready = 0
            pool.extend(&lane)
            pool.offer(&lane)
        }
    }

    // MARK: - Blocks

    /// The best transactions in order, now in flight. `maxBytes` bounds all but the first, so that
    /// a large one is not stuck; `transactionBytes` bounds that.
    package mutating func take(maxCount: Int, maxBytes: Int, now: Tick) -> [MempoolTransaction] {
        expire(now)
        var taken: [MempoolTransaction] = []
        var bytes = 0
        while taken.count < maxCount, let top = candidates.top {
            guard isLive(top), let transaction = entries[top.hash]?.transaction else {
                _ = candidates.pop()
                continue
            }
            bytes += transaction.bytes.count
            if bytes > maxBytes, !taken.isEmpty { break }
            _ = candidates.pop()
            addBlock(transaction)
            taken.append(transaction)
        }
        return taken
    }

    private mutating func addBlock(_ transaction: MempoolTransaction) {
        if transaction.isPayload {
            if entries[transaction.hash]?.isInFlight == false {
                entries[transaction.hash]?.offer = 0
                readyCount -= 1
            }
            entries[transaction.hash]?.blocks += 1
        } else {
            entries[transaction.hash]?.blocks += 1
            change(transaction.sender) { pool, lane in
                pool.raise(&lane, to: transaction.nonce + 1)
            }
        }
    }

    /// A block holds these, whoever made it: they are no candidates until they come back. Each
    /// call for a block is followed by one of `returned` or `committed`; what `take` gave is in
    /// flight already.
    package mutating func markInFlight(_ hashes: [Digest]) {
        for hash in hashes {
            if let transaction = entries[hash]?.transaction {
                addBlock(transaction)
            } else {
                recent.addBlock(hash)
            }
        }
    }

    /// A block that held these will not be final: those that no other block holds may be taken
    /// again.
    package mutating func returned(_ hashes: [Digest]) {
        var senders: [Digest] = []
        var seen: Set<Digest> = []
        for hash in hashes {
            guard let entry = entries[hash] else {
                recent.removeBlock(hash)
                continue
            }
            guard entry.isInFlight else { continue }
            entries[hash]?.blocks -= 1
            if entry.blocks > 1 { continue }
            if entry.transaction.isPayload {
                offerPayload(hash)
            } else if seen.insert(entry.transaction.sender).inserted {
                senders.append(entry.transaction.sender)
            }
            if entry.isOverdue {
                expiries += 1
                remove(hash)
            } else if isEvicting, !entry.isRanked {
                rank(hash)
            }
        }
        for sender in senders { settle(sender) }
        compact()
    }

    /// A final block holds these, in this order.
    package mutating func committed(_ hashes: [Digest]) {
        for hash in hashes {
            recent.addFinal(hash)
            guard let transaction = entries[hash]?.transaction else { continue }
            remove(hash)
            if !transaction.isPayload {
                advance(transaction.sender, to: transaction.nonce + 1)
            }
        }
    }

    /// No block can hold these any more.
    package mutating func refused(_ hashes: [Digest]) {
        var senders: [Digest] = []
        var seen: Set<Digest> = []
        for hash in hashes {
            guard let transaction = entries[hash]?.transaction else { continue }
            remove(hash)
            if !transaction.isPayload, seen.insert(transaction.sender).inserted {
                senders.append(transaction.sender)
            }
        }
        for sender in senders { settle(sender) }
    }

    /// The account's nonce is at least this in final state: what is below it goes.
    package mutating func advance(_ sender: Digest, to nonce: UInt64) {
        floors.raise(sender, to: nonce)
        guard let lane = lanes[sender], lane.accountNonce < nonce else { return }
        var stale: [UInt64]
        if nonce - lane.accountNonce <= UInt64(lane.table.count) {
            stale = Array(lane.accountNonce..<nonce)
        } else {
            stale = lane.table.nonces.filter { $0 < nonce }
            stale.sort()
        }
        for nonce in stale {
            if let hash = lane.table[nonce] { remove(hash) }
        }
        change(sender) { pool, lane in
            lane.accountNonce = nonce
            pool.raise(&lane, to: nonce)
        }
    }

    // MARK: - Removal

    private mutating func remove(_ hash: Digest) {
        guard let entry = entries.removeValue(forKey: hash) else { return }
        let transaction = entry.transaction
        byteCount -= transaction.bytes.count
        if transaction.isPayload {
            if !entry.isInFlight { readyCount -= 1 }
            return
        }
        change(transaction.sender) { pool, lane in
            lane.table[transaction.nonce] = nil
            if lane.table.isEmpty { return }
            while lane.highest > lane.accountNonce, lane.table[lane.highest] == nil {
                lane.highest -= 1
            }
            guard transaction.nonce >= lane.next else { return }
            let kept = transaction.nonce - lane.next
            if kept < UInt64(lane.ready) { lane.ready = Int(kept) }
            if kept == 0 { lane.offer = 0 }
        }
    }

    private mutating func expire(_ now: Tick) {
        while orderHead < order.count {
            let item = order[orderHead]
            if let entry = entries[item.hash], entry.arrival == item.arrival {
                guard entry.expires <= now else { break }
                if entry.isInFlight {
                    entries[item.hash]?.isOverdue = true
                } else {
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
        if candidates.count > bound { candidates.keep(isLive) }
        if isEvicting, 2 * entries.count < configuration.maximumCount,
            2 * byteCount < configuration.maximumBytes
        {
            isEvicting = false
            evictables.removeAll()
        }
        if evictables.count > bound {
            evictables.keep { entries[$0.hash]?.arrival == $0.arrival }
        }
        if order.count - orderHead > bound {
            order = order[orderHead...].filter { entries[$0.hash]?.arrival == $0.arrival }
            orderHead = 0
        }
    }
}
