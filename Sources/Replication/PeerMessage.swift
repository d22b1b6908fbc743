package import Consensus
package import Primitives
package import WireCodec

/// The streams between two peers, the most urgent first. A large block on one never delays a vote
/// on another.
package enum MessageClass: UInt8, CaseIterable, Hashable, Sendable {
    case votes, proposals, transactions, sync
}

/// Everything that one node says to another, after both have proven who they are.
package enum PeerMessage: Hashable, Sendable {
    case statement(SignedStatement)
    case certificate(Certificate)
    case beat(Beat)
    case status(Status)
    /// Chunk 0 with what justifies its parent: the parent's Notar certificate (absent for the
    /// root) and one skip certificate per bypassed window.
    case opening(SignedOpening, parent: Certificate?, skips: [Certificate])
    case chunk(Chunk)
    case header(SignedHeader)
    case transactions([TransactionBytes])
    /// Asks for the body of a block that need not be final.
    case blockRequest(BlockReference)
    case block(BlockBody)
    /// Asks for final blocks from this height upwards.
    case finalRequest(from: Height)
    case finalReply(FinalRange)

    package var messageClass: MessageClass {
        switch self {
        case .statement, .certificate, .beat, .status: .votes
        case .opening, .chunk, .header: .proposals
        case .transactions: .transactions
        case .blockRequest, .block, .finalRequest, .finalReply: .sync
        }
    }
}

extension PeerMessage: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .statement(let value):
            writer.write(UInt8(1))
            writer.write(value)
        case .certificate(let value):
            writer.write(UInt8(2))
            writer.write(value)
        case .beat(let value):
            writer.write(UInt8(3))
            writer.write(value)
        case .status(let value):
            writer.write(UInt8(4))
            writer.write(value)
        case .opening(let value, let parent, let skips):
            writer.write(UInt8(5))
            writer.write(value)
            writer.write(parent)
            writer.write(skips)
        case .chunk(let value):
            writer.write(UInt8(6))
            writer.write(value)
        case .header(let value):
            writer.write(UInt8(7))
            writer.write(value)
        case .transactions(let values):
            writer.write(UInt8(8))
            writer.write(values)
        case .blockRequest(let reference):
            writer.write(UInt8(9))
            writer.write(reference)
        case .block(let value):
            writer.write(UInt8(10))
            writer.write(value)
        case .finalRequest(let from):
            writer.write(UInt8(11))
            writer.write(from)
        case .finalReply(let value):
            writer.write(UInt8(12))
            writer.write(value)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        switch tag {
        case 1: self = .statement(try reader.read())
        case 2: self = .certificate(try reader.read())
        case 3: self = .beat(try reader.read())
        case 4: self = .status(try reader.read())
        case 5:
            let opening = try reader.read(SignedOpening.self)
            let parent = try reader.readOptional("parent certificate", of: Certificate.self)
            self = .opening(
                opening, parent: parent,
                skips: try reader.readArray(
                    "skip certificates", maximum: WireLimits.skipsPerOpening))
        case 6: self = .chunk(try reader.read())
        case 7: self = .header(try reader.read())
        case 8:
            self = .transactions(
                try reader.readArray("transactions", maximum: WireLimits.transactionsPerMessage))
        case 9: self = .blockRequest(try reader.read())
        case 10: self = .block(try reader.read())
        case 11: self = .finalRequest(from: try reader.read(counter: Height.self))
        case 12: self = .finalReply(try reader.read())
        default: throw .unknownTag(what: "peer message", tag: tag)
        }
    }
}
