/// # Transport: the nodes' connections
///
/// One TCP connection for each pair of nodes, TLS 1.3 inside (libssl, both sides with a
/// certificate), a greeting inside that binds the connection to two validator keys, and then
/// HTTP/2 (libnghttp2) with one long-lived stream for each of the four channels.
///
/// A message is delivered at most once, whole, and in order within its channel and connection.
/// What is queued for a peer when its connection ends is lost: `connected` is the moment to send
/// what the peer must know. When both nodes dialled, the connection of the lower identity stays
/// and the other one still receives what is on its way.
///
/// Why HTTP/2 starts only after the greeting, and the protocol name in ALPN is `prytany/1`: what
/// an unverified peer can reach is libssl and a fixed 172 bytes, nothing else.
///
/// Invariants:
/// - I1 No message and no HTTP/2 byte of a peer is looked at before it is verified.
/// - I2 For one peer `connected` and `disconnected` alternate, and `received` comes only between.
/// - I3 At most one connection of a peer takes new messages.
/// - I4 Every queue has a bound: messages for a peer (`ChannelLimits`), bytes below HTTP/2
///   (`pendingWriteBytes`, `unsentSocketBytes`), received bytes that are no message yet (one
///   window and one message per channel), unverified connections, peers.
/// - I5 A channel that is held, or whose peer reads slowly, delays no other channel; bytes of a
///   lower channel leave only when no higher one has bytes and window.

import Glibc
package import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization

package enum TransportStartError: Error, Hashable {
    case alreadyStarted
    case tls(TLSSetupError)
    /// The listening socket; the system's error number, 0 if it gave none.
    case bind(host: String, port: Int, errno: Int32)
}

