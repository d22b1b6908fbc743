package import Consensus
package import Mempool
package import Primitives
import Replication
import WireCodec

/// # Replica: one node's whole behaviour as a value
///
/// Joins the window machine (`Consensus`), the pool (`Mempool`) and catch-up (`Replication`) with
/// the streaming of blocks as chunks (PROTOCOL sections 2, 3 and 7). Pure and synchronous: time,
/// signatures' verdicts and execution results are inputs; everything to be done is an ordered
/// effect. The node and the simulator carry out the same effects.
///
/// How a block goes: the leader signs an opening, then chunks as transactions come, then a header
/// with the commitments of its own execution. A follower hands each chunk to execution as it
/// arrives. When the header agrees with what was executed and with the lagged block hash, the block
/// is judged valid; its body is persisted and the Notar follows it. A peer that comes while the
/// leader proposes is shown what is open or not certified yet.
///
/// Certificates are relayed a moment after they were formed, if they still say something new
/// (`RelayQueue`). Under load a leader seals its next block when the hashes of those before it are
/// there, and rests for as long as the last one took: blocks grow where processors are short.
///
/// Invariants:
/// - I1. Each `persist` stands before every message that depends on it.
/// - I2. A block is judged valid only when its parent is valid or final, every chunk hashes to its
///   predecessor's successor, and execution gave exactly the header's commitments.
///   A chunk enters it only with the transactions whose root its leader signed.
/// - I3. What only this node's view decides (clock, a hash not yet computed) holds a Notar and
///   nothing else (rule T5).
/// - I4. A leader opens at most one block a slot, and none in a window in which its log shows
///   leader objects from before a restart.
/// - I5. Every collection that a peer can fill has a named maximum.
package struct Replica: Sendable {
    /// Messages of one peer whose signatures are being checked.
    package static let unverifiedPerPeer = 8192
    /// Whole blocks and catch-up answers among them.
    package static let unverifiedBodiesPerPeer = 32
    /// Heights that execution may be above storage, and that a leader opens a block above it.
    /// The former takes in a whole catch-up answer: one certificate may cover all of it, and nothing
    /// of it is stored before its last block is executed.
    static let executionLead = UInt64(WireLimits.blocksPerReply) + openingLead
    static let openingLead: UInt64 = 64
    /// Transactions in one gossip message, in bytes.
    static let gossipBytes = 512 * 1024

    enum PendingItem: Sendable {
        case statement(SignedStatement)
        case certificate(Certificate)
        case opening(SignedOpening)
        case chunk(Chunk)
        case header(SignedHeader)
        case block(BlockBody)
        case range(FinalRange)
    }

    struct Pending: Sendable {
        let item: PendingItem
        let from: ValidatorIndex
    }

    package let configuration: ReplicaConfiguration
    package let committee: Committee
    package let schedule: LeaderSchedule
    package let own: ValidatorIndex?
    let signer: ConsensusSigner?

    package internal(set) var consensus: ConsensusMachine
    package internal(set) var mempool: Mempool
    var tree: BlockTree
    var catchUp: CatchUp
    var leader = LeaderState()
    var pending: [UInt64: Pending] = [:]
    var pendingCount: [Int]
    var pendingBodies: [Int]
    var nextTask: UInt64 = 1
    /// A verified catch-up range being executed.
    var range: RangeProgress?
    /// Blocks whose Notar this node's own view holds, and when to look at them again.
    var held = 0
    /// Chunks and headers that came before what they continue.
    var early: [Slot: EarlyParts] = [:]
    var relays = RelayQueue()
    /// Transactions of this node's users, not yet sent to peers.
    var gossip: [TransactionBytes] = []
    var heldUntil: Tick?
    /// The last window in which the log shows my leader objects from before this start (I4).
    var closedWindow: Window?
    /// The highest final height that storage holds.
    var storedHeight: Height
    package internal(set) var halted: HaltReason?
    package internal(set) var started = false

    /// Records are those of the log, in order; the tip and the hashes are what storage holds.
    package init(
        configuration: ReplicaConfiguration, committee: Committee, schedule: LeaderSchedule,
        own: ValidatorIndex?, signer: ConsensusSigner?, tip: FinalTip,
        finalHashes: [Height: Digest], genesisHash: Digest, records: [ReplicaRecord], now: Moment
    ) {
        precondition((own == nil) == (signer == nil), "a validator has an index and a key")
        self.configuration = configuration
        self.committee = committee
        self.schedule = schedule
        self.own = own
        self.signer = signer
        consensus = ConsensusMachine(
            configuration: configuration.consensus, committee: committee, schedule: schedule,
            own: own, root: tip.reference, rootHeight: tip.height, now: now.tick)
        mempool = Mempool(configuration: configuration.mempool)
        tree = BlockTree(tip: tip, finalHashes: finalHashes, genesisHash: genesisHash)
        catchUp = CatchUp(
            configuration: configuration.catchUp, peerCount: committee.powers.count)
        storedHeight = tip.height
        pendingCount = Array(repeating: 0, count: committee.powers.count)
        pendingBodies = pendingCount
        restore(records, now: now)
    }

    package var tip: FinalTip { tree.tip }
    package var blocksAboveFinal: Int { tree.count }
    package var unverifiedCount: Int { pending.count }
    package var isCatchingUp: Bool {
        CatchUp.isBehind(tip.height, highestCredibleHeight, configuration.catchUp)
    }
    /// The greatest final height, here or as peers with more than a third of the power claim.
    package var highestCredibleHeight: Height {
        max(catchUp.credibleHeight(committee.powers, of: committee.total), tip.height)
    }

    package mutating func step(
        _ input: ReplicaInput, now: Moment, into effects: inout [ReplicaEffect]
    ) {
        guard halted == nil else { return }
        switch input {
        case .start: start(now, &effects)
        case .clock: drive(.clockTick, now, &effects)
        case .peerConnected(let peer):
            drive(.peerConnected(peer), now, &effects)
            welcome(peer, &effects)
        case .peerDisconnected(let peer):
            catchUp.disconnected(peer)
            pendingCount[Int(peer.rawValue)] = 0
            pendingBodies[Int(peer.rawValue)] = 0
        case .received(let message, let peer): receive(message, from: peer, now, &effects)
        case .verified(let task, let digests): verified(task, digests, now, &effects)
        case .execution(let result): executed(result, now, &effects)
        case .admitted(let admissions): admit(admissions, now, &effects)
        case .turnEnded: settle(now, &effects)
        case .nonces(let nonces):
            for entry in nonces { mempool.advance(entry.account, to: entry.nonce) }
        case .committed(let height): committed(through: height, now, &effects)
        case .servedFinal(let reply, let peer):
            if let reply { effects.append(.send(.finalReply(reply), to: peer)) }
        case .servedBlock(let body, let peer): effects.append(.send(.block(body), to: peer))
        }
    }

    /// Everything that may have become possible through the turn's inputs: once a turn, so that
    /// what came together is handled and gossiped together.
    private mutating func settle(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        guard started, halted == nil else { return }
        advanceHeldBlocks(now, &effects)
        advanceLeader(now, &effects)
        advanceCatchUp(now, &effects)
        flushGossip(&effects)
        for certificate in relays.take(now: now.tick, topFinal: consensus.topFinal.slot) {
            effects.append(.broadcast(.certificate(certificate)))
        }
    }

    /// How long a certificate waits before it is relayed: mostly it is superseded by then.
    private var relayNanoseconds: UInt64 {
        min(RelayQueue.maximumNanoseconds, configuration.consensus.deltaNanoseconds / 4)
    }

    /// The earliest time at which `clock` is due.
    package var nextDeadline: Tick? {
        guard halted == nil else { return nil }
        var due = consensus.nextDeadline
        for other in [leaderDeadline, catchUpDeadline, heldDeadline, relays.due] {
            if let other { due = min(due ?? other, other) }
        }
        return due
    }

    /// Every timer that runs, and the nanoseconds until it is due.
    package func timers(now: Tick) -> [(name: String, nanoseconds: UInt64)] {
        let all: [(String, Tick?)] = [
            ("consensus", consensus.nextDeadline), ("leader", leaderDeadline),
            ("catch_up", catchUpDeadline), ("held_blocks", heldDeadline), ("relay", relays.due),
        ]
        return all.compactMap { name, due in
            due.map { (name, $0.nanoseconds(since: now)) }
        }
    }

    // MARK: - The window machine

    mutating func drive(
        _ input: ConsensusInput, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        var inputs = [input]
        var position = 0
        var wanted: [ConsensusEffect] = []
        while position < inputs.count, halted == nil {
            wanted.removeAll(keepingCapacity: true)
            consensus.step(inputs[position], now: now.tick, into: &wanted)
            position += 1
            for effect in wanted { carryOut(effect, now, &inputs, &effects) }
        }
    }

    private mutating func carryOut(
        _ effect: ConsensusEffect, _ now: Moment, _ inputs: inout [ConsensusInput],
        _ effects: inout [ReplicaEffect]
    ) {
        switch effect {
        case .cast(let statement, let restsOn):
            inputs.append(.castDone(cast(statement, restsOn: restsOn, &effects)))
        case .broadcastCertificate(let certificate):
            if case .skip = certificate.kind {
                effects.append(.broadcast(.certificate(certificate)))
            } else {
                relays.add(certificate, now: now.tick, delay: relayNanoseconds)
            }
        case .sendCertificates(let certificates, let statements, let peer):
            for certificate in certificates {
                effects.append(.send(.certificate(certificate), to: peer))
            }
            for statement in statements {
                effects.append(.send(.statement(statement), to: peer))
            }
        case .propose(let slot, let parent, let parentCertificate, let skips):
            leader.permitted = LeaderState.Permission(
                slot: slot, parent: parent, parentCertificate: parentCertificate, skips: skips)
        case .abandonProposal: abandonProposal(now, &effects)
        case .certified: break
        case .finalised(let references, let certificate):
            finalise(references, certificate, now, &effects)
        case .enteredWindow(let window, let leaderIndex):
            effects.append(.note(.enteredWindow(window, leader: leaderIndex)))
            // I may not go on with what I led before the restart (I4): give the window up at once.
            if leaderIndex == own, let closedWindow, window <= closedWindow {
                inputs.append(.invalidLeaderBlock(window))
            }
        case .skipped(let window, let slot, let reason):
            effects.append(.note(.skipped(window, from: slot, reason: "\(reason)")))
        case .evidence(let evidence):
            effects.append(.note(.evidence("\(evidence)", guilty: named(by: evidence))))
        case .wantBlock(let reference, let hints):
            want(reference, hints, now, &inputs, &effects)
        case .broadcastStatus(let status): effects.append(.broadcast(.status(status)))
        case .rebroadcastOwn(let statements):
            for statement in statements { effects.append(.broadcast(.statement(statement))) }
        case .lostLog: effects.append(.note(.lostLog))
        case .contradiction(let reference):
            stop(.quorumContradictsExecution(reference), &effects)
        }
    }

    private var logsBodies: Bool {
        #if MUTANTS
            if Mutant.bodyNotLogged.isActive { return false }
        #endif
        return true
    }

    private func named(by evidence: Evidence) -> ValidatorIndex {
        #if MUTANTS
            if Mutant.evidenceNamesReporter.isActive, let own { return own }
        #endif
        return evidence.guilty
    }

    /// Signs a statement, makes it durable after what it rests on, and sends it (I1).
    private mutating func cast(
        _ statement: Statement, restsOn certificates: [Certificate],
        _ effects: inout [ReplicaEffect]
    ) -> SignedStatement {
        guard let own, let signer else { preconditionFailure("an observer cast \(statement)") }
        if case .notar(let reference) = statement {
            guard let node = tree.node(named: reference.hash), let body = node.body else {
                preconditionFailure("a Notar for \(reference) without its body")
            }
            if !node.isLogged, logsBodies {
                effects.append(.persist(.body(body)))
                tree.update(node.key) { $0.isLogged = true }
            }
        }
        let signed = SignedStatement(
            statement: statement, signer: own,
            signature: signer.sign(ObjectHash.digest(of: statement.hashInput(committee))))
        for certificate in certificates { effects.append(.persist(.certificate(certificate))) }
        effects.append(.persist(.statement(signed)))
        effects.append(.broadcast(.statement(signed)))
        return signed
    }

    mutating func stop(_ reason: HaltReason, _ effects: inout [ReplicaEffect]) {
        halted = reason
        effects.append(.halt(reason))
    }

    // MARK: - Start

    /// Rebuilds what the log says; runs before anything is sent or received.
    private mutating func restore(_ records: [ReplicaRecord], now: Moment) {
        var scratch: [ConsensusEffect] = []
        for record in records {
            switch record {
            case .statement(let signed):
                consensus.step(.restoreOwn(signed), now: now.tick, into: &scratch)
            case .certificate(let certificate):
                consensus.step(.restoreCertificate(certificate), now: now.tick, into: &scratch)
            case .opening(let opening):
                let window = opening.value.slot.window(length: configuration.consensus.windowLength)
                closedWindow = max(closedWindow ?? window, window)
                #if MUTANTS
                    if Mutant.leaderGoesOnAfterRestart.isActive { closedWindow = nil }
                #endif
                let key = ObjectHash.digest(of: opening.value.hashInput)
                _ = tree.insert(
                    BlockNode(key: key, opening: opening, isOwn: true, isLogged: true))
            case .chunk(let chunk): restore(chunk)
            case .header(let header): restore(header)
            case .body(let body):
                let key = ObjectHash.digest(of: body.opening.value.hashInput)
                _ = tree.insert(
                    BlockNode(key: key, opening: body.opening, isOwn: false, isLogged: true))
                for chunk in body.chunks { restore(chunk) }
                restore(body.header)
            }
        }
        _ = tree.prune()
        for summary in tree.keys.compactMap({ tree[$0]?.summary }) {
            consensus.step(.restoreHeader(summary), now: now.tick, into: &scratch)
        }
    }

    private mutating func restore(_ chunk: Chunk) {
        let digest = ObjectHash.digest(of: chunk.header.value.hashInput)
        for key in tree.keys(at: chunk.header.value.slot)
        where tree[key]?.tail == chunk.header.value.previous {
            tree.update(key) {
                $0.chunks.append(chunk)
                $0.tail = digest
            }
        }
    }

    private mutating func restore(_ header: SignedHeader) {
        let key = ObjectHash.digest(of: header.value.opening.hashInput)
        let digest = ObjectHash.digest(of: header.value.hashInput)
        tree.update(key) {
            $0.header = header
            $0.reference = BlockReference(slot: $0.slot, hash: digest)
        }
    }

    private mutating func start(_ now: Moment, _ effects: inout [ReplicaEffect]) {
        started = true
        leader.lastBlock = now.tick
        for key in tree.keys { beginExecution(of: key, now, &effects) }
        drive(.start, now, &effects)
        effects.append(.broadcast(.status(consensus.status)))
    }

    /// The log may forget slots that a stored final block covers, but keeps the statements of that
    /// block's whole window (they bind until it ends).
    private mutating func committed(
        through height: Height, _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        storedHeight = max(storedHeight, height)
        for waiting in tree.select({ $0.execution == .waiting }) {
            beginExecution(of: waiting, now, &effects)
        }
        guard height >= tip.height else { return }
        let length = configuration.consensus.windowLength
        let window = tip.reference.slot.window(length: length)
        #if MUTANTS
            if Mutant.logDiscardsTooMuch.isActive {
                effects.append(.discardLog(below: consensus.firstUnclearedSlot))
                return
            }
        #endif
        effects.append(.discardLog(below: window.firstSlot(length: length)))
    }

    // MARK: - Transactions

    private mutating func admit(
        _ admissions: [Admission], _ now: Moment, _ effects: inout [ReplicaEffect]
    ) {
        for admission in admissions {
            let verdict = mempool.admit(
                admission.transaction, accountNonce: admission.accountNonce, now: now.tick)
            guard admission.from == nil else { continue }
            switch verdict {
            case .accepted, .replaced: gossip.append(TransactionBytes(admission.transaction.bytes))
            default: break
            }
            if let ticket = admission.ticket {
                effects.append(.admissionVerdict(ticket: ticket, verdict))
            }
        }
    }

    /// A transaction goes to every peer once, from the node that its user sent it to; a peer that
    /// connects later is given what waits.
    private mutating func flushGossip(_ effects: inout [ReplicaEffect]) {
        var batch: [TransactionBytes] = []
        var bytes = 0
        for transaction in gossip {
            if bytes + transaction.bytes.count > Self.gossipBytes
                || batch.count >= WireLimits.transactionsPerMessage
            {
                effects.append(.broadcast(.transactions(batch)))
                batch.removeAll(keepingCapacity: true)
                bytes = 0
            }
            bytes += transaction.bytes.count
            batch.append(transaction)
        }
        if !batch.isEmpty { effects.append(.broadcast(.transactions(batch))) }
        gossip.removeAll(keepingCapacity: true)
    }

    private func welcome(_ peer: ValidatorIndex, _ effects: inout [ReplicaEffect]) {
        effects.append(.send(.status(consensus.status), to: peer))
        let waiting = mempool.waiting(maxBytes: Self.gossipBytes)
        if !waiting.isEmpty {
            effects.append(
                .send(.transactions(waiting.map { TransactionBytes($0.bytes) }), to: peer))
        }
        showProposals(to: peer, &effects)
    }
}

extension BlockNode {
    var summary: BlockSummary? {
        reference.map { BlockSummary(reference: $0, parent: parent, height: height) }
    }
}
