import Logging
import NIOCore
import NIOPosix
import Primitives

/// All connections of a node and the decisions about them: whom to admit, which of two
/// connections to keep, when to dial again. Lives on one event loop.
final class Switchboard: ConnectionOwner, @unchecked Sendable {
    // Unchecked: everything mutable is touched on `loop` alone, as the entrances assert.

    /// What is known of one peer.
    private final class Link {
        let id: PeerID
        let slot: Int
        var address: PeerAddress?
        var current: PeerConnection?
        var retiring: [PeerConnection] = []
        var establishedAt = NIODeadline.distantPast
        var isDialling = false
        var timer: Scheduled<Void>?
        /// Dials without a stable connection.
        var attempts: Int64 = 0
        var penaltyEnds = NIODeadline.distantPast
        var reportsAgain = NIODeadline.distantPast

        init(id: PeerID, slot: Int) {
            self.id = id
            self.slot = slot
        }
    }

    private static let maximumRetiring = 2

    let policy: GreetingPolicy
    let limits: TransportLimits
    let outbox: Outbox
    private let loop: any EventLoop
    private let identity: TLSIdentity
    private let log: Logger
    private let deliver: @Sendable (TransportEvent) -> Void
    private var links: [PeerID: Link] = [:]
    /// In the order of their slots.
    private var linksInOrder: [Link] = []
    /// Every live connection, and the incoming ones that are not verified, oldest first.
    private var connections: [ObjectIdentifier: PeerConnection] = [:]
    private var halfOpen: [PeerConnection] = []
    private var anonymousReports: TokenBucket
    private var unreportedCloses = 0
    private var isStopped = false

    init(
        loop: any EventLoop, policy: GreetingPolicy, limits: TransportLimits,
        identity: TLSIdentity, outbox: Outbox, log: Logger,
        deliver: @escaping @Sendable (TransportEvent) -> Void
    ) {
        self.loop = loop
        self.policy = policy
        self.limits = limits
        self.identity = identity
        self.outbox = outbox
        self.log = log
        self.deliver = deliver
        anonymousReports = TokenBucket(
            perSecond: 10, burst: 100, now: NIODeadline.now().uptimeNanoseconds)
    }

    // MARK: Entrances

    func addPeer(_ address: PeerAddress) {
        loop.preconditionInEventLoop()
        guard address.id != policy.own, let link = link(for: address.id) else {
            return log.error("peer not added", metadata: ["peer": "\(address.id)"])
        }
        link.address = address
        scheduleDial(link)
    }

    /// Takes what callers have queued since the last time.
    func wake() {
        loop.preconditionInEventLoop()
        let waiting = outbox.with { state -> [Bool] in
            state.isWaking = false
            return state.slots.map { $0.waiting != 0 }
        }
        for (link, isWaiting) in zip(linksInOrder, waiting) where isWaiting {
            link.current?.pump()
        }
    }

    func drop(_ peer: PeerID, because reason: String) {
        loop.preconditionInEventLoop()
        log.warning("dropping peer", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
        links[peer]?.current?.close(.dropped)
    }

    func setHeld(_ held: Bool, _ channel: PeerChannel, of peer: PeerID) {
        loop.preconditionInEventLoop()
        guard let link = links[peer] else { return }
        if held { link.current?.hold(channel) } else { link.current?.release(channel) }
    }

    func stop() {
        loop.preconditionInEventLoop()
        isStopped = true
        for link in linksInOrder { link.timer?.cancel() }
        for connection in Array(connections.values) { connection.close(.shutDown) }
    }

    /// Sets up the handlers of a new TCP connection.
    func accept(_ channel: any NIOCore.Channel) -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        if halfOpen.count >= limits.halfOpenConnections, let oldest = halfOpen.first {
            oldest.close(.crowdedOut)
        }
        return channel.eventLoop.makeCompletedFuture {
            halfOpen.append(try addHandlers(to: channel, role: .responder))
            publishHalfOpen()
        }
    }

    private func addHandlers(
        to channel: any NIOCore.Channel, role: PeerConnection.Role
    ) throws -> PeerConnection {
        guard !isStopped else { throw ChannelError.ioOnClosedChannel }
        let tls = try TLSHandler(
            identity: identity, isClient: role != .responder, handshakeBytes: limits.handshakeBytes)
        let connection = PeerConnection(role: role, tls: tls, owner: self, log: log)
        try channel.pipeline.syncOperations.addHandlers(tls, connection)
        connections[ObjectIdentifier(connection)] = connection
        return connection
    }

