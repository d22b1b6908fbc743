import Foundation
import Glibc
import TestSupport
import Testing

extension ClusterTests {
    /// Growth of anonymous memory that a stormed node may show, in kilobytes: buffers of the open
    /// connections and what the allocator keeps.
    private static let growthBound = 96 << 10

    private static func storm(_ round: Int, _ words: inout SeededWords) -> [[UInt8]] {
        let random = words.bytes(1 << (4 + round % 14))
        // A TLS record of type handshake that announces 16 KiB and holds less.
        let cutRecord: [UInt8] = [22, 3, 1, 0x40, 0] + words.bytes(100)
        // A ClientHello's header with lengths that contradict each other.
        let hello: [UInt8] = [22, 3, 1, 0, 60, 1, 0xff, 0xff, 0xff, 3, 3] + words.bytes(200)
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + words.bytes(64)
        return [random, cutRecord, hello, preface, [], [22]]
    }

    private static func requests(_ round: Int, _ words: inout SeededWords) -> [[UInt8]] {
        func post(_ body: [UInt8], length: Int? = nil) -> [UInt8] {
            Array(
                ("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Connection: close\r\nContent-Length: \(length ?? body.count)\r\n\r\n").utf8)
                + body
        }
        let call = Array(#"{"jsonrpc":"2.0","id":1,"method":"starknet_blockNumber"}"#.utf8)
        let comma = Array(",".utf8)
        return [
            words.bytes(1 << (4 + round % 14)),
            post(words.bytes(2000)),
            post(Array("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":".utf8)),
            post(Array(call.dropLast(5)), length: call.count),
            post(call, length: Int.max),
            post([UInt8](repeating: UInt8(ascii: "["), count: 500_000)),
            post([UInt8](repeating: UInt8(ascii: " "), count: 3 << 20)),
            post([91] + call + (0..<5000).flatMap { _ in comma + call } + [93]),
            Array("GET /status HTTP/1.1\r\n".utf8)
                + Array(repeating: Array("a: b\r\n".utf8), count: 20_000).flatMap { $0 },
            Array("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".utf8),
            Array("GET /\u{0}\u{1}\u{2} HTTP/9.9\r\n\r\n".utf8),
        ]
    }

    @Test("Hostile bytes at both ports: the node goes on serving, does not grow, and says why")
    func hostileBytes() async throws {
        try await onThread {
            let cluster = try TestCluster()
            try cluster.startAll()
            var words = SeededWords(seed: 2026)
            func attack(_ round: Int) {
                // Held open until the round ends, so that a node that waits for more is seen.
                var open: [Socket] = []
                for bytes in Self.storm(round, &words) {
                    guard
                        let socket = Socket(
                            connectedTo: cluster.peerPort + 1, milliseconds: 500)
                    else { continue }
                    socket.send(bytes)
                    if round % 2 == 0 { socket.endSending() }
                    open.append(socket)
                }
                for bytes in Self.requests(round, &words) {
                    guard
                        let socket = Socket(connectedTo: cluster.rpcPort + 1, milliseconds: 200)
                    else { continue }
                    socket.send(bytes)
                    if round % 2 == 0 { socket.endSending() }
                    _ = socket.receive(maximum: 4096)
                }
            }
            // The first rounds fill the pools that a node keeps.
            for round in 0..<3 { attack(round) }
            let node = try cluster.node(1)
            let before = try #require(node.residentKilobytes)
            let height = try eventually("a report") { try cluster.livingReport(1) }.finalHeight
            for round in 3..<12 { attack(round) }
            try cluster.waitForHeight(height + 2, at: 1)
            try cluster.expectProgress(2, at: 0)
            let number = try eventually("an answer") {
                try cluster.livingReport(1) == nil
                    ? nil : HTTP.call(port: cluster.rpcPort + 1, "starknet_blockNumber", "[]")
            }
            #expect((number as? Int ?? 0) > 0)
            let after = try #require(node.residentKilobytes)
            #expect(after - before < Self.growthBound, "\(before) KiB grew to \(after) KiB")
            let log = node.log
            #expect(log.contains("peer not admitted"), "the peer port's reason is logged")
            #expect(log.contains("Refused a request"), "the RPC port's reason is logged")
            let peers = try eventually("a report") { try cluster.livingReport(1) }.connectedPeers
            #expect(peers == TestCluster.size - 1, "honest peers stay connected")
            print("hostile bytes: RssAnon \(before) KiB before, \(after) KiB after")
        }
    }
}
