import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import Metrics
import NIOCore

/// Answers one request after the other of each connection.
struct RequestHandler: Sendable {
    let limits: RPCLimits
    private let dispatcher: RPCDispatcher
    private let backend: any RPCBackend
    private let registry: PrometheusRegistry
    private let requests: Permits
    private let largeRequests: Permits
    private let probes: Permits
    private let bodies: Permits
    private let inFlight: Gauge
    private let refusals: RefusalLog

    init(
        backend: any RPCBackend, registry: PrometheusRegistry, limits: RPCLimits, logger: Logger
    ) {
        self.backend = backend
        self.registry = registry
        self.limits = limits
        dispatcher = RPCDispatcher(backend: backend, limits: limits, metrics: registry)
        requests = Permits(limits.concurrentRequests)
        largeRequests = Permits(limits.concurrentLargeRequests)
        probes = Permits(limits.concurrentProbes)
        bodies = Permits(limits.pendingBodyBytes)
        inFlight = Gauge(label: "rpc_requests_in_flight", factory: registry)
        refusals = RefusalLog(factory: registry, logger: logger)
    }

    /// Ends a connection whose request was refused before its end.
    private struct ConnectionRefused: Error {}

    func respond(
        to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        var body = request.body.makeAsyncIterator()
        if request.headers[.expect]?.lowercased() == "100-continue",
            declaredLength(request) ?? 0 <= limits.bodyBytes
        {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        let answer = try await answer(to: request, &body, channel)
        try await writer.write(response: answer.head, body: answer.responseBody)
        guard answer.closes else { return }
        // A connection closed with bytes unread is reset, and the answer may be lost with it: what
        // the client is still sending is taken in and dropped, within bounds.
        var dropped = 0
        while dropped < 4 * limits.bodyBytes, let part = try await body.next() {
            dropped += part.readableBytes
        }
        throw ConnectionRefused()
    }

    private func declaredLength(_ request: Request) -> Int? {
        request.headers[.contentLength].flatMap(Int.init)
    }

    private func answer(
        to request: Request, _ body: inout RequestBody.AsyncIterator, _ channel: any Channel
    ) async throws -> HTTPAnswer {
        let path = request.head.path.map { $0.prefix { $0 != "?" } } ?? ""
        switch path {
        case "/", "/rpc", "/rpc/v0_10":
            guard request.method == .post else { return refuse(.methodNotAllowed("POST")) }
            switch try await read(request, &body) {
            case .failure(let refusal): return refusal.answer
            case .success(let bytes): return await call(bytes, channel.eventLoop)
            }
        case "/health", "/ready", "/status", "/metrics":
            guard request.method == .get else { return refuse(.methodNotAllowed("GET")) }
            return await probe(path, channel.eventLoop)
        default: return refuse(.notFound)
        }
    }

    private func refuse(_ answer: HTTPAnswer) -> HTTPAnswer {
        refusals.record("HTTP \(answer.status.code)")
        return answer
    }

    // MARK: - JSON-RPC

    private struct Refusal: Error {
        let answer: HTTPAnswer
    }

    private func read(
        _ request: Request, _ iterator: inout RequestBody.AsyncIterator
    ) async throws -> Result<[UInt8], Refusal> {
        let declared = declaredLength(request)
        if let declared, declared > limits.bodyBytes {
            return .failure(Refusal(answer: refuse(.bodyTooLarge)))
        }
        var bytes: [UInt8] = []
        defer { bodies.giveBack(bytes.count) }
        while let part = try await iterator.next() {
            guard part.readableBytes <= limits.bodyBytes - bytes.count else {
                return .failure(Refusal(answer: refuse(.bodyTooLarge)))
            }
            guard bodies.take(part.readableBytes) else {
                let answer = HTTPAnswer.busy("too many bytes of bodies in flight", closes: true)
                return .failure(Refusal(answer: refuse(answer)))
            }
            bytes.append(contentsOf: part.readableBytesView)
        }
        // The client went away in the middle.
        if let declared, declared != bytes.count { throw ConnectionRefused() }
        return .success(bytes)
    }

    private func call(_ bytes: [UInt8], _ eventLoop: any EventLoop) async -> HTTPAnswer {
        guard requests.take() else {
            return refuse(
                .busy("\(limits.concurrentRequests) requests are in flight", closes: false))
        }
        let isLarge = bytes.count > limits.smallBodyBytes
        guard !isLarge || largeRequests.take() else {
            requests.giveBack()
            return refuse(
                .busy(
                    "\(limits.concurrentLargeRequests) large requests are in flight",
                    closes: false))
        }
        inFlight.record(requests.count)
        let message = dispatcher.parse(bytes)
        let dispatcher = dispatcher
        let (requests, largeRequests, inFlight) = (requests, largeRequests, inFlight)
        let answer = await withDeadline(
            milliseconds: limits.answerMilliseconds, on: eventLoop,
            work: { await dispatcher.answer(message) },
            late: { dispatcher.timeoutAnswer(message) },
            ended: {
                requests.giveBack()
                if isLarge { largeRequests.giveBack() }
                inFlight.record(requests.count)
            })
        guard let answer else { return HTTPAnswer(status: .noContent) }
        guard case .refused(let error) = message else { return .json(.ok, answer) }
        refusals.record(error.message)
        return .json(.badRequest, answer)
    }

    // MARK: - Probes

    private func probe(_ path: Substring, _ eventLoop: any EventLoop) async -> HTTPAnswer {
        if path == "/metrics" {
            var answer = HTTPAnswer.text(.ok, registry.expose())
            answer.contentType = "text/plain; version=0.0.4; charset=utf-8"
            return answer
        }
        guard probes.take() else {
            return refuse(.busy("too many probes are in flight", closes: false))
        }
        let (backend, probes) = (backend, probes)
        if path == "/status" {
            let status = await withDeadline(
                milliseconds: limits.probeMilliseconds, on: eventLoop,
                work: { Optional(await backend.status()) }, late: { nil },
                ended: { probes.giveBack() })
            return statusAnswer(status)
        }
        let health = await withDeadline(
            milliseconds: limits.probeMilliseconds, on: eventLoop,
            work: { Optional(await backend.health()) }, late: { nil },
            ended: { probes.giveBack() })
        return healthAnswer(health, isReadiness: path == "/ready")
    }

    private var silence: String {
        "the node did not answer within \(limits.probeMilliseconds) ms"
    }

    private func statusAnswer(_ status: NodeStatus?) -> HTTPAnswer {
        guard let status else { return refuse(.text(.serviceUnavailable, silence + "\n")) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            return .json(.ok, Array(try encoder.encode(status)))
        } catch {
            // A rate that is not a number is the only way.
            return .text(.internalServerError, "the status cannot be shown: \(error)\n")
        }
    }

    private func healthAnswer(_ report: HealthReport?, isReadiness: Bool) -> HTTPAnswer {
        var writer = JSONWriter()
        guard let report else {
            writer.object { writer in
                writer.member("status", "unresponsive")
                writer.array("reasons") { $0.string(silence) }
            }
            return refuse(.json(.serviceUnavailable, writer.bytes))
        }
        let reasons = isReadiness ? report.hindrances : report.faults
        let good = isReadiness ? "ready" : "healthy"
        let bad = isReadiness ? "not ready" : "failed"
        report.render(
            into: &writer, verdict: reasons.isEmpty ? good : bad, reasons: reasons)
        return .json(reasons.isEmpty ? .ok : .serviceUnavailable, writer.bytes)
    }
}
