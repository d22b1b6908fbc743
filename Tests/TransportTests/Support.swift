import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization
import WireCodec

@testable import Transport

/// Signatures that anyone with a peer's secret can make: enough to tell the right key from a wrong
/// one, without a curve.
struct ToyBinding: IdentityBinding {
    let own: PeerID
    var known: Set<PeerID>
    /// What signs is this identity's secret; another than `own` is a forger.
    var signer: PeerID

    init(own: PeerID, known: [PeerID], signer: PeerID? = nil) {
        self.own = own
        self.known = Set(known)
        self.signer = signer ?? own
    }

    private static func mix(_ statement: [UInt8], _ peer: PeerID) -> SignatureBytes {
        var state: UInt64 = peer.key.word3 &* 0x9E37_79B9_7F4A_7C15 &+ 1
        for byte in statement { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return SignatureBytes(r: Digest(number: state), s: Digest(number: ~state))
    }

    func sign(_ statement: [UInt8]) -> SignatureBytes { Self.mix(statement, signer) }
    func verify(_ statement: [UInt8], signature: SignatureBytes, by peer: PeerID) -> Bool {
        Self.mix(statement, peer) == signature
    }
    func isKnown(_ peer: PeerID) -> Bool { known.contains(peer) }
}

/// Collects values and lets tests wait, without polling, until they suffice.
final class Recorder<Value: Sendable>: Sendable {
    private struct Waiter {
        let isMet: @Sendable ([Value]) -> Bool
        let continuation: CheckedContinuation<[Value], Never>
    }
    private struct State {
        var values: [Value] = []
        var waiters: [Waiter] = []
    }
    private let state = Mutex(State())

    func record(_ value: Value) {
        let met = state.withLock { state -> [(Waiter, [Value])] in
            state.values.append(value)
            let met = state.waiters.filter { $0.isMet(state.values) }
            guard !met.isEmpty else { return [] }
            state.waiters.removeAll { $0.isMet(state.values) }
            return met.map { ($0, state.values) }
        }
        for (waiter, values) in met { waiter.continuation.resume(returning: values) }
    }

    var values: [Value] { state.withLock { $0.values } }

    @discardableResult
    func wait(until isMet: @escaping @Sendable ([Value]) -> Bool) async -> [Value] {
        await withCheckedContinuation { continuation in
            let met = state.withLock { state -> [Value]? in
                if isMet(state.values) { return state.values }
                state.waiters.append(Waiter(isMet: isMet, continuation: continuation))
                return nil
            }
            if let met { continuation.resume(returning: met) }
        }
    }
}

extension Recorder where Value == TransportEvent {
    func received(_ channel: PeerChannel? = nil) -> [[UInt8]] { values.received(channel) }

    @discardableResult
    func wait(for event: TransportEvent, times: Int = 1) async -> [TransportEvent] {
        await wait { events in events.count { $0 == event } >= times }
    }
}

extension [TransportEvent] {
    func received(_ channel: PeerChannel? = nil) -> [[UInt8]] {
        compactMap { event in
            guard case .received(_, let on, let message) = event else { return nil }
            return channel == nil || channel == on ? message : nil
        }
    }
}

func peer(_ number: UInt64) -> PeerID { PeerID(Digest(number: number)) }

/// A transport on loopback with what it reported.
final class Node: Sendable {
    let id: PeerID
    let transport: PeerTransport
    let events: Recorder<TransportEvent>

