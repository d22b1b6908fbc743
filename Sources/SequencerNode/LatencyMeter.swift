import Primitives
import Synchronization

/// From a user's submission at this node to the block's being final and stored here. The latest
/// samples only.
final class LatencyMeter: Sendable {
    private static let samples = 8192
    private static let pending = 131_072

    private struct State {
        var submitted: [Digest: Tick] = [:]
        var ring: [UInt64] = []
        var position = 0
        var blocks: [(tick: Tick, transactions: Int)] = []
    }

    private let state = Mutex(State())

    func submitted(_ hash: Digest, at tick: Tick) {
        state.withLock {
            if $0.submitted.count < Self.pending { $0.submitted[hash] = tick }
        }
    }

    func stored(_ hashes: [[Digest]], at tick: Tick) {
        state.withLock { state in
            for block in hashes {
                for hash in block {
                    guard let start = state.submitted.removeValue(forKey: hash) else { continue }
                    let sample = tick.nanoseconds(since: start)
                    if state.ring.count < Self.samples {
                        state.ring.append(sample)
                    } else {
                        state.ring[state.position] = sample
                        state.position = (state.position + 1) % Self.samples
                    }
                }
                state.blocks.append((tick, block.count))
            }
            let horizon: UInt64 = 10_000_000_000
            let live = state.blocks.firstIndex { tick.nanoseconds(since: $0.tick) < horizon }
            state.blocks.removeFirst(live ?? state.blocks.count)
        }
    }

    struct Figures {
        var p50Milliseconds: Double?
        var p99Milliseconds: Double?
        var blocksPerSecond = 0.0
        var transactionsPerSecond = 0.0
    }

    /// Percentiles of the kept samples, and rates over the last ten seconds.
    func figures(now: Tick) -> Figures {
        state.withLock { state in
            var figures = Figures()
            let sorted = state.ring.sorted()
            if !sorted.isEmpty {
                figures.p50Milliseconds = Double(sorted[sorted.count / 2]) / 1e6
                figures.p99Milliseconds = Double(sorted[sorted.count * 99 / 100]) / 1e6
            }
            let recent = state.blocks.filter { now.nanoseconds(since: $0.tick) < 10_000_000_000 }
            if let first = recent.first {
                let seconds = max(Double(now.nanoseconds(since: first.tick)) / 1e9, 0.5)
                figures.blocksPerSecond = Double(recent.count) / seconds
                figures.transactionsPerSecond =
                    Double(recent.reduce(0) { $0 + $1.transactions }) / seconds
            }
            return figures
        }
    }

    /// Forgets what was sampled: a measurement begins.
    func reset() {
        state.withLock {
            $0.ring = []
            $0.position = 0
        }
    }
}
