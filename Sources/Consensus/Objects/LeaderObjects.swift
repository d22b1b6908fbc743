package import Primitives
package import WireCodec

/// Prices of a unit of each gas, in WEI and FRI, below 2^128.
package struct BlockPrices: Hashable, Sendable, WireCodable {
    package var l1GasWei: UInt128
    package var l1GasFri: UInt128
    package var l1DataGasWei: UInt128
    package var l1DataGasFri: UInt128
    package var l2GasWei: UInt128
    package var l2GasFri: UInt128

    package init(
        l1GasWei: UInt128, l1GasFri: UInt128, l1DataGasWei: UInt128, l1DataGasFri: UInt128,
        l2GasWei: UInt128, l2GasFri: UInt128
    ) {
        self.l1GasWei = l1GasWei
        self.l1GasFri = l1GasFri
        self.l1DataGasWei = l1DataGasWei
        self.l1DataGasFri = l1DataGasFri
        self.l2GasWei = l2GasWei
        self.l2GasFri = l2GasFri
    }

    private var all: [UInt128] {
        [l1GasWei, l1GasFri, l1DataGasWei, l1DataGasFri, l2GasWei, l2GasFri]
    }
    var fields: [Digest] { all.map { Digest(wide: $0) } }

    package func encode(into writer: inout WireWriter) {
        for price in all { writer.write(price) }
    }
    package init(from reader: inout WireReader) throws(WireError) {
        l1GasWei = try reader.read()
        l1GasFri = try reader.read()
        l1DataGasWei = try reader.read()
        l1DataGasFri = try reader.read()
        l2GasWei = try reader.read()
        l2GasFri = try reader.read()
    }
}

/// Chunk 0 of a block (PROTOCOL section 3): everything that its execution depends on. Its hash is
/// the predecessor of chunk 1.
package struct Opening: Hashable, Sendable, WireCodable {
    package var chain: Digest
    package var epoch: Epoch
    package var slot: Slot
    package var height: Height
    package var parent: BlockReference
    /// Unix seconds, not below the parent's.
    package var timestamp: UInt64
    package var anchorNumber: UInt64
    package var anchorHash: Digest
    package var inboxCursor: UInt64
    package var prices: BlockPrices
    package var protocolVersion: UInt32

    package init(
        chain: Digest, epoch: Epoch, slot: Slot, height: Height, parent: BlockReference,
        timestamp: UInt64, anchorNumber: UInt64, anchorHash: Digest, inboxCursor: UInt64,
        prices: BlockPrices, protocolVersion: UInt32
    ) {
        self.chain = chain
        self.epoch = epoch
        self.slot = slot
        self.height = height
        self.parent = parent
        self.timestamp = timestamp
        self.anchorNumber = anchorNumber
        self.anchorHash = anchorHash
        self.inboxCursor = inboxCursor
        self.prices = prices
        self.protocolVersion = protocolVersion
    }

    package var hashInput: HashInput {
        HashInput(
            .opening,
            [
                chain, Digest(0, epoch.rawValue, slot.rawValue, height.rawValue),
                Digest(number: parent.slot.rawValue), parent.hash,
                Digest(0, timestamp, anchorNumber, inboxCursor), anchorHash.cut.high,
                anchorHash.cut.low,
            ] + prices.fields + [Digest(number: UInt64(protocolVersion))])
    }

    package func encode(into writer: inout WireWriter) {
        writer.write(chain)
        writer.write(epoch)
        writer.write(slot)
        writer.write(height)
        writer.write(parent)
        writer.write(timestamp)
        writer.write(anchorNumber)
        writer.write(anchorHash)
        writer.write(inboxCursor)
        writer.write(prices)
        writer.write(protocolVersion)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        chain = try reader.readFieldElement("chain")
        epoch = try reader.read(counter: Epoch.self)
        slot = try reader.read(counter: Slot.self)
        height = try reader.read(counter: Height.self)
        parent = try reader.read()
        timestamp = try reader.read()
        anchorNumber = try reader.read()
        anchorHash = try reader.readDigest()
        inboxCursor = try reader.read()
        prices = try reader.read()
        protocolVersion = try reader.read()
    }
}

extension Digest {
    /// A 256-bit value as two halves, each a field of its own.
    fileprivate var cut: (high: Digest, low: Digest) {
        (Digest(word0, word1), Digest(word2, word3))
    }
}

