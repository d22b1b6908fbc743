import Consensus
import Primitives
import Replica
import Replication
import Storage
import WireCodec

/// What leaves the node, in order: to peers, to storage, to whoever waits for an answer.
typealias Departure = @Sendable () -> Void

/// One turn of the node loop: what must be durable, and what may leave only after it.
struct LogTurn: Sendable {
    var records: [(slot: Slot, record: LogRecord)] = []
    var departures: [Departure] = []
    var discardBelow: Slot?
}

/// The consensus log on its thread. All turns that wait share one sync; departures follow it, in
/// order. After a failed write or sync nothing departs any more (KNOWN: a vote that was not stored
/// must never be seen).
final class LogWriter: @unchecked Sendable {
    private let log: ConsensusLog
    private let thread: WorkerThread<LogTurn>
    private let failed: @Sendable (LogError) -> Void
    /// The highest slot in each written group and where the group starts; for discarding.
    private var groups: [(slot: Slot, position: LogPosition)] = []
    private var broken = false
    private let syncs = AtomicCounter()

    init(
        log: ConsensusLog, replayed: [(slot: Slot, position: LogPosition)],
        failed: @escaping @Sendable (LogError) -> Void
    ) {
        self.log = log
        self.failed = failed
        groups = replayed
        thread = WorkerThread(name: "log", bound: 1 << 16)
    }

    func start() {
        thread.start { [self] turns in
            write(turns)
            return nil
        }
    }

    func post(_ turn: LogTurn) { thread.post(turn) }
    var depth: Int { thread.depth }
    var syncCount: UInt64 { syncs.value }

    /// Writes what waits, and closes the log.
    func stop() {
        thread.stop()
        do {
            try log.close()
        } catch {
            failed(error)
        }
    }

    private func write(_ turns: [LogTurn]) {
        guard !broken else { return }
        do {
            var any = false
            for turn in turns where !turn.records.isEmpty {
                let position = try log.append(turn.records.map(\.record))
                let slot = turn.records.map(\.slot).max() ?? Slot(0)
                groups.append((slot, position))
                any = true
            }
            if any {
                try log.sync()
                syncs.increment()
            }
            for turn in turns {
                for departure in turn.departures { departure() }
            }
            if let slot = turns.compactMap(\.discardBelow).max() { try discard(below: slot) }
        } catch {
            broken = true
            failed(error)
        }
    }

    /// Gives up every group before the first that holds a slot at or above `slot`.
    private func discard(below slot: Slot) throws(LogError) {
        var kept = 0
        while kept < groups.count, groups[kept].slot < slot { kept += 1 }
        guard kept > 0 else { return }
        let position = kept < groups.count ? groups[kept].position : log.nextPosition
        groups.removeFirst(kept)
        try log.discard(below: position)
    }
}
