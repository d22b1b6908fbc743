import Consensus
import Logging
import Mempool
import Primitives
import Replica
import Replication
import Storage
import Synchronization
import Transport
import WireCodec

/// The shell around one `Replica`: a thread with one bounded mailbox. Each turn takes everything
/// that waits, steps the replica, and hands its effects on in order. Nothing that leaves the node
/// overtakes a record before it: while the log has turns to write, departures wait behind them.
final class NodeLoop: @unchecked Sendable {
    enum Item: Sendable {
        case input(ReplicaInput)
        case transport(TransportEvent)
    }

    struct Parts: Sendable {
        var log: LogWriter
        var transport: PeerTransport
        var execution: ExecutionThread
        var verify: @Sendable (UInt64, [ObjectCheck]) -> Void
        var admit: @Sendable ([TransactionBytes], ValidatorIndex) -> Void
        var verdict: @Sendable (UInt64, MempoolVerdict) -> Void
        var serveFinal: @Sendable (Height, ValidatorIndex) -> Void
        var serveBlock: @Sendable (BlockReference, ValidatorIndex) -> Void
        var halt: @Sendable (HaltReason) -> Void
    }

    /// Inputs that wait; over it, what peers send is dropped and counted.
    static let mailboxBound = 1 << 16

    private var replica: Replica
    private let peers: [PeerID]
    private let indexByPeer: [PeerID: ValidatorIndex]
    private let logger: Logger
    private let thread = WorkerThread<Item>(name: "replica", bound: NodeLoop.mailboxBound)
    private let board: StatusBoard
    private var parts: Parts?
    /// Turns posted to the log and not yet departed.
    private let outstanding = Atomic<Int>(0)
    private var effects: [ReplicaEffect] = []

    init(
        replica: Replica, peers: [PeerID], board: StatusBoard, logger: Logger
    ) {
        self.replica = replica
        self.peers = peers
        self.board = board
        self.logger = logger
        var table: [PeerID: ValidatorIndex] = [:]
        for (index, peer) in peers.enumerated() { table[peer] = ValidatorIndex(UInt16(index)) }
        indexByPeer = table
    }

    func start(_ parts: Parts) {
        self.parts = parts
        thread.start { [self] items in turn(items) }
        thread.post(.input(.start))
    }

    func stop() { thread.stop() }

    /// Results of our own threads: never dropped, bounded by what was asked of them.
    func post(_ input: ReplicaInput) { thread.post(.input(input)) }

    /// What peers send. Connection events are never dropped, messages may be.
    func offer(_ event: TransportEvent) {
        if case .received = event {
            if !thread.offer(.transport(event)) { board.droppedInputs.increment() }
        } else {
            thread.post(.transport(event))
        }
    }

    var depth: Int { thread.depth }

    /// A warning of a thread that works for the loop.
    func note(_ warning: String) { logger.warning("\(warning)") }

    // MARK: - One turn

    private func turn(_ items: [Item]) -> Tick? {
        let now = Moment(tick: SystemClock.tick(), unixSeconds: SystemClock.unixSeconds())
        effects.removeAll(keepingCapacity: true)
        for item in items {
            switch item {
            case .input(let input): replica.step(input, now: now, into: &effects)
            case .transport(let event): take(event, now)
            }
        }
        if let due = replica.nextDeadline, due <= now.tick {
            replica.step(.clock, now: now, into: &effects)
        }
        replica.step(.turnEnded, now: now, into: &effects)
        carryOut()
        // After a halt there may be no further turn.
        let isUrgent = replica.halted != nil
        board.publish(replica.tip.height, isUrgent: isUrgent, now: now.tick) { picture in
            replica.describe(in: &picture, peerCount: peers.count, now: now.tick)
            picture.mailbox = thread.depth
        }
        return replica.nextDeadline
    }

    private func take(_ event: TransportEvent, _ now: Moment) {
        switch event {
        case .connected(let peer):
            guard let index = indexByPeer[peer] else { return }
            board.connected(index, true)
            logger.info("peer connected", metadata: ["validator": "\(index)"])
            replica.step(.peerConnected(index), now: now, into: &effects)
        case .disconnected(let peer, let reason):
            guard let index = indexByPeer[peer] else { return }
            board.connected(index, false)
            logger.info(
                "peer disconnected",
                metadata: ["validator": "\(index)", "reason": "\(reason)"])
            replica.step(.peerDisconnected(index), now: now, into: &effects)
        case .received(let peer, let channel, let bytes):
            guard let index = indexByPeer[peer] else { return }
            do {
                let message = try PeerMessage(decoding: bytes)
                guard message.messageClass.rawValue == channel.rawValue else {
                    drop(index, "a \(message.messageClass) message on the \(channel) channel")
                    return
                }
                replica.step(.received(message, from: index), now: now, into: &effects)
            } catch {
                drop(index, "malformed message: \(error)")
            }
        case .protocolViolation(let peer, let reason):
            logger.warning(
                "peer broke the transport protocol",
                metadata: [
                    "peer": "\(peer.map(\.description) ?? "not verified")", "reason": "\(reason)",
                ])
        case .unreachable(let peer):
            logger.info("peer unreachable", metadata: ["peer": "\(peer)"])
        }
    }

