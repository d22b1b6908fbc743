/// Why a node does not admit a peer; the raw value travels as the answer to a greeting.
package enum Refusal: UInt8, Hashable, Sendable, CaseIterable {
    case malformedGreeting = 1
    case otherVersion = 2
    case otherChain = 3
    case otherGenesis = 4
    case unknownPeer = 5
    case badSignature = 6
    /// The node at that address is not the one that was dialled.
    case unexpectedPeer = 7
    /// Our own identity.
    case ownIdentity = 8
    /// A better connection of the same pair exists.
    case duplicate = 9
    /// The peer broke the protocol a short while ago.
    case backingOff = 10
    case tooManyPeers = 11
}

/// Why a connection ended.
package enum CloseReason: Hashable, Sendable {
    case closedByPeer
    case shutDown
    case inputOutput(errno: Int32)
    case silent
    /// Another connection of the same pair took over.
    case superseded
    /// Too many connections were not verified, and this was the oldest.
    case crowdedOut
    /// A higher layer asked for it.
    case dropped
    case refusedByPeer(Refusal)
    case goAway(code: UInt32)
    case closedInHandshake

    // Breaches of the protocol.
    case refused(Refusal)
    case handshakeTimedOut
    case handshakeTooLong
    /// libssl's packed error code.
    case tls(code: UInt)
    /// The peer sent an unknown answer to our greeting.
    case unknownAnswer
    /// libnghttp2's error code if negative, else the HTTP/2 error code with which it gave up.
    case http2(code: Int32)
    case unexpectedRequest
    case streamClosed(code: UInt32)
    case frameFlood
    case emptyMessage(PeerChannel)
    case oversizeMessage(PeerChannel, bytes: Int, maximum: Int)

    /// Whether the peer is at fault.
    package var isBreach: Bool {
        switch self {
        case .closedByPeer, .shutDown, .inputOutput, .silent, .superseded, .crowdedOut,
            .refusedByPeer, .goAway, .closedInHandshake, .refused(.duplicate),
            .refused(.backingOff), .refused(.tooManyPeers):
            false
        case .dropped, .refused, .handshakeTimedOut, .handshakeTooLong, .tls, .unknownAnswer,
            .http2, .unexpectedRequest, .streamClosed, .frameFlood, .emptyMessage,
            .oversizeMessage:
            true
        }
    }
}

/// What happens at the transport, in order. For one peer `connected` and `disconnected` alternate,
/// and `received` comes only between them.
package enum TransportEvent: Hashable, Sendable {
    case connected(PeerID)
    case disconnected(PeerID, CloseReason)
    case received(PeerID, PeerChannel, [UInt8])
    /// A breach; the peer is nil where its identity was not verified. Breaches of unverified peers
    /// are all counted (`TransportStatistics.refusedConnections`) but reported at a limited rate.
    case protocolViolation(PeerID?, CloseReason)
    /// Dialling failed; reported at a limited rate.
    case unreachable(PeerID)
}

package struct ChannelStatistics: Hashable, Sendable {
    package var queuedMessages = 0
    package var queuedBytes = 0
    /// Handed to the connection.
    package var sentMessages: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var receivedMessages: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    /// Lost to the bounds of the queue.
    package var droppedMessages: UInt64 = 0
    /// Not sent, or left in the queue, because there was no connection.
    package var undeliverableMessages: UInt64 = 0
}

package struct PeerStatistics: Sendable {
    package let id: PeerID
    package var isConnected = false
    /// Verified connections so far.
    package var connections: UInt64 = 0
    package var failedDials: UInt64 = 0
    /// How often the peer was not read for a while because it was over its budget.
    package var pauses: UInt64 = 0
    package var channels = PerChannel<ChannelStatistics> { _ in ChannelStatistics() }
}

package struct TransportStatistics: Sendable {
    package var peers: [PeerStatistics] = []
    package var halfOpenConnections = 0
    /// Connections that ended before the peer was verified.
    package var refusedConnections: UInt64 = 0
    /// The highest `halfOpenConnections` so far.
    package var halfOpenPeak = 0
}
