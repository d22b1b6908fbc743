import Foundation
import Glibc
import JSONText
import Logging
import ServiceLifecycle

@testable import RPC

/// A TCP connection to a port of this machine that sends any bytes. Blocking: use it inside
/// `onThread`.
final class Connection {
    struct Failed: Error {
        let step: String
        let code: Int32
    }

    struct Answer {
        var status = 0
        /// Names in lower case.
        var fields: [String: String] = [:]
        var body: [UInt8] = []

        var json: JSONValue? { try? Harness.parse(body) }
        var text: String { String(decoding: body, as: UTF8.self) }
        var code: Int? {
            guard case .number(let digits)? = json?["error"]?["code"] else { return nil }
            return Int(digits)
        }
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failed(step: "socket", code: errno) }
        // Nothing waits this long; a hanging test would.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failed(step: "connect", code: errno) }
    }

    deinit { close(descriptor) }

    /// False when the other side no longer takes bytes.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// False at the end of the stream, also when it is reset.
    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { throw Failed(step: "receive", code: errno) }
        guard count > 0 else { return false }
        received += buffer[..<count]
        return true
    }

    /// The next answer; nil when the stream ends before one is whole.
    func answer() throws -> Answer? {
        let separator = Array("\r\n\r\n".utf8)
        var range = received.firstRange(of: separator)
        while range == nil {
            guard try receive() else { return nil }
            range = received.firstRange(of: separator)
        }
        guard let range else { return nil }
        var answer = Answer()
        let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        answer.status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            answer.fields[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let length = answer.fields["content-length"].flatMap(Int.init) ?? 0
        received.removeSubrange(..<range.upperBound)
        while received.count < length { guard try receive() else { return nil } }
        answer.body = Array(received[..<length])
        received.removeSubrange(..<length)
        return answer
    }

    /// Waits for the end of the stream.
    func isEnded() throws -> Bool {
        while try receive() {}
        return true
    }

    // MARK: - Requests

    static func post(_ body: some Collection<UInt8>, path: String = "/") -> [UInt8] {
        let head =
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }

    static func get(_ path: String, method: String = "GET") -> [UInt8] {
        Array("\(method) \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".utf8)
    }
}

/// Runs blocking code away from the threads that Swift's tasks need.
func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// A server on a free port of this machine over the fake chain, for the time of `body`. Returns
/// when the server has shut down.
func withServer<Value: Sendable>(
    limits: RPCLimits = .patient, backend: FakeBackend = FakeBackend(),
    _ body: @Sendable (TestServer) async throws -> Value
) async throws -> Value {
    let registry = PrometheusRegistry()
    let (ports, announce) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "rpc-tests")
    logger.logLevel = .critical
    let server = RPCServer(
        host: "127.0.0.1", port: 0, backend: backend, registry: registry, limits: limits,
        logger: logger,
        onListening: { port in
            announce.yield(port)
            announce.finish()
        })
    let group = ServiceGroup(services: [server], logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = await iterator.next() ?? 0
        let result: Result<Value, any Error>
        do {
            result = .success(
                try await body(
                    TestServer(port: port, backend: backend, registry: registry, group: group)))
        } catch {
            result = .failure(error)
        }
        backend.gate.open()
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return try result.get()
    }
}

struct TestServer: Sendable {
    let port: Int
    let backend: FakeBackend
    let registry: PrometheusRegistry
    let group: ServiceGroup

    /// Sends bytes on a new connection and reads the first answer.
    func exchange(_ bytes: [UInt8]) async throws -> Connection.Answer? {
        let port = port
        return try await onThread {
            let connection = try Connection(port: port)
            connection.send(bytes)
            return try connection.answer()
        }
    }

    func post(_ body: String, path: String = "/") async throws -> Connection.Answer? {
        try await exchange(Connection.post(Array(body.utf8), path: path))
    }

    func get(_ path: String) async throws -> Connection.Answer? {
        try await exchange(Connection.get(path))
    }
}
