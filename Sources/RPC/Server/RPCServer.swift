import HTTPTypes
import HummingbirdCore
package import Logging
import Metrics
package import NIOCore
import NIOPosix
import ServiceLifecycle

/// The listener: HTTP/1.1 over TCP around an `RPCDispatcher`, and the pages that operators read.
///
/// `POST /`, `/rpc` and `/rpc/v0_10` take JSON-RPC. `GET /health` and `/ready` answer 200 or 503
/// with reasons, `/status` a `NodeStatus`, `/metrics` Prometheus' text format.
///
/// A JSON-RPC answer has HTTP status 200, also when it is an error object; 204 when there were
/// only notifications; 400 when no call could be read from the body; 413 for a body above the
/// limit; 503 with error -32005 when the limit of requests in flight is reached.
package struct RPCServer: Service {
    private let host: String
    private let port: Int
    private let handler: RequestHandler
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// Port 0 lets the system choose; `onListening` gets the port once connections are accepted.
    package init(
        host: String, port: Int, backend: any RPCBackend, registry: PrometheusRegistry,
        limits: RPCLimits = RPCLimits(), logger: Logger,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.onListening = onListening
        handler = RequestHandler(
            backend: backend, registry: registry, limits: limits, logger: logger)
    }

    /// Serves until a graceful shutdown or cancellation: then accepts no more, closes idle
    /// connections, and lets requests in flight end. Throws when the address cannot be bound.
    package func run() async throws {
        let limits = handler.limits
        let milliseconds = limits.idleMilliseconds
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderFieldSize = limits.headBytes
        decoder.maxHeaderListSize = limits.headBytes
        decoder.maxHeaderFieldCount = limits.headFields
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [RequestDeadlineHandler(milliseconds: milliseconds)],
            httpDecoderConfiguration: decoder)
        let handler = handler
        let onListening = onListening
        let server = try HTTPServerBuilder.http1(configuration: channel).buildServer(
            configuration: ServerConfiguration(
                address: .hostname(host, port: port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            eventLoopGroup: eventLoopGroup, logger: logger,
            responder: { (request, writer: consuming ResponseWriter, channel) in
                try await handler.respond(to: request, writer, channel)
            },
            onServerRunning: { channel in
                await onListening(channel.localAddress?.port ?? 0)
            })
        try await server.run()
    }
}
