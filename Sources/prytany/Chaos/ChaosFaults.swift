import Primitives
import Simulation

/// Does a scenario's faults to real processes, and undoes them.
extension ChaosRun {
    func beginFaults() {
        for backup in faults.backups {
            at(backup.time) { try $0.backUp(backup.targets, for: backup.index) }
        }
        for (time, entry) in faults.timed {
            at(time) { try $0.apply(entry.fault, entry.index) }
        }
    }

    typealias Undo = (ChaosRun) throws -> Void

    /// The nodes that a fault hits, as things stand.
    func resolve(_ targets: [FaultTarget], by actor: Int? = nil) -> [ChaosNode] {
        var found: [ChaosNode] = []
        for target in targets {
            switch target {
            case .node(let index): found.append(nodes[index])
            case .everyone: found += nodes
            case .leader: found.append(nodes[actor ?? leader])
            case .random:
                let honest = nodes.filter { $0.place.role == nil && $0.isRunning }
                guard !honest.isEmpty else { continue }
                found.append(honest[Int(draw.uniform(below: UInt64(honest.count)))])
            }
        }
        return found
    }

    /// Does it, and posts its end.
    func apply(_ fault: Fault, _ index: Int, by actor: Int? = nil) throws {
        let start = now
        let targets = resolve(fault.action.targets, by: actor)
        faults.began(index)
        let title = fault.action.title
        var hit = targets.map(\.place.index)
        if case .link(let from, let to, _, _) = fault.action { hit = Set(from + to).sorted() }
        progress("\(start / 1_000_000) ms  \(title) \(hit.isEmpty ? "" : "\(hit)")")
        if case .upgrade = fault.action {
            upgrade(targets, start, title)
            return
        }
        let undo = try carryOut(fault, index, targets)
        func band(_ end: UInt64) {
            recorder.band(RunRecord.Band(start: start, end: end, nodes: hit, title: title))
        }
        guard let lasting = fault.lasting else {
            // Without an end it is a state of things from now on, and what follows must hold with it.
            faults.ended(at: now)
            band(undo == nil ? start : scenario.duration.unsigned)
            return
        }
        at(now + lasting.unsigned) { run in
            try undo?(run)
            run.faults.ended(at: run.now)
            band(run.now)
        }
    }

    /// One node after the other becomes the shipped program, and the watched one again.
    private func upgrade(_ targets: [ChaosNode], _ start: UInt64, _ title: String) {
        let step: UInt64 = 3_000_000_000
        for (turn, node) in targets.enumerated() {
            let begin = now + UInt64(turn) * step
            at(begin) { _ in
                node.stop()
                try node.start(.shipped)
            }
            at(begin + step * 2 / 3) { run in
                // Its data went on without an observer: it must be able to say that it works.
                run.expect("the shipped program runs as \(node.place.name)", node.isRunning)
                node.stop()
                try node.start(.watched)
                guard turn == targets.count - 1 else { return }
                run.faults.ended(at: run.now)
                run.recorder.band(
                    RunRecord.Band(
                        start: start, end: run.now, nodes: targets.map(\.place.index), title: title)
                )
            }
        }
    }

    private func restart(_ targets: [ChaosNode]) -> Undo {
        { _ in for node in targets where !node.isRunning { try node.start() } }
    }

    private func killAll(_ targets: [ChaosNode], _ how: String) throws {
        for node in targets { node.kill(how) }
        try reap()
    }

    /// The way back; nil when there is nothing to undo.
    private func carryOut(_ fault: Fault, _ index: Int, _ targets: [ChaosNode]) throws -> Undo? {
        switch fault.action {
        case .kill:
            try killAll(targets, "killed")
            return restart(targets)
        case .powerCut:
            // What the system has taken survives the death of a process: only the simulator takes
            // away what was not synced.
            try killAll(targets, "power cut")
            return restart(targets)
        case .stop:
            for node in targets { node.stop() }
            return { _ in for node in targets { try node.start() } }
        case .pause:
            for node in targets { node.pause() }
            return { _ in for node in targets { node.resume() } }
        case .partition(let groups): return try cut(pairs(apart: groups))
        case .unplug: return try unplug(targets)
        case .link(let from, let to, let quality, let bothWays):
            let pairs = pairs(from, to, bothWays)
            if quality.cut { return try cut(pairs) }
            try network.set(quality, pairs)
            return { try $0.network.set(nil, pairs) }
        case .slowDisk(_, let delay):
            for node in targets { try writeDelay("\(delay.unsigned)", node) }
            return { run in for node in targets { try run.writeDelay("", node) } }
        case .fullDisk: return try fillDisks(targets)
        case .tornLog, .rotLog, .loseLog, .oldBackup:
            try killAll(targets, "killed")
            for node in targets { try harm(node, fault.action, index) }
            return restart(targets)
        case .clock(_, let span):
            return try setClocks(targets, span.nanoseconds / 1_000_000_000)
        case .squeezeMemory(_, let bytes): return try squeeze(targets, bytes)
        case .flood(let rate):
            let before = users.rate
            users.rate = rate
            return { $0.users.rate = before }
        case .hostilePeer:
            let hostile = HostilePeers(
                targets: targets.map { ($0.place.host, $0.place.peerPort) }, seed: seed)
            hostile.start()
            hostilePeers.append(hostile)
            return { _ in hostile.stop() }
        case .wrongGenesis:
            for node in targets {
                node.stop()
                try node.start(.foreign(freshData: false))
            }
            return { _ in
                for node in targets {
                    node.stop()
                    try node.start(.watched)
                }
            }
        case .upgrade: preconditionFailure("an upgrade has its own way")
        }
    }

    private func pairs(apart groups: [[Int]]) -> [(Int, Int)] {
        var group: [Int: Int] = [:]
        for (number, members) in groups.enumerated() {
            for member in members { group[member] = number }
        }
        var pairs: [(Int, Int)] = []
        for one in nodes {
            for other in nodes where one !== other {
                let first = group[one.place.validator] ?? -1
                let second = group[other.place.validator] ?? -2
                if first != second { pairs.append((one.place.index, other.place.index)) }
            }
        }
        return pairs
    }

    func pairs(isolating alone: [ChaosNode]) -> [(Int, Int)] {
        let alone = Set(alone.map(\.place.index))
        return nodes.indices.flatMap { one in
            nodes.indices.filter { $0 != one && (alone.contains(one) || alone.contains($0)) }
                .map { (one, $0) }
        }
    }

    private func pairs(_ from: [Int], _ to: [Int], _ bothWays: Bool) -> [(Int, Int)] {
        var pairs: [(Int, Int)] = []
        for one in from {
            for other in to where one != other {
                pairs.append((one, other))
                if bothWays { pairs.append((other, one)) }
            }
        }
        return pairs
    }

    func cut(_ pairs: [(Int, Int)]) throws -> Undo {
        try network.cut(pairs)
        return { try $0.network.mend(pairs) }
    }
}
