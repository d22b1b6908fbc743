import NIOCore
import NIOPosix

/// All that the proxy knows; of its event loop alone.
final class LinkTable {
    private struct Pair: Hashable {
        let from: Int
        let to: Int
    }

    private let seed: UInt64
    private let limits: LinkLimits
    private let loop: any EventLoop
    private var lines: [Pair: Line] = [:]
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Accepted, and not yet connected to where they lead.
    private var opening: [ObjectIdentifier: any Channel] = [:]
    var listeners: [any Channel] = []
    private var isClosed = false

    init(seed: UInt64, limits: LinkLimits, loop: any EventLoop) {
        self.seed = seed
        self.limits = limits
        self.loop = loop
    }

    private func line(from: Int, to: Int) -> Line {
        let pair = Pair(from: from, to: to)
        if let line = lines[pair] { return line }
        let mixed = seed &+ UInt64(bitPattern: Int64(from)) &* 0x1_0001_0001
        let line = Line(
            LineClock(seed: mixed ^ UInt64(bitPattern: Int64(to)) << 40, limits: limits))
        lines[pair] = line
        return line
    }

    func accepted(
        _ channel: any Channel, from: Int, to: Int, target: Int, targetHost: String
    ) {
        let forth = line(from: from, to: to)
        let back = line(from: to, to: from)
        // A connection needs both ways.
        guard !isClosed, !forth.isCut, !back.isCut else {
            Connection.reset(channel)
            return
        }
        let id = ObjectIdentifier(channel)
        opening[id] = channel
        let bound = NIOLoopBound((self, channel, forth, back), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: targetHost, port: target).hop(to: loop)
            .whenComplete { result in
                let (table, channel, forth, back) = bound.value
                table.opening[id] = nil
                switch result {
                case .success(let other): table.join(channel, other, forth, back)
                // Nobody listens there: the dialler learns that as from the node itself.
                case .failure: Connection.reset(channel)
                }
            }
    }

    private func join(
        _ channel: any Channel, _ other: any Channel, _ forth: Line, _ back: Line
    ) {
        guard !isClosed, !forth.isCut, !back.isCut else {
            Connection.reset(channel)
            Connection.reset(other)
            return
        }
        let connection = Connection(
            dialler: channel, listener: other, forth: forth, back: back, limits: limits)
        connections[ObjectIdentifier(connection)] = connection
        connection.ended = { [unowned self] in
            connections[ObjectIdentifier(connection)] = nil
            connection.ended = nil
        }
        connection.start()
    }

    func set(_ conditions: LinkConditions, from: Int, to: Int) {
        let line = line(from: from, to: to)
        line.clock.set(conditions)
        let back = self.line(from: to, to: from)
        for connection in connections.values where connection.uses(line) {
            connection.conditionsChanged(bothCut: line.isCut && back.isCut)
        }
    }

    func delivered(from: Int, to: Int) -> UInt64 { line(from: from, to: to).delivered }

    func close() -> EventLoopFuture<Void> {
        isClosed = true
        let closing = listeners.map { $0.close() }
        listeners = []
        for channel in opening.values { Connection.reset(channel) }
        for connection in connections.values { connection.reset() }
        return EventLoopFuture.andAllComplete(closing, on: loop)
    }
}

/// One direction between two places, shared by its connections.
final class Line {
    var clock: LineClock
    var delivered: UInt64 = 0
    var isCut: Bool { clock.conditions.isCut }
    init(_ clock: LineClock) { self.clock = clock }
}
