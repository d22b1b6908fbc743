import Mempool
import Primitives

/// The slow, obvious twin of `Mempool`: one list, every question answered by looking at all of it.
struct NaivePool {
    struct Item {
        let transaction: MempoolTransaction
        let arrival: Int
        let expires: Tick
        var blocks = 0
        var isOverdue = false
        var isWaiting: Bool { blocks == 0 }
    }

    let configuration: MempoolConfiguration
    var items: [Item] = []
    var accountNonces: [Digest: UInt64] = [:]
    /// Never forgotten here; the pool forgets after more accounts than a test has.
    var floors: [Digest: UInt64] = [:]
    var outside: [Digest: (blocks: Int, isFinal: Bool)] = [:]
    var arrivals = 0
    var evictions = 0
    var expiries = 0

    init(configuration: MempoolConfiguration) { self.configuration = configuration }

    var byteCount: Int { items.reduce(0) { $0 + $1.transaction.bytes.count } }

    func lane(_ sender: Digest) -> [Item] {
        items.filter { $0.transaction.sender == sender }
            .sorted { $0.transaction.nonce < $1.transaction.nonce }
    }

    /// The account's nonce, or one above the highest in flight.
    func next(_ sender: Digest) -> UInt64 {
        let flying = lane(sender).filter { !$0.isWaiting }.map { $0.transaction.nonce + 1 }
        return max(accountNonces[sender] ?? 0, flying.max() ?? 0)
    }

    func ready(_ sender: Digest) -> [Item] {
        var result: [Item] = []
        var nonce = next(sender)
        while let item = lane(sender).first(where: { $0.transaction.nonce == nonce }),
            item.isWaiting
        {
            result.append(item)
            nonce += 1
        }
        return result
    }

    var senders: [Digest] { Set(items.map(\.transaction.sender)).sorted() }
    var readyCount: Int { senders.reduce(0) { $0 + ready($1).count } }

    private mutating func forgetEmptyLanes() {
        let senders = Set(items.map(\.transaction.sender))
        accountNonces = accountNonces.filter { senders.contains($0.key) }
    }

    private mutating func remove(_ isGone: (Item) -> Bool) {
        items.removeAll(where: isGone)
        forgetEmptyLanes()
    }

    mutating func expire(_ now: Tick) {
        for index in items.indices where items[index].expires <= now && !items[index].isWaiting {
            items[index].isOverdue = true
        }
        let before = items.count
        remove { $0.expires <= now && $0.isWaiting }
        expiries += before - items.count
    }

    mutating func advance(_ sender: Digest, to nonce: UInt64) {
        floors[sender] = max(floors[sender] ?? 0, nonce)
        guard let known = accountNonces[sender], known < nonce else { return }
        accountNonces[sender] = nonce
        remove { $0.transaction.sender == sender && $0.transaction.nonce < nonce }
    }

