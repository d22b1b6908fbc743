import Primitives
import Synchronization
import Testing

@testable import Transport

@Suite("Peers exchange messages", .timeLimit(.minutes(10)))
struct ExchangeTests {
    private func pair(
        limits: TransportLimits = .quick, _ body: (Node, Node) async throws -> Void
    ) async throws {
        let second = Node(2, limits: limits)
        let port = try await second.start()
        let first = Node(1, dialling: [(2, port)], limits: limits)
        _ = try await first.start()
        await first.events.wait(for: .connected(second.id))
        await second.events.wait(for: .connected(first.id))
        try await body(first, second)
        await first.transport.shutdown()
        await second.transport.shutdown()
    }

    @Test("A message arrives on each channel, both ways, in order")
    func allChannels() async throws {
        try await pair { first, second in
            for (from, to) in [(first, second), (second, first)] {
                for channel in PeerChannel.allCases {
                    for count in [1, 3, 4, 200, 16_383, 16_384, 16_385, 200_000] {
                        from.transport.send(
                            bytes(count, channel.rawValue), on: channel, to: to.id)
                    }
                }
                let events = await to.events.wait { $0.received().count == 32 }
                for channel in PeerChannel.allCases {
                    #expect(
                        events.received(channel)
                            == [1, 3, 4, 200, 16_383, 16_384, 16_385, 200_000].map {
                                bytes($0, channel.rawValue)
                            })
                }
            }
            let statistics = try #require(second.statistics(of: first.id))
            #expect(statistics.isConnected)
            #expect(statistics.connections == 1)
            #expect(statistics.channels[.votes].sentMessages == 8)
        }
    }

    @Test("Three nodes that all dial each other hear a broadcast once each")
    func broadcast() async throws {
        let nodes = [1, 2, 3].map { Node($0, limits: .quick) }
        var ports: [Int] = []
        for node in nodes { ports.append(try await node.start()) }
        for node in nodes {
            for (index, other) in nodes.enumerated() where other.id != node.id {
                node.transport.addPeer(
                    PeerAddress(id: other.id, host: "127.0.0.1", port: ports[index]))
            }
        }
        for node in nodes {
            for other in nodes where other.id != node.id {
                await node.events.wait(for: .connected(other.id))
            }
        }
        nodes[0].transport.broadcast(bytes(1000, 5), on: .transactions)
        for node in nodes.dropFirst() {
            await node.events.wait(
                for: .received(nodes[0].id, .transactions, bytes(1000, 5)))
        }
        for node in nodes {
            #expect(
                !node.events.values.contains {
                    if case .disconnected = $0 { true } else { false }
                })
            #expect(node.events.received().count == (node.id == nodes[0].id ? 0 : 1))
        }
        for node in nodes { await node.transport.shutdown() }
    }

    @Test("When both dial at once, both keep the connection that the lower identity dialled")
    func simultaneousDials() async throws {
        for _ in 0..<20 {
            var limits = TransportLimits.quick
            limits.dialGraceMilliseconds = 0
            let first = Node(1, limits: limits)
            let second = Node(2, limits: limits)
            let ports = (try await first.start(), try await second.start())
            second.transport.addPeer(
                PeerAddress(id: first.id, host: "127.0.0.1", port: ports.0))
            first.transport.addPeer(
                PeerAddress(id: second.id, host: "127.0.0.1", port: ports.1))
            await first.events.wait(for: .connected(second.id))
            await second.events.wait(for: .connected(first.id))
            for round in 1...3 {
                let message = bytes(100, UInt8(round))
                first.transport.send(message, on: .votes, to: second.id)
                second.transport.send(message, on: .votes, to: first.id)
                await second.events.wait(for: .received(first.id, .votes, message))
                await first.events.wait(for: .received(second.id, .votes, message))
            }
            for node in [first, second] {
                let changes = node.events.values.filter {
                    if case .received = $0 { false } else { true }
                }
                #expect(changes.count == 1)
            }
            await first.transport.shutdown()
            await second.transport.shutdown()
        }
    }

    @Test("Votes arrive while a large proposal waits for a reader that holds its channel")
    func votesPassProposals() async throws {
        try await pair { first, second in
            second.transport.hold(.proposals, of: first.id)
            // A round trip on the loop of `second`: the hold is in force.
            second.transport.send([1], on: .votes, to: first.id)
            await first.events.wait(for: .received(second.id, .votes, [1]))
            let proposal = bytes(4 * 1024 * 1024, 1)
            first.transport.send(proposal, on: .proposals, to: second.id)
            for index in 0..<1000 {
                first.transport.send(bytes(200, UInt8(index & 255)), on: .votes, to: second.id)
            }
            let events = await second.events.wait { $0.received(.votes).count == 1000 }
            #expect(events.received(.proposals).isEmpty)
            second.transport.release(.proposals, of: first.id)
            await second.events.wait { !$0.received(.proposals).isEmpty }
            #expect(second.events.received(.proposals) == [proposal])
        }
    }

    @Test("Of what waits, votes leave first, then proposals, transactions, sync")
    func strictPriority() async throws {
        // The messages are queued inside an event, so that the loop sees them all at once.
        let target = Mutex<PeerTransport?>(nil)
        let second = Node(2, limits: .quick)
        let port = try await second.start()
        let first = Node(1, dialling: [(2, port)], limits: .quick) { event in
            guard case .received(let from, .sync, _) = event else { return }
            for channel in PeerChannel.allCases.reversed() {
                for index in 0..<3 {
                    target.withLock { $0 }?.send(
                        bytes(20_000, UInt8(index)), on: channel, to: from)
                }
            }
        }
        target.withLock { $0 = first.transport }
        _ = try await first.start()
        await second.events.wait(for: .connected(first.id))
        // Until the streams stand, their order of opening counts and not their priority.
        first.transport.send([1], on: .votes, to: second.id)
        await second.events.wait(for: .received(first.id, .votes, [1]))
        second.transport.send([9], on: .sync, to: first.id)
        let events = await second.events.wait { $0.received().count == 13 }
        let order = events.compactMap { event -> PeerChannel? in
            if case .received(_, let channel, _) = event { channel } else { nil }
        }
        #expect(order.dropFirst() == PeerChannel.allCases.flatMap { [$0, $0, $0] }[...])
        // The event handler holds the transport that holds the handler.
        target.withLock { $0 = nil }
        await first.transport.shutdown()
        await second.transport.shutdown()
    }

    @Test("A stalled reader costs its sender a bounded queue: the oldest votes go, the newest sync")
    func bounds() async throws {
        var limits = TransportLimits.quick
        limits.channels[.votes].queueMessages = 50
        limits.channels[.votes].windowBytes = 65_535
        limits.channels[.sync].queueBytes = 200_000
        limits.channels[.sync].messageBytes = 100_000
        limits.channels[.sync].windowBytes = 65_535
        try await pair(limits: limits) { first, second in
            second.transport.hold(.votes, of: first.id)
            second.transport.hold(.sync, of: first.id)
            second.transport.send([1], on: .transactions, to: first.id)
            await first.events.wait(for: .received(second.id, .transactions, [1]))
            for index in 0..<1000 {
                let label = [UInt8(index & 255), UInt8(index >> 8)]
                first.transport.send(label + bytes(998, 0), on: .votes, to: second.id)
                first.transport.send(label + bytes(9998, 0), on: .sync, to: second.id)
            }
            // The other channels go on.
            first.transport.send([7], on: .transactions, to: second.id)
            await second.events.wait(for: .received(first.id, .transactions, [7]))
            let statistics = try #require(first.statistics(of: second.id))
            #expect(statistics.channels[.votes].queuedMessages <= 50)
            #expect(statistics.channels[.sync].queuedBytes <= 200_000)
            #expect(statistics.channels[.votes].droppedMessages > 800)
            #expect(statistics.channels[.sync].droppedMessages > 900)
            #expect(second.events.received(.votes).isEmpty)
            second.transport.release(.votes, of: first.id)
            second.transport.release(.sync, of: first.id)
            let sent = { (channel: PeerChannel) in
                Int(1000 - statistics.channels[channel].droppedMessages)
            }
            let (votes, sync) = (sent(.votes), sent(.sync))
            await second.events.wait {
                $0.received(.votes).count == votes && $0.received(.sync).count == sync
            }
            // The last vote is there, and of sync the first ones in a row.
            #expect(second.events.received(.votes).last?.prefix(2) == [231, 3])
            #expect(second.events.received(.sync).first?.prefix(2) == [0, 0])
            #expect(second.events.received(.sync).last?.prefix(2) != [231, 3])
        }
    }

    @Test("A peer over its budget is slowed down and loses nothing")
    func budget() async throws {
        var limits = TransportLimits.quick
        limits.receivedBytesPerSecond = 4 * 1024 * 1024
        limits.receivedBytesBurst = 64 * 1024
        try await pair(limits: limits) { first, second in
            for index in 0..<20 {
                first.transport.send(bytes(50_000, UInt8(index)), on: .proposals, to: second.id)
            }
            let events = await second.events.wait { $0.received(.proposals).count == 20 }
            #expect(events.received(.proposals) == (0..<20).map { bytes(50_000, UInt8($0)) })
            let statistics = try #require(second.statistics(of: first.id))
            #expect(statistics.pauses > 0)
        }
    }
}
