import NIOCore
import Testing

@testable import LinkProxy

/// Real sockets on loopback; every wait is for an event.
@Suite("The link proxy")
struct LinkProxyTests {
    /// Bytes of which every stretch is different.
    static func pattern(_ count: Int, _ salt: UInt64 = 1) -> [UInt8] {
        var word = salt
        return (0..<count).map { _ in
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: word >> 56)
        }
    }

    private func withLink(
        _ limits: LinkLimits = LinkLimits(),
        _ body: (LinkProxy, _ dialler: End, _ listener: End, _ port: Int) async throws -> Void
    ) async throws {
        let server = try await Server()
        let proxy = LinkProxy(seed: 7, limits: limits)
        let port = try proxy.open(from: 1, to: 2, target: server.port)
        let dialler = try await Server.connect(port)
        let listener = try #require(await server.next())
        try await body(proxy, dialler, listener, port)
        try proxy.close()
        try await server.close()
    }

    @Test("All bytes arrive both ways, in order, and then the end of each direction")
    func integrity() async throws {
        try await withLink { proxy, dialler, listener, _ in
            let forth = Self.pattern(3 << 20, 1)
            let back = Self.pattern(2 << 20, 2)
            dialler.send(forth)
            listener.send(back)
            #expect(await listener.received(forth))
            #expect(await dialler.received(back))
            dialler.endSending()
            await listener.inbox.wait { $0.isEnded || $0.isClosed }
            #expect(!listener.inbox.content.isClosed, "the other direction is still open")
            listener.send([1, 2, 3])
            listener.endSending()
            #expect(await dialler.received(back + [1, 2, 3]))
            await dialler.inbox.wait { $0.isClosed }
            let counts = try (
                proxy.delivered(from: 1, to: 2), proxy.delivered(from: 2, to: 1)
            )
            #expect(counts == (UInt64(forth.count), UInt64(back.count + 3)))
        }
    }

    @Test("Latency, jitter, loss and a bandwidth keep the order")
    func order() async throws {
        var limits = LinkLimits()
        limits.retransmissionNanoseconds = 300_000
        limits.losses = 60
        try await withLink(limits) { proxy, dialler, listener, _ in
            try proxy.set(
                LinkConditions(
                    latencyNanoseconds: 200_000, jitterNanoseconds: 2_000_000,
                    lossPerTenThousand: 1000, bytesPerSecond: 50_000_000), from: 1, to: 2)
            let bytes = Self.pattern(1 << 20)
            var sent = 0
            while sent < bytes.count {
                let count = min(1 + sent % 7919, bytes.count - sent)
                dialler.send(Array(bytes[sent..<(sent + count)]))
                sent += count
            }
            #expect(await listener.received(bytes))
        }
    }

    @Test("A receiver that does not read stops its sender, and nothing is lost")
    func backPressure() async throws {
        var limits = LinkLimits()
        limits.bytesUnderWay = 64 << 10
        try await withLink(limits) { proxy, dialler, listener, _ in
            try await listener.channel.setOption(.autoRead, value: false).get()
            let bytes = Self.pattern(24 << 20)
            dialler.send(bytes)
            // More than the sockets' own buffers hold: what is delivered stands still below the whole.
            listener.send([9])
            #expect(await dialler.received([9]))
            let count = try proxy.delivered(from: 1, to: 2)
            #expect(count < UInt64(bytes.count))
            try await listener.channel.setOption(.autoRead, value: true).get()
            #expect(await listener.received(bytes))
        }
    }

    @Test("A direction that is cut holds its bytes while the other goes on, and healed it delivers")
    func oneWay() async throws {
        try await withLink { proxy, dialler, listener, _ in
            try proxy.set(LinkConditions(isCut: true), from: 1, to: 2)
            dialler.send(Self.pattern(1000))
            listener.send([5])
            #expect(await dialler.received([5]))
            let count = try proxy.delivered(from: 1, to: 2)
            #expect(count == 0)
            try proxy.set(LinkConditions(), from: 1, to: 2)
            #expect(await listener.received(Self.pattern(1000)))
        }
    }

    @Test("A cut of both directions ends connections and refuses new ones; healed, they are taken")
    func cutAndHeal() async throws {
        var limits = LinkLimits()
        limits.resetAfterMilliseconds = 1
        try await withLink(limits) { proxy, dialler, listener, port in
            try proxy.set(LinkConditions(isCut: true), from: 2, to: 1)
            try proxy.set(LinkConditions(isCut: true), from: 1, to: 2)
            await dialler.inbox.wait { $0.isClosed }
            await listener.inbox.wait { $0.isClosed }
            await expectRefusal(port)
            try proxy.set(LinkConditions(), from: 1, to: 2)
            await expectRefusal(port)
            try proxy.set(LinkConditions(), from: 2, to: 1)
            let whole = try await Server.connect(port)
            whole.send([7])
            let count = try proxy.delivered(from: 2, to: 1)
            #expect(count == 0)
            whole.close()
        }
    }

    /// The connection ends without a byte, as soon as it is made or before.
    private func expectRefusal(_ port: Int) async {
        do {
            let end = try await Server.connect(port)
            #expect(await end.inbox.wait { $0.isClosed }.bytes.isEmpty)
        } catch {
            #expect("\(error)".contains("reset"), "\(error)")
        }
    }

    @Test("A connection to a port where nobody listens ends")
    func nobody() async throws {
        // An address of its own: others may be given its port as soon as it is free.
        let server = try await Server(host: "127.0.0.4")
        try await server.close()
        let proxy = LinkProxy(seed: 1)
        let port = try proxy.open(
            from: 0, to: 1, target: server.port, targetHost: "127.0.0.4")
        await expectRefusal(port)
        try proxy.close()
    }

    @Test("It listens at the address that it is told, and dials the one that it is told")
    func addresses() async throws {
        let server = try await Server(host: "127.0.0.2")
        let proxy = LinkProxy(seed: 1)
        let port = try proxy.open(
            from: 0, to: 1, host: "127.0.0.3", target: server.port, targetHost: "127.0.0.2")
        let dialler = try await Server.connect(port, host: "127.0.0.3")
        let listener = try #require(await server.next())
        dialler.send([1, 2, 3])
        #expect(await listener.received([1, 2, 3]))
        try proxy.close()
        try await server.close()
    }

    @Test("So much loss that TCP gives up ends the connection")
    func tooMuchLoss() async throws {
        try await withLink { proxy, dialler, listener, _ in
            try proxy.set(LinkConditions(lossPerTenThousand: 10_000), from: 1, to: 2)
            dialler.send([1])
            await dialler.inbox.wait { $0.isClosed }
            await listener.inbox.wait { $0.isClosed }
            #expect(listener.inbox.content.bytes.isEmpty)
        }
    }

    @Test("The same seed makes the same arrivals, late by what the conditions say")
    func arithmetic() {
        var one = LineClock(seed: 3, limits: LinkLimits())
        var other = LineClock(seed: 3, limits: LinkLimits())
        let conditions = LinkConditions(
            latencyNanoseconds: 5_000_000, jitterNanoseconds: 1_000_000,
            lossPerTenThousand: 2000, bytesPerSecond: 1_000_000)
        one.set(conditions)
        other.set(conditions)
        var waits: Set<Int64> = []
        for step in 0..<200 {
            let now = Int64(step) * 1_000_000_000
            let first = one.arrival(of: 1000, now: now)
            #expect(first == other.arrival(of: 1000, now: now))
            guard let first else { continue }
            // A thousandth of a second on the line, five under way, up to one of jitter.
            let wait = (first - now - 6_000_000) / 200_000_000
            let rest = (first - now - 6_000_000) % 200_000_000
            #expect((0...1_000_000).contains(rest))
            waits.insert(wait)
        }
        #expect(waits.isSuperset(of: [0, 1, 3]), "a wait, and twice more: \(waits)")
    }
}