    mutating func admit(_ transaction: MempoolTransaction, accountNonce: UInt64, now: Tick)
        -> MempoolVerdict
    {
        expire(now)
        let size = transaction.bytes.count
        if size > configuration.transactionBytes {
            return .tooLarge(bytes: size, maximum: configuration.transactionBytes)
        }
        if items.contains(where: { $0.transaction.hash == transaction.hash })
            || outside[transaction.hash] != nil
        {
            return .duplicate
        }
        advance(transaction.sender, to: accountNonce)
        let floor =
            accountNonces[transaction.sender]
            ?? max(accountNonce, floors[transaction.sender] ?? 0)
        if transaction.nonce < floor { return .nonceTooLow(accountNonce: floor) }
        if transaction.nonce - floor > configuration.nonceGap {
            return .nonceTooHigh(accountNonce: floor, limit: configuration.nonceGap)
        }
        let lane = lane(transaction.sender)
        let same = lane.first { $0.transaction.nonce == transaction.nonce }
        if let same {
            if !same.isWaiting { return .inBlock }
            let required = Mempool.replacementTip(same.transaction.tip)
            if transaction.tip < required { return .underpriced(requiredTip: required) }
        } else if lane.count >= configuration.laneCount {
            return .laneFull
        }
        var left = items.filter { $0.transaction.hash != same?.transaction.hash }
        func fits() -> Bool {
            left.count + 1 <= configuration.maximumCount
                && left.reduce(size) { $0 + $1.transaction.bytes.count }
                    <= configuration.maximumBytes
        }
        var evicted = 0
        while !fits() {
            // What would be replaced keeps its place in the order of tips, as it might stay.
            let sorted = items.filter { item in
                item.isWaiting
                    && (item.transaction.hash == same?.transaction.hash
                        || left.contains { $0.arrival == item.arrival })
            }.sorted { ($0.transaction.tip, $1.arrival) < ($1.transaction.tip, $0.arrival) }
            var victim: Item?
            for item in sorted {
                if item.transaction.tip >= transaction.tip {
                    return .poolFull(lowestTip: item.transaction.tip)
                }
                let tail = sorted.filter { $0.transaction.sender == item.transaction.sender }
                    .max { $0.transaction.nonce < $1.transaction.nonce }
                guard let tail else { continue }
                let isOwn = tail.transaction.sender == transaction.sender
                if isOwn, tail.transaction.nonce <= transaction.nonce { continue }
                victim = tail
                break
            }
            guard let victim else { return .poolFull(lowestTip: 0) }
            left.removeAll { $0.arrival == victim.arrival }
            evicted += 1
        }
        evictions += evicted
        items = left
        arrivals += 1
        items.append(
            Item(
                transaction: transaction, arrival: arrivals,
                expires: now.after(nanoseconds: configuration.lifetimeNanoseconds)))
        accountNonces[transaction.sender] = floor
        forgetEmptyLanes()
        return same.map { .replaced($0.transaction.hash) } ?? .accepted
    }

    mutating func take(maxCount: Int, maxBytes: Int, now: Tick) -> [MempoolTransaction] {
        expire(now)
        var result: [MempoolTransaction] = []
        var bytes = 0
        while result.count < maxCount {
            let heads = senders.compactMap { ready($0).first }
            let best = heads.min {
                ($1.transaction.tip, $0.arrival) < ($0.transaction.tip, $1.arrival)
            }
            guard let best else { break }
            bytes += best.transaction.bytes.count
            if bytes > maxBytes, !result.isEmpty { break }
            result.append(best.transaction)
            markInFlight([best.transaction.hash])
        }
        return result
    }

    mutating func markInFlight(_ hashes: [Digest]) {
        for hash in hashes {
            if let index = items.firstIndex(where: { $0.transaction.hash == hash }) {
                items[index].blocks += 1
            } else {
                outside[hash, default: (0, false)].blocks += 1
            }
        }
    }

    mutating func returned(_ hashes: [Digest]) {
        for hash in hashes {
            if let index = items.firstIndex(where: { $0.transaction.hash == hash }) {
                if items[index].isWaiting { continue }
                items[index].blocks -= 1
                if items[index].isWaiting, items[index].isOverdue {
                    expiries += 1
                    remove { $0.transaction.hash == hash }
                }
            } else if let mark = outside[hash], !mark.isFinal {
                outside[hash] = mark.blocks > 1 ? (mark.blocks - 1, false) : nil
            }
        }
    }

    mutating func committed(_ hashes: [Digest]) {
        for hash in hashes {
            outside[hash, default: (0, false)].isFinal = true
            guard let item = items.first(where: { $0.transaction.hash == hash }) else { continue }
            items.removeAll { $0.transaction.hash == hash }
            advance(item.transaction.sender, to: item.transaction.nonce + 1)
            forgetEmptyLanes()
        }
    }

    mutating func refused(_ hashes: [Digest]) {
        remove { hashes.contains($0.transaction.hash) }
    }
}
