package import Execution
package import Primitives
package import StarkField

/// How a client names a block.
package enum BlockID: Hashable, Sendable {
    case number(Height)
    case hash(Felt)
    case latest
    case l1Accepted
    /// The block under construction. A node that shows none of it may answer with the state of the
    /// latest block, and with an empty block above it.
    case preConfirmed
}

package struct RPCHead: Hashable, Sendable {
    package var number: Height
    package var hash: Felt
    package init(number: Height, hash: Felt) {
        self.number = number
        self.hash = hash
    }
}

package enum RPCFinality: String, Hashable, Sendable {
    case preConfirmed = "PRE_CONFIRMED"
    case acceptedOnL2 = "ACCEPTED_ON_L2"
    case acceptedOnL1 = "ACCEPTED_ON_L1"
}

package struct RPCBlockHeader: Hashable, Sendable {
    package var header: BlockHeader
    /// Not looked at when `finality` is `preConfirmed`, like the header's roots and commitments.
    package var hash: Felt
    package var finality: RPCFinality

    package init(header: BlockHeader, hash: Felt, finality: RPCFinality) {
        self.header = header
        self.hash = hash
        self.finality = finality
    }
}

package struct RPCBlock: Hashable, Sendable {
    package var header: RPCBlockHeader
    /// In block order.
    package var transactions: [Transaction]
    /// One for each transaction, in the same order; they carry the transactions' hashes.
    package var receipts: [TransactionReceipt]

    package init(
        header: RPCBlockHeader, transactions: [Transaction], receipts: [TransactionReceipt]
    ) {
        precondition(
            transactions.count == receipts.count,
            "\(transactions.count) transactions with \(receipts.count) receipts")
        self.header = header
        self.transactions = transactions
        self.receipts = receipts
    }
}

package struct RPCStateUpdate: Hashable, Sendable {
    /// Hash and new root; nil for the pre-confirmed block.
    package var accepted: Accepted?
    package var oldRoot: Felt
    package var diff: StateDiff

    package struct Accepted: Hashable, Sendable {
        package var blockHash: Felt
        package var newRoot: Felt
        package init(blockHash: Felt, newRoot: Felt) {
            self.blockHash = blockHash
            self.newRoot = newRoot
        }
    }

    package init(accepted: Accepted?, oldRoot: Felt, diff: StateDiff) {
        self.accepted = accepted
        self.oldRoot = oldRoot
        self.diff = diff
    }
}

package struct RPCStorageValue: Hashable, Sendable {
    package var value: Felt
    /// The last block up to the asked one that wrote the slot (0 where none did); nil where the
    /// node does not keep that.
    package var lastUpdate: Height?
    package init(value: Felt, lastUpdate: Height? = nil) {
        self.value = value
        self.lastUpdate = lastUpdate
    }
}

package struct RPCSyncStatus: Hashable, Sendable {
    package var starting: RPCHead
    package var current: RPCHead
    package var highest: RPCHead
    package init(starting: RPCHead, current: RPCHead, highest: RPCHead) {
        self.starting = starting
        self.current = current
        self.highest = highest
    }
}
