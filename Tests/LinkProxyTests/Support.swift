import NIOCore
import NIOPosix
import Synchronization

/// What has come in at one end of a connection, and a wait, without polling, until it suffices.
final class Inbox: Sendable {
    struct Content: Sendable {
        var bytes: [UInt8] = []
        /// The other side sends no more.
        var isEnded = false
        var isClosed = false
    }
    private struct Waiter {
        let isMet: @Sendable (Content) -> Bool
        let continuation: CheckedContinuation<Content, Never>
    }
    private struct State {
        var content = Content()
        var waiters: [Waiter] = []
    }
    private let state = Mutex(State())

    func change(_ body: (inout Content) -> Void) {
        let (met, content) = state.withLock { state in
            body(&state.content)
            let met = state.waiters.filter { $0.isMet(state.content) }
            state.waiters.removeAll { $0.isMet(state.content) }
            return (met, state.content)
        }
        for waiter in met { waiter.continuation.resume(returning: content) }
    }

    var content: Content { state.withLock { $0.content } }

    @discardableResult
    func wait(until isMet: @escaping @Sendable (Content) -> Bool) async -> Content {
        await withCheckedContinuation { continuation in
            let met = state.withLock { state -> Content? in
                if isMet(state.content) { return state.content }
                state.waiters.append(Waiter(isMet: isMet, continuation: continuation))
                return nil
            }
            if let met { continuation.resume(returning: met) }
        }
    }
}

/// One end of a connection.
struct End: Sendable {
    let channel: any Channel
    let inbox: Inbox

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    func endSending() { channel.close(mode: .output, promise: nil) }
    func close() { channel.close(promise: nil) }
    func received(_ bytes: [UInt8]) async -> Bool {
        await inbox.wait { $0.bytes.count >= bytes.count || $0.isClosed }.bytes == bytes
    }
}

private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let inbox: Inbox
    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        inbox.change { $0.bytes += bytes }
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            inbox.change { $0.isEnded = true }
        }
    }
    func channelInactive(context: ChannelHandlerContext) {
        inbox.change { $0.isClosed = true }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// A server whose connections the test takes in the order in which they came.
final class Server: Sendable {
    private let channel: any Channel
    private let arrivals: AsyncStream<End>
    let port: Int

    init(host: String = "127.0.0.1") async throws {
        let (stream, continuation) = AsyncStream<End>.makeStream()
        arrivals = stream
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let inbox = Inbox()
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                    continuation.yield(End(channel: channel, inbox: inbox))
                }
            }.bind(host: host, port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func next() async -> End? {
        for await end in arrivals { return end }
        return nil
    }

    func close() async throws { try await channel.close() }

    static func connect(_ port: Int, host: String = "127.0.0.1") async throws -> End {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                }
            }.connect(host: host, port: port).get()
        return End(channel: channel, inbox: inbox)
    }
}
