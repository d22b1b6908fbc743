import Consensus
import Mempool
package import Primitives
import Replica
import Synchronization

/// What a node shows of itself: one consistent picture, written by the loop once a turn.
package struct NodePicture: Sendable {
    package var started = false
    package var finalHeight: UInt64 = 0
    package var finalSlot: UInt64 = 0
    package var storedHeight: UInt64 = 0
    package var window: UInt64 = 0
    package var leader: UInt16 = 0
    package var claimedHeight: UInt64 = 0
    package var isCatchingUp = false
    package var connected: [Bool] = []
    package var mempoolCount = 0
    package var mempoolBytes = 0
    package var blocksAboveFinal = 0
    package var unverified = 0
    package var mailbox = 0
    /// When the final height last rose.
    package var finalChangedAt = Tick(0)
    package var halted: String?
    /// When the replica's part of this was written.
    var publishedAt = Tick(0)
    package var skips: [String: UInt64] = [:]
    /// Statements counted of each validator since the start.
    package var votes: [UInt64] = []
    package var certificateSigners = 0
    package var timers: [(name: String, seconds: Double)] = []
    package var finalTransactions: UInt64 = 0
}

package final class StatusBoard: Sendable {
    private let picture = Mutex(NodePicture())
    let droppedInputs = AtomicCounter()
    let droppedPeers = AtomicCounter()
    let evidence = AtomicCounter()
    /// Called when the stored height rises; see `Node.waitForHeight`.
    private let watchers = Mutex<[(height: UInt64, resume: @Sendable () -> Void)]>([])

    package init() {}

    package var current: NodePicture { picture.withLock { $0 } }

    /// A picture of every turn would cost more than the turn: one is due when the height or
    /// the time has moved on. A replica's beats and timers see to it that a turn follows.
    static let publishNanoseconds: UInt64 = 5_000_000

    func publish(
        _ height: Height, isUrgent: Bool, now: Tick, _ describe: (inout NodePicture) -> Void
    ) {
        picture.withLock { picture in
            let isNew = height.rawValue != picture.finalHeight || picture.publishedAt.rawValue == 0
            if !isNew, !isUrgent,
                now.nanoseconds(since: picture.publishedAt) < Self.publishNanoseconds
            {
                return
            }
            picture.publishedAt = now
            if isNew { picture.finalChangedAt = now }
            describe(&picture)
        }
    }

    func connected(_ peer: ValidatorIndex, _ value: Bool) {
        picture.withLock { picture in
            let index = Int(peer.rawValue)
            while picture.connected.count <= index { picture.connected.append(false) }
            picture.connected[index] = value
        }
    }

    func skipped(reason: String) {
        picture.withLock { $0.skips[reason, default: 0] += 1 }
    }

    func stored(height: UInt64, transactions: UInt64) {
        picture.withLock {
            $0.storedHeight = height
            $0.finalTransactions += transactions
        }
        notify(height)
    }

    private func notify(_ height: UInt64) {
        let due = watchers.withLock { waiting in
            let due = waiting.filter { $0.height <= height }
            waiting.removeAll { $0.height <= height }
            return due
        }
        for watcher in due { watcher.resume() }
    }

    /// Calls `resume` once the stored height is at least `height`.
    package func whenStored(_ height: UInt64, _ resume: @escaping @Sendable () -> Void) {
        watchers.withLock { $0.append((height, resume)) }
        let stored = picture.withLock { $0.storedHeight }
        notify(stored)
    }
}

extension Replica {
    /// Fills in what the replica knows. It reads in place: a copy of a replica is long.
    func describe(in picture: inout NodePicture, peerCount: Int, now: Tick) {
        if picture.connected.count != peerCount {
            picture.connected = Array(repeating: false, count: peerCount)
        }
        picture.started = started
        picture.finalHeight = tip.height.rawValue
        picture.finalSlot = tip.reference.slot.rawValue
        picture.window = consensus.currentWindow.rawValue
        picture.leader = consensus.currentLeader.rawValue
        picture.claimedHeight = highestCredibleHeight.rawValue
        picture.isCatchingUp = isCatchingUp
        picture.mempoolCount = mempool.count
        picture.mempoolBytes = mempool.byteCount
        picture.blocksAboveFinal = blocksAboveFinal
        picture.unverified = unverifiedCount
        picture.halted = halted.map { "\($0)" }
        picture.votes = consensus.statementCounts
        picture.certificateSigners = consensus.lastCertificateSigners
        picture.timers = timers(now: now).map { ($0.name, Double($0.nanoseconds) / 1e9) }
    }
}
