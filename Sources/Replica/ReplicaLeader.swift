import Consensus
import Mempool
import Primitives
import Replication

/// What a leader has open.
struct LeaderState: Sendable {
    /// The window machine's leave to open a block.
    struct Permission: Sendable {
        let slot: Slot
        let parent: BlockReference
        let parentCertificate: Certificate?
        let skips: [Certificate]
    }

    struct OpenBlock: Sendable {
        let key: ExecutionKey
        let opening: SignedOpening
        var tail: Digest
        var chunks: UInt32 = 0
        var transactions = 0
        var bytes = 0
        /// It takes no more transactions, whatever their number and size.
        var isFull = false
        var openedAt: Tick
        /// A chunk is being built; nothing else may be until it returns.
        var building = false
        var sealing = false
        var sealed: ExecutedCommitments?
    }

    var permitted: Permission?
    var block: OpenBlock?
    /// When the last header was signed, or the node started.
    var lastBlock = Tick(0)
    /// The last own block whose hash was asked for, and when.
    var hashing: (key: ExecutionKey, since: Tick)?
    /// How long the last hash of an own block took, queues included, and when it came.
    var hashNanoseconds: UInt64 = 0
    var hashedAt = Tick(0)
    var lastChunk = Tick(0)
    /// When anything was last sent as leader: beats fill the silence.
    var lastSent = Tick(0)
    var beats: UInt64 = 0
}

/// Building blocks. One block is open at a time; its opening is sent as soon as the window machine
/// allows, so that followers have begun before the first transaction comes.
extension Replica {
    /// The least time between two chunks of a block, in nanoseconds.
    static let chunkIntervalNanoseconds: UInt64 = 3_000_000

    var leadsCurrentWindow: Bool {
        own != nil && consensus.currentLeader == own
    }

    /// When the leader has something to do without a further input.
    var leaderDeadline: Tick? {
        guard started, leadsCurrentWindow else { return nil }
        var due = leader.lastSent.after(nanoseconds: configuration.consensus.beatNanoseconds)
        if let block = leader.block, !block.sealing, !block.building,
            case .running = tree[block.key]?.execution
        {
            if mempool.readyCount > 0 {
                due = min(
                    due, leader.lastChunk.after(nanoseconds: Self.chunkIntervalNanoseconds))
            }
            due = min(due, isCongested(block) ? congestionEnd(block) : sealDue(block))
        }
        return due
    }

    /// Under load blocks grow rather than queue: the next one is sealed when the hashes of all
    /// before it are there. A hash has a cost for each block that larger blocks share, and what is
    /// behind it falls further behind with every small block. It holds a block for
    /// `blockAgeNanoseconds` at most. How many blocks may wait for votes is the window machine's
    /// bound, so that a long way to the others slows nothing down here.
    private func isCongested(_ block: LeaderState.OpenBlock) -> Bool {
        guard !configuration.unpaced, block.transactions > 0 else { return false }
        return tree.hasUnhashed(upTo: block.opening.value.parent)
    }

    private func congestionEnd(_ block: LeaderState.OpenBlock) -> Tick {
        block.openedAt.after(nanoseconds: configuration.blockAgeNanoseconds)
    }

    private func sealDue(_ block: LeaderState.OpenBlock) -> Tick {
        if configuration.unpaced { return block.openedAt }
        guard block.transactions > 0 else {
            return leader.lastBlock.after(nanoseconds: configuration.emptyBlockNanoseconds)
        }
        // A hash's worth of rest after each hash: where processors are short, hashing slows down,
        // blocks become larger and fewer, and so cheaper for each transaction.
        let rest = min(leader.hashNanoseconds, configuration.blockAgeNanoseconds)
        return max(
            leader.lastBlock.after(nanoseconds: configuration.blockIntervalNanoseconds),
            leader.hashedAt.after(nanoseconds: rest))
    }

    /// A block's hash has come.
    mutating func noteHash(_ key: ExecutionKey, _ now: Tick) {
        guard let hashing = leader.hashing, hashing.key == key else { return }
        leader.hashNanoseconds = now.nanoseconds(since: hashing.since)
        leader.hashedAt = now
        leader.hashing = nil
    }

    mutating func advanceLeader(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        guard own != nil else { return }
        var moved = true
        while moved, halted == nil {
            moved = false
            if leader.block == nil { moved = openBlock(now, &effects) }
            if let block = leader.block { moved = advance(block, now, &effects) || moved }
        }
        beatIfSilent(now, &effects)
    }

