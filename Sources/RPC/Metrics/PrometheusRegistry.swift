package import Metrics
import Synchronization

/// A swift-metrics backend that keeps its series in memory and shows them in Prometheus' text
/// format, version 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
///
/// - Counters get the suffix `_total`. Timers become histograms in seconds, named without a unit of
///   their own: give them a label that ends in `_seconds`. Recorders that aggregate become
///   histograms with power-of-two bounds, other recorders and meters gauges.
/// - Names and label names are made valid by writing `_` for every other character.
/// - At most `maximumSeries` series exist; further ones are accepted and not kept, and
///   `metrics_refused_series_total` counts them, so that a label from outside cannot fill memory.
/// - The same name and labels give the same series. A name used with two types keeps the first.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    struct Key: Hashable, Comparable, Sendable {
        let name: String
        /// Already in the form `{a="b",c="d"}`, or empty.
        let labels: String

        static func < (left: Key, right: Key) -> Bool {
            left.name != right.name ? left.name < right.name : left.labels < right.labels
        }
    }

    enum Series: Sendable {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)

        var type: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct State {
        var series: [Key: Series] = [:]
        /// The type of every name in use.
        var types: [String: String] = [:]
        var refused: UInt64 = 0
    }

    private let prefix: String
    private let maximumSeries: Int
    private let state = Mutex(State())

    /// `prefix` is written before every name, with `_` between.
    package init(prefix: String = "prytany", maximumSeries: Int = 4096) {
        self.prefix = prefix
        self.maximumSeries = maximumSeries
    }

    /// Upper bounds in seconds, for times from consensus steps to client requests.
    package static let secondsBounds: [Double] = [
        0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
    ]
    /// Upper bounds for sizes and counts.
    package static let sizeBounds: [Double] = (0..<24).map { Double(1 << $0) }

    /// The series under a key: the one that is there, or `make`'s; nil at the limit or where the
    /// name has another type.
    private func series(
        _ label: String, _ dimensions: [(String, String)], suffix: String = "",
        _ make: () -> Series
    ) -> Series? {
        let key = Key(
            name: Exposition.name("\(prefix)_\(label)") + suffix,
            labels: Exposition.labels(dimensions))
        return state.withLock { state in
            if let known = state.series[key] { return known }
            let new = make()
            guard state.series.count < maximumSeries,
                state.types[key.name, default: new.type] == new.type
            else {
                state.refused += 1
                return nil
            }
            state.types[key.name] = new.type
            state.series[key] = new
            return new
        }
    }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
        let made = series(label, dimensions, suffix: "_total") { .counter(CounterSeries()) }
        guard case .counter(let counter) = made else { return CounterSeries() }
        return counter
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        guard case .gauge(let gauge) = series(label, dimensions, { .gauge(GaugeSeries()) }) else {
            return GaugeSeries()
        }
        return gauge
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], _ bounds: [Double]
    ) -> HistogramSeries {
        let made = series(label, dimensions) { .histogram(HistogramSeries(bounds: bounds)) }
        guard case .histogram(let histogram) = made else { return HistogramSeries(bounds: bounds) }
        return histogram
    }

    // MARK: - MetricsFactory

    package func makeCounter(
        label: String, dimensions: [(String, String)]
    ) -> any CounterHandler { counter(label, dimensions) }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { counter(label, dimensions) }

    package func makeMeter(
        label: String, dimensions: [(String, String)]
    ) -> any MeterHandler { gauge(label, dimensions) }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? histogram(label, dimensions, PrometheusRegistry.sizeBounds)
            : gauge(label, dimensions)
    }

    package func makeTimer(
        label: String, dimensions: [(String, String)]
    ) -> any TimerHandler { histogram(label, dimensions, PrometheusRegistry.secondsBounds) }

    // Series outlive their handlers: Prometheus counters do not go away.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: - Exposition

    /// The text of all series, ordered by name and labels, one `# TYPE` line per name.
    package func expose() -> String {
        let (series, refused) = state.withLock { ($0.series, $0.refused) }
        var text = ""
        var previous: String?
        for (key, value) in series.sorted(by: { $0.key < $1.key }) {
            if key.name != previous { text += "# TYPE \(key.name) \(value.type)\n" }
            previous = key.name
            Exposition.write(value, key, into: &text)
        }
        let name = Exposition.name("\(prefix)_metrics_refused_series") + "_total"
        text += "# TYPE \(name) counter\n\(name) \(refused)\n"
        return text
    }
}

/// The text format's own rules.
enum Exposition {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func name(_ text: String) -> String { valid(text, colon: true) }

    private static func valid(_ text: String, colon: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
            case ":" where colon: result.unicodeScalars.append(scalar)
            case "0"..."9":
                if result.isEmpty { result += "_" }
                result.unicodeScalars.append(scalar)
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }

    static func labels(_ dimensions: [(String, String)]) -> String {
        if dimensions.isEmpty { return "" }
        let pairs = dimensions.map { "\(valid($0.0, colon: false))=\"\(escaped($0.1))\"" }
        return "{" + pairs.sorted().joined(separator: ",") + "}"
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }

    static func write(
        _ series: PrometheusRegistry.Series, _ key: PrometheusRegistry.Key, into text: inout String
    ) {
        switch series {
        case .counter(let counter):
            text += "\(key.name)\(key.labels) \(number(counter.value))\n"
        case .gauge(let gauge):
            text += "\(key.name)\(key.labels) \(number(gauge.value))\n"
        case .histogram(let histogram):
            let (counts, sum) = histogram.snapshot
            var total: UInt64 = 0
            for (index, count) in counts.enumerated() {
                total += count
                let bound =
                    index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
                let labels = with(key.labels, "le=\"\(bound)\"")
                text += "\(key.name)_bucket\(labels) \(total)\n"
            }
            text += "\(key.name)_sum\(key.labels) \(number(sum))\n"
            text += "\(key.name)_count\(key.labels) \(total)\n"
        }
    }

    private static func with(_ labels: String, _ extra: String) -> String {
        labels.isEmpty ? "{\(extra)}" : labels.dropLast() + ",\(extra)}"
    }
}
