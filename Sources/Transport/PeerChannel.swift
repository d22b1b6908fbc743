package import Primitives

/// The four streams of a connection, in order of priority: what a lower one has to send never
/// waits behind a higher one.
package enum PeerChannel: UInt8, CaseIterable, Hashable, Sendable {
    case votes, proposals, transactions, sync

    /// The path of the HTTP/2 request that stays open for this channel.
    var path: String {
        switch self {
        case .votes: "/prytany/votes"
        case .proposals: "/prytany/proposals"
        case .transactions: "/prytany/transactions"
        case .sync: "/prytany/sync"
        }
    }

    var index: Int { Int(rawValue) }
    var bit: UInt8 { 1 << rawValue }
}

/// One value for each channel.
package struct PerChannel<Value> {
    private var values: [Value]

    package init(_ make: (PeerChannel) -> Value) { values = PeerChannel.allCases.map(make) }

    package subscript(channel: PeerChannel) -> Value {
        get { values[channel.index] }
        set { values[channel.index] = newValue }
        _modify { yield &values[channel.index] }
    }
}

extension PerChannel: Sendable where Value: Sendable {}
extension PerChannel: Equatable where Value: Equatable {}

/// A node's identity among its peers: a validator's public key, or an observer's own key.
package struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let key: Digest
    package init(_ key: Digest) { self.key = key }
    package var description: String { key.description }
    package static func < (left: PeerID, right: PeerID) -> Bool { left.key < right.key }
}

/// Where a peer listens.
package struct PeerAddress: Hashable, Sendable {
    package let id: PeerID
    package let host: String
    package let port: Int
    package init(id: PeerID, host: String, port: Int) {
        self.id = id
        self.host = host
        self.port = port
    }
}
