package import Primitives

/// The bounds of one channel. Sizes in bytes of payload.
package struct ChannelLimits: Sendable {
    /// Which message goes when a queue is full.
    package enum Overflow: Sendable { case dropOldest, dropNewest }

    /// The largest message, both ways; at most `queueBytes`.
    package var messageBytes: Int
    /// Messages and bytes that wait for one peer.
    package var queueMessages: Int
    package var queueBytes: Int
    package var overflow: Overflow
    /// The HTTP/2 window that we grant: the bytes that a peer may send on a held channel.
    package var windowBytes: Int

    package init(
        messageBytes: Int, queueMessages: Int, queueBytes: Int, overflow: Overflow,
        windowBytes: Int
    ) {
        self.messageBytes = messageBytes
        self.queueMessages = queueMessages
        self.queueBytes = queueBytes
        self.overflow = overflow
        self.windowBytes = windowBytes
    }
}

package struct TransportLimits: Sendable {
    package var channels = PerChannel<ChannelLimits> { channel in
        let kibi = 1024
        let mebi = 1024 * 1024
        return switch channel {
        case .votes:
            ChannelLimits(
                messageBytes: 256 * kibi, queueMessages: 65_536, queueBytes: 16 * mebi,
                overflow: .dropOldest, windowBytes: 512 * kibi)
        case .proposals:
            ChannelLimits(
                messageBytes: 8 * mebi, queueMessages: 16_384, queueBytes: 64 * mebi,
                overflow: .dropNewest, windowBytes: mebi)
        case .transactions:
            ChannelLimits(
                messageBytes: 4 * mebi, queueMessages: 65_536, queueBytes: 32 * mebi,
                overflow: .dropOldest, windowBytes: 512 * kibi)
        case .sync:
            ChannelLimits(
                messageBytes: 8 * mebi, queueMessages: 1024, queueBytes: 64 * mebi,
                overflow: .dropNewest, windowBytes: mebi)
        }
    }

    /// From the TCP connection to the peer's acceptance.
    package var handshakeMilliseconds: Int64 = 5000
    /// Bytes that a peer may send before it is verified.
    package var handshakeBytes = 16 * 1024
    /// Incoming connections that are not verified yet; over it the oldest goes.
    package var halfOpenConnections = 64
    /// Peers that this node remembers, connected or not.
    package var peers = 512

    /// Received bytes and frames (HTTP/2 frames and messages) of one peer: per second, and the
    /// burst that may come at once. Over it the peer is not read for a while.
    package var receivedBytesPerSecond: UInt64 = 128 * 1024 * 1024
    package var receivedBytesBurst: UInt64 = 32 * 1024 * 1024
    package var receivedFramesPerSecond: UInt64 = 500_000
    package var receivedFramesBurst: UInt64 = 500_000
    /// HTTP/2 frames with which an honest peer is sparing (all but WINDOW_UPDATE and DATA with
    /// content). Over it the peer is dropped.
    package var nuisanceFramesPerSecond: UInt64 = 20
    package var nuisanceFramesBurst: UInt64 = 200

    /// A silent peer is asked for a sign of life after the first, dropped after the second.
    package var keepAliveMilliseconds: Int64 = 1000
    package var silenceMilliseconds: Int64 = 6000

    /// Dialling: the first delay and its cap (doubled each time, then a random half of it taken
    /// off at most); how much longer the higher identity waits than the lower; how long a
    /// connection must last to count as stable; the time limit of one TCP connection.
    package var redialMilliseconds: Int64 = 20
    package var redialCapMilliseconds: Int64 = 2000
    package var dialGraceMilliseconds: Int64 = 100
    package var stableMilliseconds: Int64 = 3000
    package var dialTimeoutMilliseconds: Int64 = 2000
    /// How long a peer that broke the protocol is neither dialled nor admitted.
    package var penaltyMilliseconds: Int64 = 10_000
    /// How long a connection that gave way to another still receives what is on its way.
    package var lingerMilliseconds: Int64 = 1000
    /// An unreachable peer is reported again after this time.
    package var unreachableReportMilliseconds: Int64 = 30_000

    /// Outbound bytes below HTTP/2 that wait for the socket (NIO's high-water mark), and in the
    /// socket but not yet sent (TCP_NOTSENT_LOWAT): what a vote may have to wait behind.
    package var pendingWriteBytes = 128 * 1024
    package var unsentSocketBytes = 128 * 1024

    package init() {}
}

package struct TransportConfiguration: Sendable {
    package var own: PeerID
    package var listenHost: String
    /// 0: any free port; see `PeerTransport.port`.
    package var listenPort: Int
    package var peers: [PeerAddress]
    package var chain: Digest
    package var genesis: Digest
    package var limits: TransportLimits

    package init(
        own: PeerID, listenHost: String, listenPort: Int, peers: [PeerAddress], chain: Digest,
        genesis: Digest, limits: TransportLimits = TransportLimits()
    ) {
        self.own = own
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.peers = peers
        self.chain = chain
        self.genesis = genesis
        self.limits = limits
    }
}

/// The tie between a TLS connection and a validator's key, supplied by the node. Called on the
/// event loop, once or twice per handshake; `verify` only for a known identity.
package protocol IdentityBinding: Sendable {
    /// Signs a SHA-256 digest (32 bytes), already separated by purpose and bound to the connection.
    func sign(_ statement: [UInt8]) -> SignatureBytes
    func verify(_ statement: [UInt8], signature: SignatureBytes, by peer: PeerID) -> Bool
    /// Whether this identity may connect at all.
    func isKnown(_ peer: PeerID) -> Bool
}
