import Adversary
import Consensus
import Mempool
import Primitives
import Replica
import Replication
import Storage
import WireCodec

/// The threads behind a replica: its log, execution, hashing, storage, and what departs after them.
extension Simulator {
    // MARK: - The log's thread

    /// Everything that waits goes into one write and one sync.
    func writeLog(_ node: SimulatedNode) {
        guard node.logRunning.isEmpty, !node.logWaiting.isEmpty, let log = node.log else { return }
        node.logRunning = node.logWaiting
        node.logWaiting = []
        var wrote = false
        do throws(LogError) {
            for turn in node.logRunning where !turn.records.isEmpty {
                let position = try log.append(
                    turn.records.map { LogRecord(kind: 1, payload: $0.encoded()) })
                node.groups.append((turn.records.map(\.slot).max() ?? Slot(0), position))
                wrote = true
            }
        } catch {
            fail(node, error)
            return
        }
        post(
            .synced(Int32(node.index), node.incarnation),
            at: now + (wrote ? scenario.disk.sync.unsigned + node.syncDelay : 0))
    }

    func synced(_ node: SimulatedNode) {
        let turns = node.logRunning
        do throws(LogError) {
            if turns.contains(where: { !$0.records.isEmpty }) { try node.log?.sync() }
        } catch {
            fail(node, error)
            return
        }
        if node.diesAfterSync {
            kill(node, .random(seed: fate.next()), "power cut after a sync")
            return
        }
        node.logRunning = []
        for turn in turns { depart(turn, node) }
        guard node.isRunning else { return }
        if let slot = turns.compactMap(\.discardBelow).max() {
            do throws(LogError) {
                try discard(node, below: slot)
            } catch {
                fail(node, error)
                return
            }
        }
        writeLog(node)
    }

    func discard(_ node: SimulatedNode, below slot: Slot) throws(LogError) {
        var kept = 0
        while kept < node.groups.count, node.groups[kept].slot < slot { kept += 1 }
        guard kept > 0, let log = node.log else { return }
        let position = kept < node.groups.count ? node.groups[kept].position : log.nextPosition
        node.groups.removeFirst(kept)
        try log.discard(below: position)
    }

    /// A failed durable write stops the node.
    func fail(_ node: SimulatedNode, _ error: LogError) {
        kill(node, .random(seed: fate.next()), "its log failed: \(error)")
    }

    func depart(_ turn: LogTurn, _ node: SimulatedNode) {
        for departure in turn.departures {
            switch departure {
            case .send(let message, let peer):
                observe(message, node)
                guard let target = self.node(of: peer, from: node), target.index != node.index
                else { continue }
                send(message, nil, from: node, to: target)
            case .broadcast(let message):
                observe(message, node)
                let parcel = node.adversary == nil ? Parcel(message) : nil
                for target in nodes where target.index != node.index {
                    send(message, parcel, from: node, to: target)
                }
            case .commit(let blocks, let certificate):
                for block in blocks {
                    emit(
                        node,
                        .finalised(
                            block.body.height, block.reference,
                            parent: block.body.opening.value.parent,
                            transactions: node.engine.identities(of: block.key)))
                }
                node.engineWaiting.append(.commit(blocks, certificate))
                runEngine(node)
            case .verdict(let ticket, let verdict):
                guard let hash = node.tickets.removeValue(forKey: ticket) else { continue }
                switch verdict {
                case .accepted, .replaced: emit(node, .acknowledged(hash))
                default: break
                }
            }
        }
    }

    func send(
        _ message: PeerMessage, _ parcel: Parcel?, from node: SimulatedNode,
        to target: SimulatedNode
    ) {
        guard isConnected[node.index * nodes.count + target.index] else { return }
        guard node.adversary != nil else {
            transmit(parcel ?? Parcel(message), from: node, to: target, delay: 0)
            return
        }
        let peer = ValidatorIndex(UInt16(target.validator))
        let departures = node.adversary?.departures(of: message, to: peer, now: moment(node)) ?? []
        for departure in departures { carry(departure, of: node) }
    }

