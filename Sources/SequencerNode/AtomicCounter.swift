import Synchronization

/// A count that any thread may raise and read.
final class AtomicCounter: Sendable {
    private let count = Atomic<UInt64>(0)
    func increment(by amount: UInt64 = 1) { count.add(amount, ordering: .relaxed) }
    var value: UInt64 { count.load(ordering: .relaxed) }
}