package final class PeerTransport: Sendable {
    private struct Running {
        var group: MultiThreadedEventLoopGroup
        var loop: any EventLoop
        var switchboard: Switchboard
        var listener: any NIOCore.Channel
    }

    private enum Phase {
        case idle, starting, stopped
        case running(Running)
    }

    private let configuration: TransportConfiguration
    private let binding: any IdentityBinding
    private let logger: Logger
    private let deliver: @Sendable (TransportEvent) -> Void
    private let outbox: Outbox
    private let phase = Mutex(Phase.idle)

    /// - Parameter deliver: called on the event loop, which stands still meanwhile: it must not
    ///   block. It may call any method of the transport but `start` and `shutdown`.
    package init(
        configuration: TransportConfiguration, binding: any IdentityBinding, logger: Logger,
        deliver: @escaping @Sendable (TransportEvent) -> Void
    ) {
        for channel in PeerChannel.allCases {
            let limits = configuration.limits.channels[channel]
            precondition(
                limits.messageBytes > 0 && limits.messageBytes <= limits.queueBytes
                    && limits.queueMessages > 0 && limits.windowBytes >= 65_535,
                "limits of channel \(channel): \(limits)")
        }
        self.configuration = configuration
        self.binding = binding
        self.logger = logger
        self.deliver = deliver
        outbox = Outbox(configuration.limits)
    }

    /// Makes the TLS key, listens, and begins to dial.
    package func start() async throws(TransportStartError) {
        let mayStart = phase.withLock { phase -> Bool in
            guard case .idle = phase else { return false }
            phase = .starting
            return true
        }
        guard mayStart else { throw .alreadyStarted }
        signal(SIGPIPE, SIG_IGN)
        let identity: TLSIdentity
        do {
            identity = try TLSIdentity()
        } catch {
            throw .tls(error)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let switchboard = Switchboard(
            loop: loop,
            policy: GreetingPolicy(
                own: configuration.own, chain: configuration.chain,
                genesis: configuration.genesis, binding: binding),
            limits: configuration.limits, identity: identity, outbox: outbox, log: logger,
            deliver: deliver)
        let listener: any NIOCore.Channel
        do {
            let bootstrap = ServerBootstrap(group: loop)
                .childChannelInitializer { switchboard.accept($0) }
            listener = try await Switchboard.configure(bootstrap, configuration.limits)
                .bind(host: configuration.listenHost, port: configuration.listenPort).get()
        } catch {
            logger.error("cannot listen", metadata: ["error": "\(error)"])
            await Self.shutDown(group, logger)
            throw .bind(
                host: configuration.listenHost, port: configuration.listenPort,
                errno: (error as? IOError)?.errnoCode ?? 0)
        }
        let running = Running(
            group: group, loop: loop, switchboard: switchboard, listener: listener)
        phase.withLock { $0 = .running(running) }
        let peers = configuration.peers
        loop.execute {
            for peer in peers { switchboard.addPeer(peer) }
            // A peer may have connected, and been sent to, before there was a loop to wake.
            switchboard.wake()
        }
        logger.info(
            "listening for peers",
            metadata: ["host": "\(configuration.listenHost)", "port": "\(port ?? 0)"])
    }

    /// Closes everything; no event comes after it returns.
    package func shutdown() async {
        let running = phase.withLock { phase -> Running? in
            defer { phase = .stopped }
            guard case .running(let running) = phase else { return nil }
            return running
        }
        guard let running else { return }
        let switchboard = running.switchboard
        do {
            try await running.listener.close().get()
        } catch {
            logger.debug("listener did not close", metadata: ["error": "\(error)"])
        }
        do {
            try await running.loop.submit { switchboard.stop() }.get()
        } catch {
            logger.debug("connections did not close", metadata: ["error": "\(error)"])
        }
        await Self.shutDown(running.group, logger)
    }

    private static func shutDown(_ group: MultiThreadedEventLoopGroup, _ logger: Logger) async {
        do {
            try await group.shutdownGracefully()
        } catch {
            logger.error("event loop did not stop", metadata: ["error": "\(error)"])
        }
    }

    private var running: Running? {
        phase.withLock { phase in
            guard case .running(let running) = phase else { return nil }
            return running
        }
    }

    /// The port that the node listens on, once started.
    package var port: Int? { running?.listener.localAddress?.port }

    private func check(_ message: [UInt8], _ channel: PeerChannel) {
        let maximum = configuration.limits.channels[channel].messageBytes
        precondition(
            !message.isEmpty && message.count <= maximum,
            "message of \(message.count) bytes on \(channel), which takes 1 to \(maximum)")
    }

    private func onLoop(_ body: @escaping @Sendable (Switchboard) -> Void) {
        guard let running else { return }
        let switchboard = running.switchboard
        running.loop.execute { body(switchboard) }
    }

    /// Queues a message of 1 to `messageBytes` bytes; never blocks. Without a connection it is
    /// counted and lost.
    package func send(_ message: [UInt8], on channel: PeerChannel, to peer: PeerID) {
        check(message, channel)
        if outbox.push(message, channel, to: peer) { onLoop { $0.wake() } }
    }

    /// Queues a message for every connected peer; the bytes are shared.
    package func broadcast(_ message: [UInt8], on channel: PeerChannel) {
        check(message, channel)
        if outbox.pushToAll(message, channel) { onLoop { $0.wake() } }
    }

    /// Ends the connection to a peer that broke the rules of a higher layer, and keeps away from it
    /// for `penaltyMilliseconds`.
    package func drop(_ peer: PeerID, because reason: String) {
        onLoop { $0.drop(peer, because: reason) }
    }

    /// Begins to dial a peer, or dials it elsewhere from now on.
    package func addPeer(_ address: PeerAddress) { onLoop { $0.addPeer(address) } }

    /// Stops delivery on one channel of one peer until `release`: at most a window more arrives and
    /// is kept, then the peer has to wait, on that channel alone. Ends with the connection.
    package func hold(_ channel: PeerChannel, of peer: PeerID) {
        onLoop { $0.setHeld(true, channel, of: peer) }
    }

    package func release(_ channel: PeerChannel, of peer: PeerID) {
        onLoop { $0.setHeld(false, channel, of: peer) }
    }

    package func statistics() -> TransportStatistics { outbox.statistics() }
}
