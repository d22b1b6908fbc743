import JSONText
import Metrics
import Testing

@testable import RPC

/// A dispatcher over the fake chain, asked in JSON text.
struct Harness {
    let backend = FakeBackend()
    let registry = PrometheusRegistry()
    let dispatcher: RPCDispatcher

    init(limits: RPCLimits = .patient) {
        dispatcher = RPCDispatcher(backend: backend, limits: limits, metrics: registry)
    }

    /// The answer to a body; nil where none is due.
    func send(_ body: String) async throws -> JSONValue? {
        guard let answer = await dispatcher.answer(dispatcher.parse(Array(body.utf8))) else {
            return nil
        }
        return try Harness.parse(answer)
    }

    /// Answers may be longer than requests.
    static func parse(_ bytes: [UInt8]) throws -> JSONValue {
        var limits = JSONLimits()
        limits.values = .max
        return try JSONParser.parse(bytes, limits: limits)
    }

    static func request(_ method: String, _ parameters: String, id: String = "1") -> String {
        #"{"jsonrpc":"2.0","method":"\#(method)","params":\#(parameters),"id":\#(id)}"#
    }

    func call(_ method: String, _ parameters: String = "[]") async throws -> JSONValue {
        try #require(await send(Harness.request(method, parameters)))
    }

    func result(_ method: String, _ parameters: String = "[]") async throws -> JSONValue {
        let answer = try await call(method, parameters)
        return try #require(answer["result"], "\(method): \(answer)")
    }

    func errorCode(_ method: String, _ parameters: String = "[]") async throws -> Int {
        let answer = try await call(method, parameters)
        guard case .number(let digits)? = answer["error"]?["code"] else {
            Issue.record("\(method) did not fail: \(answer)")
            return 0
        }
        return Int(digits) ?? 0
    }
}

extension RPCLimits {
    /// Deadlines that no test meets that is not about them, however busy the machine is.
    static var patient: RPCLimits {
        var limits = RPCLimits()
        limits.answerMilliseconds = 600_000
        limits.probeMilliseconds = 600_000
        limits.idleMilliseconds = 600_000
        return limits
    }
}
