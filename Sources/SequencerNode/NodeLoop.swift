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

    /// What a program for testing puts between the replica and the world.
    struct Interposition: Sendable {
        let interposer: any LoopInterposer
        let clockOffsetSeconds: Int64
        let delays = DelayLine()
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
    let interposition: Interposition?
    /// When the interposer is ticked, and when the sizes are shown to it, next.
    private var nextTick = Tick(0)
    private var nextSizes = Tick(0)
    /// What the interposer sends on its own account in this turn.
    private var interposed: [InterposedDeparture] = []

    init(
        replica: Replica, peers: [PeerID], board: StatusBoard, logger: Logger,
        interposition: Interposition? = nil
    ) {
        self.interposition = interposition
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
        interposition?.delays.start()
        thread.start { [self] items in turn(items) }
        thread.post(.input(.start))
    }

    func stop() {
        thread.stop()
        interposition?.delays.stop()
    }

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
        let now = SystemClock.moment(offsetSeconds: interposition?.clockOffsetSeconds ?? 0)
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
        if let interposition { interpose(interposition.interposer, now) }
        carryOut(now)
        // After a halt there may be no further turn.
        let isUrgent = replica.halted != nil
        board.publish(replica.tip.height, isUrgent: isUrgent, now: now.tick) { picture in
            replica.describe(in: &picture, peerCount: peers.count, now: now.tick)
            picture.mailbox = thread.depth
        }
        guard let interposer = interposition?.interposer, interposer.tickNanoseconds != nil else {
            return replica.nextDeadline
        }
        return replica.nextDeadline.map { min($0, nextTick) } ?? nextTick
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
                if let interposer = interposition?.interposer, interposer.interferes {
                    let answer = interposer.heard(message, from: index, now: now)
                    interposed += answer.departures
                    guard answer.passes else { return }
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

    private func carryOut(_ now: Moment) {
        guard let parts else { return }
        var turn = LogTurn()
        let isInterposed = interposition?.interposer.interferes == true
        if interposition != nil { announce(&turn) }
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
            case .send where isInterposed, .broadcast where isInterposed:
                depart(effect, now, parts, &turn)
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
                interposition?.interposer.observe([.halted(reason)])
                parts.halt(reason)
            }
        }
        for departure in interposed { depart(departure, parts, &turn) }
        interposed.removeAll(keepingCapacity: true)
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
        interposition?.interposer.observe([.note(note)])
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

// MARK: - Interposition

extension NodeLoop {
    private func interpose(_ interposer: any LoopInterposer, _ now: Moment) {
        if now.tick >= nextSizes {
            nextSizes = now.tick.after(milliseconds: 1000)
            interposer.observe([
                .sizes(
                    mailbox: thread.depth, unverified: replica.unverifiedCount,
                    pool: replica.mempool.count, poolBytes: replica.mempool.byteCount,
                    blocksAboveFinal: replica.blocksAboveFinal)
            ])
        }
        guard interposer.interferes else { return }
        interposer.rewrite(&effects, now: now)
        guard let interval = interposer.tickNanoseconds, now.tick >= nextTick else { return }
        nextTick = now.tick.after(nanoseconds: interval)
        interposed += interposer.tick(now: now)
    }

    /// The first departure of a turn tells the observer of all that the turn sends.
    private func announce(_ turn: inout LogTurn) {
        guard let interposer = interposition?.interposer, !interposer.interferes else { return }
        let events = effects.compactMap { effect -> NodeEvent? in
            switch effect {
            case .send(let message, _), .broadcast(let message): .departing(message)
            default: nil
            }
        }
        if !events.isEmpty { turn.departures.append { interposer.observe(events) } }
    }

    /// A message that the interposer may replace, for each peer.
    private func depart(
        _ effect: ReplicaEffect, _ now: Moment, _ parts: Parts, _ turn: inout LogTurn
    ) {
        guard let interposer = interposition?.interposer else { return }
        let addressed: (message: PeerMessage, peers: [ValidatorIndex])
        switch effect {
        case .send(let message, let peer): addressed = (message, [peer])
        case .broadcast(let message):
            addressed = (
                message, peers.indices.map { ValidatorIndex(UInt16($0)) }.filter { $0 != own }
            )
        default: return
        }
        for peer in addressed.peers {
            for departure in interposer.departures(of: addressed.message, to: peer, now: now) {
                depart(departure, parts, &turn)
            }
        }
    }

    private func depart(
        _ departure: InterposedDeparture, _ parts: Parts, _ turn: inout LogTurn
    ) {
        guard let interposition, Int(departure.to.rawValue) < peers.count, departure.to != own
        else { return }
        let bytes: [UInt8]
        let channel: PeerChannel
        var event: NodeEvent?
        switch departure.content {
        case .message(let message):
            bytes = message.encoded()
            channel = PeerChannel(message.messageClass)
            event = .departing(message)
        case .bytes(let given, let messageClass):
            bytes = given
            channel = PeerChannel(messageClass)
        }
        let id = peers[Int(departure.to.rawValue)]
        let send: Departure = { [event] in
            if let event { interposition.interposer.observe([event]) }
            parts.transport.send(bytes, on: channel, to: id)
        }
        let delay = departure.delayNanoseconds
        guard delay > 0 else {
            turn.departures.append(send)
            return
        }
        // Not before what it depends on is durable: the delay counts from there.
        turn.departures.append {
            interposition.delays.add(
                DelayLine.Entry(due: SystemClock.tick().after(nanoseconds: delay), depart: send))
        }
    }

    private var own: ValidatorIndex? { replica.own }
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
