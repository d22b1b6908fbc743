import JSONText
package import Metrics

/// From a request body to its answer: JSON-RPC 2.0 around `StarknetMethods`. Total over bodies,
/// and without a socket.
package struct RPCDispatcher: Sendable {
    package let limits: RPCLimits
    private let methods: StarknetMethods
    private let metrics: RPCMetrics

    package init(
        backend: any RPCBackend, limits: RPCLimits = RPCLimits(), metrics: any MetricsFactory
    ) {
        self.limits = limits
        methods = StarknetMethods(backend: backend, limits: limits)
        self.metrics = RPCMetrics(factory: metrics)
    }

    package func parse(_ body: [UInt8]) -> RPCMessage { .parse(body, limits: limits) }

    /// The answer's JSON; nil where nothing but notifications came. The calls of a batch run one
    /// after the other and are answered in their order; neighbouring submissions are handed over
    /// together.
    package func answer(_ message: RPCMessage) async -> [UInt8]? {
        switch message {
        case .refused(let error):
            metrics.refusedBodies.increment()
            return RPCDispatcher.answer(.null, .failure(error))
        case .single(let call):
            let outcome = await run(call)
            return call.id.map { RPCDispatcher.answer($0, outcome) }
        case .batch(let calls):
            var answers: [[UInt8]] = []
            var size = 0
            var rest = calls[...]
            while !rest.isEmpty {
                let submissions = rest.prefix { $0.submits }
                let group = submissions.isEmpty ? rest.prefix(1) : submissions
                rest = rest.dropFirst(group.count)
                let outcomes: [Result<[UInt8], RPCError>]
                if size > limits.batchAnswerBytes {
                    let error = RPCError.limitExceeded(
                        "the answers before this one fill the batch's maximum")
                    outcomes = group.map { _ in .failure(error) }
                } else if submissions.isEmpty {
                    outcomes = [await run(group[group.startIndex])]
                } else {
                    outcomes = await submit(Array(group))
                }
                for (call, outcome) in zip(group, outcomes) {
                    guard let id = call.id else { continue }
                    let answer = RPCDispatcher.answer(id, outcome)
                    size += answer.count
                    answers.append(answer)
                }
            }
            return RPCDispatcher.batch(answers)
        }
    }

    /// Consecutive submissions of a batch: in order, without a wait for each verdict in between.
    private func submit(_ calls: [RPCCall]) async -> [Result<[UInt8], RPCError>] {
        let start = ContinuousClock.now
        let requests = calls.compactMap(\.submission)
        let outcomes = await methods.submit(requests)
        for (request, outcome) in zip(requests, outcomes) {
            metrics.record(request.method, start.duration(to: .now), outcome)
        }
        return outcomes
    }

    /// The answer to a message whose time is up.
    package func timeoutAnswer(_ message: RPCMessage) -> [UInt8]? {
        metrics.timeouts.increment()
        let error = RPCError.internal("no answer within \(limits.answerMilliseconds) ms")
        switch message {
        case .refused(let error): return RPCDispatcher.answer(.null, .failure(error))
        case .single(let call): return call.id.map { RPCDispatcher.answer($0, .failure(error)) }
        case .batch(let calls):
            return RPCDispatcher.batch(
                calls.compactMap(\.id).map { RPCDispatcher.answer($0, .failure(error)) })
        }
    }

    /// The answer to a body that is refused unread.
    package static func refusal(_ error: RPCError) -> [UInt8] { answer(.null, .failure(error)) }

    private func run(_ call: RPCCall) async -> Result<[UInt8], RPCError> {
        let content: RPCCall.Content
        switch call.content {
        case .success(let success): content = success
        case .failure(let error): return .failure(error)
        }
        guard let method = StarknetMethod(rawValue: content.method) else {
            metrics.unknownMethods.increment()
            return .failure(.methodNotFound(StarknetMethod.absence(of: content.method)))
        }
        let start = ContinuousClock.now
        let outcome: Result<[UInt8], RPCError>
        do {
            outcome = .success(try await methods.run(method, content.parameters))
        } catch {
            outcome = .failure(error)
        }
        metrics.record(method, start.duration(to: .now), outcome)
        return outcome
    }

    private static func answer(
        _ id: JSONValue, _ outcome: Result<[UInt8], RPCError>
    ) -> [UInt8] {
        var capacity = 256
        if case .success(let result) = outcome { capacity = result.count + 64 }
        var writer = JSONWriter(capacity: capacity)
        writer.object { writer in
            writer.member("jsonrpc", "2.0")
            switch outcome {
            case .success(let result):
                writer.name("result")
                writer.raw(result)
            case .failure(let error):
                writer.name("error")
                error.render(into: &writer)
            }
            writer.name("id")
            writer.value(id)
        }
        return writer.bytes
    }

    private static func batch(_ answers: [[UInt8]]) -> [UInt8]? {
        if answers.isEmpty { return nil }
        var writer = JSONWriter(capacity: answers.reduce(2) { $0 + $1.count + 1 })
        writer.array { writer in
            for answer in answers { writer.raw(answer) }
        }
        return writer.bytes
    }
}

extension RPCCall {
    /// Method and parameters where this call submits a transaction.
    var submission: (method: StarknetMethod, parameters: RPCParameters)? {
        guard case .success(let content) = content,
            let method = StarknetMethod(rawValue: content.method), method.submits
        else { return nil }
        return (method, content.parameters)
    }

    var submits: Bool { submission != nil }
}
