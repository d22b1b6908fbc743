import Foundation
import Metrics
import Testing

@testable import RPC

struct HealthTests {
    private func report(_ change: (inout HealthReport) -> Void) -> HealthReport {
        var report = FakeBackend.soundReport
        change(&report)
        return report
    }

    @Test("a node is ready when it progresses, reaches a quorum and is synced")
    func ready() {
        #expect(FakeBackend.soundReport.hindrances.isEmpty)
        #expect(FakeBackend.soundReport.faults.isEmpty)
        let idle = report {
            $0.finalAgeMilliseconds = 60_000
            $0.heartbeatAgeMilliseconds = 900
        }
        #expect(idle.hindrances.isEmpty)
        #expect(report { $0.finalAgeMilliseconds = 1000 }.hindrances.isEmpty)
    }

    @Test("each hindrance is named, and alone does not make the process unhealthy")
    func hindrances() {
        let reports = [
            report { $0.finalAgeMilliseconds = 1001 }, report { $0.finalAgeMilliseconds = nil },
            report { $0.isSynced = false }, report { $0.connectedPower = 2 },
        ]
        for report in reports {
            #expect(report.hindrances.count == 1)
            #expect(report.faults.isEmpty)
        }
    }

    @Test("exactly two thirds of the power is no quorum, at any size")
    func quorum() {
        func isReady(_ connected: UInt64, _ total: UInt64) -> Bool {
            report {
                $0.connectedPower = connected
                $0.totalPower = total
            }.hindrances.isEmpty
        }
        #expect(!isReady(2, 3))
        #expect(isReady(3, 4))
        #expect(!isReady(0, 0))
        #expect(isReady(.max, .max))
        #expect(!isReady(.max / 3 * 2, .max))
        #expect(isReady(.max / 3 * 2 + 1, .max))
    }

    @Test("a node that stopped is neither healthy nor ready")
    func stopped() {
        let report = report { $0.stopReason = "the store failed" }
        #expect(report.faults.count == 1)
        #expect(report.hindrances == report.faults)
    }
}

struct MetricsTests {
    private let registry = PrometheusRegistry(prefix: "test", maximumSeries: 12)

    @Test("counters, gauges and histograms are shown in Prometheus' text format")
    func exposition() {
        Counter(label: "blocks.final", factory: registry).increment(by: 3)
        Counter(label: "blocks.final", factory: registry).increment()
        FloatingPointCounter(label: "work", factory: registry).increment(by: 0.5)
        Gauge(label: "queue-depth", dimensions: [("queue", "a\"b\\c\nd")], factory: registry)
            .record(7)
        Meter(label: "load", factory: registry).set(-1.25)
        let timer = Timer(label: "step_seconds", dimensions: [("kind", "vote")], factory: registry)
        timer.recordNanoseconds(50_000)
        timer.recordNanoseconds(100_000)
        timer.recordNanoseconds(20_000_000_000)
        let text = registry.expose()
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.contains("# TYPE test_blocks_final_total counter"))
        #expect(lines.contains("test_blocks_final_total 4"))
        #expect(lines.contains("test_work_total 0.5"))
        #expect(lines.contains(#"test_queue_depth{queue="a\"b\\c\nd"} 7"#))
        #expect(lines.contains("test_load -1.25"))
        #expect(lines.contains("# TYPE test_step_seconds histogram"))
        #expect(lines.contains(#"test_step_seconds_bucket{kind="vote",le="0.0001"} 2"#))
        #expect(lines.contains(#"test_step_seconds_bucket{kind="vote",le="10"} 2"#))
        #expect(lines.contains(#"test_step_seconds_bucket{kind="vote",le="+Inf"} 3"#))
        #expect(lines.contains(#"test_step_seconds_count{kind="vote"} 3"#))
        #expect(text.hasSuffix("\n"))
        MetricsTests.expectWellFormed(text)
    }

    @Test("recorders count into powers of two")
    func recorder() {
        let recorder = Recorder(label: "certificate_bytes", factory: registry)
        recorder.record(3)
        recorder.record(1 << 30)
        recorder.record(Double.nan)
        let lines = registry.expose().split(separator: "\n").map(String.init)
        #expect(lines.contains(#"test_certificate_bytes_bucket{le="2"} 0"#))
        #expect(lines.contains(#"test_certificate_bytes_bucket{le="4"} 1"#))
        #expect(lines.contains(#"test_certificate_bytes_bucket{le="+Inf"} 2"#))
    }

    @Test("series above the maximum are not kept, and counted")
    func bounded() {
        for index in 0..<100 {
            Counter(label: "peer", dimensions: [("address", "\(index)")], factory: registry)
                .increment()
        }
        let lines = registry.expose().split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("test_peer_total{") } == 12)
        #expect(lines.contains("test_metrics_refused_series_total 88"))
    }

    @Test("a name keeps its first type")
    func oneType() {
        Gauge(label: "x", factory: registry).record(1)
        Timer(label: "x", dimensions: [("a", "b")], factory: registry).recordNanoseconds(1)
        let text = registry.expose()
        #expect(text.contains("# TYPE test_x gauge"))
        #expect(!text.contains("test_x_bucket"))
        #expect(text.contains("test_metrics_refused_series_total 1"))
    }

    @Test("concurrent increments are all counted")
    func concurrency() async {
        let counter = Counter(label: "hits", factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { counter.increment() } }
            }
        }
        #expect(registry.expose().contains("test_hits_total 8000"))
    }

    /// Each line is a comment or a sample; a name's samples follow its one TYPE line.
    static func expectWellFormed(_ text: String) {
        var types: [String: String] = [:]
        var current = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                #expect(words.count == 4)
                current = String(words[2])
                #expect(types.updateValue(String(words[3]), forKey: current) == nil, "\(line)")
                continue
            }
            let sample =
                #"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})? \S+$"#
            #expect(line.range(of: sample, options: .regularExpression) != nil, "\(line)")
            #expect(line.hasPrefix(current), "\(line) after \(current)")
        }
    }
}
