import Foundation
import Simulation

/// Runs seeds on several threads and hands out their outcomes in the order of the seeds.
///
/// No thread goes further ahead of what was handed out than `ahead` seeds, so that a slow run holds
/// up the others rather than the memory.
final class SeedPool: @unchecked Sendable {
    private let play: @Sendable (UInt64) -> SimulationOutcome
    private let end: UInt64
    private let ahead: UInt64
    private let note: CrashNote
    private let condition = NSCondition()
    // Under the condition's lock.
    private var toStart: UInt64
    private var toHandOut: UInt64
    private var outcomes: [UInt64: SimulationOutcome] = [:]
    private var isStopping = false

    init(
        _ seeds: Range<UInt64>, jobs: Int, play: @escaping @Sendable (UInt64) -> SimulationOutcome
    ) {
        self.play = play
        end = seeds.upperBound
        toStart = seeds.lowerBound
        toHandOut = seeds.lowerBound
        ahead = UInt64(jobs) * 4
        let threads = Int(min(UInt64(jobs), seeds.upperBound - seeds.lowerBound))
        note = CrashNote(jobs: threads)
        for job in 0..<threads {
            let thread = Thread { [self] in work(job) }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// The next seed and its outcome, when it is there; `nil` after the last.
    func next() -> (seed: UInt64, outcome: SimulationOutcome)? {
        condition.lock()
        defer { condition.unlock() }
        guard toHandOut < end else { return nil }
        let seed = toHandOut
        while true {
            if let outcome = outcomes.removeValue(forKey: seed) {
                toHandOut += 1
                condition.broadcast()
                return (seed, outcome)
            }
            condition.wait()
        }
    }

    /// No further seed is started.
    func stop() {
        condition.withLock { isStopping = true }
        condition.broadcast()
    }

    private func work(_ job: Int) {
        while let seed = claim() {
            note.began(seed, job: job)
            let outcome = play(seed)
            note.ended(job: job)
            condition.withLock { outcomes[seed] = outcome }
            condition.broadcast()
        }
    }

    private func claim() -> UInt64? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping, toStart < end, toStart >= toHandOut + ahead { condition.wait() }
        guard !isStopping, toStart < end else { return nil }
        defer { toStart += 1 }
        return toStart
    }
}
