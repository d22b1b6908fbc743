import Adversary
import Mempool
import Primitives
import Replica
import Replication
import WireCodec

/// One turn of a node: what waits is given to its replica, and what that wants is carried out.
extension Simulator {
    func give(_ node: SimulatedNode, _ inputs: [ReplicaInput]) {
        node.mailbox.append(contentsOf: inputs)
        guard !node.isTurnPosted else { return }
        node.isTurnPosted = true
        post(
            .turn(Int32(node.index), node.incarnation),
            at: max(now, node.busyUntil) + costs.turn)
    }

    func turn(_ node: SimulatedNode) {
        guard node.replica?.value.halted == nil else { return }
        node.isTurnPosted = false
        let inputs = node.mailbox
        node.mailbox.removeAll(keepingCapacity: true)
        let moment = moment(node)
        var effects: [ReplicaEffect] = []
        for input in inputs {
            if tracesProofs, node.isHonest { lookForProof(input, node) }
            let before = effects.count
            node.replica?.value.step(input, now: moment, into: &effects)
            if tracesProofs, node.isHonest, case .received(let message, _) = input {
                for case .verify(let task, let checks) in effects[before...] {
                    node.checked[task] = Simulator.part(of: message, under: checks)
                }
            }
        }
        if let due = node.replica?.nextDeadline, due <= moment.tick {
            node.replica?.value.step(.clock, now: moment, into: &effects)
        }
        node.replica?.value.step(.turnEnded, now: moment, into: &effects)
        node.adversary?.rewrite(&effects, now: moment)
        node.busyUntil = now + UInt64(inputs.count) * costs.input
        carryOut(effects, node)
        armWake(node)
    }

    func armWake(_ node: SimulatedNode) {
        // Not `if let replica`: that would copy the whole replica.
        guard let due = node.replica?.nextDeadline else { return }
        let time = max(due.rawValue >= 1_000_000_000 ? due.rawValue - 1_000_000_000 : 0, now + 1000)
        guard time < node.wakeAt else { return }
        node.wakeAt = time
        post(.wake(Int32(node.index), node.incarnation), at: time)
    }

    func carryOut(_ effects: [ReplicaEffect], _ node: SimulatedNode) {
        var turn = LogTurn()
        var verdicts: [ReplicaInput] = []
        var checks = 0
        for effect in effects {
            switch effect {
            case .persist(let record): turn.records.append(record)
            case .send(let message, let peer): turn.departures.append(.send(message, to: peer))
            case .broadcast(let message): turn.departures.append(.broadcast(message))
            case .commit(let blocks, let certificate):
                turn.departures.append(.commit(blocks, certificate))
            case .admissionVerdict(let ticket, let verdict):
                turn.departures.append(.verdict(ticket: ticket, verdict))
            case .verify(let task, let asked):
                checks += asked.count
                verdicts.append(.verified(task: task, asked.map(keys.verify)))
            case .execute(let command): node.engineWaiting.append(.command(command))
            case .discardLog(let slot): turn.discardBelow = slot
            case .admit(let transactions, let peer):
                admit(transactions.map(\.bytes), from: peer, node)
            case .serveFinal(let height, let peer):
                let range = node.finalRange(from: height, blocks: WireLimits.blocksPerReply)
                later(node, 1_000_000, [.servedFinal(range, to: peer)])
            case .serveBlock(let reference, let peer):
                if let block = node.storedBlock(reference) {
                    later(node, 500_000, [.servedBlock(block.body, to: peer)])
                }
            case .dropPeer(let peer, _):
                if let other = self.node(of: peer, from: node) { drop(node, other.index) }
            case .note(let note): report(note, node)
            case .halt(let reason):
                emit(node, .halted("\(reason)"))
            }
        }
        if !verdicts.isEmpty {
            node.verifierFree =
                max(node.verifierFree, now) + UInt64(checks) * costs.verification
            later(node, node.verifierFree - now, verdicts)
        }
        runEngine(node)
        if node.logRunning.isEmpty, node.logWaiting.isEmpty, turn.records.isEmpty,
            turn.discardBelow == nil
        {
            depart(turn, node)
        } else if !turn.isEmpty {
            #if MUTANTS
                if Mutant.voteBeforePersist.isActive {
                    depart(turn, node)
                    turn.departures = []
                }
            #endif
            node.logWaiting.append(turn)
            writeLog(node)
        }
    }

    func later(_ node: SimulatedNode, _ nanoseconds: UInt64, _ inputs: [ReplicaInput]) {
        post(.inputs(Int32(node.index), node.incarnation, inputs), at: now + nanoseconds)
    }

    func report(_ note: ReplicaNote, _ node: SimulatedNode) {
        switch note {
        case .enteredWindow(let window, let leader):
            emit(node, .enteredWindow(window, leader: leader))
            emit(
                node,
                .sizes(
                    Observation.Sizes(
                        mailbox: node.mailbox.count,
                        unverified: node.replica?.value.unverifiedCount ?? 0,
                        pool: node.replica?.value.mempool.count ?? 0,
                        poolBytes: node.replica?.value.mempool.byteCount ?? 0,
                        blocksAboveFinal: node.replica?.value.blocksAboveFinal ?? 0)))
        case .skipped(let window, let slot, let reason):
            emit(node, .skipped(window, from: slot, reason: reason))
        case .evidence(let text, let guilty): emit(node, .evidence(guilty: guilty, text))
        case .invalidBlock(let reference, let reason):
            emit(node, .invalidBlock(reference, reason))
        case .lostLog: emit(node, .lostLog)
        case .catchingUp: break
        case .caughtUp(let height): emit(node, .caughtUp(height))
        }
    }
}
