package import Consensus
package import Primitives

/// What can be seen of a node from outside its replica: what left it, what it made final, what it
/// says of others. Both engines write these down, and the same checkers read them.
package enum Observation: Hashable, Sendable {
    package enum LeaderObject: String, Hashable, Sendable, CaseIterable {
        case opening, chunk, header
    }

    /// The log is replayed and the node takes part.
    case started(stored: Height)
    /// It runs no more; the text says how it ended.
    case stopped(String)
    /// It does not start; the text is what it told its operator.
    case refusedToStart(String)
    /// A statement of its own has left the node.
    case said(Statement)
    /// An object that it signed as a leader has left the node.
    case led(LeaderObject, Slot, sequence: UInt32, Digest)
    case enteredWindow(Window, leader: ValidatorIndex)
    case skipped(Window, from: Slot, reason: String)
    /// A block became final here; `transactions` are the identities of what it holds, in order.
    case finalised(Height, BlockReference, parent: BlockReference, transactions: [Digest])
    /// Storage holds everything up to this height.
    case stored(Height)
    /// The Starknet block hash, over the state root, that this node computed.
    case hashed(Height, Digest)
    /// What all accounts hold together after this height, in the smallest unit, fees included.
    case supply(Height, UInt128)
    /// Proof that a validator broke the rules.
    case evidence(guilty: ValidatorIndex, String)
    /// Two objects that no honest validator signs both of have reached this node, in time to count:
    /// it can prove this guilt. Only the simulator sees what reaches a node.
    case canProve(guilty: ValidatorIndex, String)
    case invalidBlock(BlockReference, String)
    /// A user was told that the node has the transaction.
    case acknowledged(Digest)
    case lostLog
    case halted(String)
    case caughtUp(Height)
    /// Lengths of the queues and tables that peers and users can fill.
    case sizes(Sizes)

    package struct Sizes: Hashable, Sendable {
        package var mailbox: Int
        package var unverified: Int
        package var pool: Int
        package var poolBytes: Int
        package var blocksAboveFinal: Int
        package init(
            mailbox: Int, unverified: Int, pool: Int, poolBytes: Int, blocksAboveFinal: Int
        ) {
            self.mailbox = mailbox
            self.unverified = unverified
            self.pool = pool
            self.poolBytes = poolBytes
            self.blocksAboveFinal = blocksAboveFinal
        }
    }
}

/// An observation with its time, in nanoseconds since the run began, and the node it is of. A node
/// is a place in the run; twins are two nodes of one validator.
package struct Observed: Hashable, Sendable {
    package var time: UInt64
    package var node: Int
    package var what: Observation

    package init(time: UInt64, node: Int, what: Observation) {
        self.time = time
        self.node = node
        self.what = what
    }
}
