package import Primitives
package import WireCodec

/// A block by its slot and header hash. The epoch's root (genesis) sits at slot 0 and is final by
/// definition, so that window 0 has the slots from 1 to fill.
package struct BlockReference: Hashable, Sendable, WireCodable, CustomStringConvertible {
    package let slot: Slot
    package let hash: Digest

    package init(slot: Slot, hash: Digest) {
        self.slot = slot
        self.hash = hash
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(slot)
        writer.write(hash)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        slot = try reader.read(counter: Slot.self)
        hash = try reader.readFieldElement("block hash")
    }
    package var description: String { "\(slot):\(hash)" }
}

/// What the window machine knows of a block.
package struct BlockSummary: Hashable, Sendable {
    package let reference: BlockReference
    package let parent: BlockReference
    package let height: Height

    package init(reference: BlockReference, parent: BlockReference, height: Height) {
        self.reference = reference
        self.parent = parent
        self.height = height
    }
}