    func observe(_ message: PeerMessage, _ node: SimulatedNode) {
        switch message {
        case .statement(let signed) where Int(signed.signer.rawValue) == node.validator:
            emit(node, .said(signed.statement))
        case .opening(let opening, _, _):
            emit(
                node,
                .led(
                    .opening, opening.value.slot, sequence: 0,
                    keys.digest(of: opening.value.hashInput)))
        case .chunk(let chunk):
            emit(
                node,
                .led(
                    .chunk, chunk.header.value.slot, sequence: chunk.header.value.sequence,
                    keys.digest(of: chunk.header.value.hashInput)))
        case .header(let header):
            emit(
                node,
                .led(
                    .header, header.value.opening.slot, sequence: 0,
                    keys.digest(of: header.value.hashInput)))
        default: break
        }
    }

    // MARK: - The threads behind

    func cost(_ work: ThreadWork) -> UInt64 {
        switch work {
        case .command(.build(_, _, let candidates)):
            5_000 + UInt64(candidates.count) * costs.transaction
        case .command(.chunk(_, _, let transactions)):
            5_000 + UInt64(transactions.count) * costs.transaction
        case .command: 5_000
        case .commit: 2_000
        }
    }

    func runEngine(_ node: SimulatedNode) {
        guard node.engineRunning.isEmpty, !node.engineWaiting.isEmpty else { return }
        node.engineRunning = node.engineWaiting
        node.engineWaiting = []
        let time = node.engineRunning.reduce(0) { $0 + cost($1) }
        post(.executed(Int32(node.index), node.incarnation), at: now + time)
    }

    func executed(_ node: SimulatedNode) {
        var results: [ReplicaInput] = []
        for work in node.engineRunning {
            switch work {
            case .command(let command):
                if case .hash = command {
                    node.chainWaiting.append(work)
                } else if let result = node.engine.carryOut(command) {
                    results.append(.execution(result))
                }
            case .commit: node.chainWaiting.append(work)
            }
        }
        node.engineRunning = []
        if !results.isEmpty { give(node, results) }
        runChain(node)
        runEngine(node)
    }

    func runChain(_ node: SimulatedNode) {
        guard node.chainRunning.isEmpty, !node.chainWaiting.isEmpty else { return }
        // One by one: a header waits for each hash.
        node.chainRunning = [node.chainWaiting.removeFirst()]
        var time: UInt64 = 2_000
        if case .command = node.chainRunning[0] { time = costs.hash }
        post(.chained(Int32(node.index), node.incarnation), at: now + time)
    }

    func chained(_ node: SimulatedNode) {
        for work in node.chainRunning {
            switch work {
            case .command(let command):
                if let result = node.engine.carryOut(command) {
                    give(node, [.execution(result)])
                }
            case .commit(let blocks, let certificate):
                node.storeWaiting.append((blocks, certificate))
                runStore(node)
            }
        }
        node.chainRunning = []
        runChain(node)
    }

    func runStore(_ node: SimulatedNode) {
        guard node.storeRunning.isEmpty, !node.storeWaiting.isEmpty else { return }
        node.storeRunning = node.storeWaiting
        node.storeWaiting = []
        let start = max(now, node.lastStore + costs.commitInterval)
        node.lastStore = start
        post(
            .stored(Int32(node.index), node.incarnation),
            at: start + costs.commit + node.syncDelay)
    }

    /// A commit of the store is whole or it is not: what `ledger` and `stored` hold is durable.
    func stored(_ node: SimulatedNode) {
        var nonces: [AccountNonce] = []
        var last: Height?
        for (blocks, certificate) in node.storeRunning {
            for block in blocks {
                guard let result = node.engine.store(block.key) else {
                    emit(
                        node,
                        .halted("block \(block.reference) is final and was never hashed here"))
                    kill(node, .everything, "final block without its hash")
                    return
                }
                node.store(block)
                node.hashes[block.body.height] = result.hash
                nonces += result.nonces
                last = block.body.height
                emit(node, .hashed(block.body.height, result.hash))
            }
            if let last { node.certificates[last] = certificate }
        }
        node.storeRunning = []
        node.ledger = node.engine.ledger
        guard let last else { return }
        emit(node, .stored(last))
        emit(node, .supply(last, node.ledger.supply))
        var inputs: [ReplicaInput] = []
        if !nonces.isEmpty { inputs.append(.nonces(nonces)) }
        give(node, inputs + [.committed(through: last)])
        runStore(node)
    }
}
