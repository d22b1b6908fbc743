import Metrics

/// What the dispatcher counts. Labels come from closed lists only, so that no client can make a
/// series.
struct RPCMetrics: Sendable {
    let refusedBodies: Counter
    let unknownMethods: Counter
    let timeouts: Counter
    private let calls: [StarknetMethod: Series]

    private struct Series: Sendable {
        let failures: Counter
        let duration: Timer
    }

    init(factory: any MetricsFactory) {
        refusedBodies = Counter(label: "rpc_refused_bodies", factory: factory)
        unknownMethods = Counter(label: "rpc_unknown_methods", factory: factory)
        timeouts = Counter(label: "rpc_timeouts", factory: factory)
        var calls: [StarknetMethod: Series] = [:]
        for method in StarknetMethod.allCases {
            let dimensions = [("method", method.rawValue)]
            calls[method] = Series(
                failures: Counter(
                    label: "rpc_failed_calls", dimensions: dimensions, factory: factory),
                duration: Timer(
                    label: "rpc_call_seconds", dimensions: dimensions, factory: factory))
        }
        self.calls = calls
    }

    func record(
        _ method: StarknetMethod, _ duration: Duration, _ outcome: Result<[UInt8], RPCError>
    ) {
        guard let series = calls[method] else { return }
        if case .failure = outcome { series.failures.increment() }
        let (seconds, attoseconds) = duration.components
        series.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
