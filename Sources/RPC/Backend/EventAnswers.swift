package import Execution
package import Primitives
package import StarkField

package struct RPCEventFilter: Hashable, Sendable {
    /// nil: the first block.
    package var fromBlock: BlockID?
    /// nil: the pre-confirmed block.
    package var toBlock: BlockID?
    /// Empty: any.
    package var addresses: [ContractAddress]
    /// The keys allowed at each position; an empty list allows any. An event with fewer keys than
    /// the last position that is not empty does not match.
    package var keys: [[Felt]]

    package init(
        fromBlock: BlockID? = nil, toBlock: BlockID? = nil, addresses: [ContractAddress] = [],
        keys: [[Felt]] = []
    ) {
        self.fromBlock = fromBlock
        self.toBlock = toBlock
        self.addresses = addresses
        self.keys = keys
    }

    /// Whether an event passes, blocks aside.
    package func admits(_ event: Event) -> Bool {
        guard addresses.isEmpty || addresses.contains(event.fromAddress) else { return false }
        for (position, allowed) in keys.enumerated() where !allowed.isEmpty {
            guard position < event.keys.count else { return false }
            guard allowed.contains(event.keys[position]) else { return false }
        }
        return true
    }
}

/// Where a search goes on: the block, and how many of its events (matching or not) were passed.
package struct RPCEventCursor: Hashable, Sendable {
    package var block: Height
    package var passedEvents: UInt64
    package init(block: Height, passedEvents: UInt64) {
        self.block = block
        self.passedEvents = passedEvents
    }
}

package struct RPCEmittedEvent: Hashable, Sendable {
    package var event: Event
    package var blockNumber: Height
    /// nil while the block is pre-confirmed.
    package var blockHash: Felt?
    package var transactionHash: Felt
    /// In the block.
    package var transactionIndex: UInt64
    /// In the transaction.
    package var eventIndex: UInt64

    package init(
        event: Event, blockNumber: Height, blockHash: Felt?, transactionHash: Felt,
        transactionIndex: UInt64, eventIndex: UInt64
    ) {
        self.event = event
        self.blockNumber = blockNumber
        self.blockHash = blockHash
        self.transactionHash = transactionHash
        self.transactionIndex = transactionIndex
        self.eventIndex = eventIndex
    }
}

package struct RPCEventPage: Hashable, Sendable {
    package var events: [RPCEmittedEvent]
    /// nil at the end of the range.
    package var next: RPCEventCursor?
    package init(events: [RPCEmittedEvent], next: RPCEventCursor?) {
        self.events = events
        self.next = next
    }
}
