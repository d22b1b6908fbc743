package import Consensus
package import Primitives
package import WireCodec

/// Bounds on what one message may hold. A message outside them is refused whole.
package enum WireLimits {
    /// One transaction's canonical encoding, in bytes: a declaration brings its class in two forms.
    package static let transactionBytes = 2400 * 1024
    /// Transactions in one chunk or one gossip message.
    package static let transactionsPerMessage = 4096
    /// Chunks of one block.
    package static let chunksPerBlock = 4096
    /// Blocks in one answer to a catch-up request.
    package static let blocksPerReply = 256
    /// Skip certificates that travel with one opening.
    package static let skipsPerOpening = 1024
    /// Encoded bytes after which a reply takes no further block.
    package static let replyBytes = 4 * 1024 * 1024
}

/// The canonical bytes of one transaction. Replication does not look inside.
package struct TransactionBytes: Hashable, Sendable, WireCodable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package func encode(into writer: inout WireWriter) { writer.write(bytes) }
    package init(from reader: inout WireReader) throws(WireError) {
        bytes = try reader.readBytes("transaction", maximum: WireLimits.transactionBytes)
    }
}

/// A signed chunk header with the transactions that its root commits to, in order.
package struct Chunk: Hashable, Sendable, WireCodable {
    package let header: SignedChunkHeader
    package let transactions: [TransactionBytes]

    package init(header: SignedChunkHeader, transactions: [TransactionBytes]) {
        self.header = header
        self.transactions = transactions
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(header)
        writer.write(transactions)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        header = try reader.read()
        transactions = try reader.readArray(
            "transactions", maximum: WireLimits.transactionsPerMessage)
    }
}

/// A whole block: the signed opening, its chunks in order and the signed header. Whether the parts
/// fit together is for the receiver to check.
package struct BlockBody: Hashable, Sendable, WireCodable {
    package let opening: SignedOpening
    package let chunks: [Chunk]
    package let header: SignedHeader

    package init(opening: SignedOpening, chunks: [Chunk], header: SignedHeader) {
        self.opening = opening
        self.chunks = chunks
        self.header = header
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(opening)
        writer.write(chunks)
        writer.write(header)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        opening = try reader.read()
        chunks = try reader.readArray("chunks", maximum: WireLimits.chunksPerBlock)
        header = try reader.read()
    }
    package var slot: Slot { header.value.opening.slot }
    package var height: Height { header.value.opening.height }
    package var transactionCount: Int { chunks.reduce(0) { $0 + $1.transactions.count } }
}

/// Consecutive final blocks and the Final certificate of the last one, which covers them all
/// through their parent links.
package struct FinalRange: Hashable, Sendable, WireCodable {
    package let blocks: [BlockBody]
    package let certificate: Certificate

    package init(blocks: [BlockBody], certificate: Certificate) {
        self.blocks = blocks
        self.certificate = certificate
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(blocks)
        writer.write(certificate)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        blocks = try reader.readArray("blocks", maximum: WireLimits.blocksPerReply)
        certificate = try reader.read()
    }
}
