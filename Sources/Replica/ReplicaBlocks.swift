import Consensus
import Mempool
import Primitives
import Replication

/// Verified parts of one slot's stream that came before what they continue, in bounded number.
struct EarlyParts: Sendable {
    static let maximumSlots = 64
    static let maximumChunks = 64
    static let maximumHeaders = 4

    private(set) var chunks: [(chunk: Chunk, digest: Digest)] = []
    private(set) var headers: [(header: SignedHeader, digest: Digest)] = []

    var isEmpty: Bool { chunks.isEmpty && headers.isEmpty }

    mutating func keep(_ chunk: Chunk, _ digest: Digest) {
        guard chunks.count < Self.maximumChunks, !chunks.contains(where: { $0.digest == digest })
        else { return }
        chunks.append((chunk, digest))
    }

    mutating func keep(_ header: SignedHeader, _ digest: Digest) {
        guard headers.count < Self.maximumHeaders,
            !headers.contains(where: { $0.digest == digest })
        else { return }
        headers.append((header, digest))
    }
}

/// How the parts of a block come together, are executed and judged.
extension Replica {
    /// How far ahead of this node's clock a block's timestamp may be, in seconds.
    static let timestampLeadSeconds: UInt64 = 1

    mutating func accept(
        _ opening: SignedOpening, key: ExecutionKey, isOwn: Bool, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        let slot = opening.value.slot
        if !isOwn { heard(slot, .chunk(slot), now, &effects) }
        guard slot > tip.reference.slot else { return }
        guard
            tree.insert(BlockNode(key: key, opening: opening, isOwn: isOwn, isLogged: isOwn))
        else { return }
        defer { retryEarly(slot, now, &effects) }
        if let other = tree.keys(at: slot).first, other != key, let first = tree[other] {
            let leader = schedule.leader(
                of: slot.window(length: configuration.consensus.windowLength))
            effects.append(
                .note(
                    .evidence(
                        "E1: two openings at slot \(slot): \(first.key) and \(key)", guilty: leader)
                ))
        }
        beginExecution(of: key, now, &effects)
    }

    private mutating func heard(
        _ slot: Slot, _ activity: LeaderActivity, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        let window = slot.window(length: configuration.consensus.windowLength)
        drive(.heardFromLeader(window, activity), now, &effects)
    }

    mutating func accept(
        _ chunk: Chunk, digest: Digest, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        let value = chunk.header.value
        heard(value.slot, .chunk(value.slot), now, &effects)
        if place(chunk, digest: digest, &effects) {
            retryEarly(value.slot, now, &effects)
        } else if keepsEarly(value.slot), value.slot > tip.reference.slot {
            early[value.slot, default: EarlyParts()].keep(chunk, digest)
        }
    }

    /// Adds a chunk to the block that it continues; false where there is none.
    private mutating func place(
        _ chunk: Chunk, digest: Digest, _ effects: inout [ReplicaEffect]
    ) -> Bool {
        let value = chunk.header.value
        for key in tree.keys(at: value.slot) {
            guard let node = tree[key], node.tail == value.previous, node.header == nil,
                Int(value.sequence) == node.chunks.count + 1,
                node.chunks.count < WireLimits.chunksPerBlock
            else { continue }
            tree.update(key) {
                $0.chunks.append(chunk)
                $0.tail = digest
            }
            feedExecution(of: key, &effects)
            return true
        }
        return false
    }

    private func keepsEarly(_ slot: Slot) -> Bool {
        early[slot] != nil || early.count < EarlyParts.maximumSlots
    }

    /// A slot's stream has moved on: what came too early may fit now.
    private mutating func retryEarly(
        _ slot: Slot, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard let parts = early.removeValue(forKey: slot) else { return }
        var rest = EarlyParts()
        var chunks = parts.chunks
        var moved = true
        while moved {
            moved = false
            chunks.removeAll { entry in
                let placed = place(entry.chunk, digest: entry.digest, &effects)
                moved = moved || placed
                return placed
            }
        }
        for entry in chunks { rest.keep(entry.chunk, entry.digest) }
        for entry in parts.headers
        where !place(entry.header, digest: entry.digest, now, &effects) {
            rest.keep(entry.header, entry.digest)
        }
        if !rest.isEmpty, slot > tip.reference.slot { early[slot] = rest }
    }

