import Synchronization

/// A bounded amount of something in use at one time; who gets none is refused, not queued.
final class Permits: Sendable {
    private let taken = Atomic<Int>(0)
    private let maximum: Int

    init(_ maximum: Int) { self.maximum = maximum }

    var count: Int { taken.load(ordering: .relaxed) }

    func take(_ amount: Int = 1) -> Bool {
        if taken.wrappingAdd(amount, ordering: .acquiringAndReleasing).newValue <= maximum {
            return true
        }
        giveBack(amount)
        return false
    }

    func giveBack(_ amount: Int = 1) {
        taken.wrappingSubtract(amount, ordering: .acquiringAndReleasing)
    }
}
