import Mempool
import Primitives
import Testing

enum Sample {
    static func transaction(
        _ number: UInt64, sender: UInt64, nonce: UInt64, tip: UInt64 = 0, bytes: Int = 10
    ) -> MempoolTransaction {
        MempoolTransaction(
            hash: Digest(number: number), sender: account(sender), nonce: nonce, tip: tip,
            bytes: [UInt8](repeating: 7, count: bytes))
    }

    /// No account is the hash of a transaction.
    static func account(_ number: UInt64) -> Digest { Digest(0, 0, 1, number) }

    static func payload(_ number: UInt64, tip: UInt64 = 0, bytes: Int = 10) -> MempoolTransaction {
        MempoolTransaction(
            hash: Digest(number: number), sender: Digest(number: number), nonce: 0, tip: tip,
            bytes: [UInt8](repeating: 7, count: bytes))
    }

    static var small: MempoolConfiguration {
        var configuration = MempoolConfiguration()
        configuration.maximumCount = 24
        configuration.maximumBytes = 600
        configuration.transactionBytes = 120
        configuration.laneCount = 7
        configuration.nonceGap = 9
        configuration.lifetimeNanoseconds = 1000
        return configuration
    }
}

@Suite("The pool against its naive twin (I1 to I6)")
struct MempoolTwinTests {
    /// A block that holds transactions and is not decided.
    struct Block {
        var hashes: [Digest]
    }

    @Test("seeded random histories of admission, blocks, forks and time", arguments: 0..<24)
    func randomHistories(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var configuration = Sample.small
        if seed % 3 == 1 { configuration.maximumCount = 8 }
        if seed % 3 == 2 { configuration.maximumBytes = 150 }
        var pool = Mempool(configuration: configuration)
        var twin = NaivePool(configuration: configuration)
        var now = Tick(1)
        var number: UInt64 = 0
        var accounts: [UInt64: UInt64] = [:]
        var replacements = 0
        var refusals = 0
        var blocks: [Block] = []
        for step in 0..<1500 {
            now = now.after(nanoseconds: generator.uniform(below: 30))
            let place = "seed \(seed), step \(step)"
            switch generator.uniform(below: 12) {
            case 0..<7:
                let sender = generator.uniform(below: 5)
                let account = accounts[sender] ?? 0
                let isAgain = generator.uniform(below: 20) == 0 && number > 0
                if !isAgain { number += 1 }
                let hash = isAgain ? 1 + generator.uniform(below: number) : number
                let isPayload = generator.uniform(below: 4) == 0
                let tip = generator.uniform(below: 40)
                let bytes = Int(1 + generator.uniform(below: 125))
                let nonce = account + generator.uniform(below: 5) - min(account, 1)
                let transaction =
                    isPayload
                    ? Sample.payload(hash, tip: tip, bytes: bytes)
                    : Sample.transaction(
                        hash, sender: sender, nonce: nonce, tip: tip, bytes: bytes)
                let floor = isPayload ? 0 : account
                let verdict = pool.admit(transaction, accountNonce: floor, now: now)
                let expected = twin.admit(transaction, accountNonce: floor, now: now)
                #expect(verdict == expected, "\(place)")
                if case .replaced = verdict { replacements += 1 }
                if case .poolFull = verdict { refusals += 1 }
            case 7, 8:
                let count = Int(1 + generator.uniform(below: 5))
                let bytes = Int(generator.uniform(below: 300))
                let taken = pool.take(maxCount: count, maxBytes: bytes, now: now)
                let expected = twin.take(maxCount: count, maxBytes: bytes, now: now)
                #expect(taken == expected, "\(place)")
                if !taken.isEmpty { blocks.append(Block(hashes: taken.map(\.hash))) }
            case 9:
                // Another leader's block: some of what a block here holds, and foreign ones.
                var hashes = (blocks.last?.hashes ?? []).filter { _ in
                    generator.uniform(below: 2) == 0
                }
                hashes += (0..<2).map { _ in
                    Digest(number: 1 + generator.uniform(below: number + 3))
                }
                pool.markInFlight(hashes)
                twin.markInFlight(hashes)
                blocks.append(Block(hashes: hashes))
            case 10 where !blocks.isEmpty:
                let block = blocks.remove(
                    at: Int(generator.uniform(below: UInt64(blocks.count))))
                if generator.uniform(below: 3) == 0 {
                    pool.returned(block.hashes)
                    twin.returned(block.hashes)
                } else {
                    for hash in block.hashes {
                        guard let transaction = pool.transaction(hash) else { continue }
                        let sender = transaction.sender.word3
                        accounts[sender] = max(accounts[sender] ?? 0, transaction.nonce + 1)
                    }
                    pool.committed(block.hashes)
                    twin.committed(block.hashes)
                }
            case 11 where generator.uniform(below: 4) == 0:
                let hash = Digest(number: 1 + generator.uniform(below: number + 1))
                pool.refused([hash])
                twin.refused([hash])
            default:
                let sender = generator.uniform(below: 5)
                accounts[sender] = (accounts[sender] ?? 0) + generator.uniform(below: 2)
                pool.advance(Sample.account(sender), to: accounts[sender] ?? 0)
                twin.advance(Sample.account(sender), to: accounts[sender] ?? 0)
            }
            #expect(pool.count == twin.items.count, "\(place)")
            #expect(pool.byteCount == twin.byteCount, "\(place)")
            #expect(pool.readyCount == twin.readyCount, "\(place)")
            #expect(Int(pool.evictions) == twin.evictions, "\(place)")
            #expect(Int(pool.expiries) == twin.expiries, "\(place)")
            #expect(pool.count <= configuration.maximumCount, "I1 at \(place)")
            #expect(pool.byteCount <= configuration.maximumBytes, "I1 at \(place)")
            for item in twin.items {
                #expect(pool.transaction(item.transaction.hash) == item.transaction, "\(place)")
                #expect(pool.isInFlight(item.transaction.hash) == !item.isWaiting, "\(place)")
            }
            for sender in 0..<5 as Range<UInt64> {
                let sender = Sample.account(sender)
                let next =
                    twin.lane(sender).isEmpty
                    ? nil : twin.next(sender) + UInt64(twin.ready(sender).count)
                #expect(pool.nextNonce(of: sender) == next, "\(place)")
            }
            let waiting = pool.waiting(maxBytes: .max).map(\.hash)
            #expect(waiting == twin.items.filter(\.isWaiting).map(\.transaction.hash), "\(place)")
        }
        // A pool of two transactions seldom sees one replaced.
        #expect(replacements > 0 || seed % 3 == 2, "seed \(seed) replaces nothing")
        #expect(refusals > 0, "seed \(seed) is never full")
        #expect(pool.evictions > 0 && pool.expiries > 0, "seed \(seed)")
    }
}

