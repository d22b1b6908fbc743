import Metrics
import Synchronization

/// A number that only grows. Whole amounts are exact below 2^53.
final class CounterSeries: CounterHandler, FloatingPointCounterHandler, Sendable {
    private let whole = Atomic<Int64>(0)
    private let parts = Mutex<Double>(0)

    var value: Double { Double(whole.load(ordering: .relaxed)) + parts.withLock { $0 } }

    func increment(by amount: Int64) { whole.wrappingAdd(amount, ordering: .relaxed) }

    func increment(by amount: Double) {
        guard amount.isFinite, amount > 0 else { return }
        parts.withLock { $0 += amount }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        parts.withLock { $0 = 0 }
    }
}

/// The newest of some values.
final class GaugeSeries: MeterHandler, RecorderHandler, Sendable {
    private let current = Mutex<Double>(0)

    var value: Double { current.withLock { $0 } }

    func set(_ value: Int64) { current.withLock { $0 = Double(value) } }
    func set(_ value: Double) { current.withLock { $0 = value } }
    func increment(by amount: Double) { current.withLock { $0 += amount } }
    func decrement(by amount: Double) { current.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

/// How often values fell below each bound, and their sum.
final class HistogramSeries: TimerHandler, RecorderHandler, Sendable {
    /// Ascending, inclusive.
    let bounds: [Double]
    private let state: Mutex<(counts: [UInt64], sum: Double)>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex((Array(repeating: 0, count: bounds.count + 1), 0))
    }

    /// Counts of each bucket, not accumulated; the last is above all bounds.
    var snapshot: (counts: [UInt64], sum: Double) { state.withLock { $0 } }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func preferDisplayUnit(_ unit: TimeUnit) {}
}