    init(
        _ number: UInt64, knowing others: [UInt64] = [1, 2, 3], port: Int = 0,
        dialling targets: [(UInt64, Int)] = [], chain: UInt64 = 7, genesis: UInt64 = 8,
        signer: UInt64? = nil, limits: TransportLimits = TransportLimits(),
        host: String = "127.0.0.1",
        onEvent: @escaping @Sendable (TransportEvent) -> Void = { _ in }
    ) {
        let events = Recorder<TransportEvent>()
        id = peer(number)
        self.events = events
        let configuration = TransportConfiguration(
            own: id, listenHost: host, listenPort: port,
            peers: targets.map { PeerAddress(id: peer($0.0), host: host, port: $0.1) },
            chain: Digest(number: chain), genesis: Digest(number: genesis), limits: limits)
        transport = PeerTransport(
            configuration: configuration,
            binding: ToyBinding(own: id, known: others.map(peer), signer: signer.map(peer)),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { event in
            onEvent(event)
            events.record(event)
        }
    }

    func start() async throws -> Int {
        try await transport.start()
        return transport.port ?? 0
    }

    func statistics(of other: PeerID) -> PeerStatistics? {
        transport.statistics().peers.first { $0.id == other }
    }
}

/// A hand-driven peer: real TCP and TLS, then whatever bytes a test sends.
final class RawPeer: Sendable {
    enum Happening: Sendable {
        case secured(TLSEstablished)
        case bytes([UInt8])
        case failed(CloseReason)
        case closed
    }

    private final class Tap: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let happenings: Recorder<Happening>
        init(_ happenings: Recorder<Happening>) { self.happenings = happenings }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            happenings.record(.bytes(Array(unwrapInboundIn(data).readableBytesView)))
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? TLSEstablished { happenings.record(.secured(event)) }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let failure = error as? ConnectionFailure {
                happenings.record(.failed(failure.reason))
            }
            context.close(promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { happenings.record(.closed) }
    }

    let channel: any NIOCore.Channel
    let happenings: Recorder<Happening>

    /// - Parameter identity: nil for a peer that does not speak TLS.
    init(port: Int, identity: TLSIdentity?) async throws {
        let happenings = Recorder<Happening>()
        self.happenings = happenings
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let identity {
                        try pipeline.addHandler(
                            TLSHandler(identity: identity, isClient: true, handshakeBytes: 1 << 30))
                    }
                    try pipeline.addHandler(Tap(happenings))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func secured() async -> TLSEstablished? {
        let happenings = await happenings.wait { list in
            list.contains { if case .bytes = $0 { false } else { true } }
        }
        for case .secured(let established) in happenings { return established }
        return nil
    }

    /// All bytes so far, at least so many unless the connection ends before.
    func bytes(atLeast count: Int) async -> [UInt8] {
        Self.bytes(
            await happenings.wait { list in
                Self.bytes(list).count >= count || Self.isClosed(list)
            })
    }

    func untilClosed() async { await happenings.wait { Self.isClosed($0) } }

    func close() { channel.close(promise: nil) }

    private static func isClosed(_ list: [Happening]) -> Bool {
        list.contains { if case .closed = $0 { true } else { false } }
    }

    private static func bytes(_ list: [Happening]) -> [UInt8] {
        list.flatMap { happening -> [UInt8] in
            if case .bytes(let bytes) = happening { bytes } else { [] }
        }
    }

    static func policy(
        _ number: UInt64, chain: UInt64 = 7, genesis: UInt64 = 8, signer: UInt64? = nil
    ) -> GreetingPolicy {
        GreetingPolicy(
            own: peer(number), chain: Digest(number: chain), genesis: Digest(number: genesis),
            binding: ToyBinding(own: peer(number), known: [], signer: signer.map(peer)))
    }

    /// A peer that the node has admitted and that may now speak HTTP/2.
    static func admitted(_ number: UInt64, port: Int) async throws -> RawPeer? {
        let raw = try await RawPeer(port: port, identity: TLSIdentity())
        guard let established = await raw.secured() else { return nil }
        raw.send(policy(number).greeting(isDialler: true, on: established).encoded())
        let answer = await raw.bytes(atLeast: 1 + Greeting.byteCount)
        guard answer.first == 0, answer.count == 1 + Greeting.byteCount else { return nil }
        raw.send([0])
        return raw
    }
}

extension TransportLimits {
    /// Retries at once and forgives at once.
    static var quick: TransportLimits {
        var limits = TransportLimits()
        limits.redialMilliseconds = 1
        limits.redialCapMilliseconds = 20
        limits.dialGraceMilliseconds = 1
        limits.penaltyMilliseconds = 0
        limits.lingerMilliseconds = 50
        return limits
    }
}

func bytes(_ count: Int, _ first: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) &+ first }
}
