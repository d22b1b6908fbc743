import Primitives
import Synchronization

/// From a user's submission at this node to two points: its block's being final here (a Final
/// certificate is held and durable with all it rests on), and its being stored, when JSON-RPC shows
/// it. Figures are of the last ten seconds.
final class LatencyMeter: Sendable {
    static let horizonNanoseconds: UInt64 = 10_000_000_000
    private static let samples = 65_536
    private static let pending = 262_144

    /// The newest samples, each with its time.
    private struct Ring {
        private var entries: [(tick: Tick, nanoseconds: UInt64)] = []
        private var position = 0

        mutating func add(_ nanoseconds: UInt64, at tick: Tick) {
            if entries.count < LatencyMeter.samples {
                entries.append((tick, nanoseconds))
            } else {
                entries[position] = (tick, nanoseconds)
                position = (position + 1) % LatencyMeter.samples
            }
        }

        /// The median and the 99th percentile of the horizon, in milliseconds.
        func percentiles(now: Tick) -> (p50: Double?, p99: Double?) {
            let sorted = entries.filter {
                now.nanoseconds(since: $0.tick) < LatencyMeter.horizonNanoseconds
            }.map(\.nanoseconds).sorted()
            guard !sorted.isEmpty else { return (nil, nil) }
            return (
                Double(sorted[sorted.count / 2]) / 1e6,
                Double(sorted[sorted.count * 99 / 100]) / 1e6
            )
        }
    }

    private struct State {
        var submitted: [Digest: Tick] = [:]
        var final = Ring()
        var stored = Ring()
        var blocks: [(tick: Tick, transactions: Int)] = []
    }

    private let state = Mutex(State())

    func submitted(_ hash: Digest, at tick: Tick) {
        state.withLock {
            if $0.submitted.count >= Self.pending {
                // Most of these will never be final: refused, replaced, expired.
                $0.submitted = $0.submitted.filter {
                    tick.nanoseconds(since: $0.value) < 6 * Self.horizonNanoseconds
                }
            }
            if $0.submitted.count < Self.pending { $0.submitted[hash] = tick }
        }
    }

    func finalised(_ hashes: [Digest], at tick: Tick) {
        guard !hashes.isEmpty else { return }
        state.withLock { state in
            for hash in hashes {
                guard let start = state.submitted[hash] else { continue }
                state.final.add(tick.nanoseconds(since: start), at: tick)
            }
        }
    }

    func stored(_ hashes: [[Digest]], at tick: Tick) {
        state.withLock { state in
            for block in hashes {
                for hash in block {
                    guard let start = state.submitted.removeValue(forKey: hash) else { continue }
                    state.stored.add(tick.nanoseconds(since: start), at: tick)
                }
                state.blocks.append((tick, block.count))
            }
            let live = state.blocks.firstIndex {
                tick.nanoseconds(since: $0.tick) < Self.horizonNanoseconds
            }
            state.blocks.removeFirst(live ?? state.blocks.count)
        }
    }

    struct Figures {
        var final: (p50: Double?, p99: Double?) = (nil, nil)
        var stored: (p50: Double?, p99: Double?) = (nil, nil)
        var blocksPerSecond = 0.0
        var transactionsPerSecond = 0.0
    }

    /// Percentiles in milliseconds, and rates.
    func figures(now: Tick) -> Figures {
        state.withLock { state in
            var figures = Figures()
            figures.final = state.final.percentiles(now: now)
            figures.stored = state.stored.percentiles(now: now)
            let recent = state.blocks.filter {
                now.nanoseconds(since: $0.tick) < Self.horizonNanoseconds
            }
            if let first = recent.first {
                let seconds = max(Double(now.nanoseconds(since: first.tick)) / 1e9, 0.5)
                figures.blocksPerSecond = Double(recent.count) / seconds
                figures.transactionsPerSecond =
                    Double(recent.reduce(0) { $0 + $1.transactions }) / seconds
            }
            return figures
        }
    }
}
