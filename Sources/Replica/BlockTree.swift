package import Consensus
package import Primitives
import Replication

/// A block above the last final one, as far as it is known.
struct BlockNode {
    enum Execution: Hashable {
        /// Its parent's header is not known yet.
        case waiting
        /// Begun; this many chunks have been handed over.
        case running(chunks: Int)
        /// All chunks and the seal have been handed over.
        case sealing
        case sealed(ExecutedCommitments)
        case invalid
    }

    enum Verdict: Hashable {
        case none, held, valid, invalid
    }

    let key: ExecutionKey
    let opening: SignedOpening
    var chunks: [Chunk] = []
    /// The hash of the last chunk; the key before the first.
    var tail: Digest
    var header: SignedHeader?
    var reference: BlockReference?
    var execution = Execution.waiting
    var verdict = Verdict.none
    /// Starknet's block hash, once computed.
    var blockHash: Digest?
    /// Mempool hashes of the executed transactions.
    var identities: [Digest] = []
    /// This node has not seen for itself what the block claims of its declared classes.
    var isDoubted = false
    /// The pool was told that no block holds its transactions: this node leads on another branch.
    var isReleased = false
    let isOwn: Bool
    /// The body is in the log already.
    var isLogged: Bool

    var slot: Slot { opening.value.slot }
    var height: Height { opening.value.height }
    var parent: BlockReference { opening.value.parent }

    init(key: ExecutionKey, opening: SignedOpening, isOwn: Bool, isLogged: Bool) {
        self.key = key
        self.opening = opening
        self.isOwn = isOwn
        self.isLogged = isLogged
        tail = key
    }

    var body: BlockBody? {
        header.map { BlockBody(opening: opening, chunks: chunks, header: $0) }
    }
}

/// The last final block, and what the blocks above it need to know of it.
package struct FinalTip: Hashable, Sendable {
    package var reference: BlockReference
    package var height: Height
    package var key: ExecutionKey
    package var timestamp: UInt64
    package var anchorNumber: UInt64
    package var anchorHash: Digest
    package var inboxCursor: UInt64

    package init(
        reference: BlockReference, height: Height, key: ExecutionKey, timestamp: UInt64,
        anchorNumber: UInt64, anchorHash: Digest, inboxCursor: UInt64
    ) {
        self.reference = reference
        self.height = height
        self.key = key
        self.timestamp = timestamp
        self.anchorNumber = anchorNumber
        self.anchorHash = anchorHash
        self.inboxCursor = inboxCursor
    }

    package init(reference: BlockReference, key: ExecutionKey, opening: Opening) {
        self.init(
            reference: reference, height: opening.height, key: key, timestamp: opening.timestamp,
            anchorNumber: opening.anchorNumber, anchorHash: opening.anchorHash,
            inboxCursor: opening.inboxCursor)
    }
}

/// The blocks above the last final one, by execution key, by consensus hash and by slot, with the
/// hashes of the last final ones.
struct BlockTree {
    /// Distinct openings kept for one slot: the leader's first, and one that a certificate names.
    static let openingsPerSlot = 3
    /// Final heights whose Starknet block hash is kept for lag and storage at 0x1.
    static let keptHashes: UInt64 = 64

    private(set) var nodes: [ExecutionKey: BlockNode] = [:]
    private var keyByHash: [Digest: ExecutionKey] = [:]
    private var keysBySlot: [Slot: [ExecutionKey]] = [:]
    /// Every node by slot, then key: the one order in which the tree is ever walked.
    private var order: [(slot: Slot, key: ExecutionKey)] = []
    private(set) var tip: FinalTip
    /// Starknet block hashes of final heights, where computed.
    private(set) var finalHashes: [Height: Digest]
    /// Starknet block hashes of final heights as final headers state them.
    private var finalStatements: [Height: Digest] = [:]
    /// A final header states another hash than was computed here.
    private(set) var hashMismatch: HaltReason?
    /// Final blocks whose hash is still being computed.
    private var finalKeys: [ExecutionKey: Height] = [:]
    private(set) var genesisHash: Digest

    init(tip: FinalTip, finalHashes: [Height: Digest], genesisHash: Digest) {
        self.tip = tip
        self.finalHashes = finalHashes
        self.genesisHash = genesisHash
        self.finalHashes[Height(0)] = genesisHash
    }

    var count: Int { nodes.count }

    /// Whether the Starknet hash of a block of the chain that ends in `parent` is still being
    /// computed, final ones included.
    func hasUnhashed(upTo parent: BlockReference) -> Bool {
        if !finalKeys.isEmpty { return true }
        var reference = parent
        while reference != tip.reference, let key = keyByHash[reference.hash],
            let index = nodes.index(forKey: key)
        {
            if nodes.values[index].blockHash == nil { return true }
            reference = nodes.values[index].parent
        }
        return false
    }

    subscript(key: ExecutionKey) -> BlockNode? { nodes[key] }

    /// The keys of the nodes that `isWanted` picks, by slot, then key.
    func select(_ isWanted: (borrowing BlockNode) -> Bool) -> [ExecutionKey] {
        var result: [ExecutionKey] = []
        for entry in order {
            guard let index = nodes.index(forKey: entry.key) else { continue }
            if isWanted(nodes.values[index]) { result.append(entry.key) }
        }
        return result
    }

