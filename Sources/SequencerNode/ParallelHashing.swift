import Dispatch
import StateTrie
import Synchronization

/// How many threads hash the state tries, and how they share the work.
enum ParallelHashing {
    /// Also of execution. Half of the cores, so that agreement keeps the others; one where there are fewer than four.
    static func threads(configured: Int?, cores: Int) -> Int {
        if let configured { return max(1, min(configured, cores)) }
        return cores < 4 ? 1 : cores / 2
    }

    static func loop(threads: Int) -> ParallelFor {
        if threads <= 1 { return serialFor }
        return { count, body in
            let next = SharedCounter()
            DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
                while let index = next.take(below: count) { body(index) }
            }
        }
    }
}

/// Hands out the numbers from 0 on, each once.
final class SharedCounter: Sendable {
    private let next = Atomic<Int>(0)

    func take(below bound: Int) -> Int? {
        let index = next.add(1, ordering: .relaxed).oldValue
        return index < bound ? index : nil
    }
}
