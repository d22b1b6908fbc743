import NIOCore
import Primitives
import Testing
import WireCodec

@testable import Transport

@Suite("Hostile peers are refused, and the others are served", .timeLimit(.minutes(10)))
struct HostileTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func frame(
        _ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for shift in [16, 8, 0] as [Int] {
            bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
        }
        bytes += [type, flags]
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: stream >> shift))
        }
        return bytes + payload
    }

    /// A request without any compression of its fields (RFC 7541 6.2.2).
    static func request(
        _ path: String, method: String = "POST", stream: UInt32 = 1, flags: UInt8 = 4
    ) -> [UInt8] {
        var block: [UInt8] = []
        let fields = [
            (":method", method), (":scheme", "https"), (":authority", "x"), (":path", path),
        ]
        for (name, value) in fields {
            block += [0, UInt8(name.utf8.count)]
            block += Array(name.utf8)
            block.append(UInt8(value.utf8.count))
            block += Array(value.utf8)
        }
        return frame(1, flags: flags, stream: stream, block)
    }

    /// Ways to break HTTP/2 or the framing after an honest greeting.
    enum Breach: CaseIterable {
        case garbage, pingBeforeSettings, unknownPath, otherMethod, channelTwice, closedRequest
        case oversizeMessage, emptyMessage, reset, pings, settings, emptyData, rapidReset
        case continuations, windowOverflow, pushPromise, dataOnIdleStream, oversizeFrame

        var bytes: [UInt8] {
            let opening: [UInt8] = preface + frame(4)
            let votes: [UInt8] = opening + request("/prytany/votes")
            let ping = frame(6, [UInt8](repeating: 0, count: 8))
            func reset(_ stream: UInt32) -> [UInt8] { frame(3, stream: stream, [0, 0, 0, 8]) }
            func many(_ bytes: [UInt8]) -> [UInt8] {
                [[UInt8]](repeating: bytes, count: 300).flatMap { $0 }
            }
            switch self {
            case .garbage: return [UInt8](repeating: 0xA5, count: 300)
            case .pingBeforeSettings: return preface + ping
            case .unknownPath: return opening + request("/else")
            case .otherMethod: return opening + request("/prytany/votes", method: "GET")
            case .channelTwice: return votes + request("/prytany/votes", stream: 3)
            case .closedRequest: return opening + request("/prytany/votes", flags: 5)
            case .oversizeMessage: return votes + frame(0, stream: 1, [1, 0, 4, 0])
            case .emptyMessage: return votes + frame(0, stream: 1, [0, 0, 0, 0])
            case .reset: return votes + reset(1)
            case .pings: return opening + many(ping)
            case .settings: return preface + many(frame(4))
            case .emptyData: return votes + many(frame(0, stream: 1))
            case .rapidReset:
                var bytes = opening
                for index in 0..<300 as Range<UInt32> {
                    bytes += request("/prytany/votes", stream: 2 * index + 1)
                    bytes += reset(2 * index + 1)
                }
                return bytes
            case .continuations:
                return opening + request("/prytany/votes", flags: 0) + many(frame(9, stream: 1))
            case .windowOverflow: return opening + frame(8, [0x7F, 0xFF, 0xFF, 0xFF])
            case .pushPromise: return votes + frame(5, flags: 4, stream: 1, [0, 0, 0, 2])
            case .dataOnIdleStream: return opening + frame(0, stream: 7, [1, 0, 0, 0, 1])
            case .oversizeFrame:
                return votes + frame(0, stream: 1, [UInt8](repeating: 1, count: 16_385))
            }
        }
    }

    /// A node with a good peer; after the body the good peer must still be served.
    private func serving(
        limits: TransportLimits = .quick, _ body: (Node, Int) async throws -> Void
    ) async throws {
        let node = Node(2, limits: limits)
        let port = try await node.start()
        let good = Node(1, dialling: [(2, port)], limits: limits)
        _ = try await good.start()
        await node.events.wait(for: .connected(good.id))
        try await body(node, port)
        good.transport.send([42], on: .votes, to: node.id)
        await node.events.wait(for: .received(good.id, .votes, [42]))
        let lost = node.events.values.compactMap { event -> PeerID? in
            if case .disconnected(let who, _) = event { who } else { nil }
        }
        #expect(!lost.contains(good.id))
        #expect(node.events.received() == [[42]])
        await good.transport.shutdown()
        await node.transport.shutdown()
    }

    @Test(
        "A greeting with a fault is answered with its reason",
        arguments: [
            (Refusal.otherChain, RawPeer.policy(3, chain: 99)),
            (.otherGenesis, RawPeer.policy(3, genesis: 99)),
            (.unknownPeer, RawPeer.policy(77)),
            (.ownIdentity, RawPeer.policy(2)),
            (.badSignature, RawPeer.policy(3, signer: 77)),
        ])
    func faultyGreeting(refusal: Refusal, policy: GreetingPolicy) async throws {
        try await serving { node, port in
            let raw = try await RawPeer(port: port, identity: TLSIdentity())
            let established = try #require(await raw.secured())
            raw.send(policy.greeting(isDialler: true, on: established).encoded())
            await raw.untilClosed()
            #expect(await raw.bytes(atLeast: 1) == [refusal.rawValue])
            await node.events.wait(for: .protocolViolation(nil, .refused(refusal)))
        }
    }

    @Test("A node of another chain learns why it is refused")
    func otherChain() async throws {
        try await serving { node, port in
            let stranger = Node(3, dialling: [(2, port)], chain: 99, limits: .quick)
            _ = try await stranger.start()
            await node.events.wait(for: .protocolViolation(nil, .refused(.otherChain)))
            await stranger.events.wait(for: .unreachable(peer(2)))
            await stranger.transport.shutdown()
        }
    }

    @Test("The node that answers must be the one that was dialled")
    func unexpectedPeer() async throws {
        let node = Node(2)
        let port = try await node.start()
        let dialler = Node(1, dialling: [(3, port)], limits: .quick)
        _ = try await dialler.start()
        await dialler.events.wait(for: .protocolViolation(nil, .refused(.unexpectedPeer)))
        await dialler.transport.shutdown()
        await node.transport.shutdown()
        #expect(node.events.values.allSatisfy { if case .connected = $0 { false } else { true } })
    }

    @Test("A greeting replayed from another connection is refused")
    func replay() async throws {
        try await serving { node, port in
            let identity = try TLSIdentity()
            let first = try await RawPeer(port: port, identity: identity)
            let established = try #require(await first.secured())
            let greeting = RawPeer.policy(3).greeting(isDialler: true, on: established).encoded()
            first.send(greeting)
            #expect(await first.bytes(atLeast: 1 + Greeting.byteCount).first == 0)
            // The same key, the same words, another connection.
            let second = try await RawPeer(port: port, identity: identity)
            _ = try #require(await second.secured())
            second.send(greeting)
            await second.untilClosed()
            #expect(await second.bytes(atLeast: 1) == [Refusal.badSignature.rawValue])
            // Sent back to its author's peer, the answer is no dialler's greeting either.
            let third = try await RawPeer(port: port, identity: identity)
            _ = try #require(await third.secured())
            third.send(Array(await first.bytes(atLeast: 1 + Greeting.byteCount).dropFirst()))
            await third.untilClosed()
            #expect(await third.bytes(atLeast: 1) == [Refusal.ownIdentity.rawValue])
            first.close()
        }
    }

    @Test("Without a certificate there is no connection")
    func noCertificate() async throws {
        try await serving { node, port in
            let raw = try await RawPeer(
                port: port, identity: TLSIdentity(presentsCertificate: false))
            await raw.untilClosed()
            await node.events.wait { events in
                events.contains {
                    if case .protocolViolation(nil, .tls) = $0 { true } else { false }
                }
            }
        }
    }

    @Test("Garbage instead of TLS ends the connection")
    func garbage() async throws {
        try await serving { node, port in
            let raw = try await RawPeer(port: port, identity: nil)
            raw.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            await raw.untilClosed()
            await node.events.wait { events in
                events.contains {
                    if case .protocolViolation(nil, .tls) = $0 { true } else { false }
                }
            }
        }
    }

    @Test("Who does not greet in time, or says too much before, is cut off")
    func handshakeLimits() async throws {
        var limits = TransportLimits.quick
        limits.handshakeMilliseconds = 300
        try await serving(limits: limits) { node, port in
            let mute = try await RawPeer(port: port, identity: nil)
            await mute.untilClosed()
            let half = try await RawPeer(port: port, identity: TLSIdentity())
            _ = await half.secured()
            await half.untilClosed()
            await node.events.wait(for: .protocolViolation(nil, .handshakeTimedOut), times: 2)
            let talker = try await RawPeer(port: port, identity: TLSIdentity())
            let established = try #require(await talker.secured())
            talker.send(
                RawPeer.policy(3).greeting(isDialler: true, on: established).encoded() + [0])
            await talker.untilClosed()
            let flood = try await RawPeer(port: port, identity: TLSIdentity())
            _ = await flood.secured()
            flood.send([UInt8](repeating: 0, count: 100_000))
            await flood.untilClosed()
            await node.events.wait(for: .protocolViolation(nil, .handshakeTooLong), times: 2)
        }
    }

    @Test("Unverified connections are bounded, and the oldest gives way")
    func crowd() async throws {
        var limits = TransportLimits.quick
        limits.halfOpenConnections = 8
        limits.handshakeMilliseconds = 3_600_000
        try await serving(limits: limits) { node, port in
            var idle: [RawPeer] = []
            for _ in 0..<30 { idle.append(try await RawPeer(port: port, identity: nil)) }
            let late = try #require(try await RawPeer.admitted(3, port: port))
            await node.events.wait(for: .connected(peer(3)))
            #expect(node.transport.statistics().halfOpenPeak <= 8)
            for raw in idle.prefix(22) { await raw.untilClosed() }
            for raw in idle { raw.close() }
            late.close()
            await node.events.wait { events in
                events.contains { if case .disconnected = $0 { true } else { false } }
            }
        }
    }

    @Test(
        "A verified peer that breaks HTTP/2 or the framing is dropped with the reason",
        arguments: Breach.allCases)
    func brokenHTTP2(breach: Breach) async throws {
        try await serving { node, port in
            let raw = try #require(try await RawPeer.admitted(3, port: port))
            raw.send(breach.bytes)
            await raw.untilClosed()
            let events = await node.events.wait { $0.contains(where: Self.isDisconnection) }
            #expect(events.contains(where: Self.isBreachOfThree), "\(events)")
        }
    }

    private static func isDisconnection(_ event: TransportEvent) -> Bool {
        if case .disconnected = event { true } else { false }
    }

    private static func isBreachOfThree(_ event: TransportEvent) -> Bool {
        if case .protocolViolation(let who, _) = event { who == peer(3) } else { false }
    }

    @Test("A peer that sends more than the window of a held channel is dropped")
    func overrun() async throws {
        try await serving { node, port in
            let raw = try #require(try await RawPeer.admitted(3, port: port))
            await node.events.wait(for: .connected(peer(3)))
            node.transport.hold(.proposals, of: peer(3))
            raw.send(Self.preface + Self.frame(4) + Self.request("/prytany/proposals"))
            let block = Self.frame(0, stream: 1, [UInt8](repeating: 1, count: 16_384))
            for _ in 0..<100 { raw.send(block) }
            await raw.untilClosed()
            await node.events.wait { $0.contains(where: Self.isBreachOfThree) }
        }
    }

    @Test("Random bytes at every layer neither crash nor grow the node")
    func fuzz() async throws {
        let seed: UInt64 = 0x5EED_0001
        var random = SeededGenerator(seed: seed)
        try await serving { node, port in
            let identity = try TLSIdentity()
            for round in 0..<150 {
                var noise = (0..<Int(random.uniform(below: 2000))).map { _ in
                    UInt8(truncatingIfNeeded: random.next())
                }
                let raw: RawPeer?
                switch round % 4 {
                case 0:
                    raw = try await RawPeer(port: port, identity: nil)
                    // As often as not it looks like a handshake record.
                    if random.uniform(below: 2) == 0 { noise = [22, 3, 1, 2, 0, 1, 0] + noise }
                case 1:
                    raw = try await RawPeer(port: port, identity: identity)
                    _ = await raw?.secured()
                default:
                    raw = try await RawPeer.admitted(3, port: port)
                    noise = Self.mutated(&random)
                }
                let peer = try #require(raw, "seed \(seed), round \(round)")
                peer.send(noise)
                peer.channel.close(mode: .all, promise: nil)
                await peer.untilClosed()
            }
            let statistics = node.transport.statistics()
            #expect(statistics.halfOpenPeak <= TransportLimits().halfOpenConnections)
        }
    }

    /// A good opening with some of its bytes changed.
    private static func mutated(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes = preface + frame(4)
        for (index, channel) in PeerChannel.allCases.enumerated() {
            let stream = UInt32(2 * index + 1)
            bytes += request(channel.path, stream: stream)
            bytes += frame(8, stream: stream, [0, 0, 0, 9])
        }
        for _ in 0...random.uniform(below: 6) {
            let position = 24 + Int(random.uniform(below: UInt64(bytes.count - 24)))
            bytes[position] = UInt8(truncatingIfNeeded: random.next())
        }
        return Array(bytes.prefix(Int(random.uniform(below: UInt64(bytes.count))) + 1))
    }
}
