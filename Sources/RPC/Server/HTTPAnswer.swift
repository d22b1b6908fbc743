import HTTPTypes
import HummingbirdCore
import NIOCore

/// A whole HTTP answer.
struct HTTPAnswer: Sendable {
    var status: HTTPResponse.Status
    var contentType = "application/json"
    var body: [UInt8] = []
    /// Whether the connection ends with this answer: the rest of the request is not wanted.
    var closes = false
    var fields: [(HTTPField.Name, String)] = []

    var head: HTTPResponse {
        var response = HTTPResponse(status: status)
        if !body.isEmpty { response.headerFields[.contentType] = contentType }
        if status != .noContent { response.headerFields[.contentLength] = String(body.count) }
        if closes { response.headerFields[.connection] = "close" }
        for (name, value) in fields { response.headerFields[name] = value }
        return response
    }

    var responseBody: ResponseBody {
        body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body))
    }
}

extension HTTPAnswer {
    static func json(_ status: HTTPResponse.Status, _ body: [UInt8]) -> HTTPAnswer {
        HTTPAnswer(status: status, body: body)
    }

    static func text(_ status: HTTPResponse.Status, _ text: String) -> HTTPAnswer {
        HTTPAnswer(
            status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    static let bodyTooLarge = HTTPAnswer(
        status: .contentTooLarge,
        body: RPCDispatcher.refusal(.invalidRequest("the body is too large")), closes: true)

    static func busy(_ reason: String, closes: Bool) -> HTTPAnswer {
        HTTPAnswer(
            status: .serviceUnavailable, body: RPCDispatcher.refusal(.limitExceeded(reason)),
            closes: closes, fields: [(.retryAfter, "1")])
    }

    static let notFound = HTTPAnswer(
        status: .notFound, contentType: "text/plain; charset=utf-8",
        body: Array(
            "POST / or /rpc for JSON-RPC; GET /health, /ready, /status, /metrics\n".utf8),
        closes: true)

    static func methodNotAllowed(_ allowed: String) -> HTTPAnswer {
        HTTPAnswer(
            status: .methodNotAllowed, contentType: "text/plain; charset=utf-8",
            body: Array("use \(allowed)\n".utf8), closes: true, fields: [(.allow, allowed)])
    }
}