    mutating func accept(
        _ header: SignedHeader, digest: Digest, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        let slot = header.value.opening.slot
        heard(slot, .header(slot), now, &effects)
        guard slot > tip.reference.slot, tree.node(named: digest) == nil else { return }
        // A block that lost chunks on the way is asked for when a certificate names it.
        if !place(header, digest: digest, now, &effects), keepsEarly(slot) {
            early[slot, default: EarlyParts()].keep(header, digest)
        }
    }

    /// Closes the block that a header fits; false where there is none.
    private mutating func place(
        _ header: SignedHeader, digest: Digest, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) -> Bool {
        for key in tree.keys(at: header.value.opening.slot) {
            guard let node = tree[key], node.header == nil, leader.block?.key != key,
                node.opening.value == header.value.opening,
                node.tail == header.value.lastChunk,
                Int(header.value.chunkCount) == node.chunks.count
            else { continue }
            complete(key, header: header, digest: digest, now, &effects)
            return true
        }
        return false
    }

    mutating func accept(
        _ body: BlockBody, digests: [Digest], _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard body.slot > tip.reference.slot, let key = assemble(body, digests: digests) else {
            return
        }
        continueExecution(of: key, now, &effects)
        if let summary = tree[key]?.summary { drive(.receivedHeader(summary), now, &effects) }
        judge(key, now, &effects)
    }

    /// Executes what a whole body adds to a block that may have been streamed in part, and then
    /// the blocks on it.
    mutating func continueExecution(
        of key: ExecutionKey, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        beginExecution(of: key, now, &effects)
        feedExecution(of: key, &effects)
        guard let reference = tree[key]?.reference else { return }
        for child in tree.select({ $0.execution == .waiting && $0.parent == reference }) {
            beginExecution(of: child, now, &effects)
        }
    }

    /// Inserts a whole verified body; `digests` are those of opening, chunks and header. Nil when
    /// the parts do not chain, or when it is known already.
    mutating func assemble(
        _ body: BlockBody, digests: [Digest], isFinal: Bool = false
    ) -> ExecutionKey? {
        guard digests.count == body.chunks.count + 2 else { return nil }
        var key = digests[0]
        let reference = BlockReference(slot: body.slot, hash: digests[digests.count - 1])
        guard tree.node(named: reference.hash) == nil else { return nil }
        for (index, chunk) in body.chunks.enumerated() {
            guard chunk.header.value.previous == digests[index],
                Int(chunk.header.value.sequence) == index + 1,
                chunk.header.value.slot == body.slot,
                Int(chunk.header.value.count) == chunk.transactions.count
            else { return nil }
        }
        guard body.header.value.lastChunk == digests[digests.count - 2],
            Int(body.header.value.chunkCount) == body.chunks.count
        else { return nil }
        let isNamed = isFinal || consensus.isNamed(reference)
        // Chunks streamed earlier are a prefix of these, or an equivocation's other branch. What a
        // certificate names is then executed beside that one, under its own hash: results that are
        // still on their way name the branch that they belong to. So it is with a block that this node
        // has open itself, and another copy of its key has closed.
        if let node = tree[key] {
            let known = node.chunks.count
            if node.header != nil || node.execution == .invalid || known > body.chunks.count
                || node.tail != digests[known] || leader.block?.key == key
            {
                guard isNamed else { return nil }
                key = reference.hash
            }
        }
        if tree[key] == nil {
            let node = BlockNode(
                key: key, opening: body.opening, isOwn: false, isLogged: false)
            guard tree.insert(node, isNamed: isNamed) else { return nil }
        }
        tree.update(key) {
            $0.chunks = body.chunks
            $0.tail = digests[digests.count - 2]
            $0.header = body.header
            $0.reference = reference
        }
        return key
    }

    /// A node's header is here and fits: hand the seal to execution and tell the window machine.
    private mutating func complete(
        _ key: ExecutionKey, header: SignedHeader, digest: Digest, _ now: Moment,
        _ effects: inout [ReplicaEffect]
    ) {
        tree.update(key) {
            $0.header = header
            $0.reference = BlockReference(slot: $0.slot, hash: digest)
        }
        feedExecution(of: key, &effects)
        if let summary = tree[key]?.summary { drive(.receivedHeader(summary), now, &effects) }
        for child in tree.select({ $0.execution == .waiting && $0.parent.hash == digest }) {
            beginExecution(of: child, now, &effects)
        }
        judge(key, now, &effects)
    }

