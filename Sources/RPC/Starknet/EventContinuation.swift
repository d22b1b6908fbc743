import Primitives

/// The continuation tokens of `starknet_getEvents`: opaque to clients, checked when they come back.
/// `<block>-<passed events>-<tag>`, all in hexadecimal; the tag ties the token to its filter, so
/// that one taken from another search is refused instead of skipping events. It protects against
/// mistakes: a token tells and permits nothing that a filter does not.
enum EventContinuation {
    static func token(_ cursor: RPCEventCursor, _ filter: RPCEventFilter) -> String {
        let block = String(cursor.block.rawValue, radix: 16)
        let passed = String(cursor.passedEvents, radix: 16)
        return "\(block)-\(passed)-\(String(tag(filter), radix: 16))"
    }

    /// nil for anything but a token of this filter.
    static func cursor(_ token: String, _ filter: RPCEventFilter) -> RPCEventCursor? {
        guard token.utf8.count <= 50 else { return nil }
        let pieces = token.split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count == 3 else { return nil }
        guard let block = number(pieces[0]), let passed = number(pieces[1]) else { return nil }
        guard number(pieces[2]) == tag(filter) else { return nil }
        return RPCEventCursor(block: Height(block), passedEvents: passed)
    }

    private static func number(_ piece: Substring) -> UInt64? {
        guard let number = UInt64(piece, radix: 16) else { return nil }
        return piece == String(number, radix: 16) ? number : nil
    }

    /// FNV-1a, 64 bits, over the filter as JSON.
    private static func tag(_ filter: RPCEventFilter) -> UInt64 {
        var writer = JSONWriter()
        writer.array { writer in
            for block in [filter.fromBlock, filter.toBlock] {
                switch block {
                case nil: writer.null()
                case .latest: writer.string("latest")
                case .l1Accepted: writer.string("l1_accepted")
                case .preConfirmed: writer.string("pre_confirmed")
                case .number(let number): writer.number(number.rawValue)
                case .hash(let hash): writer.felt(hash)
                }
            }
            writer.felts(filter.addresses)
            writer.array { writer in
                for keys in filter.keys { writer.felts(keys) }
            }
        }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in writer.bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}
