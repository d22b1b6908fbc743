import Glibc
import Primitives
import Testing
import WireCodec

@testable import Transport

@Suite("Connections come back", .timeLimit(.minutes(10)))
struct ReconnectTests {
    /// Node 2 at an address that a closed node had. Another test may be starting a process just then:
    /// until that child runs its own program it holds a copy of every socket, closed ones as well, and
    /// the port with it. Only another attempt shows that it is free.
    private func again(_ port: Int, _ host: String) async throws -> Node {
        while true {
            do {
                let node = Node(2, port: port, limits: .quick, host: host)
                _ = try await node.start()
                return node
            } catch TransportStartError.bind(_, _, EADDRINUSE) {
                await Task.yield()
            }
        }
    }

    @Test("A peer that restarts on the same port is found again", arguments: [1, 3] as [UInt64])
    func restart(dialler number: UInt64) async throws {
        // An address of its own: others may be given the port while it is free.
        let host = "127.0.1.\(number)"
        let before = Node(2, limits: .quick, host: host)
        let port = try await before.start()
        let dialler = Node(number, dialling: [(2, port)], limits: .quick, host: host)
        _ = try await dialler.start()
        await dialler.events.wait(for: .connected(before.id))
        await before.transport.shutdown()
        await dialler.events.wait { events in
            events.contains { if case .disconnected = $0 { true } else { false } }
        }
        dialler.transport.send([1], on: .votes, to: before.id)
        let after = try await again(port, host)
        await dialler.events.wait(for: .connected(before.id), times: 2)
        dialler.transport.send([2], on: .votes, to: before.id)
        await after.events.wait(for: .received(dialler.id, .votes, [2]))
        let statistics = try #require(dialler.statistics(of: before.id))
        #expect(statistics.connections == 2)
        #expect(statistics.channels[.votes].undeliverableMessages == 1)
        await dialler.transport.shutdown()
        await after.transport.shutdown()
    }

    @Test("An unreachable peer is reported once, and reached when it appears")
    func unreachable() async throws {
        let host = "127.0.1.2"
        let placeholder = Node(2, host: host)
        let port = try await placeholder.start()
        await placeholder.transport.shutdown()
        let dialler = Node(1, dialling: [(2, port)], limits: .quick, host: host)
        _ = try await dialler.start()
        await dialler.events.wait(for: .unreachable(peer(2)))
        let late = try await again(port, host)
        await dialler.events.wait(for: .connected(peer(2)))
        await dialler.transport.shutdown()
        await late.transport.shutdown()
        #expect(dialler.events.values == [.unreachable(peer(2)), .connected(peer(2))])
    }

    @Test("A dropped peer is disconnected with that reason and may come back after its penalty")
    func drop() async throws {
        let second = Node(2, limits: .quick)
        let port = try await second.start()
        let first = Node(1, dialling: [(2, port)], limits: .quick)
        _ = try await first.start()
        await second.events.wait(for: .connected(first.id))
        second.transport.drop(first.id, because: "a forged vote")
        await second.events.wait(for: .disconnected(first.id, .dropped))
        await second.events.wait(for: .connected(first.id), times: 2)
        await first.transport.shutdown()
        await second.transport.shutdown()
    }

    @Test("During its penalty a peer is refused")
    func penalty() async throws {
        var limits = TransportLimits.quick
        limits.penaltyMilliseconds = 3_600_000
        let second = Node(2, limits: limits)
        let port = try await second.start()
        let first = Node(1, dialling: [(2, port)], limits: .quick)
        _ = try await first.start()
        await second.events.wait(for: .connected(first.id))
        second.transport.drop(first.id, because: "a forged vote")
        await second.events.wait(for: .disconnected(first.id, .dropped))
        let raw = try await RawPeer(port: port, identity: TLSIdentity())
        let established = try #require(await raw.secured())
        raw.send(RawPeer.policy(1).greeting(isDialler: true, on: established).encoded())
        await raw.untilClosed()
        #expect(await raw.bytes(atLeast: 1) == [Refusal.backingOff.rawValue])
        await first.transport.shutdown()
        await second.transport.shutdown()
        #expect(second.events.values.count { $0 == .connected(first.id) } == 1)
    }

    @Test("A silent peer is dropped, an idle one is not")
    func silence() async throws {
        var limits = TransportLimits.quick
        limits.keepAliveMilliseconds = 20
        limits.silenceMilliseconds = 200
        let second = Node(2, limits: limits)
        let port = try await second.start()
        let idle = Node(1, dialling: [(2, port)], limits: limits)
        _ = try await idle.start()
        await second.events.wait(for: .connected(idle.id))
        // Admitted, but it never answers a ping.
        let mute = try #require(try await RawPeer.admitted(3, port: port))
        await second.events.wait(for: .disconnected(peer(3), .silent))
        await mute.untilClosed()
        #expect(!second.events.values.contains(.disconnected(idle.id, .silent)))
        await idle.transport.shutdown()
        await second.transport.shutdown()
    }

    @Test("A second start is refused, a busy port is reported")
    func startErrors() async throws {
        let node = Node(1)
        let port = try await node.start()
        await #expect(throws: TransportStartError.alreadyStarted) {
            try await node.transport.start()
        }
        let other = Node(2, port: port)
        await #expect(throws: TransportStartError.self) { try await other.transport.start() }
        await node.transport.shutdown()
    }
}