/// A chunk of transactions, `sequence` from 1 (PROTOCOL section 3).
package struct ChunkHeader: Hashable, Sendable, WireCodable {
    package var chain: Digest
    package var epoch: Epoch
    package var slot: Slot
    package var sequence: UInt32
    /// The hash of the chunk before; of the opening for the first.
    package var previous: Digest
    package var transactionRoot: Digest
    package var receiptsCommitment: Digest
    package var count: UInt32

    package init(
        chain: Digest, epoch: Epoch, slot: Slot, sequence: UInt32, previous: Digest,
        transactionRoot: Digest, receiptsCommitment: Digest, count: UInt32
    ) {
        self.chain = chain
        self.epoch = epoch
        self.slot = slot
        self.sequence = sequence
        self.previous = previous
        self.transactionRoot = transactionRoot
        self.receiptsCommitment = receiptsCommitment
        self.count = count
    }

    package var hashInput: HashInput {
        HashInput(
            .chunk,
            [
                chain,
                Digest(
                    0, epoch.rawValue, slot.rawValue, UInt64(sequence) << 32 | UInt64(count)),
                previous, transactionRoot, receiptsCommitment,
            ])
    }

    package func encode(into writer: inout WireWriter) {
        writer.write(chain)
        writer.write(epoch)
        writer.write(slot)
        writer.write(sequence)
        writer.write(previous)
        writer.write(transactionRoot)
        writer.write(receiptsCommitment)
        writer.write(count)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        chain = try reader.readFieldElement("chain")
        epoch = try reader.read(counter: Epoch.self)
        slot = try reader.read(counter: Slot.self)
        sequence = try reader.read()
        previous = try reader.readFieldElement("previous")
        transactionRoot = try reader.readFieldElement("transaction root")
        receiptsCommitment = try reader.readFieldElement("receipts commitment")
        count = try reader.read()
    }
}

/// A block's header: its opening again, where its chunks end, and the commitments of its own
/// execution; `laggedBlockHash` is the Starknet hash of the ancestor D heights below (section 7).
package struct Header: Hashable, Sendable, WireCodable {
    package var opening: Opening
    /// The hash of the last chunk; of the opening where there is none.
    package var lastChunk: Digest
    package var chunkCount: UInt32
    package var transactionCount: UInt32
    package var eventCount: UInt32
    package var stateDiffLength: UInt32
    package var stateDiffCommitment: Digest
    package var transactionCommitment: Digest
    package var eventCommitment: Digest
    package var receiptCommitment: Digest
    package var laggedBlockHash: Digest

    package init(
        opening: Opening, lastChunk: Digest, chunkCount: UInt32, transactionCount: UInt32,
        eventCount: UInt32, stateDiffLength: UInt32, stateDiffCommitment: Digest,
        transactionCommitment: Digest, eventCommitment: Digest, receiptCommitment: Digest,
        laggedBlockHash: Digest
    ) {
        self.opening = opening
        self.lastChunk = lastChunk
        self.chunkCount = chunkCount
        self.transactionCount = transactionCount
        self.eventCount = eventCount
        self.stateDiffLength = stateDiffLength
        self.stateDiffCommitment = stateDiffCommitment
        self.transactionCommitment = transactionCommitment
        self.eventCommitment = eventCommitment
        self.receiptCommitment = receiptCommitment
        self.laggedBlockHash = laggedBlockHash
    }

    /// Covers every field: those of the opening are listed again, so that a header stands alone.
    package var hashInput: HashInput {
        HashInput(
            .header,
            opening.hashInput.fields + [
                lastChunk,
                Digest(
                    UInt64(chunkCount) << 32 | UInt64(transactionCount),
                    UInt64(eventCount) << 32 | UInt64(stateDiffLength)),
                stateDiffCommitment, transactionCommitment, eventCommitment, receiptCommitment,
                laggedBlockHash,
            ])
    }

    package func encode(into writer: inout WireWriter) {
        writer.write(opening)
        writer.write(lastChunk)
        writer.write(chunkCount)
        writer.write(transactionCount)
        writer.write(eventCount)
        writer.write(stateDiffLength)
        writer.write(stateDiffCommitment)
        writer.write(transactionCommitment)
        writer.write(eventCommitment)
        writer.write(receiptCommitment)
        writer.write(laggedBlockHash)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        opening = try reader.read()
        lastChunk = try reader.readFieldElement("last chunk")
        chunkCount = try reader.read()
        transactionCount = try reader.read()
        eventCount = try reader.read()
        stateDiffLength = try reader.read()
        stateDiffCommitment = try reader.readFieldElement("state diff commitment")
        transactionCommitment = try reader.readFieldElement("transaction commitment")
        eventCommitment = try reader.readFieldElement("event commitment")
        receiptCommitment = try reader.readFieldElement("receipt commitment")
        laggedBlockHash = try reader.readFieldElement("lagged block hash")
    }
}

/// A leader's object with the leader's signature over its hash.
package struct Signed<Value: Hashable & Sendable & WireCodable>: Hashable, Sendable, WireCodable {
    package let value: Value
    package let signature: SignatureBytes

    package init(value: Value, signature: SignatureBytes) {
        self.value = value
        self.signature = signature
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(value)
        writer.write(signature)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        value = try reader.read()
        signature = try reader.readSignature()
    }
}

package typealias SignedOpening = Signed<Opening>
package typealias SignedChunkHeader = Signed<ChunkHeader>
package typealias SignedHeader = Signed<Header>