    private mutating func beatIfSilent(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        guard leadsCurrentWindow,
            now.tick
                >= leader.lastSent.after(nanoseconds: configuration.consensus.beatNanoseconds)
        else { return }
        leader.lastSent = now.tick
        leader.beats += 1
        effects.append(
            .broadcast(
                .beat(
                    Beat(window: consensus.currentWindow, sequence: leader.beats))))
    }

    private mutating func openBlock(_ now: Moment, _ effects: inout [ReplicaEffect]) -> Bool {
        guard let permission = leader.permitted, let signer else { return false }
        let window = permission.slot.window(length: configuration.consensus.windowLength)
        if let closedWindow, window <= closedWindow { return false }
        guard let parent = tree.continuation(of: permission.parent),
            parent.height.rawValue <= storedHeight.rawValue + Self.openingLead
        else { return false }
        releaseForks(of: permission.parent)
        let opening = Opening(
            chain: committee.chain, epoch: committee.epoch, slot: permission.slot,
            height: parent.height.next, parent: permission.parent,
            timestamp: max(parent.timestamp, now.unixSeconds), anchorNumber: parent.anchorNumber,
            anchorHash: parent.anchorHash, inboxCursor: parent.inboxCursor,
            prices: configuration.gasPrices, protocolVersion: configuration.protocolVersion)
        let key = ObjectHash.digest(of: opening.hashInput)
        leader.permitted = nil
        // Another copy of this key has opened the same block: it is that copy's.
        guard tree[key] == nil else { return false }
        let signed = SignedOpening(value: opening, signature: signer.sign(key))
        effects.append(.persist(.opening(signed)))
        effects.append(
            .broadcast(
                .opening(signed, parent: permission.parentCertificate, skips: permission.skips)))
        leader.lastSent = now.tick
        leader.block = LeaderState.OpenBlock(
            key: key, opening: signed, tail: key, openedAt: now.tick)
        accept(signed, key: key, isOwn: true, now, &effects)
        return true
    }

    /// What only blocks beside this block's ancestors hold may go into it; what its ancestors hold
    /// may not.
    private mutating func releaseForks(of parent: BlockReference) {
        var ancestors: Set<ExecutionKey> = []
        var next = parent
        while next != tip.reference, let node = tree.node(named: next.hash) {
            ancestors.insert(node.key)
            next = node.parent
        }
        let changed = tree.select {
            $0.execution != .invalid && $0.isReleased == ancestors.contains($0.key)
        }
        for node in changed.compactMap({ tree[$0] }) {
            let isReleased = !node.isReleased
            if isReleased {
                mempool.returned(node.identities)
            } else {
                mempool.markInFlight(node.identities)
            }
            tree.update(node.key) { $0.isReleased = isReleased }
        }
    }

    private mutating func advance(
        _ block: LeaderState.OpenBlock, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) -> Bool {
        if block.building { return false }
        if block.sealing {
            return signHeader(block, now, &effects)
        }
        guard case .running = tree[block.key]?.execution else { return false }
        let room =
            !block.isFull && block.transactions < configuration.blockTransactions
            && block.bytes < configuration.blockBytes
        if room, mempool.readyCount > 0 {
            let due = leader.lastChunk.after(nanoseconds: Self.chunkIntervalNanoseconds)
            if now.tick >= due {
                let candidates = mempool.take(
                    maxCount: min(
                        configuration.chunkTransactions,
                        configuration.blockTransactions - block.transactions),
                    maxBytes: configuration.chunkBytes, now: now.tick)
                if !candidates.isEmpty {
                    leader.block?.building = true
                    leader.lastChunk = now.tick
                    effects.append(
                        .execute(
                            .build(
                                block.key, sequence: block.chunks + 1, candidates: candidates)))
                    return true
                }
            }
        }
        let isDue =
            now.tick >= sealDue(block)
            && (now.tick >= congestionEnd(block) || !isCongested(block))
        if isDue || (!room && block.transactions > 0) {
            leader.block?.sealing = true
            tree.update(block.key) { $0.execution = .sealing }
            effects.append(.execute(.seal(block.key)))
            return true
        }
        return false
    }

