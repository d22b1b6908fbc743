import Primitives
import Replica

/// Makes opaque payloads at a steady rate and submits them to this node, for measuring agreement.
final class PayloadGenerator: @unchecked Sendable {
    private let rate: Int
    private let bytes: Int
    private let admission: AdmissionService
    private let meter: LatencyMeter
    private let thread = WorkerThread<Never>(name: "payloads", bound: 1)
    private var made = 0
    private var generator = SeededGenerator(seed: SystemClock.tick().rawValue)
    private let startedAt = SystemClock.tick()

    init(rate: Int, bytes: Int, admission: AdmissionService, meter: LatencyMeter) {
        self.rate = rate
        self.bytes = max(bytes, 32)
        self.admission = admission
        self.meter = meter
    }

    /// A tick every two milliseconds; each makes up what is due by then.
    func start() {
        thread.start { [self] _ in
            let now = SystemClock.tick()
            let due = Int(Double(now.nanoseconds(since: startedAt)) / 1e9 * Double(rate))
            let count = min(due - made, rate / 50 + 1)
            made = due
            if count > 0 {
                var payloads: [[UInt8]] = []
                for _ in 0..<count {
                    var payload = [UInt8](repeating: 0, count: bytes)
                    for index in 0..<32 {
                        payload[index] = UInt8(truncatingIfNeeded: generator.next())
                    }
                    payloads.append(payload)
                    meter.submitted(ChunkRoot.leaf(payload), at: now)
                }
                _ = admission.offer(.payloads(payloads))
            }
            return now.after(milliseconds: 2)
        }
        thread.wake()
    }

    func stop() { thread.stop() }
}
