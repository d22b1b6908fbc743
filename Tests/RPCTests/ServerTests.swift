import Execution
import Foundation
import JSONText
import Primitives
import ServiceLifecycle
import StarkField
import Testing

@testable import RPC

/// Real HTTP on a loopback port.
@Suite(.timeLimit(.minutes(10)))
struct ServerTests {
    private static let chainID = Harness.request("starknet_chainId", "[]")
    private static let call = Harness.request(
        "starknet_call",
        #"[{"contract_address":"0x4718f5a0","entry_point_selector":"0x83afd3f4","calldata":[]},"#
            + #""latest"]"#)

    // MARK: - What is served

    @Test("JSON-RPC is served on its paths", arguments: ["/", "/rpc", "/rpc/v0_10", "/rpc?key=1"])
    func paths(_ path: String) async throws {
        try await withServer { server in
            let answer = try #require(try await server.post(ServerTests.chainID, path: path))
            #expect(answer.status == 200)
            #expect(answer.fields["content-type"] == "application/json")
            #expect(answer.json?["result"] == .string("0x50525954414e59"))
        }
    }

    @Test("a connection serves requests one after the other, also when they come at once")
    func pipelining() async throws {
        try await withServer { server in
            let (port, request) = (server.port, Connection.post(Array(ServerTests.chainID.utf8)))
            let statuses = try await onThread {
                let connection = try Connection(port: port)
                var statuses: [Int?] = []
                for _ in 0..<3 {
                    connection.send(request)
                    statuses.append(try connection.answer()?.status)
                }
                connection.send(request + request + request)
                for _ in 0..<3 { statuses.append(try connection.answer()?.status) }
                return statuses
            }
            #expect(statuses == Array(repeating: 200, count: 6))
        }
    }

    @Test("errors of calls travel with status 200, notifications with 204 and no body")
    func statuses() async throws {
        try await withServer { server in
            let error = try #require(try await server.post(Harness.request("nothing", "[]")))
            #expect(error.status == 200)
            #expect(error.code == -32601)
            let silent = try await server.post(#"{"jsonrpc":"2.0","method":"starknet_chainId"}"#)
            #expect(silent?.status == 204)
            #expect(silent?.body == [])
        }
    }

    @Test("a client that asks first is told to go on")
    func expectContinue() async throws {
        try await withServer { server in
            let port = server.port
            let statuses = try await onThread {
                let connection = try Connection(port: port)
                let body = Array(ServerTests.chainID.utf8)
                connection.send(
                    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                        + "Content-Length: \(body.count)\r\n\r\n")
                let first = try connection.answer()?.status
                connection.send(body)
                return [first, try connection.answer()?.status]
            }
            #expect(statuses == [100, 200])
        }
    }

    // MARK: - What is refused

    static let badBodies: [(String, Int, Int?)] = [
        ("", 400, -32700), ("{", 400, -32700), ("[1, 2", 400, -32700), ("[]", 400, -32600),
        ("7", 400, -32600), ("\u{0}", 400, -32700),
        (String(repeating: "[", count: 500_000), 400, -32700),
        (String(repeating: "{\"a\":", count: 100_000), 400, -32700),
        ("[" + String(repeating: "0,", count: 400_000) + "0]", 400, -32700),
        (String(repeating: "9", count: 1 << 20), 400, -32700),
        (String(repeating: "x", count: (1 << 20) + 1), 400, -32700),
        ("[" + String(repeating: "0,", count: 900_000) + "0]", 400, -32700),
        (String(repeating: "x", count: RPCLimits().bodyBytes + 1), 413, -32600),
        (
            "[" + Array(repeating: chainID, count: 51).joined(separator: ",") + "]", 400, -32600
        ),
    ]

    @Test("bodies that are broken, deep, long or large are refused, and the next is served")
    func malformed() async throws {
        try await withServer { server in
            for (body, status, code) in ServerTests.badBodies {
                let answer = try #require(try await server.post(body))
                #expect(answer.status == status, "\(body.prefix(20))")
                #expect(answer.code == code, "\(body.prefix(20))")
                #expect(try await server.post(ServerTests.chainID)?.status == 200)
            }
        }
    }

    @Test("a body without a declared length is cut off at the limit")
    func chunked() async throws {
        try await withServer { server in
            let port = server.port
            let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            let whole = try await server.exchange(
                Array((head + "2\r\n[]\r\n0\r\n\r\n").utf8))
            #expect(whole?.status == 400)
            let (status, isEnded) = try await onThread {
                let connection = try Connection(port: port)
                connection.send(head)
                let chunk = "10000\r\n" + String(repeating: " ", count: 65536) + "\r\n"
                for _ in 0..<4096 where !connection.send(chunk) { break }
                return (try connection.answer()?.status, try connection.isEnded())
            }
            #expect(status == 413 || status == nil)
            #expect(isEnded)
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
        }
    }

    @Test("a call whose body does not arrive whole is not run")
    func truncated() async throws {
        try await withServer { server in
            let port = server.port
            let call = #"{"jsonrpc":"2.0","method":"starknet_addInvokeTransaction","params":["#
            let body = Array((call + Sample.invoke + "]}").utf8)
            for declared in [body.count + 1, body.count + 1000] {
                let status = try await onThread {
                    let connection = try Connection(port: port)
                    connection.send(
                        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(declared)\r\n\r\n")
                    connection.send(body)
                    connection.finishSending()
                    return try connection.answer()?.status
                }
                #expect(status != 200)
                #expect(status != 204)
            }
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
            #expect(server.backend.submitted.isEmpty)
        }
    }

    @Test("other paths and methods are refused by name")
    func routes() async throws {
        try await withServer { server in
            #expect(try await server.get("/nothing")?.status == 404)
            #expect(try await server.post(ServerTests.chainID, path: "/rpc/v0_7")?.status == 404)
            let get = try await server.get("/")
            #expect(get?.status == 405)
            #expect(get?.fields["allow"] == "POST")
            let delete = try await server.exchange(Connection.get("/health", method: "DELETE"))
            #expect(delete?.status == 405)
            #expect(delete?.fields["allow"] == "GET")
        }
    }

    @Test("bytes that are no HTTP end the connection, and the server serves on")
    func garbage() async throws {
        try await withServer { server in
            let port = server.port
            let large = "POST / HTTP/1.1\r\nX: " + String(repeating: "a", count: 200_000)
            let many = "POST / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 5000)
            var inputs = [
                Array("\r\n\r\n\r\n".utf8), Array("GET\r\n\r\n".utf8), Array(large.utf8),
                Array(many.utf8), [0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
                Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8),
                Array("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n".utf8),
                Array("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".utf8),
                Array("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]".utf8),
            ]
            var generator = SeededGenerator(seed: 0x6a5b)
            let request = Connection.post(Array(ServerTests.chainID.utf8))
            for _ in 0..<200 { inputs.append(JSONFuzz.mutated(request, &generator)) }
            for input in inputs {
                _ = try await onThread {
                    let connection = try Connection(port: port)
                    connection.send(input)
                    connection.finishSending()
                    return try connection.isEnded()
                }
            }
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
        }
    }

    // MARK: - Limits

    @Test("a request above the limit in flight is refused at once, and served once there is room")
    func concurrency() async throws {
        var limits = RPCLimits.patient
        limits.concurrentRequests = 2
        try await withServer(limits: limits) { server in
            server.backend.gate.close()
            async let first = server.post(ServerTests.call)
            async let second = server.post(ServerTests.call)
            await server.backend.gate.arrival(of: 2)
            let third = try #require(try await server.post(ServerTests.chainID))
            #expect(third.status == 503)
            #expect(third.code == -32005)
            #expect(third.fields["retry-after"] == "1")
            #expect(try await server.get("/health")?.status == 200)
            server.backend.gate.open()
            #expect(try await first?.status == 200)
            #expect(try await second?.status == 200)
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
        }
    }

    @Test("requests with large bodies have a maximum of their own")
    func largeRequests() async throws {
        var limits = RPCLimits.patient
        limits.smallBodyBytes = 500
        limits.concurrentLargeRequests = 1
        try await withServer(limits: limits) { server in
            let large = ServerTests.call + String(repeating: " ", count: 500)
            server.backend.gate.close()
            async let first = server.post(large)
            await server.backend.gate.arrival(of: 1)
            let second = try #require(try await server.post(large))
            #expect(second.status == 503)
            #expect(second.code == -32005)
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
            server.backend.gate.open()
            #expect(try await first?.status == 200)
            // A place is given back when the work has ended, which may be after its answer.
            var status: Int?
            for _ in 0..<1000 where status != 200 {
                status = try await server.post(large)?.status
            }
            #expect(status == 200)
        }
    }

    @Test("a call that takes too long is answered with an error and keeps its place until it ends")
    func timeout() async throws {
        var limits = RPCLimits.patient
        limits.answerMilliseconds = 20
        limits.concurrentRequests = 1
        try await withServer(limits: limits) { server in
            server.backend.gate.close()
            let late = try #require(try await server.post(ServerTests.call))
            #expect(late.status == 200)
            #expect(late.code == -32603)
            #expect(late.json?["id"] == .number("1"))
            #expect(try await server.post(ServerTests.chainID)?.status == 503)
            server.backend.gate.open()
            var status: Int?
            for _ in 0..<1000 where status != 200 {
                status = try await server.post(ServerTests.chainID)?.status
            }
            #expect(status == 200)
        }
    }

    @Test("bodies in flight share a maximum of bytes")
    func pendingBodies() async throws {
        var limits = RPCLimits.patient
        limits.pendingBodyBytes = 1000
        try await withServer(limits: limits) { server in
            let body = ServerTests.chainID + String(repeating: " ", count: 1000)
            let answer = try await server.post(body)
            #expect(answer?.status == 503)
            #expect(answer?.fields["connection"] == "close")
            #expect(try await server.post(ServerTests.chainID)?.status == 200)
        }
    }

    static let unfinished = [
        "", "POST / HTT", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n[",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[",
    ]

    @Test("a client that does not finish its request is cut off", arguments: unfinished)
    func slowClients(_ start: String) async throws {
        var limits = RPCLimits.patient
        limits.idleMilliseconds = 50
        try await withServer(limits: limits) { server in
            let port = server.port
            let isEnded = try await onThread {
                let connection = try Connection(port: port)
                connection.send(start)
                return try connection.isEnded()
            }
            #expect(isEnded)
        }
    }

    @Test("a client that goes on sending bytes without an end is cut off like one that sends none")
    func tricklingClient() async throws {
        var limits = RPCLimits.patient
        limits.idleMilliseconds = 100
        limits.bodyBytes = 1 << 30
        try await withServer(limits: limits) { server in
            let port = server.port
            let sent = try await onThread {
                let connection = try Connection(port: port)
                connection.send("POST / HTTP/1.1\r\nContent-Length: 60000000\r\n\r\n")
                var sent = 0
                while sent < 60_000_000, connection.send("a") { sent += 1 }
                return sent
            }
            #expect(sent < 60_000_000)
        }
    }

    @Test("a shutdown lets the request in flight end and refuses new connections")
    func shutdown() async throws {
        try await withServer { server in
            server.backend.gate.close()
            async let inFlight = server.post(ServerTests.call)
            await server.backend.gate.arrival(of: 1)
            await server.group.triggerGracefulShutdown()
            server.backend.gate.open()
            let answer = try await inFlight
            #expect(answer?.status == 200)
        }
    }

    // MARK: - Pages for operators

    @Test("health and readiness are what the node's measurements say, with reasons")
    func health() async throws {
        try await withServer { server in
            let ready = try #require(try await server.get("/ready"))
            #expect(ready.status == 200)
            #expect(ready.json?["status"] == .string("ready"))
            #expect(ready.json?["height"] == .number("3"))
            var report = FakeBackend.soundReport
            report.connectedPower = 1
            report.isSynced = false
            server.backend.report(report)
            let unready = try #require(try await server.get("/ready"))
            #expect(unready.status == 503)
            #expect(unready.json?["reasons"]?.elements?.count == 2)
            #expect(try await server.get("/health")?.status == 200)
            report.stopReason = "the store failed"
            server.backend.report(report)
            let failed = try #require(try await server.get("/health"))
            #expect(failed.status == 503)
            #expect(failed.text.contains("the store failed"))
        }
    }

    @Test("a node that does not answer looks neither healthy nor well")
    func silence() async throws {
        var limits = RPCLimits.patient
        limits.probeMilliseconds = 20
        try await withServer(limits: limits) { server in
            server.backend.gate.close()
            server.backend.fallSilent()
            for path in ["/health", "/ready", "/status"] {
                let answer = try await server.get(path)
                #expect(answer?.status == 503, "\(path)")
            }
        }
    }

    @Test("the status page is a NodeStatus")
    func status() async throws {
        try await withServer { server in
            let answer = try #require(try await server.get("/status"))
            #expect(answer.status == 200)
            let status = try JSONDecoder().decode(NodeStatus.self, from: Data(answer.body))
            #expect(status == Sample.status)
        }
    }

    @Test("the metrics page counts calls by method, and nothing that a client names")
    func metrics() async throws {
        try await withServer { server in
            _ = try await server.post(ServerTests.chainID)
            _ = try await server.post(Harness.request("starknet_nonsense", "[]"))
            _ = try await server.post("{")
            let answer = try #require(try await server.get("/metrics"))
            #expect(answer.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            MetricsTests.expectWellFormed(answer.text)
            let lines = answer.text.split(separator: "\n").map(String.init)
            let name = "prytany_rpc_call_seconds_count"
            #expect(lines.contains("\(name){method=\"starknet_chainId\"} 1"))
            #expect(lines.contains("prytany_rpc_unknown_methods_total 1"))
            #expect(lines.contains("prytany_rpc_refused_bodies_total 1"))
            #expect(lines.contains("prytany_rpc_refused_requests_total 1"))
            #expect(!answer.text.contains("nonsense"))
        }
    }
}
