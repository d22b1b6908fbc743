import Replication
import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Storage
import WireCodec

/// Starts and ends of nodes.
extension Simulator {
    /// Opens the log, replays it whole, and joins the network; a log that is damaged or missing
    /// keeps the node down, as it does the real one.
    func boot(_ node: SimulatedNode) {
        guard !node.isRunning else { return }
        node.lose()
        var records: [ReplicaRecord] = []
        var groups: [(slot: Slot, position: LogPosition)] = []
        var malformed: WireError?
        var limits = LogLimits()
        limits.growthBytes = 0
        // Small, so that segments come and go all the time.
        limits.maximumSegmentBytes = 6 * 1024
        do throws(LogError) {
            let opened = try ConsensusLog.open(
                directory: "log", chain: committee.chain, epoch: committee.epoch, limits: limits,
                mode: node.stored.isEmpty ? .createIfMissing : .mustExist, fileSystem: node.disk,
                salt: seed &+ UInt64(node.index)
            ) { position, record in
                do throws(WireError) {
                    let decoded = try ReplicaRecord(decoding: record.payload)
                    records.append(decoded)
                    groups.append((decoded.slot, position))
                } catch { malformed = malformed ?? error }
            }
            node.log = opened.log
        } catch {
            emit(node, .refusedToStart("\(error)"))
            return
        }
        if let malformed {
            emit(node, .refusedToStart("a log record: \(malformed)"))
            return
        }
        #if MUTANTS
            if Mutant.replayLeftOut.isActive { records = [] }
        #endif
        node.groups = groups
        let tip = tip(of: node)
        var hashes: [Height: Digest] = [Height(0): Simulator.genesisHash]
        for block in node.stored.suffix(64) {
            hashes[block.body.height] = node.hashes[block.body.height]
        }
        let signer = keys.signer(of: node.validator)
        let own = ValidatorIndex(UInt16(node.validator))
        let schedule = schedule
        let length = scenario.timing.windowLength
        node.engine = SimulatedEngine(
            ledger: node.ledger, root: tip.key,
            hash: node.stored.last.flatMap { node.hashes[$0.body.height] }
                ?? Simulator.genesisHash, cache: cache,
            leaderAccount: { slot in
                Payment.feeAccount(
                    Int(schedule.leader(of: slot.window(length: length)).rawValue))
            })
        node.replica = ReplicaBox(
            Replica(
                configuration: configuration, committee: committee, schedule: schedule, own: own,
                signer: signer, tip: tip, finalHashes: hashes,
                genesisHash: Simulator.genesisHash, records: records, now: moment(node)))
        node.verifierFree = now
        node.busyUntil = now
        node.lastStore = now
        if let role = node.role {
            node.adversary = role.adversary(
                AdversaryEnvironment(
                    configuration: configuration, committee: committee, schedule: schedule,
                    own: own, signer: signer, seed: seed &+ UInt64(node.index)),
                twinSide: side(node))
            tickAdversary(node)
        }
        emit(node, .started(stored: tip.height))
        give(node, [.start])
        for peer in nodes where peer.index != node.index {
            reconnect(node.index, peer.index, within: 3_000_000)
        }
    }

    func tip(of node: SimulatedNode) -> FinalTip {
        guard let last = node.stored.last else {
            return FinalTip(
                reference: Simulator.genesisReference, height: Height(0),
                key: Simulator.genesisReference.hash, timestamp: UInt64(Simulator.unixStart),
                anchorNumber: 0, anchorHash: .zero, inboxCursor: 0)
        }
        return FinalTip(
            reference: last.reference,
            key: ObjectHash.digest(of: last.body.opening.value.hashInput),
            opening: last.body.opening.value)
    }

    /// The process ends at once; of what is unsynced the disk keeps what `survival` says.
    func kill(_ node: SimulatedNode, _ survival: MemoryFileSystem.Survival, _ how: String) {
        guard node.isRunning else { return }
        node.lose()
        node.disk.crash(survival)
        emit(node, .stopped(how))
        for peer in nodes where peer.index != node.index { disconnect(node.index, peer.index) }
    }

    /// A clean stop: what waits for the log is written, and the log is closed.
    func stop(_ node: SimulatedNode) {
        guard node.isRunning else { return }
        do throws(LogError) {
            let turns = node.logRunning + node.logWaiting
            node.logRunning = []
            node.logWaiting = []
            if let log = node.log {
                for turn in turns where !turn.records.isEmpty {
                    try log.append(turn.records.map { LogRecord(kind: 1, payload: $0.encoded()) })
                }
                try log.close()
            }
        } catch {
            kill(node, .random(seed: fate.next()), "its log failed while it stopped: \(error)")
            return
        }
        kill(node, .everything, "stopped cleanly")
    }

    func pause(_ node: SimulatedNode) { node.isPaused = node.isRunning }

    func resume(_ node: SimulatedNode) {
        guard node.isPaused else { return }
        node.isPaused = false
        let waiting = node.deferred
        node.deferred = []
        for event in waiting { post(event, at: now) }
    }

    func tickAdversary(_ node: SimulatedNode) {
        guard let interval = node.adversary?.tickNanoseconds else { return }
        let incarnation = node.incarnation
        after(interval) { simulator in
            guard node.incarnation == incarnation, node.isRunning else { return }
            if !node.isPaused, let sent = node.adversary?.tick(now: simulator.moment(node)) {
                for departure in sent { simulator.carry(departure, of: node) }
            }
            simulator.tickAdversary(node)
        }
    }

    func moment(_ node: SimulatedNode) -> Moment {
        let seconds = Simulator.unixStart + Int64(now / 1_000_000_000) + node.clockOffset
        return Moment(tick: Tick(now + 1_000_000_000), unixSeconds: UInt64(max(0, seconds)))
    }
}
