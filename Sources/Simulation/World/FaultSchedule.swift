import Primitives

/// When the faults of a scenario come due, in either engine: by the run's time, by what a node does,
/// or by a height; and which of them last.
package struct FaultSchedule {
    package struct Entry: Sendable {
        /// Its place in the scenario.
        package let index: Int
        package let fault: Fault

        /// Whose doing it came due by, given who was seen. A height makes nobody the leader.
        package func actor<Node>(_ seen: Node) -> Node? {
            if case .when = fault.trigger { seen } else { nil }
        }
    }

    private let faults: [Entry]
    /// Faults that wait for something to happen.
    private var armed: [Entry]
    private var waiting: Set<Int>
    /// When the last that has ended did, in nanoseconds of the run.
    package private(set) var lastEnd: UInt64 = 0
    /// How many have begun and not ended.
    package private(set) var lasting = 0

    package init(_ faults: [Fault], without omitted: Set<Int> = []) {
        self.faults = faults.enumerated().filter { !omitted.contains($0.offset) }.map {
            Entry(index: $0.offset, fault: $0.element)
        }
        armed = self.faults.filter {
            if case .at = $0.fault.trigger { false } else { true }
        }
        waiting = Set(self.faults.map(\.index))
    }

    /// Places of the faults that never came due.
    package var neverDue: [Int] { waiting.sorted() }
    package var waitsForEvents: Bool { !armed.isEmpty }

    /// The faults that the clock starts, with their times in nanoseconds of the run.
    package var timed: [(time: UInt64, entry: Entry)] {
        faults.compactMap { entry in
            if case .at(let time) = entry.fault.trigger { (time.unsigned, entry) } else { nil }
        }
    }

    /// When to take a copy of which nodes' data, for an old backup that is put back later.
    package var backups: [(time: UInt64, targets: [FaultTarget], index: Int)] {
        faults.compactMap { entry in
            guard case .oldBackup(let targets, let taken) = entry.fault.action else { return nil }
            return (taken.unsigned, targets, entry.index)
        }
    }

    package mutating func began(_ index: Int) {
        waiting.remove(index)
        lasting += 1
    }

    package mutating func ended(at time: UInt64) {
        lasting -= 1
        lastEnd = max(lastEnd, time)
    }

    /// The faults that waited for this, seen of a node that acts for `validator`.
    package mutating func due(_ seen: Observed, validator: Int, isHonest: Bool) -> [Entry] {
        guard !armed.isEmpty, isHonest else { return [] }
        let due = armed.filter { Self.matches($0.fault.trigger, seen, validator) }
        if !due.isEmpty {
            armed.removeAll { entry in due.contains { $0.index == entry.index } }
        }
        return due
    }

    private static func matches(
        _ trigger: Fault.Trigger, _ seen: Observed, _ validator: Int
    ) -> Bool {
        switch trigger {
        case .at: return false
        case .height(let height):
            if case .finalised(let reached, _, _, _) = seen.what {
                return reached.rawValue >= height
            }
            return false
        case .when(let target, let event, let after):
            guard seen.time >= after.unsigned else { return false }
            if case .node(let index) = target, index != seen.node { return false }
            switch (event, seen.what) {
            case (.leads, .enteredWindow(_, let leader)):
                return Int(leader.rawValue) == validator
            case (.sentChunk, .led(.chunk, _, _, _)), (.sentHeader, .led(.header, _, _, _)):
                return true
            default: return false
            }
        }
    }
}
