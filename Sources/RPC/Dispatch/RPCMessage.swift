package import JSONText

/// One call of a request body, or why it is none.
package struct RPCCall: Sendable {
    /// The id to answer with; nil for a notification.
    package var id: JSONValue?
    package var content: Result<Content, RPCError>

    package struct Content: Sendable {
        package var method: String
        package var parameters: RPCParameters
    }
}

package enum RPCParameters: Hashable, Sendable {
    case positional([JSONValue])
    case named([JSONMember])
}

/// What a request body holds (JSON-RPC 2.0, sections 4 and 6).
package enum RPCMessage: Sendable {
    /// Not one call can be read from it.
    case refused(RPCError)
    case single(RPCCall)
    case batch([RPCCall])
}

extension RPCMessage {
    package static func parse(_ body: [UInt8], limits: RPCLimits) -> RPCMessage {
        let value: JSONValue
        do {
            value = try JSONParser.parse(
                body,
                limits: body.count > limits.smallBodyBytes ? limits.largeJSON : limits.json)
        } catch {
            return .refused(.parse(error.description))
        }
        guard case .array(let elements) = value else {
            let call = RPCCall(value)
            if case .failure(let error) = call.content, call.id == .null { return .refused(error) }
            return .single(call)
        }
        if elements.isEmpty { return .refused(.invalidRequest("the batch is empty")) }
        if elements.count > limits.batchCalls {
            return .refused(
                .invalidRequest(
                    "\(elements.count) calls in a batch; the maximum is \(limits.batchCalls)"))
        }
        return .batch(elements.map(RPCCall.init))
    }
}

extension RPCCall {
    /// A call without a usable id is answered with id null; only a well formed call without any id
    /// is a notification.
    init(_ value: JSONValue) {
        guard case .object = value else {
            self.init(
                id: .null, content: .failure(.invalidRequest("a call is an object")))
            return
        }
        var id: JSONValue? = value["id"]
        switch id {
        case nil, .null, .string, .number: break
        case .bool, .array, .object:
            self.init(
                id: .null,
                content: .failure(.invalidRequest("an id is a string, a number or null")))
            return
        }
        do {
            let content = try RPCCall.content(value)
            self.init(id: id, content: .success(content))
        } catch {
            if id == nil { id = .null }
            self.init(id: id, content: .failure(error))
        }
    }

    private static func content(_ value: JSONValue) throws(RPCError) -> Content {
        guard value["jsonrpc"] == .string("2.0") else {
            throw .invalidRequest("\"jsonrpc\" must be \"2.0\"")
        }
        guard case .string(let method) = value["method"] else {
            throw .invalidRequest("\"method\" must be a string")
        }
        switch value["params"] {
        case nil: return Content(method: method, parameters: .positional([]))
        case .array(let elements):
            return Content(method: method, parameters: .positional(elements))
        case .object(let members): return Content(method: method, parameters: .named(members))
        default: throw .invalidRequest("\"params\" must be an array or an object")
        }
    }
}