    private func publishHalfOpen() {
        let count = halfOpen.count
        outbox.with { state in
            state.halfOpenConnections = count
            state.halfOpenPeak = max(state.halfOpenPeak, count)
        }
    }

    private func link(for peer: PeerID) -> Link? {
        if let link = links[peer] { return link }
        guard let slot = outbox.slot(for: peer) else { return nil }
        precondition(slot == linksInOrder.count, "slots and links differ")
        let link = Link(id: peer, slot: slot)
        links[peer] = link
        linksInOrder.append(link)
        return link
    }

    // MARK: Connections

    func admission(of connection: PeerConnection, as peer: PeerID) -> Refusal? {
        guard let link = link(for: peer) else { return .tooManyPeers }
        if link.penaltyEnds > .now() { return .backingOff }
        guard let current = link.current, current.isPreferred(own: policy.own, peer: peer) else {
            return nil
        }
        return connection.isPreferred(own: policy.own, peer: peer) ? nil : .duplicate
    }

    func established(_ connection: PeerConnection, as peer: PeerID) -> Int? {
        guard let link = link(for: peer) else { return nil }
        leaveHalfOpen(connection)
        if connection.isDialler { link.isDialling = false }
        link.timer?.cancel()
        link.timer = nil
        outbox.withSlot(link.slot) { slot in
            slot.statistics.connections += 1
            slot.statistics.isConnected = true
        }
        guard let current = link.current else {
            link.current = connection
            link.establishedAt = .now()
            log.info(
                "peer connected",
                metadata: [
                    "peer": "\(peer)", "remote": "\(connection.remote ?? "?")",
                    "dialled": "\(connection.isDialler)",
                ])
            emit(.connected(peer))
            return link.slot
        }
        // Both dialled: the two nodes come to the same choice, and the other connection only
        // receives what is still on its way.
        let own = policy.own
        let keepsCurrent =
            current.isPreferred(own: own, peer: peer)
            && !connection.isPreferred(own: own, peer: peer)
        if !keepsCurrent { link.current = connection }
        let leaving = keepsCurrent ? connection : current
        link.retiring.append(leaving)
        // After `open` has finished with the connection.
        loop.assumeIsolated().execute { leaving.retire() }
        if link.retiring.count > Self.maximumRetiring {
            link.retiring.removeFirst().close(.superseded)
        }
        return link.slot
    }

    func received(_ message: [UInt8], on channel: PeerChannel, from peer: PeerID) {
        emit(.received(peer, channel, message))
    }

    private func emit(_ event: TransportEvent) {
        guard !isStopped else { return }
        deliver(event)
    }

    private func leaveHalfOpen(_ connection: PeerConnection) {
        guard let index = halfOpen.firstIndex(where: { $0 === connection }) else { return }
        halfOpen.remove(at: index)
        publishHalfOpen()
    }

    func closed(_ connection: PeerConnection, _ reason: CloseReason) {
        connections[ObjectIdentifier(connection)] = nil
        leaveHalfOpen(connection)
        guard let peer = connection.peer, let link = links[peer] else {
            return closedUnverified(connection, reason)
        }
        let breach = reason.isBreach
        if breach {
            link.penaltyEnds = .now() + .milliseconds(limits.penaltyMilliseconds)
        }
        if let index = link.retiring.firstIndex(where: { $0 === connection }) {
            link.retiring.remove(at: index)
            return
        }
        guard link.current === connection else { return }
        link.current = nil
        if NIODeadline.now() - link.establishedAt
            >= .milliseconds(limits.stableMilliseconds)
        {
            link.attempts = 0
        }
        // No message may come after `disconnected`.
        for other in link.retiring { other.close(.superseded) }
        outbox.withSlot(link.slot) { slot in
            slot.statistics.isConnected = false
            slot.clear()
        }
        log.log(
            level: breach ? .warning : .info, "peer disconnected",
            metadata: ["peer": "\(peer)", "reason": "\(Self.describe(reason))"])
        if breach { emit(.protocolViolation(peer, reason)) }
        emit(.disconnected(peer, reason))
        scheduleDial(link)
    }

    private func closedUnverified(_ connection: PeerConnection, _ reason: CloseReason) {
        let wasDuplicate = reason == .refusedByPeer(.duplicate) || reason == .refused(.duplicate)
        // A failed dial has its own report.
        if connection.remote != nil, !wasDuplicate, !isStopped {
            reportUnverified(connection, reason)
        }
        if case .dialler(let dialled) = connection.role, let link = links[dialled] {
            dialFailed(link, quietly: wasDuplicate)
        }
    }

