import Glibc
import NIOCore
import NIOPosix

/// One proxied connection: two sockets, and what is under way between them.
final class Connection {
    private let dialler: any Channel
    private let listener: any Channel
    private let forth: Flow
    private let back: Flow
    private let limits: LinkLimits
    private var doom: Scheduled<Void>?
    var ended: (() -> Void)?

    init(
        dialler: any Channel, listener: any Channel, forth: Line, back: Line, limits: LinkLimits
    ) {
        self.dialler = dialler
        self.listener = listener
        self.limits = limits
        self.forth = Flow(from: dialler, to: listener, over: forth, limits: limits)
        self.back = Flow(from: listener, to: dialler, over: back, limits: limits)
    }

    func start() {
        forth.broken = { [unowned self] in reset() }
        back.broken = { [unowned self] in reset() }
        do {
            let ends = [(dialler, forth, back), (listener, back, forth)]
            for (channel, outward, inward) in ends {
                try channel.pipeline.syncOperations.addHandler(
                    EndHandler(outward: outward, inward: inward) { [weak self] in
                        self?.closed(channel)
                    })
            }
            for channel in [dialler, listener] {
                try channel.syncOptions?.setOption(.autoRead, value: true)
            }
        } catch {
            // One of the two is gone already.
            reset()
        }
    }

    func uses(_ line: Line) -> Bool { forth.line === line || back.line === line }

    func conditionsChanged(bothCut: Bool) {
        forth.pump()
        back.pump()
        if !bothCut {
            doom?.cancel()
            doom = nil
        } else if doom == nil {
            doom = dialler.eventLoop.assumeIsolated().scheduleTask(
                in: .milliseconds(limits.resetAfterMilliseconds)
            ) { [weak self] in self?.reset() }
        }
    }

    func reset() {
        // First: the end of one socket must not close the other in good order.
        forth.end()
        back.end()
        Self.reset(dialler)
        Self.reset(listener)
    }

    private func closed(_ channel: any Channel) {
        let (outward, inward) = channel === dialler ? (forth, back) : (back, forth)
        inward.end()
        if outward.isEnded {
            doom?.cancel()
            doom = nil
            ended?()
        } else {
            // What it sent before still arrives, and then its going.
            outward.receiveClose()
        }
    }

    /// Closes with RST instead of FIN.
    static func reset(_ channel: any Channel) {
        if let provider = channel as? any SocketOptionProvider {
            // Fails for a socket that is closed, which needs none.
            provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                channel.close(promise: nil)
            }
        } else {
            channel.close(promise: nil)
        }
    }
}

/// One direction of a connection: a queue in which each piece has its time of arrival.
final class Flow {
    private enum Piece {
        case bytes(ByteBuffer)
        /// The sender sends no more.
        case end
        /// The sender's socket is closed.
        case close
    }

    private let source: any Channel
    private let destination: any Channel
    let line: Line
    private let limits: LinkLimits
    private var queue = CircularBuffer<(due: Int64, piece: Piece)>()
    private var bytesUnderWay = 0
    private var lastDue: Int64 = 0
    private var timer: Scheduled<Void>?
    private var isReading = true
    /// Nothing is delivered any more.
    private(set) var isEnded = false
    /// So much was lost that the connection ends.
    var broken: (() -> Void)?

    init(from: any Channel, to: any Channel, over line: Line, limits: LinkLimits) {
        source = from
        destination = to
        self.line = line
        self.limits = limits
    }

    private static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    func receive(_ buffer: ByteBuffer) {
        guard !isEnded else { return }
        guard let arrival = line.clock.arrival(of: buffer.readableBytes, now: Self.now) else {
            broken?()
            return
        }
        bytesUnderWay += buffer.readableBytes
        lastDue = max(lastDue, arrival)
        queue.append((lastDue, .bytes(buffer)))
        pump()
    }

    func receiveEnd() { append(.end) }
    func receiveClose() { append(.close) }

    private func append(_ piece: Piece) {
        guard !isEnded else { return }
        lastDue = max(lastDue, Self.now + line.clock.conditions.latencyNanoseconds)
        queue.append((lastDue, piece))
        pump()
    }

    /// Delivers what is due, as far as the receiver takes it, and sees to it that it is called again.
    func pump() {
        timer?.cancel()
        timer = nil
        var wrote = false
        while !isEnded, !line.isCut, destination.isWritable, let first = queue.first {
            let now = Self.now
            if first.due > now {
                timer = destination.eventLoop.assumeIsolated().scheduleTask(
                    in: .nanoseconds(first.due - now)
                ) { [weak self] in
                    self?.timer = nil
                    self?.pump()
                }
                break
            }
            queue.removeFirst()
            switch first.piece {
            case .bytes(let buffer):
                bytesUnderWay -= buffer.readableBytes
                line.delivered += UInt64(buffer.readableBytes)
                destination.write(buffer, promise: nil)
                wrote = true
            case .end: destination.close(mode: .output, promise: nil)
            case .close:
                end()
                if wrote { destination.flush() }
                destination.close(promise: nil)
                return
            }
        }
        if wrote { destination.flush() }
        throttle()
    }

    private func throttle() {
        let shouldRead =
            isReading
            ? bytesUnderWay <= limits.bytesUnderWay : bytesUnderWay <= limits.bytesUnderWay / 2
        guard shouldRead != isReading, source.isActive else { return }
        isReading = shouldRead
        do {
            try source.syncOptions?.setOption(.autoRead, value: shouldRead)
        } catch {
            // The socket is closed: its handler tells.
            return
        }
    }

    func end() {
        isEnded = true
        timer?.cancel()
        timer = nil
        queue.removeAll()
        bytesUnderWay = 0
    }
}

/// Reads one end of a connection.
private final class EndHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let outward: Flow
    private let inward: Flow
    private let closed: () -> Void

    init(outward: Flow, inward: Flow, closed: @escaping () -> Void) {
        self.outward = outward
        self.inward = inward
        self.closed = closed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        outward.receive(unwrapInboundIn(data))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { inward.pump() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { outward.receiveEnd() }
    }

    func channelInactive(context: ChannelHandlerContext) { closed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
