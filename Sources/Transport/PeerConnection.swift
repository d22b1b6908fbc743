import Logging
import NIOCore
import Primitives
import WireCodec

/// What a connection tells its switchboard. All on the event loop.
protocol ConnectionOwner: AnyObject {
    var policy: GreetingPolicy { get }
    var limits: TransportLimits { get }
    var outbox: Outbox { get }
    /// A verified peer asks for admission; nil grants it.
    func admission(of connection: PeerConnection, as peer: PeerID) -> Refusal?
    /// Both sides agreed. Returns the peer's slot.
    func established(_ connection: PeerConnection, as peer: PeerID) -> Int?
    func received(_ message: [UInt8], on channel: PeerChannel, from peer: PeerID)
    func closed(_ connection: PeerConnection, _ reason: CloseReason)
}

/// One connection above TLS: greeting, then HTTP/2. The dialler greets first; the other side
/// answers with one byte (0 or a `Refusal`) and, if it admits the peer, its own greeting; the
/// dialler answers that with one byte, and HTTP/2 begins. So an unverified peer never reaches
/// libnghttp2, and makes nobody sign.
final class PeerConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Role: Hashable {
        case dialler(PeerID)
        case responder
    }

    private enum Stage: Hashable {
        case tls
        case awaitingGreeting
        case awaitingAnswer
        case awaitingVerdict(PeerID)
        case open
        case closed
    }

    private static let accepted: UInt8 = 0
    private static let batchBytes = 64 * 1024
    /// What one peer may get in one turn of the loop.
    private static let turnBytes = 512 * 1024

    let role: Role
    private(set) var peer: PeerID?
    /// Nil until the TCP connection stands.
    private(set) var remote: String?
    private let owner: any ConnectionOwner
    private let tls: TLSHandler
    private let log: Logger
    private var stage = Stage.tls
    private var context: ChannelHandlerContext?
    private var secured: TLSEstablished?
    private var handshakeBytes: [UInt8] = []
    private var handshakeTimer: Scheduled<Void>?
    private var keepAlive: Scheduled<Void>?
    private var resumption: Scheduled<Void>?

    private var session: HTTP2Session?
    private var slot = 0
    private var cursors = PerChannel<SendCursor?> { _ in nil }
    private var unfinished: UInt8 = 0
    private var plaintext = ByteBuffer()
    private var isPumping = false
    private var isPumpScheduled = false
    /// Gave way to another connection: sends what it has begun, and still receives.
    private(set) var isRetiring = false

    private var byteBudget: TokenBucket
    private var frameBudget: TokenBucket
    private var nuisanceBudget: TokenBucket
    private var chargedBytes: UInt64 = 0
    private var isPaused = false
    private var wantsRead = false
    private var lastReceived = NIODeadline.now()
    private var receivedCounts = PerChannel<(messages: UInt64, bytes: UInt64)> { _ in (0, 0) }

    init(role: Role, tls: TLSHandler, owner: any ConnectionOwner, log: Logger) {
        self.role = role
        self.tls = tls
        self.owner = owner
        self.log = log
        let limits = owner.limits
        let now = NIODeadline.now().uptimeNanoseconds
        byteBudget = TokenBucket(
            perSecond: limits.receivedBytesPerSecond, burst: limits.receivedBytesBurst, now: now)
        frameBudget = TokenBucket(
            perSecond: limits.receivedFramesPerSecond, burst: limits.receivedFramesBurst, now: now)
        nuisanceBudget = TokenBucket(
            perSecond: limits.nuisanceFramesPerSecond, burst: limits.nuisanceFramesBurst, now: now)
    }

    var isDialler: Bool { role != .responder }

    /// Whether this is the connection to keep when both nodes dialled: the one dialled by the
    /// lower identity.
    func isPreferred(own: PeerID, peer: PeerID) -> Bool { isDialler ? own < peer : peer < own }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let limit = TimeAmount.milliseconds(owner.limits.handshakeMilliseconds)
        handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            self.close(.handshakeTimedOut)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(.closedByPeer)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        remote = context.remoteAddress?.description ?? "?"
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(stage == .open ? .closedByPeer : .closedInHandshake)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let failure as ConnectionFailure: close(failure.reason)
        case let failure as IOError: close(.inputOutput(errno: failure.errnoCode))
        default:
            log.debug("channel error", metadata: ["error": "\(error)"])
            close(.inputOutput(errno: 0))
        }
    }

    /// Ends the connection; only the first reason counts.
    func close(_ reason: CloseReason) {
        guard stage != .closed else { return }
        let wasOpen = stage == .open
        stage = .closed
        handshakeTimer?.cancel()
        keepAlive?.cancel()
        resumption?.cancel()
        publishCounts()
        if let context {
            if wasOpen, let session {
                session.terminate(isBreach: reason.isBreach)
                plaintext.clear()
                // What it says is of no interest any more: the connection ends in any case.
                _ = session.produce(into: &plaintext, limit: 1)
                if plaintext.readableBytes > 0 {
                    context.writeAndFlush(wrapOutboundOut(plaintext), promise: nil)
                }
            }
            context.close(promise: nil)
        }
        owner.closed(self, reason)
    }

    // MARK: Greeting

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let established = event as? TLSEstablished else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard stage == .tls else { return }
        secured = established
        switch role {
        case .responder:
            stage = .awaitingGreeting
        case .dialler:
            stage = .awaitingAnswer
            sendBytes(owner.policy.greeting(isDialler: true, on: established).encoded())
        }
    }

    private func sendBytes(_ bytes: [UInt8]) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: bytes.count)
        buffer.writeBytes(bytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func refuse(_ refusal: Refusal) {
        sendBytes([refusal.rawValue])
        close(.refused(refusal))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        switch stage {
        case .tls, .closed: return
        case .open: buffer.withUnsafeReadableBytes { receive($0) }
        case .awaitingGreeting, .awaitingAnswer, .awaitingVerdict:
            buffer.withUnsafeReadableBytes { readHandshake($0) }
        }
    }

    private func readHandshake(_ bytes: UnsafeRawBufferPointer) {
        switch stage {
        case .awaitingGreeting:
            handshakeBytes += bytes
            guard handshakeBytes.count >= Greeting.byteCount else { return }
            guard handshakeBytes.count == Greeting.byteCount else {
                return close(.handshakeTooLong)
            }
            guard let peer = verify(handshakeBytes), let secured else { return }
            stage = .awaitingVerdict(peer)
            let own = owner.policy.greeting(isDialler: false, on: secured)
            sendBytes([Self.accepted] + own.encoded())
        case .awaitingAnswer:
            handshakeBytes += bytes
            guard let answer = handshakeBytes.first else { return }
            guard answer == Self.accepted else { return readRefusal(answer) }
            guard handshakeBytes.count > Greeting.byteCount else { return }
            guard handshakeBytes.count == 1 + Greeting.byteCount else {
                return close(.handshakeTooLong)
            }
            guard let peer = verify(Array(handshakeBytes.dropFirst())) else { return }
            sendBytes([Self.accepted])
            open(peer)
        case .awaitingVerdict(let peer):
            guard let answer = bytes.first else { return }
            guard answer == Self.accepted else { return readRefusal(answer) }
            open(peer)
            if bytes.count > 1, stage == .open {
                receive(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
            }
        case .tls, .open, .closed:
            return
        }
    }

    private func readRefusal(_ answer: UInt8) {
        close(Refusal(rawValue: answer).map { .refusedByPeer($0) } ?? .unknownAnswer)
    }

    /// The greeting's author, if all is well; otherwise the peer is refused.
    private func verify(_ bytes: [UInt8]) -> PeerID? {
        guard let secured else { return nil }
        let greeting: Greeting
        do {
            greeting = try Greeting(decoding: bytes)
        } catch {
            log.debug("malformed greeting", metadata: ["error": "\(error)"])
            refuse(.malformedGreeting)
            return nil
        }
        var expected: PeerID?
        if case .dialler(let dialled) = role { expected = dialled }
        let refusal =
            owner.policy.refusal(
                of: greeting, isDialler: !isDialler, expecting: expected, on: secured)
            ?? owner.admission(of: self, as: greeting.peer)
        if let refusal {
            refuse(refusal)
            return nil
        }
        tls.liftAllowance()
        return greeting.peer
    }

    private func open(_ peer: PeerID) {
        handshakeTimer?.cancel()
        handshakeBytes = []
        let side: HTTP2Session.Role = isDialler ? .client : .server
        guard let session = HTTP2Session(role: side, limits: owner.limits, source: self) else {
            return close(.http2(code: 0))
        }
        guard let slot = owner.established(self, as: peer) else {
            return close(.refused(.tooManyPeers))
        }
        self.peer = peer
        self.session = session
        self.slot = slot
        stage = .open
        lastReceived = .now()
        scheduleKeepAlive()
        schedulePump()
    }

    /// Gives way to another connection of the same pair.
    func retire() {
        guard stage == .open, !isRetiring else { return }
        isRetiring = true
        handshakeTimer = context?.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(owner.limits.lingerMilliseconds)
        ) { self.close(.superseded) }
    }

    // MARK: Receiving

    private func receive(_ bytes: UnsafeRawBufferPointer) {
        guard let session, let peer else { return }
        let now = NIODeadline.now()
        lastReceived = now
        let nanoseconds = now.uptimeNanoseconds
        let failure = session.receive(
            bytes, nuisanceAllowance: nuisanceBudget.available(now: nanoseconds))
        nuisanceBudget.charge(session.nuisances, now: nanoseconds)
        frameBudget.charge(session.frames, now: nanoseconds)
        deliverMessages(of: session, from: peer, now: nanoseconds)
        if let failure { close(failure) }
    }

    private func deliverMessages(of session: HTTP2Session, from peer: PeerID, now: UInt64) {
        let messages = session.takeMessages()
        guard !messages.isEmpty else { return }
        frameBudget.charge(messages.count, now: now)
        for (channel, message) in messages {
            receivedCounts[channel].messages += 1
            receivedCounts[channel].bytes += UInt64(message.count)
            owner.received(message, on: channel, from: peer)
        }
    }

    private func publishCounts() {
        guard peer != nil, session != nil else { return }
        let counts = receivedCounts
        receivedCounts = PerChannel { _ in (0, 0) }
        outboxUpdate { slot in
            for channel in PeerChannel.allCases where counts[channel].messages > 0 {
                slot.statistics.channels[channel].receivedMessages += counts[channel].messages
                slot.statistics.channels[channel].receivedBytes += counts[channel].bytes
            }
        }
    }

    private func outboxUpdate(_ body: (inout Outbox.Slot) -> Void) {
        owner.outbox.withSlot(slot, body)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard stage == .open else { return context.fireChannelReadComplete() }
        publishCounts()
        let now = NIODeadline.now().uptimeNanoseconds
        byteBudget.charge(Int(clamping: tls.receivedBytes - chargedBytes), now: now)
        chargedBytes = tls.receivedBytes
        let wait = max(byteBudget.debt(now: now), frameBudget.debt(now: now))
        if wait > 0 { pause(nanoseconds: wait) }
        schedulePump()
        context.fireChannelReadComplete()
    }

    /// Stops reading the socket for a while, so that the peer is slowed down and not dropped.
    private func pause(nanoseconds: Int64) {
        guard !isPaused, let context else { return }
        isPaused = true
        outboxUpdate { $0.statistics.pauses += 1 }
        resumption = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(nanoseconds))
        {
            self.isPaused = false
            self.lastReceived = .now()
            guard self.wantsRead else { return }
            self.wantsRead = false
            self.context?.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused { wantsRead = true } else { context.read() }
    }

    func hold(_ channel: PeerChannel) { session?.hold(channel) }

    func release(_ channel: PeerChannel) {
        guard stage == .open, let session, let peer else { return }
        let failure = session.release(channel)
        deliverMessages(of: session, from: peer, now: NIODeadline.now().uptimeNanoseconds)
        publishCounts()
        if let failure { return close(failure) }
        schedulePump()
    }

    private func scheduleKeepAlive() {
        keepAlive = context?.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(owner.limits.keepAliveMilliseconds)
        ) {
            self.checkSilence()
            if self.stage == .open { self.scheduleKeepAlive() }
        }
    }

    private func checkSilence() {
        guard stage == .open, !isPaused else { return }
        let silence = (NIODeadline.now() - lastReceived).nanoseconds / 1_000_000
        if silence >= owner.limits.silenceMilliseconds { return close(.silent) }
        if silence >= owner.limits.keepAliveMilliseconds {
            session?.ping()
            pump()
        }
    }

    // MARK: Sending

    /// Once in this turn of the loop, after everything else that wants to send.
    private func schedulePump() {
        guard !isPumpScheduled, let context else { return }
        isPumpScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isPumpScheduled = false
            self.pump()
        }
    }

    /// Moves bytes from the queues into the socket while it takes them.
    func pump() {
        guard stage == .open, !isPumping, let context, let session else { return }
        isPumping = true
        defer { isPumping = false }
        var sent = 0
        while context.channel.isWritable {
            plaintext.clear()
            if let failure = session.produce(into: &plaintext, limit: Self.batchBytes) {
                return close(failure)
            }
            guard plaintext.readableBytes > 0 else { break }
            sent += plaintext.readableBytes
            context.writeAndFlush(wrapOutboundOut(plaintext), promise: nil)
            guard stage == .open else { return }
            if sent >= Self.turnBytes {
                schedulePump()
                break
            }
        }
        if let ending = session.ending { close(ending) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }
}

extension PeerConnection: MessageSource {
    func sendableChannels() -> UInt8 {
        isRetiring ? unfinished : unfinished | owner.outbox.withSlot(slot) { $0.waiting }
    }

    func fill(_ channel: PeerChannel, into target: UnsafeMutableRawBufferPointer) -> Int {
        var cursor = cursors[channel]
        var written = 0
        if var begun = cursor {
            written = begun.copy(into: target)
            cursor = begun.isFinished ? nil : begun
        }
        if !isRetiring, written < target.count {
            owner.outbox.withSlot(slot) { slot in
                while written < target.count, let message = slot.pop(channel) {
                    var next = SendCursor(message)
                    written += next.copy(
                        into: UnsafeMutableRawBufferPointer(rebasing: target[written...]))
                    cursor = next.isFinished ? nil : next
                }
            }
        }
        cursors[channel] = cursor
        unfinished = cursor == nil ? unfinished & ~channel.bit : unfinished | channel.bit
        return written
    }
}
