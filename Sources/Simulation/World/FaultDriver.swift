import Consensus
import Primitives
import Replica
import Storage

/// Does a scenario's faults to a simulated run, at their times or on their conditions, and undoes them.
extension Simulator {
    func beginFaults() {
        for backup in faults.backups {
            after(backup.time) { simulator in
                for node in simulator.resolve(backup.targets) {
                    simulator.backUp(node, for: backup.index)
                }
            }
        }
        for (time, entry) in faults.timed {
            after(time) { $0.apply(entry.fault, entry.index) }
        }
    }

    /// Looks whether an observation is what a fault waits for.
    func lookForFaults(_ seen: Observed, _ node: SimulatedNode) {
        for entry in faults.due(seen, validator: node.validator, isHonest: node.isHonest) {
            // At once, but after what is under way.
            let actor = entry.actor(node)
            after(0) { $0.apply(entry.fault, entry.index, by: actor) }
        }
    }

    /// The nodes that a fault hits, as things stand.
    func resolve(_ targets: [FaultTarget], by actor: SimulatedNode? = nil) -> [SimulatedNode] {
        var found: [SimulatedNode] = []
        for target in targets {
            switch target {
            case .node(let index): found.append(nodes[index])
            case .everyone: found += nodes
            case .leader:
                if let actor {
                    found.append(actor)
                } else if let leader = leaderNow {
                    found.append(nodes[leader])
                }
            case .random:
                let honest = nodes.filter { $0.isHonest && $0.isRunning }
                guard !honest.isEmpty else { continue }
                found.append(honest[Int(fate.uniform(below: UInt64(honest.count)))])
            }
        }
        return found
    }

    /// Who leads as the node that is furthest sees it.
    var leaderNow: Int? {
        var best: (window: Window, leader: Int)?
        for node in nodes {
            guard let window = node.replica?.value.consensus.currentWindow,
                let leader = node.replica?.value.consensus.currentLeader
            else { continue }
            if best.map({ $0.window < window }) ?? true { best = (window, Int(leader.rawValue)) }
        }
        return best?.leader
    }

    func backUp(_ node: SimulatedNode, for fault: Int) {
        let disk = node.disk.copy()
        let stored = node.stored
        let certificates = node.certificates
        let hashes = node.hashes
        let ledger = node.ledger
        backups[fault * nodes.count + node.index] = { node in
            // The backup may be put back more than once: each time a disk of its own.
            node.disk = disk.copy()
            node.restore(stored: stored)
            node.certificates = certificates
            node.hashes = hashes
            node.ledger = ledger
        }
    }

    /// Does it, and posts its end.
    func apply(_ fault: Fault, _ index: Int, by actor: SimulatedNode? = nil) {
        faults.began(index)
        let start = now
        let targets = resolve(fault.action.targets, by: actor)
        let undo = carryOut(fault, index, targets)
        let title = fault.action.title
        let hit = hitNodes(fault.action, targets)
        guard let lasting = length(fault, targets) else {
            // Without an end it is a state of things from now on, and what follows must hold with it.
            faults.ended(at: now)
            band(
                RunRecord.Band(
                    start: start, end: undo == nil ? start : scenario.duration.unsigned, nodes: hit,
                    title: title))
            return
        }
        after(lasting.unsigned) { simulator in
            undo?(simulator)
            simulator.faults.ended(at: simulator.now)
            simulator.band(
                RunRecord.Band(start: start, end: simulator.now, nodes: hit, title: title))
        }
    }

    /// From one node's upgrade to the next one's.
    private static let upgradeStep: UInt64 = 3_000_000_000

    private func length(_ fault: Fault, _ targets: [SimulatedNode]) -> Span? {
        guard case .upgrade = fault.action else { return fault.lasting }
        return Span(nanoseconds: Int64(UInt64(targets.count) * Self.upgradeStep))
    }

    private func hitNodes(_ action: Fault.Action, _ targets: [SimulatedNode]) -> [Int] {
        switch action {
        case .link(let from, let to, _, _): Array(Set(from + to)).sorted()
        default: targets.map(\.index)
        }
    }

