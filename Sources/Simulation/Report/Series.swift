/// The time axis that all plots of a page share.
struct TimeAxis {
    /// Horizontal units of a plot. A plot is stretched to the width that there is, so that they are
    /// parts of the run's time and no pixels.
    static let units = 10_000

    /// Nanoseconds; above zero.
    let end: UInt64

    init(_ record: RunRecord) {
        var last = record.duration
        for sample in record.samples { last = max(last, sample.time) }
        for block in record.finality { last = max(last, block.quorum) }
        end = last == 0 ? 1_000_000_000 : last
    }

    func fraction(_ time: UInt64) -> Double { Double(min(time, end)) / Double(end) }
    func unit(_ time: UInt64) -> Int { Int(fraction(time) * Double(Self.units)) }
    func percent(_ time: UInt64) -> String { Wording.fixed(fraction(time) * 100, 2) + "%" }

    /// The smallest round step that cuts the run into at most so many parts.
    static func step(_ span: UInt64, parts: UInt64) -> UInt64 {
        var power: UInt64 = 1
        while true {
            for digit: UInt64 in [1, 2, 5] where span / (digit * power) <= parts {
                return digit * power
            }
            guard power < 1_000_000_000_000_000_000 else { return span }
            power *= 10
        }
    }

    struct Tick {
        let time: UInt64
        let label: String
        /// Shown once the reader has zoomed in.
        let isFine: Bool
    }

    var ticks: [Tick] {
        let coarse = Self.step(end, parts: 10)
        let fine = Self.step(coarse, parts: 5)
        return Swift.stride(from: 0, through: end, by: Int(max(1, fine))).map { time in
            let isFine = !time.isMultiple(of: coarse)
            let decimals = Self.decimals(isFine ? fine : coarse)
            return Tick(
                time: time, label: Wording.fixed(Double(time) / 1e9, decimals) + " s",
                isFine: isFine)
        }
    }

    /// Of a second, that tell multiples of the step apart; at most six.
    private static func decimals(_ step: UInt64) -> Int {
        var decimals = 0
        var unit: UInt64 = 1_000_000_000
        while decimals < 6, !step.isMultiple(of: unit) {
            decimals += 1
            unit /= 10
        }
        return decimals
    }
}

enum Percentile {
    /// The value that so many per cent of all are below, of values in rising order: the first one
    /// with more than that share at or below it. Nil for none.
    static func of(_ sorted: [UInt64], _ percent: Int) -> UInt64? {
        sorted.isEmpty ? nil : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
    }
}

extension RunRecord.Finality {
    var firstLatency: UInt64 { first > opened ? first - opened : 0 }
    var quorumLatency: UInt64 { quorum > opened ? quorum - opened : 0 }
}

extension RunRecord {
    /// From a block's opening to its finality on a quorum, in rising order.
    var sortedLatencies: [UInt64] { finality.map(\.quorumLatency).sorted() }

    func name(_ node: Int) -> String {
        nodes.indices.contains(node) ? nodes[node].name : "node \(node)"
    }

    func names(_ list: [Int]) -> String {
        list.isEmpty ? "all nodes" : list.map { name($0) }.joined(separator: ", ")
    }
}

/// A node's progress, cut into bins of equal time: what it had at the end of each.
struct Track {
    struct State: Equatable {
        var height: UInt64
        var window: UInt64
        var leader: Int
    }

    /// Nil before the first sample.
    var states: [State?]

    /// Tracks of all nodes. Samples may come in any order; of those in one bin the last counts.
    static func all(_ record: RunRecord, _ axis: TimeAxis, bins: Int) -> [Track] {
        let empty = Track(states: Array(repeating: nil, count: bins))
        var tracks = Array(repeating: empty, count: record.nodes.count)
        var latest = Array(
            repeating: [UInt64](repeating: 0, count: bins), count: record.nodes.count)
        for sample in record.samples where tracks.indices.contains(sample.node) {
            let bin = min(bins - 1, Int(axis.fraction(sample.time) * Double(bins)))
            guard sample.time >= latest[sample.node][bin] else { continue }
            latest[sample.node][bin] = sample.time
            tracks[sample.node].states[bin] = State(
                height: sample.height, window: sample.window, leader: sample.leader)
        }
        for node in tracks.indices {
            for bin in 0..<bins where bin > 0 && tracks[node].states[bin] == nil {
                tracks[node].states[bin] = tracks[node].states[bin - 1]
            }
        }
        return tracks
    }

    /// Neighbouring bins of which `value` says the same: from, to (exclusive), the value.
    static func runs<Value: Equatable>(
        _ bins: Range<Int>, _ value: (Int) -> Value?
    ) -> [(from: Int, to: Int, value: Value)] {
        var runs: [(from: Int, to: Int, value: Value)] = []
        for bin in bins {
            guard let now = value(bin) else { continue }
            if let last = runs.last, last.to == bin, last.value == now {
                runs[runs.count - 1].to = bin + 1
            } else {
                runs.append((bin, bin + 1, now))
            }
        }
        return runs
    }
}

/// A vertical scale from a value to pixels, linear from zero or logarithmic.
struct ValueScale {
    let top: Double
    let bottom: Double
    let low: Double
    let high: Double
    let isLogarithmic: Bool
    /// Ticks of a linear scale, about.
    var parts: UInt64 = 5

    func y(_ value: Double) -> Double {
        let clamped = min(max(value, low), high)
        let part =
            isLogarithmic
            ? (Self.log2(clamped) - Self.log2(low)) / (Self.log2(high) - Self.log2(low))
            : (clamped - low) / (high - low)
        return bottom - part * (bottom - top)
    }

    /// Of a number above zero. Written out, since a system's library rounds as it likes and a page
    /// is the same everywhere: log2 m = 2/ln 2 * artanh((m - 1)/(m + 1)) for 1 <= m < 2, whose series
    /// loses less than 1e-9 after nine terms.
    static func log2(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 0 }
        let ratio = (value.significand - 1) / (value.significand + 1)
        var power = ratio
        var sum = 0.0
        for odd in Swift.stride(from: 1.0, through: 17, by: 2) {
            sum += power / odd
            power *= ratio * ratio
        }
        return Double(value.exponent) + sum * 2.885_390_081_777_926_8
    }

    /// Round values within the scale, at most nine.
    var ticks: [Double] {
        guard isLogarithmic else {
            let step = Double(TimeAxis.step(UInt64(max(1, high * 1000)), parts: parts)) / 1000
            return (0...Int(parts)).map { Double($0) * step }.filter { $0 >= low && $0 <= high }
        }
        var values: [Double] = []
        var power = 1e-6
        while power <= high {
            for digit in [1.0, 2, 5] where digit * power >= low && digit * power <= high {
                values.append(digit * power)
            }
            power *= 10
        }
        guard values.count > 9 else { return values }
        return values.filter { value in
            var power = 1e-6
            while power < value * 0.99 { power *= 10 }
            return power < value * 1.01
        }
    }
}