    /// All keys, by slot, then key.
    var keys: [ExecutionKey] { order.map(\.key) }

    /// Where a key of this slot is, or belongs, in `order`.
    private func position(_ slot: Slot, _ key: ExecutionKey) -> Int {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if (order[middle].slot, order[middle].key) < (slot, key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    func keys(at slot: Slot) -> [ExecutionKey] { keysBySlot[slot] ?? [] }

    func node(named hash: Digest) -> BlockNode? {
        keyByHash[hash].flatMap { nodes[$0] }
    }

    /// False when the slot already has its bound of openings, which a block that a certificate
    /// names (`isNamed`) is above.
    mutating func insert(_ node: BlockNode, isNamed: Bool = false) -> Bool {
        guard nodes[node.key] == nil else { return false }
        var keys = keysBySlot[node.slot] ?? []
        guard isNamed || keys.count < Self.openingsPerSlot else { return false }
        keys.append(node.key)
        keysBySlot[node.slot] = keys
        order.insert((node.slot, node.key), at: position(node.slot, node.key))
        nodes[node.key] = node
        return true
    }

    mutating func update(_ key: ExecutionKey, _ change: (inout BlockNode) -> Void) {
        guard let index = nodes.index(forKey: key) else { return }
        change(&nodes.values[index])
        if let reference = nodes.values[index].reference { keyByHash[reference.hash] = key }
    }

    /// The execution key behind a parent reference: a known block or the final tip.
    func executionKey(of parent: BlockReference) -> ExecutionKey? {
        if parent == tip.reference { return tip.key }
        return keyByHash[parent.hash]
    }

    /// What a child of `parent` must continue.
    func continuation(of parent: BlockReference) -> FinalTip? {
        if parent == tip.reference { return tip }
        guard let node = node(named: parent.hash), node.reference == parent else { return nil }
        return FinalTip(reference: parent, key: node.key, opening: node.opening.value)
    }

    func isJudgedOrFinal(_ parent: BlockReference) -> Bool {
        if parent == tip.reference { return true }
        let verdict = node(named: parent.hash)?.verdict
        return verdict == .valid || verdict == .held
    }

    /// The Starknet hash of the block `height` on the chain that ends in `parent`.
    func blockHash(at height: Height, below parent: BlockReference) -> Digest? {
        if height.rawValue == 0 { return genesisHash }
        var reference = parent
        while reference != tip.reference {
            guard let node = node(named: reference.hash) else { break }
            if node.height == height { return node.blockHash }
            reference = node.parent
        }
        return finalHashes[height]
    }

    /// The hash of block `height` as an ancestor's header has stated it (the header so many
    /// heights above that carries it), or as computed here.
    func statedHash(at height: Height, lag: UInt64, below parent: BlockReference) -> Digest? {
        var reference = parent
        while reference != tip.reference {
            guard let node = node(named: reference.hash) else { break }
            if node.height.rawValue == height.rawValue + lag {
                return node.header?.value.laggedBlockHash
            }
            reference = node.parent
        }
        return finalStatements[height] ?? finalHashes[height]
    }

    mutating func hashed(_ key: ExecutionKey, _ blockHash: Digest) {
        if let height = finalKeys.removeValue(forKey: key) {
            finalHashes[height] = blockHash
            compare(height)
        }
        update(key) { $0.blockHash = blockHash }
    }

    private mutating func compare(_ height: Height) {
        guard let stated = finalStatements[height], let computed = finalHashes[height],
            stated != computed
        else { return }
        hashMismatch = .blockHashMismatch(height: height, header: stated, computed: computed)
    }

    /// Makes `node` the final tip. Its children stay; everything else is for `prune`.
    mutating func finalise(_ node: BlockNode, reference: BlockReference, lag: UInt64) {
        if let header = node.header?.value {
            let height = node.height.rawValue
            let stated = Height(height > lag ? height - lag : 0)
            finalStatements[stated] = header.laggedBlockHash
            compare(stated)
        }
        tip = FinalTip(reference: reference, key: node.key, opening: node.opening.value)
        if let hash = node.blockHash {
            finalHashes[node.height] = hash
        } else {
            finalKeys[node.key] = node.height
        }
        if node.height.rawValue > Self.keptHashes {
            finalHashes[Height(node.height.rawValue - Self.keptHashes)] = nil
            finalStatements[Height(node.height.rawValue - Self.keptHashes)] = nil
        }
        finalHashes[Height(0)] = genesisHash
        remove(node.key)
    }

    /// Removes and returns, in slot order, every block at or below the tip's slot or height.
    mutating func prune() -> [BlockNode] {
        let (slot, height) = (tip.reference.slot, tip.height)
        let dead = select { $0.slot <= slot || $0.height <= height }.compactMap { nodes[$0] }
        for node in dead { remove(node.key) }
        return dead
    }

    mutating func remove(_ key: ExecutionKey) {
        guard let node = nodes.removeValue(forKey: key) else { return }
        order.remove(at: position(node.slot, key))
        if let reference = node.reference, keyByHash[reference.hash] == key {
            keyByHash[reference.hash] = nil
        }
        let rest = (keysBySlot[node.slot] ?? []).filter { $0 != key }
        keysBySlot[node.slot] = rest.isEmpty ? nil : rest
    }
}