    private func drop(_ peer: ValidatorIndex, _ reason: String) {
        logger.warning(
            "dropping peer", metadata: ["validator": "\(peer)", "reason": "\(reason)"])
        board.droppedPeers.increment()
        parts?.transport.drop(peers[Int(peer.rawValue)], because: reason)
    }

    // MARK: - Effects

    private func carryOut() {
        guard let parts else { return }
        var turn = LogTurn()
        for effect in effects {
            switch effect {
            case .persist(let record):
                turn.records.append(
                    (
                        record.slot,
                        LogRecord(kind: 1, payload: record.encoded())
                    ))
            case .verify(let task, let checks): parts.verify(task, checks)
            case .execute(let command): parts.execution.post(.command(command))
            case .admit(let transactions, let peer): parts.admit(transactions, peer)
            case .send(let message, let peer):
                let bytes = message.encoded()
                let channel = PeerChannel(message.messageClass)
                let id = peers[Int(peer.rawValue)]
                turn.departures.append { parts.transport.send(bytes, on: channel, to: id) }
            case .broadcast(let message):
                let bytes = message.encoded()
                let channel = PeerChannel(message.messageClass)
                turn.departures.append { parts.transport.broadcast(bytes, on: channel) }
            case .commit(let blocks, let certificate):
                turn.departures.append {
                    parts.execution.post(
                        .commit(
                            PendingCommit(
                                blocks: blocks.map { PendingCommit.Block(block: $0) },
                                certificate: certificate)))
                }
            case .discardLog(let slot): turn.discardBelow = slot
            case .admissionVerdict(let ticket, let verdict): parts.verdict(ticket, verdict)
            case .serveFinal(let height, let peer): parts.serveFinal(height, peer)
            case .serveBlock(let reference, let peer): parts.serveBlock(reference, peer)
            case .dropPeer(let peer, let reason): drop(peer, "\(reason)")
            case .note(let note): report(note)
            case .halt(let reason):
                logger.critical("node halts", metadata: ["reason": "\(reason)"])
                parts.halt(reason)
            }
        }
        depart(turn, parts)
    }

    private func depart(_ turn: LogTurn, _ parts: Parts) {
        if turn.records.isEmpty, turn.discardBelow == nil,
            outstanding.load(ordering: .acquiring) == 0
        {
            for departure in turn.departures { departure() }
            return
        }
        if turn.records.isEmpty, turn.departures.isEmpty, turn.discardBelow == nil { return }
        var posted = turn
        outstanding.add(1, ordering: .acquiringAndReleasing)
        posted.departures.append { [self] in
            outstanding.subtract(1, ordering: .acquiringAndReleasing)
        }
        parts.log.post(posted)
    }

    private func report(_ note: ReplicaNote) {
        switch note {
        case .enteredWindow(let window, let leader):
            logger.debug(
                "entered window", metadata: ["window": "\(window)", "leader": "\(leader)"])
        case .skipped(let window, let slot, let reason):
            board.skipped(reason: reason)
            logger.info(
                "skipping",
                metadata: ["window": "\(window)", "slot": "\(slot)", "reason": "\(reason)"])
        case .evidence(let text, let guilty):
            board.evidence.increment()
            logger.error(
                "misbehaviour proven", metadata: ["validator": "\(guilty)", "evidence": "\(text)"])
        case .invalidBlock(let reference, let reason):
            logger.warning(
                "invalid block", metadata: ["slot": "\(reference.slot)", "reason": "\(reason)"])
        case .lostLog:
            logger.critical(
                """
                a peer holds a statement of this validator that its log lacks: this node signs \
                nothing more in this epoch; restore the log or rotate the key
                """)
        case .catchingUp(let height, let peer):
            logger.info(
                "catching up", metadata: ["from": "\(height)", "validator": "\(peer)"])
        case .caughtUp(let height):
            logger.info("caught up", metadata: ["height": "\(height)"])
        }
    }
}

extension PeerChannel {
    init(_ messageClass: MessageClass) {
        switch messageClass {
        case .votes: self = .votes
        case .proposals: self = .proposals
        case .transactions: self = .transactions
        case .sync: self = .sync
        }
    }
}
