import NIOCore
import Synchronization

/// Messages of one channel that wait for one peer.
struct BoundedQueue {
    private let limits: ChannelLimits
    private var messages = CircularBuffer<[UInt8]>()
    private(set) var bytes = 0

    init(_ limits: ChannelLimits) { self.limits = limits }

    var count: Int { messages.count }
    var isEmpty: Bool { messages.isEmpty }

    private func hasRoom(for message: [UInt8]) -> Bool {
        messages.count < limits.queueMessages && bytes + message.count <= limits.queueBytes
    }

    /// Returns how many messages were dropped, the new one included.
    mutating func push(_ message: [UInt8]) -> Int {
        var dropped = 0
        if limits.overflow == .dropOldest {
            while !hasRoom(for: message), let oldest = messages.popFirst() {
                bytes -= oldest.count
                dropped += 1
            }
        }
        guard hasRoom(for: message) else { return dropped + 1 }
        messages.append(message)
        bytes += message.count
        return dropped
    }

    mutating func pop() -> [UInt8]? {
        guard let message = messages.popFirst() else { return nil }
        bytes -= message.count
        return message
    }

    /// Returns how many messages there were.
    mutating func clear() -> Int {
        let count = messages.count
        messages = CircularBuffer()
        bytes = 0
        return count
    }
}

/// The queues towards all peers and the counters: what is shared between the callers' threads and
/// the event loop, behind one lock. A slot belongs to a peer for good.
final class Outbox: Sendable {
    struct Slot {
        var queues: PerChannel<BoundedQueue>
        var statistics: PeerStatistics
        /// Channels with a message waiting.
        var waiting: UInt8 = 0

        mutating func push(_ message: [UInt8], _ channel: PeerChannel) -> Bool {
            guard statistics.isConnected else {
                statistics.channels[channel].undeliverableMessages += 1
                return false
            }
            let dropped = queues[channel].push(message)
            statistics.channels[channel].droppedMessages += UInt64(dropped)
            waiting |= channel.bit
            return true
        }

        mutating func pop(_ channel: PeerChannel) -> [UInt8]? {
            guard let message = queues[channel].pop() else { return nil }
            if queues[channel].isEmpty { waiting &= ~channel.bit }
            statistics.channels[channel].sentMessages += 1
            statistics.channels[channel].sentBytes += UInt64(message.count)
            return message
        }

        mutating func clear() {
            for channel in PeerChannel.allCases {
                let left = queues[channel].clear()
                statistics.channels[channel].undeliverableMessages += UInt64(left)
            }
            waiting = 0
        }
    }

    struct State {
        var slots: [Slot] = []
        var slotOf: [PeerID: Int] = [:]
        /// A wake-up of the event loop is under way.
        var isWaking = false
        var halfOpenConnections = 0
        var halfOpenPeak = 0
        var refusedConnections: UInt64 = 0
    }

    private let state = Mutex(State())
    private let limits: TransportLimits

    init(_ limits: TransportLimits) { self.limits = limits }

    func with<R: Sendable>(_ body: (inout State) -> R) -> R { state.withLock { body(&$0) } }

    func withSlot<R: Sendable>(_ slot: Int, _ body: (inout Slot) -> R) -> R {
        state.withLock { body(&$0.slots[slot]) }
    }

    /// The peer's slot, a new one if need be; nil when there are too many peers.
    func slot(for peer: PeerID) -> Int? {
        state.withLock { state in
            if let slot = state.slotOf[peer] { return slot }
            guard state.slots.count < limits.peers else { return nil }
            let limits = limits.channels
            state.slots.append(
                Slot(
                    queues: PerChannel { BoundedQueue(limits[$0]) },
                    statistics: PeerStatistics(id: peer)))
            state.slotOf[peer] = state.slots.count - 1
            return state.slots.count - 1
        }
    }

    /// Queues a message; true when the caller has to wake the event loop.
    func push(_ message: [UInt8], _ channel: PeerChannel, to peer: PeerID) -> Bool {
        state.withLock { state in
            guard let slot = state.slotOf[peer] else { return false }
            guard state.slots[slot].push(message, channel), !state.isWaking else { return false }
            state.isWaking = true
            return true
        }
    }

    /// Queues a message for every connected peer; true when the caller has to wake the event loop.
    func pushToAll(_ message: [UInt8], _ channel: PeerChannel) -> Bool {
        state.withLock { state in
            var queued = false
            for slot in state.slots.indices where state.slots[slot].statistics.isConnected {
                if state.slots[slot].push(message, channel) { queued = true }
            }
            guard queued, !state.isWaking else { return false }
            state.isWaking = true
            return true
        }
    }

    func statistics() -> TransportStatistics {
        state.withLock { state in
            TransportStatistics(
                peers: state.slots.map { slot in
                    var result = slot.statistics
                    for channel in PeerChannel.allCases {
                        result.channels[channel].queuedMessages = slot.queues[channel].count
                        result.channels[channel].queuedBytes = slot.queues[channel].bytes
                    }
                    return result
                },
                halfOpenConnections: state.halfOpenConnections,
                refusedConnections: state.refusedConnections, halfOpenPeak: state.halfOpenPeak)
        }
    }
}