@Suite("The pool's rules one by one")
struct MempoolRuleTests {
    @Test("A final nonce stays so when the next transaction was checked against older state")
    func staleAdmission() {
        var pool = Mempool(configuration: Sample.small)
        let first = Sample.transaction(1, sender: 4, nonce: 10)
        #expect(pool.admit(first, accountNonce: 10, now: Tick(1)) == .accepted)
        _ = pool.take(maxCount: 1, maxBytes: 100, now: Tick(2))
        pool.committed([first.hash])
        #expect(pool.count == 0)
        // Storage does not show the block yet.
        let second = Sample.transaction(2, sender: 4, nonce: 11)
        #expect(pool.admit(second, accountNonce: 10, now: Tick(3)) == .accepted)
        #expect(pool.readyCount == 1)
        #expect(
            pool.admit(Sample.transaction(3, sender: 4, nonce: 10), accountNonce: 10, now: Tick(3))
                == .nonceTooLow(accountNonce: 11))
    }

    @Test("A transaction goes on when a block brought the one before it, which was never here")
    func advancedByState() {
        var pool = Mempool(configuration: Sample.small)
        let second = Sample.transaction(2, sender: 4, nonce: 11)
        #expect(pool.admit(second, accountNonce: 10, now: Tick(1)) == .accepted)
        #expect(pool.readyCount == 0)
        pool.advance(second.sender, to: 11)
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: Tick(2)) == [second])
    }

    @Test("a lane comes out in nonce order, a gap parks what is above it")
    func lanes() {
        var pool = Mempool(configuration: MempoolConfiguration())
        for (number, nonce) in [(1, 2), (2, 0), (3, 4)] as [(UInt64, UInt64)] {
            let transaction = Sample.transaction(number, sender: 9, nonce: nonce, tip: 5)
            #expect(pool.admit(transaction, accountNonce: 0, now: 0) == .accepted)
        }
        #expect(pool.readyCount == 1)
        #expect(pool.nextNonce(of: Sample.account(9)) == 1)
        let filling = Sample.transaction(4, sender: 9, nonce: 1)
        #expect(pool.admit(filling, accountNonce: 0, now: 0) == .accepted)
        #expect(pool.readyCount == 3)
        let taken = pool.take(maxCount: 10, maxBytes: 1000, now: 0)
        #expect(taken.map(\.nonce) == [0, 1, 2])
        #expect(pool.nextNonce(of: Sample.account(9)) == 3)
    }

    @Test("higher tips first, then earlier arrivals, within the order of lanes")
    func priority() {
        var pool = Mempool(configuration: MempoolConfiguration())
        let list = [
            Sample.transaction(1, sender: 1, nonce: 0, tip: 1),
            Sample.transaction(2, sender: 1, nonce: 1, tip: 100),
            Sample.transaction(3, sender: 2, nonce: 0, tip: 7),
            Sample.transaction(4, sender: 3, nonce: 0, tip: 7),
        ]
        for transaction in list { _ = pool.admit(transaction, accountNonce: 0, now: 0) }
        let taken = pool.take(maxCount: 10, maxBytes: 1000, now: 0)
        #expect(taken.map(\.hash.word3) == [3, 4, 1, 2])
    }

    @Test("a replacement needs a tip of 110%, rounded up")
    func replacement() {
        var pool = Mempool(configuration: MempoolConfiguration())
        func offer(_ number: UInt64, _ tip: UInt64) -> MempoolVerdict {
            pool.admit(
                Sample.transaction(number, sender: 1, nonce: 0, tip: tip), accountNonce: 0, now: 0)
        }
        #expect(offer(1, 0) == .accepted)
        #expect(offer(2, 0) == .underpriced(requiredTip: 1))
        #expect(offer(3, 1) == .replaced(Digest(number: 1)))
        #expect(offer(4, 2) == .replaced(Digest(number: 3)))
        #expect(offer(5, 11) == .replaced(Digest(number: 4)))
        #expect(offer(6, 12) == .underpriced(requiredTip: 13))
        #expect(offer(7, .max - 1) == .replaced(Digest(number: 5)))
        #expect(offer(8, .max - 1) == .underpriced(requiredTip: .max))
        #expect(offer(9, .max) == .replaced(Digest(number: 7)))
        #expect(pool.count == 1)
        _ = pool.take(maxCount: 1, maxBytes: 100, now: 0)
        #expect(offer(10, .max) == .inBlock)
    }

    @Test("nonces below the account's, far above it, at the maximum, and copies are refused")
    func nonceBounds() {
        var pool = Mempool(configuration: Sample.small)
        func offer(
            _ number: UInt64, nonce: UInt64, account: UInt64, sender: UInt64 = 1
        ) -> MempoolVerdict {
            pool.admit(
                Sample.transaction(number, sender: sender, nonce: nonce), accountNonce: account,
                now: 0)
        }
        #expect(offer(1, nonce: 4, account: 5) == .nonceTooLow(accountNonce: 5))
        #expect(offer(1, nonce: 15, account: 5) == .nonceTooHigh(accountNonce: 5, limit: 9))
        // An account's nonce never goes back, so these are of others.
        #expect(
            offer(1, nonce: .max, account: 0, sender: 3)
                == .nonceTooHigh(accountNonce: 0, limit: 9))
        #expect(
            offer(1, nonce: .max, account: .max, sender: 4)
                == .nonceTooHigh(accountNonce: .max, limit: 9))
        #expect(offer(1, nonce: 14, account: 5) == .accepted)
        #expect(offer(1, nonce: 14, account: 5) == .duplicate)
        for nonce in 5..<11 {
            #expect(offer(UInt64(nonce), nonce: UInt64(nonce), account: 5) == .accepted)
        }
        #expect(offer(99, nonce: 11, account: 5) == .laneFull)
        let large = Sample.transaction(100, sender: 2, nonce: 0, bytes: 121)
        #expect(
            pool.admit(large, accountNonce: 0, now: 0) == .tooLarge(bytes: 121, maximum: 120))
    }

    @Test("a full pool evicts the cheapest lane's tail, and nothing for what does not stay")
    func eviction() {
        var configuration = MempoolConfiguration()
        configuration.maximumCount = 3
        var pool = Mempool(configuration: configuration)
        func offer(_ number: UInt64, _ sender: UInt64, _ nonce: UInt64, _ tip: UInt64)
            -> MempoolVerdict
        {
            pool.admit(
                Sample.transaction(number, sender: sender, nonce: nonce, tip: tip),
                accountNonce: 0, now: 0)
        }
        #expect(offer(1, 1, 0, 2) == .accepted)
        #expect(offer(2, 1, 1, 50) == .accepted)
        #expect(offer(3, 2, 0, 30) == .accepted)
        #expect(offer(4, 3, 0, 2) == .poolFull(lowestTip: 2))
        #expect(offer(5, 3, 0, 3) == .accepted)
        #expect(pool.transaction(Digest(number: 2)) == nil, "the tail of the lane with tip 2")
        #expect(pool.transaction(Digest(number: 1)) != nil)
        #expect(offer(6, 1, 1, 3) == .poolFull(lowestTip: 3), "not its own predecessor")
        #expect(pool.count == 3)
        #expect(pool.evictions == 1)
    }

    @Test("a refused replacement leaves what it would have replaced")
    func refusedReplacement() {
        var configuration = MempoolConfiguration()
        configuration.maximumBytes = 100
        var pool = Mempool(configuration: configuration)
        let old = Sample.transaction(1, sender: 1, nonce: 0, tip: 1, bytes: 50)
        let other = Sample.transaction(2, sender: 2, nonce: 0, tip: 9, bytes: 50)
        let new = Sample.transaction(3, sender: 1, nonce: 0, tip: 5, bytes: 60)
        #expect(pool.admit(old, accountNonce: 0, now: 0) == .accepted)
        #expect(pool.admit(other, accountNonce: 0, now: 0) == .accepted)
        #expect(pool.admit(new, accountNonce: 0, now: 0) == .poolFull(lowestTip: 9))
        #expect(pool.take(maxCount: 2, maxBytes: 1000, now: 0) == [other, old])
    }

    @Test("a transaction lives for its time, also when it was in flight meanwhile")
    func lifetime() {
        var pool = Mempool(configuration: Sample.small)
        for number in 1...3 as ClosedRange<UInt64> {
            let transaction = Sample.transaction(number, sender: number, nonce: 0)
            #expect(pool.admit(transaction, accountNonce: 0, now: Tick(number)) == .accepted)
        }
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 4).map(\.hash.word3) == [1])
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 1002).map(\.hash.word3) == [3])
        #expect(pool.count == 2, "one is in flight, one is overdue and in flight, one is gone")
        pool.returned([Digest(number: 1), Digest(number: 3)])
        #expect(pool.count == 1)
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 1003).isEmpty)
        #expect(pool.count == 0)
        #expect(pool.expiries == 3)
    }

    @Test("what two forks hold comes back when the second of them is gone")
    func forks() {
        var pool = Mempool(configuration: MempoolConfiguration())
        let transaction = Sample.transaction(1, sender: 1, nonce: 0)
        #expect(pool.admit(transaction, accountNonce: 0, now: 0) == .accepted)
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 0) == [transaction])
        pool.markInFlight([transaction.hash])
        pool.returned([transaction.hash])
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 0).isEmpty)
        pool.returned([transaction.hash])
        #expect(pool.take(maxCount: 1, maxBytes: 100, now: 0) == [transaction])
        pool.committed([transaction.hash])
        pool.returned([transaction.hash])
        #expect(pool.count == 0)
        #expect(pool.admit(transaction, accountNonce: 0, now: 0) == .duplicate)
    }

    @Test("a block's transaction that was never here is not admitted until it comes back")
    func foreignTransactions() {
        var pool = Mempool(configuration: MempoolConfiguration())
        let transaction = Sample.transaction(1, sender: 1, nonce: 0)
        pool.markInFlight([transaction.hash])
        #expect(pool.admit(transaction, accountNonce: 0, now: 0) == .duplicate)
        pool.returned([transaction.hash])
        #expect(pool.admit(transaction, accountNonce: 0, now: 0) == .accepted)
    }

    @Test("payloads without order come out first in, first out, through many blocks")
    func payloads() {
        var configuration = MempoolConfiguration()
        configuration.rememberedHashes = 3000
        var pool = Mempool(configuration: configuration)
        var taken: [Digest] = []
        for round in 0..<40 as Range<UInt64> {
            for number in 0..<500 {
                let number = 1 + round * 500 + UInt64(number)
                let payload = Sample.payload(number)
                #expect(pool.admit(payload, accountNonce: 0, now: Tick(round)) == .accepted)
            }
            let block = pool.take(maxCount: 400, maxBytes: .max, now: Tick(round)).map(\.hash)
            if round % 4 == 3 {
                pool.returned(block)
                let again = pool.take(maxCount: 400, maxBytes: .max, now: Tick(round)).map(\.hash)
                #expect(again == block)
            }
            pool.committed(block)
            taken += block
        }
        #expect(taken == (1...16_000).map { Digest(number: $0) })
        #expect(pool.count == 4000)
        #expect(pool.readyCount == 4000)
    }
}