    // MARK: - Execution

    /// Starts a block's execution once its parent's header is known.
    mutating func beginExecution(
        of key: ExecutionKey, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard let node = tree[key], node.execution == .waiting,
            let parentKey = tree.executionKey(of: node.parent),
            let parent = tree.continuation(of: node.parent),
            node.height.rawValue <= storedHeight.rawValue + Self.executionLead
        else { return }
        if let reason = fault(of: node.opening.value, after: parent) {
            condemn(key, reason, now, &effects)
            return
        }
        if let parentNode = tree.node(named: node.parent.hash) {
            switch parentNode.execution {
            case .waiting: return
            case .invalid:
                condemn(key, "its parent is invalid", now, &effects)
                return
            case .running, .sealing, .sealed: break
            }
        }
        var stored: (height: Height, hash: Digest)?
        if node.height.rawValue >= 10 {
            let height = Height(node.height.rawValue - 10)
            guard
                let hash = tree.statedHash(
                    at: height, lag: configuration.hashLag, below: node.parent)
            else { return }
            stored = (height, hash)
        }
        effects.append(
            .execute(
                .begin(key, parent: parentKey, opening: node.opening.value, storedHash: stored)))
        tree.update(key) {
            $0.execution = .running(
                chunks: node.isOwn && node.header == nil ? node.chunks.count : 0)
        }
        feedExecution(of: key, &effects)
        guard let reference = node.reference else { return }
        for child in tree.select({ $0.execution == .waiting && $0.parent == reference }) {
            beginExecution(of: child, now, &effects)
        }
    }

    /// What an opening alone, against its parent, shows to be wrong.
    private func fault(of opening: Opening, after parent: FinalTip) -> String? {
        if opening.height != parent.height.next {
            return "height \(opening.height) after \(parent.height)"
        }
        if opening.slot <= parent.reference.slot { return "a slot not above its parent's" }
        if opening.timestamp < parent.timestamp { return "a timestamp below its parent's" }
        if opening.prices != configuration.gasPrices { return "gas prices not the chain's" }
        if opening.protocolVersion != configuration.protocolVersion {
            return "protocol version \(opening.protocolVersion)"
        }
        if opening.anchorNumber != parent.anchorNumber || opening.anchorHash != parent.anchorHash
            || opening.inboxCursor != parent.inboxCursor
        {
            return "an L1 anchor or inbox cursor that differs from its parent's"
        }
        return nil
    }

    private mutating func feedExecution(
        of key: ExecutionKey, _ effects: inout [ReplicaEffect]
    ) {
        guard let node = tree[key], case .running(var handed) = node.execution else { return }
        if node.isOwn, node.header == nil { return }
        while handed < node.chunks.count {
            let chunk = node.chunks[handed]
            handed += 1
            effects.append(
                .execute(
                    .chunk(key, sequence: UInt32(handed), transactions: chunk.transactions)))
        }
        if node.header != nil {
            effects.append(.execute(.seal(key)))
            tree.update(key) { $0.execution = .sealing }
        } else {
            tree.update(key) { $0.execution = .running(chunks: handed) }
        }
    }