    private func reportUnverified(_ connection: PeerConnection, _ reason: CloseReason) {
        outbox.with { $0.refusedConnections += 1 }
        let now = NIODeadline.now().uptimeNanoseconds
        guard anonymousReports.available(now: now) > 0 else {
            unreportedCloses += 1
            return
        }
        anonymousReports.charge(1, now: now)
        var metadata: Logger.Metadata = [
            "remote": "\(connection.remote ?? "?")", "reason": "\(Self.describe(reason))",
        ]
        if case .dialler(let dialled) = connection.role { metadata["peer"] = "\(dialled)" }
        if unreportedCloses > 0 {
            metadata["unreported"] = "\(unreportedCloses)"
            unreportedCloses = 0
        }
        log.notice("peer not admitted", metadata: metadata)
        if reason.isBreach { emit(.protocolViolation(nil, reason)) }
    }

    static func describe(_ reason: CloseReason) -> String {
        if case .tls(let code) = reason { return "tls: \(TLSIdentity.describe(code))" }
        return "\(reason)"
    }

    // MARK: Dialling

    private func scheduleDial(_ link: Link) {
        guard !isStopped, link.address != nil, link.current == nil, !link.isDialling,
            link.timer == nil
        else { return }
        let doublings = min(link.attempts, 20)
        let longest = min(limits.redialCapMilliseconds, limits.redialMilliseconds << doublings)
        var delay: Int64 = 0
        if link.attempts > 0 { delay = Int64.random(in: (longest / 2)...max(longest, 1)) }
        if link.id < policy.own { delay += limits.dialGraceMilliseconds }
        let rest = (link.penaltyEnds - .now()).nanoseconds / 1_000_000
        link.timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(max(delay, rest))) {
            link.timer = nil
            self.dial(link)
        }
    }

    private func dial(_ link: Link) {
        guard !isStopped, let address = link.address, link.current == nil else { return }
        link.isDialling = true
        link.attempts += 1
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(limits.dialTimeoutMilliseconds))
        let configured = Self.configure(bootstrap, limits).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                _ = try self.addHandlers(to: channel, role: .dialler(address.id))
            }
        }
        let future: EventLoopFuture<any NIOCore.Channel>
        if let socket = try? SocketAddress(ipAddress: address.host, port: address.port) {
            future = configured.connect(to: socket)
        } else {
            future = configured.connect(host: address.host, port: address.port)
        }
        future.assumeIsolated().whenFailure { error in
            self.log.debug(
                "dial failed", metadata: ["peer": "\(address.id)", "error": "\(error)"])
            self.dialFailed(link, quietly: false)
        }
    }

    private func dialFailed(_ link: Link, quietly: Bool) {
        guard link.isDialling else { return }
        link.isDialling = false
        if !quietly { outbox.withSlot(link.slot) { $0.statistics.failedDials += 1 } }
        let now = NIODeadline.now()
        if !quietly, link.current == nil, link.reportsAgain <= now, !isStopped {
            link.reportsAgain = now + .milliseconds(limits.unreachableReportMilliseconds)
            log.notice(
                "peer cannot be reached",
                metadata: ["peer": "\(link.id)", "attempts": "\(link.attempts)"])
            emit(.unreachable(link.id))
        }
        scheduleDial(link)
    }

    // MARK: Sockets

    /// The options of every connection, dialled or accepted.
    static func configure(_ bootstrap: ClientBootstrap, _ limits: TransportLimits)
        -> ClientBootstrap
    {
        bootstrap
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.tcpOption(unsentOption), value: .init(limits.unsentSocketBytes))
            .channelOption(.writeBufferWaterMark, value: waterMark(limits))
            .channelOption(.recvAllocator, value: receiveSizes)
    }

    static func configure(_ bootstrap: ServerBootstrap, _ limits: TransportLimits)
        -> ServerBootstrap
    {
        bootstrap
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.tcpOption(unsentOption), value: .init(limits.unsentSocketBytes))
            .childChannelOption(.writeBufferWaterMark, value: waterMark(limits))
            .childChannelOption(.recvAllocator, value: receiveSizes)
    }

    private static func waterMark(_ limits: TransportLimits)
        -> ChannelOptions.Types
        .WriteBufferWaterMark
    {
        .init(low: limits.pendingWriteBytes / 4, high: limits.pendingWriteBytes)
    }

    private static var receiveSizes: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16 * 1024, maximum: 128 * 1024)
    }

    /// TCP_NOTSENT_LOWAT, which NIO has no name for.
    private static var unsentOption: NIOBSDSocket.Option {
        #if os(Linux)
            NIOBSDSocket.Option(rawValue: 25)
        #else
            NIOBSDSocket.Option(rawValue: 0x201)
        #endif
    }
}
