package import Consensus
package import Primitives
package import Replica
package import Replication
import Synchronization
import Transport
import WireCodec

/// What can be seen of a node while it runs, for those who check it from outside.
package enum NodeEvent: Sendable {
    /// The log is replayed and the node takes part, from this stored height.
    case started(Height)
    case stopped
    /// Leaves the node next: what it depends on is durable. Once for all peers of a broadcast.
    case departing(PeerMessage)
    case finalised(FinalBlock, transactions: [Digest])
    case hashed(Height, Digest)
    case stored(Height)
    case note(ReplicaNote)
    case halted(HaltReason)
    /// A user is told next that the node has the transaction.
    case acknowledging(Digest)
    case sizes(mailbox: Int, unverified: Int, pool: Int, poolBytes: Int, blocksAboveFinal: Int)
}

/// What leaves in the place of a message.
package struct InterposedDeparture: Sendable {
    package enum Content: Sendable {
        case message(PeerMessage)
        case bytes([UInt8], MessageClass)
    }
    package var content: Content
    package var to: ValidatorIndex
    package var delayNanoseconds: UInt64

    package init(_ content: Content, to: ValidatorIndex, delayNanoseconds: UInt64) {
        self.content = content
        self.to = to
        self.delayNanoseconds = delayNanoseconds
    }
}

/// Who the node is, as told to what stands between it and the world.
package struct InterposerPlace: Sendable {
    package let configuration: ReplicaConfiguration
    package let committee: Committee
    package let schedule: LeaderSchedule
    /// Nil for a follower.
    package let own: ValidatorIndex?
    package let signer: ConsensusSigner?
}

/// Stands between a replica and the world: watches, and may lie. The node itself has no such thing;
/// a program built to test the others gives one through `NodeOptions`.
///
/// `rewrite`, `departures`, `heard` and `tick` come from the loop's thread. `observe` comes from
/// several threads, and an event of `departing` before any byte of the message leaves.
package protocol LoopInterposer: AnyObject, Sendable {
    func begin(_ place: InterposerPlace)
    /// Whether anything but `observe` is to be called.
    var interferes: Bool { get }
    var tickNanoseconds: UInt64? { get }
    func rewrite(_ effects: inout [ReplicaEffect], now: Moment)
    func departures(
        of message: PeerMessage, to peer: ValidatorIndex, now: Moment
    ) -> [InterposedDeparture]
    func heard(
        _ message: PeerMessage, from peer: ValidatorIndex, now: Moment
    ) -> (passes: Bool, departures: [InterposedDeparture])
    func tick(now: Moment) -> [InterposedDeparture]
    func observe(_ events: [NodeEvent])
}

/// Departures that wait for their time, on a thread of their own; over the bound they are dropped.
final class DelayLine: @unchecked Sendable {
    /// Messages that wait.
    static let bound = 1 << 16

    struct Entry: Sendable {
        let due: Tick
        let depart: Departure
    }

    private let thread = WorkerThread<Entry>(name: "delays", bound: DelayLine.bound)
    /// Of the thread: the earliest last, in the order of arrival where times are equal.
    private var waiting: [Entry] = []
    private let dropped = AtomicCounter()

    var droppedCount: UInt64 { dropped.value }

    func start() {
        thread.start { [self] entries in
            for entry in entries {
                guard waiting.count < Self.bound else {
                    dropped.increment()
                    continue
                }
                var low = 0
                var high = waiting.count
                while low < high {
                    let middle = (low + high) / 2
                    if waiting[middle].due > entry.due { low = middle + 1 } else { high = middle }
                }
                waiting.insert(entry, at: low)
            }
            while let last = waiting.last, last.due <= SystemClock.tick() {
                waiting.removeLast()
                last.depart()
            }
            return waiting.last?.due
        }
    }

    func add(_ entry: Entry) {
        if !thread.offer(entry) { dropped.increment() }
    }

    /// What still waits goes with the node.
    func stop() { thread.stop() }
}