    /// The way back; nil when there is nothing to undo.
    private func carryOut(
        _ fault: Fault, _ index: Int, _ targets: [SimulatedNode]
    ) -> ((Simulator) -> Void)? {
        func restart(_ simulator: Simulator) {
            for node in targets {
                node.isWanted = true
                simulator.boot(node)
            }
        }
        func killAll(_ how: String) {
            for node in targets {
                node.isWanted = false
                kill(node, .random(seed: fate.next()), how)
            }
        }
        switch fault.action {
        case .kill:
            killAll("killed")
            return restart
        case .stop:
            for node in targets {
                node.isWanted = false
                stop(node)
            }
            return restart
        case .powerCut(_, let operation):
            // Who is off already has no power to lose.
            let hit = targets.filter(\.isRunning)
            for node in hit {
                // Every other one comes right after a sync has returned.
                if operation.isMultiple(of: 2) {
                    node.disk.failPower(
                        atOperation: node.disk.operations + Int(operation / 2),
                        afterBytes: Int(fate.uniform(below: 200)))
                } else {
                    let incarnation = node.incarnation
                    after(operation * 100_000) { _ in
                        if node.incarnation == incarnation { node.diesAfterSync = true }
                    }
                }
            }
            return { simulator in
                for node in hit {
                    if node.isRunning {
                        node.diesAfterSync = false
                        simulator.kill(node, .random(seed: simulator.fate.next()), "power cut")
                    }
                    simulator.boot(node)
                }
            }
        case .pause:
            for node in targets { pause(node) }
            return { simulator in for node in targets { simulator.resume(node) } }
        case .unplug:
            return isolate(targets)
        case .partition(let groups):
            return partition(groups)
        case .link(let from, let to, let quality, let bothWays):
            return link(from, to, quality, bothWays)
        case .slowDisk(_, let delay):
            for node in targets { node.syncDelay = delay.unsigned }
            return { _ in for node in targets { node.syncDelay = 0 } }
        case .fullDisk:
            let noSpace: Int32 = 28  // ENOSPC
            for node in targets { node.disk.refuse(.write, code: noSpace) }
            return { simulator in
                for node in targets {
                    node.disk.refuse(.write, code: nil)
                    simulator.boot(node)
                }
            }
        case .tornLog, .rotLog, .loseLog:
            killAll("killed")
            for node in targets {
                bereave(node.index)
                harm(node, fault.action)
            }
            return restart
        case .oldBackup:
            killAll("killed")
            for node in targets {
                bereave(node.index)
                backups[index * nodes.count + node.index]?(node)
            }
            return restart
        case .clock(_, let span):
            for node in targets { node.clockOffset += span.nanoseconds / 1_000_000_000 }
            return { _ in
                for node in targets { node.clockOffset -= span.nanoseconds / 1_000_000_000 }
            }
        case .flood(let rate):
            let before = users.rate
            users.rate = rate
            return { $0.users.rate = before }
        case .upgrade:
            for (turn, node) in targets.enumerated() {
                // The other program, and the old one again: of one program here.
                let begin = UInt64(turn) * Self.upgradeStep
                for start in [begin, begin + Self.upgradeStep * 2 / 3] {
                    after(start) { simulator in
                        simulator.stop(node)
                        simulator.after(500_000_000) { $0.boot(node) }
                    }
                }
            }
            return nil
        case .squeezeMemory, .hostilePeer, .wrongGenesis:
            notSimulated.append(fault.action.title)
            return nil
        }
    }

    private func isolate(_ targets: [SimulatedNode]) -> (Simulator) -> Void {
        let alone = Set(targets.map(\.index))
        let pairs = nodes.indices.flatMap { one in
            nodes.indices.filter { $0 != one && (alone.contains(one) || alone.contains($0)) }
                .map { (one, $0) }
        }
        return cut(pairs)
    }

    private func partition(_ groups: [[Int]]) -> (Simulator) -> Void {
        var group: [Int: Int] = [:]
        for (number, members) in groups.enumerated() {
            for member in members { group[member] = number }
        }
        var pairs: [(Int, Int)] = []
        for one in nodes.indices {
            for other in nodes.indices where one != other {
                let first = group[nodes[one].validator] ?? -1
                let second = group[nodes[other].validator] ?? -2
                if first != second { pairs.append((one, other)) }
            }
        }
        return cut(pairs)
    }

    private func cut(_ pairs: [(Int, Int)]) -> (Simulator) -> Void {
        for (from, to) in pairs { links.cut(from: from, to: to) }
        // A connection across a cut is given up after some silence, if it has not healed by then.
        after(2_000_000_000) { simulator in
            for (from, to) in pairs
            where simulator.links.isCut(from: from, to: to)
                && simulator.links.isCut(from: to, to: from)
            {
                simulator.disconnect(from, to)
            }
        }
        return { simulator in
            for (from, to) in pairs { simulator.links.mend(from: from, to: to) }
            for (from, to) in pairs { simulator.reconnect(from, to, within: 500_000_000) }
        }
    }

    private func link(
        _ from: [Int], _ to: [Int], _ quality: LinkQuality, _ bothWays: Bool
    ) -> (Simulator) -> Void {
        var pairs: [(Int, Int)] = []
        for one in from {
            for other in to where one != other {
                pairs.append((one, other))
                if bothWays { pairs.append((other, one)) }
            }
        }
        if quality.cut { return cut(pairs) }
        for (one, other) in pairs { links.change(from: one, to: other, quality) }
        let changed = pairs
        return { simulator in
            for (one, other) in changed { simulator.links.restore(from: one, to: other) }
        }
    }

    /// Damages the log of a node that is off.
    private func harm(_ node: SimulatedNode, _ action: Fault.Action) {
        guard let names = try? node.disk.list("log") else { return }
        let segments = names.filter { $0 != "MANIFEST" && $0 != "LOCK" }.sorted()
        switch action {
        case .loseLog:
            for name in names { node.disk.tamper("log/\(name)", nil) }
        case .tornLog:
            guard let last = segments.last, let content = node.disk.content("log/\(last)") else {
                return
            }
            let kept = content.count - min(content.count, 1 + Int(fate.uniform(below: 40)))
            node.disk.tamper("log/\(last)", Array(content.prefix(kept)))
        case .rotLog:
            guard let first = segments.first, var content = node.disk.content("log/\(first)"),
                content.count > 200
            else { return }
            let place = 100 + Int(fate.uniform(below: UInt64(content.count / 2 - 50)))
            content[place] ^= 1 << UInt8(fate.uniform(below: 8))
            node.disk.tamper("log/\(first)", content)
        default: return
        }
    }
}
