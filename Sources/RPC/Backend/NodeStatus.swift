/// A snapshot of a node for people: the answer of `/status`, what `prytany cluster status` and the
/// progress display read. Times in milliseconds, rates per second over the node's own last window.
package struct NodeStatus: Codable, Hashable, Sendable {
    package enum Phase: String, Codable, Sendable {
        /// Replays its log, opens its store.
        case starting
        case syncing
        /// Takes part in the consensus.
        case voting
        /// Follows without a vote (its log is lost, or it is not in the set).
        case observing
        case stopped
    }

    package var name: String
    /// nil for a node that is not in the validator set.
    package var validatorIndex: Int?
    package var softwareVersion: String
    package var chainID: String
    package var phase: Phase
    package var uptimeSeconds: Double

    /// The newest final block.
    package var finalHeight: UInt64
    package var finalHash: String
    package var finalTimestamp: UInt64
    package var finalTransactions: UInt64
    /// The highest height that any certificate seen names.
    package var targetHeight: UInt64

    package var epoch: UInt64
    package var slot: UInt64
    package var window: UInt64
    package var leaderIndex: Int
    package var skippedWindows: UInt64

    package var connectedPeers: Int
    package var knownPeers: Int
    package var connectedPower: UInt64
    package var totalPower: UInt64

    package var poolTransactions: Int
    package var poolBytes: Int

    package var transactionsPerSecond: Double
    package var blocksPerSecond: Double
    /// From submission at this node to finality here; nil where nothing was submitted here.
    package var finalityP50Milliseconds: Double?
    package var finalityP99Milliseconds: Double?
    /// From submission to the block's being stored, when this interface shows it.
    package var storedP50Milliseconds: Double?
    package var storedP99Milliseconds: Double?

    package init(
        name: String, validatorIndex: Int?, softwareVersion: String, chainID: String, phase: Phase,
        uptimeSeconds: Double, finalHeight: UInt64, finalHash: String, finalTimestamp: UInt64,
        finalTransactions: UInt64, targetHeight: UInt64, epoch: UInt64, slot: UInt64,
        window: UInt64, leaderIndex: Int, skippedWindows: UInt64, connectedPeers: Int,
        knownPeers: Int, connectedPower: UInt64, totalPower: UInt64, poolTransactions: Int,
        poolBytes: Int, transactionsPerSecond: Double, blocksPerSecond: Double,
        finalityP50Milliseconds: Double?, finalityP99Milliseconds: Double?,
        storedP50Milliseconds: Double? = nil, storedP99Milliseconds: Double? = nil
    ) {
        self.name = name
        self.validatorIndex = validatorIndex
        self.softwareVersion = softwareVersion
        self.chainID = chainID
        self.phase = phase
        self.uptimeSeconds = uptimeSeconds
        self.finalHeight = finalHeight
        self.finalHash = finalHash
        self.finalTimestamp = finalTimestamp
        self.finalTransactions = finalTransactions
        self.targetHeight = targetHeight
        self.epoch = epoch
        self.slot = slot
        self.window = window
        self.leaderIndex = leaderIndex
        self.skippedWindows = skippedWindows
        self.connectedPeers = connectedPeers
        self.knownPeers = knownPeers
        self.connectedPower = connectedPower
        self.totalPower = totalPower
        self.poolTransactions = poolTransactions
        self.poolBytes = poolBytes
        self.transactionsPerSecond = transactionsPerSecond
        self.blocksPerSecond = blocksPerSecond
        self.finalityP50Milliseconds = finalityP50Milliseconds
        self.finalityP99Milliseconds = finalityP99Milliseconds
        self.storedP50Milliseconds = storedP50Milliseconds
        self.storedP99Milliseconds = storedP99Milliseconds
    }
}
