import Foundation
import Simulation

/// What faults do to a node's machine: its disk, its memory, its clock.
extension ChaosRun {
    func writeDelay(_ nanoseconds: String, _ node: ChaosNode) throws {
        try Data(nanoseconds.utf8).write(
            to: URL(fileURLWithPath: node.place.syncDelayPath), options: .atomic)
    }

    private func backupPath(_ fault: Int, _ node: ChaosNode) -> String {
        "\(folder.directory)/backup-\(fault)-\(node.place.index)"
    }

    func backUp(_ targets: [FaultTarget], for fault: Int) throws {
        for node in resolve(targets) {
            node.pause()
            defer { node.resume() }
            try DiskFaults.backUp(node.place, to: backupPath(fault, node))
        }
    }

    /// Damages the data of a node that does not run.
    func harm(_ node: ChaosNode, _ action: Fault.Action, _ index: Int) throws {
        suite.bereave(node.place.index)
        switch action {
        case .tornLog: try DiskFaults.tear(node.place, &draw)
        case .rotLog: try DiskFaults.rot(node.place, &draw)
        case .loseLog: try DiskFaults.loseLog(node.place)
        case .oldBackup: try DiskFaults.restore(node.place, from: backupPath(index, node))
        default: preconditionFailure("\(action) harms no data")
        }
    }

    func fillDisks(_ targets: [ChaosNode]) throws -> Undo {
        for node in targets { try rooms[node.place.index]?.fill(node.process?.processID) }
        return { run in
            for node in targets {
                run.rooms[node.place.index]?.release()
                guard node.isRunning else {
                    try node.start()
                    continue
                }
                // Its disk was full and it has gone on; a bound on its files ends with the process.
                if run.rooms[node.place.index]?.isMounted == false {
                    node.stop()
                    try node.start()
                }
            }
        }
    }

    func squeeze(_ targets: [ChaosNode], _ bytes: UInt64) throws -> Undo {
        var bounds: [(node: ChaosNode, bound: MemoryBound)] = []
        for node in targets {
            guard let process = node.process else { continue }
            let bound = try MemoryBound(process.processID, bytes: bytes)
            notes.append("memory is bounded by \(bound.name)")
            bounds.append((node, bound))
            memoryBounds.append(bound)
        }
        let squeezed = bounds
        return { _ in
            for (node, bound) in squeezed {
                try bound.lift(node.process?.processID)
                // The system may have killed it.
                if !node.isRunning { try node.start() }
            }
        }
    }

    /// A node reads its offset when it starts.
    func setClocks(_ targets: [ChaosNode], _ seconds: Int64) throws -> Undo {
        func shift(_ by: Int64) throws {
            for node in targets {
                node.clockOffset += by
                node.stop()
                try node.start()
            }
        }
        try shift(seconds)
        return { _ in try shift(-seconds) }
    }
}