    mutating func executed(
        _ result: ExecutionResult, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        switch result {
        case .built(
            let key, let sequence, let included, let refused, let deferred, let isFull, let root,
            let receipts):
            mempool.returned(deferred)
            if isFull, leader.block?.key == key { leader.block?.isFull = true }
            built(
                key, sequence: sequence, included: included, refused: refused, root: root,
                receipts: receipts, now, &effects)
        case .chunkExecuted(let key, let sequence, let identities, let root, let receipts):
            guard let node = tree[key], node.execution != .invalid,
                Int(sequence) <= node.chunks.count, sequence > 0
            else { return }
            if !node.isReleased { mempool.markInFlight(identities) }
            tree.update(key) { $0.identities.append(contentsOf: identities) }
            let stated = node.chunks[Int(sequence) - 1].header.value
            if stated.transactionRoot != root || stated.receiptsCommitment != receipts {
                condemn(
                    key, "chunk \(sequence) states other roots than its execution", now, &effects)
            }
        case .chunkInvalid(let key, let sequence, let reason):
            condemn(key, "chunk \(sequence): \(reason)", now, &effects)
        case .sealed(let key, let commitments):
            guard let node = tree[key], node.execution != .invalid else { return }
            tree.update(key) { $0.execution = .sealed(commitments) }
            if leader.block?.key == key, node.header == nil {
                leader.block?.sealed = commitments
            } else {
                if let header = node.header {
                    effects.append(.execute(.hash(key, header: header.value)))
                }
                judge(key, now, &effects)
            }
        case .doubted(let key, let isDoubted):
            tree.update(key) { $0.isDoubted = isDoubted }
            if !isDoubted { judge(key, now, &effects) }
        case .hashed(let key, let blockHash):
            tree.hashed(key, blockHash)
            noteHash(key, now.tick)
            if let mismatch = tree.hashMismatch { return stop(mismatch, &effects) }
            for waiting in tree.select({ $0.execution == .waiting }) {
                beginExecution(of: waiting, now, &effects)
            }
        }
    }

    // MARK: - Judgement

    /// When the clock could release a block that is held.
    var heldDeadline: Tick? { heldUntil }

    /// Looks again at blocks whose Notar was held.
    mutating func advanceHeldBlocks(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        heldUntil = nil
        guard held > 0 else { return }
        for key in tree.select({ $0.verdict == .held }) { judge(key, now, &effects) }
        if held > 0 { heldUntil = now.tick.after(milliseconds: 50) }
    }

    mutating func judge(
        _ key: ExecutionKey, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard let node = tree[key], let header = node.header, let reference = node.reference,
            case .sealed(let commitments) = node.execution,
            node.verdict == .none || node.verdict == .held
        else { return }
        guard commitments == ExecutedCommitments(of: header.value) else {
            condemn(key, "commitments differ: \(commitments)", now, &effects)
            return
        }
        guard tree.isJudgedOrFinal(node.parent) else { return }
        let lagged = Height(
            node.height.rawValue > configuration.hashLag
                ? node.height.rawValue - configuration.hashLag : 0)
        let expected = tree.blockHash(at: lagged, below: node.parent)
        if let expected, expected != header.value.laggedBlockHash {
            condemn(
                key,
                "block hash of height \(lagged): states \(header.value.laggedBlockHash), "
                    + "is \(expected)", now, &effects)
            return
        }
        // The leader has compiled what it declares.
        let doubted = node.isDoubted && !node.isOwn
        let early =
            node.opening.value.timestamp > now.unixSeconds + Self.timestampLeadSeconds
        #if MUTANTS
            if Mutant.holdIsInvalid.isActive, expected == nil || early || doubted {
                condemn(key, "this node's own view", now, &effects)
                return
            }
        #endif
        if expected == nil || early || doubted {
            guard node.verdict == .none else { return }
            held += 1
            tree.update(key) { $0.verdict = .held }
            drive(.judgedBlock(reference, .hold), now, &effects)
        } else {
            if node.verdict == .held { held -= 1 }
            tree.update(key) { $0.verdict = .valid }
            drive(.judgedBlock(reference, .valid), now, &effects)
        }
        for child in tree.select({ $0.parent == reference }) { judge(child, now, &effects) }
    }

    mutating func condemn(
        _ key: ExecutionKey, _ reason: String, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        guard let node = tree[key], node.execution != .invalid else { return }
        if node.verdict == .held { held -= 1 }
        tree.update(key) {
            $0.execution = .invalid
            $0.verdict = .invalid
        }
        if !node.isReleased { mempool.returned(node.identities) }
        effects.append(.execute(.drop(key)))
        let reference = node.reference ?? BlockReference(slot: node.slot, hash: key)
        effects.append(.note(.invalidBlock(reference, reason)))
        if range?.keys.contains(key) == true {
            range = nil
        }
        if let named = node.reference {
            drive(.judgedBlock(named, .invalid), now, &effects)
        } else {
            let window = node.slot.window(length: configuration.consensus.windowLength)
            drive(.invalidLeaderBlock(window), now, &effects)
        }
        guard let parent = node.reference else { return }
        for child in tree.select({ $0.parent == parent }) {
            condemn(child, "its parent is invalid", now, &effects)
        }
    }
}