    mutating func built(
        _ key: ExecutionKey, sequence: UInt32, included: [MempoolTransaction], refused: [Digest],
        root: Digest, receipts: Digest, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        mempool.refused(refused)
        guard let block = leader.block, block.key == key, block.chunks + 1 == sequence,
            let signer
        else {
            mempool.returned(included.map(\.hash))
            return
        }
        leader.block?.building = false
        guard !included.isEmpty else { return }
        let value = ChunkHeader(
            chain: committee.chain, epoch: committee.epoch, slot: block.opening.value.slot,
            sequence: sequence, previous: block.tail, transactionRoot: root,
            receiptsCommitment: receipts, count: UInt32(included.count))
        let digest = ObjectHash.digest(of: value.hashInput)
        let chunk = Chunk(
            header: SignedChunkHeader(value: value, signature: signer.sign(digest)),
            transactions: included.map { TransactionBytes($0.bytes) })
        effects.append(.persist(.chunk(chunk)))
        effects.append(.broadcast(.chunk(chunk)))
        leader.lastSent = now.tick
        leader.block?.tail = digest
        leader.block?.chunks = sequence
        leader.block?.transactions += included.count
        leader.block?.bytes += included.reduce(0) { $0 + $1.bytes.count }
        tree.update(key) {
            $0.chunks.append(chunk)
            $0.tail = digest
            $0.identities.append(contentsOf: included.map(\.hash))
            $0.execution = .running(chunks: Int(sequence))
        }
    }

    private mutating func signHeader(
        _ block: LeaderState.OpenBlock, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) -> Bool {
        guard let commitments = block.sealed, let signer else { return false }
        let opening = block.opening.value
        let lagged = Height(
            opening.height.rawValue > configuration.hashLag
                ? opening.height.rawValue - configuration.hashLag : 0)
        guard let blockHash = tree.blockHash(at: lagged, below: opening.parent) else {
            return false
        }
        let header = Header(
            opening: opening, lastChunk: block.tail, chunkCount: block.chunks,
            transactionCount: commitments.transactionCount, eventCount: commitments.eventCount,
            stateDiffLength: commitments.stateDiffLength,
            stateDiffCommitment: commitments.stateDiff,
            transactionCommitment: commitments.transactions,
            eventCommitment: commitments.events, receiptCommitment: commitments.receipts,
            laggedBlockHash: blockHash)
        let digest = ObjectHash.digest(of: header.hashInput)
        guard tree.node(named: digest) == nil else {
            // Another copy of this key has closed the same block, and a certificate brought it here.
            abandonProposal(now, &effects)
            return false
        }
        let signed = SignedHeader(value: header, signature: signer.sign(digest))
        leader.block = nil
        leader.lastBlock = now.tick
        leader.lastSent = now.tick
        effects.append(.persist(.header(signed)))
        effects.append(.broadcast(.header(signed)))
        effects.append(.execute(.hash(block.key, header: header)))
        leader.hashing = (block.key, now.tick)
        tree.update(block.key) {
            $0.header = signed
            $0.reference = BlockReference(slot: $0.slot, hash: digest)
            $0.execution = .sealed(commitments)
        }
        if let summary = tree[block.key]?.summary {
            drive(.receivedHeader(summary), now, &effects)
            judge(block.key, now, &effects)
            drive(.proposed(summary), now, &effects)
        }
        return true
    }

    /// A leader shows a peer that has just come what it has proposed and no quorum has certified:
    /// nobody else sends that again, and without its beginning the peer could vote for nothing more
    /// in this window. At the start of a chain all peers are such. The certificates that a block
    /// rests on follow the peer's status. Ends with the block that makes it more than a block's
    /// bytes.
    func showProposals(to peer: ValidatorIndex, _ effects: inout [ReplicaEffect]) {
        guard started, leadsCurrentWindow else { return }
        let window = consensus.currentWindow
        let length = configuration.consensus.windowLength
        var bytes = 0
        for key in tree.keys where bytes < configuration.blockBytes {
            guard let node = tree[key], node.isOwn, node.slot.window(length: length) == window,
                node.header == nil ? leader.block?.key == key : !isCertified(node)
            else { continue }
            effects.append(.send(.opening(node.opening, parent: nil, skips: []), to: peer))
            for chunk in node.chunks {
                effects.append(.send(.chunk(chunk), to: peer))
                bytes += chunk.transactions.reduce(0) { $0 + $1.bytes.count }
            }
            if let header = node.header { effects.append(.send(.header(header), to: peer)) }
        }
    }

    private func isCertified(_ node: BlockNode) -> Bool {
        node.reference.map(consensus.isCertified) ?? false
    }

    /// The window machine gave this window up: the open block will never have a header.
    mutating func abandonProposal(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        leader.permitted = nil
        guard let block = leader.block else { return }
        leader.block = nil
        if let node = tree[block.key], !node.isReleased { mempool.returned(node.identities) }
        tree.remove(block.key)
        effects.append(.execute(.drop(block.key)))
    }
}
