import NIOCore
import NIOPosix

// The network between processes on one machine, with the faults of a real one.
//
// Each ordered pair of places (from, to) has a listening port of its own, on loopback unless it is
// told another address, and the node at `from` is told that `to` is there. So the proxy knows who speaks to whom without a look at the
// bytes: what the dialler sends goes from `from` to `to`, what comes back goes from `to` to `from`,
// and each direction has conditions of its own whichever of the two dialled.
//
// Bytes are never lost, added or reordered within a connection, as TCP would not: they are late, held,
// or the connection ends.
//
// Invariants. I1: what a direction delivers is a prefix of what was sent into it. I2: no byte passes a
// direction while it is cut. I3: in each direction of a connection at most `bytesUnderWay` and one
// read wait. I4: a connection of which both directions are cut for `resetAfter` ends with a reset.

/// Directed TCP links between places that are numbered by the caller. One event loop's thread.
package final class LinkProxy: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let table: NIOLoopBound<LinkTable>

    /// The seed decides what is late and lost.
    package init(seed: UInt64, limits: LinkLimits = LinkLimits()) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        let loop = loop
        do {
            table = try loop.submit {
                NIOLoopBound(
                    LinkTable(seed: seed, limits: limits, loop: loop), eventLoop: loop)
            }.wait()
        } catch { preconditionFailure("a new event loop does no work: \(error)") }
    }

    /// Opens the link on which `from` dials `to`, which listens at `targetHost` and the port `target`.
    /// Returns the port to dial at `host`. Hosts are IP addresses.
    package func open(
        from: Int, to: Int, host: String = "127.0.0.1", target: Int,
        targetHost: String = "127.0.0.1"
    ) throws -> Int {
        let table = table
        let server = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    table.value.accepted(
                        channel, from: from, to: to, target: target, targetHost: targetHost)
                }
            }
        let channel = try server.bind(host: host, port: 0).wait()
        guard let port = channel.localAddress?.port else {
            preconditionFailure("a bound socket has no port")
        }
        try loop.submit { table.value.listeners.append(channel) }.wait()
        return port
    }

    /// Holds when the call returns; what is under way keeps its time of arrival.
    package func set(_ conditions: LinkConditions, from: Int, to: Int) throws {
        let table = table
        try loop.submit { table.value.set(conditions, from: from, to: to) }.wait()
    }

    /// Bytes that were delivered from one place to another so far.
    package func delivered(from: Int, to: Int) throws -> UInt64 {
        let table = table
        return try loop.submit { table.value.delivered(from: from, to: to) }.wait()
    }

    /// Closes everything and waits until it is closed.
    package func close() throws {
        let table = table
        try loop.flatSubmit { table.value.close() }.wait()
        try group.syncShutdownGracefully()
    }
}
