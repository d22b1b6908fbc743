import Logging
import Metrics
import Synchronization

/// Counts refused requests and logs their reasons, at most one line a second: a flood of bad
/// requests makes no flood of lines.
final class RefusalLog: Sendable {
    private let counter: Counter
    private let logger: Logger
    private let state = Mutex<(last: ContinuousClock.Instant?, silent: Int)>((nil, 0))

    init(factory: any MetricsFactory, logger: Logger) {
        counter = Counter(label: "rpc_refused_requests", factory: factory)
        self.logger = logger
    }

    func record(_ reason: String) {
        counter.increment()
        let now = ContinuousClock.now
        let silent: Int? = state.withLock { state in
            if let last = state.last, now - last < .seconds(1) {
                state.silent += 1
                return nil
            }
            defer { state = (now, 0) }
            return state.silent
        }
        guard let silent else { return }
        logger.info(
            "Refused a request",
            metadata: ["reason": "\(reason)", "unlogged": "\(silent)"])
    }
}
