package import Primitives
package import WireCodec

/// A leader's sign of life. Not signed: it counts only on the channel that the leader itself has
/// authenticated, delays nothing but that receiver's own impatience, and proves nothing later.
package struct Beat: Hashable, Sendable, WireCodable {
    package var window: Window
    package var sequence: UInt64

    package init(window: Window, sequence: UInt64) {
        self.window = window
        self.sequence = sequence
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(window)
        writer.write(sequence)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        window = try reader.read(counter: Window.self)
        sequence = try reader.read()
    }
}

/// What a node tells so that others can help it: its top final block and the first slot that it
/// has neither certified nor seen skipped. A claim, never believed, only answered.
package struct Status: Hashable, Sendable, WireCodable {
    package var topFinal: BlockReference
    package var topFinalHeight: Height
    package var firstUnclearedSlot: Slot

    package init(topFinal: BlockReference, topFinalHeight: Height, firstUnclearedSlot: Slot) {
        self.topFinal = topFinal
        self.topFinalHeight = topFinalHeight
        self.firstUnclearedSlot = firstUnclearedSlot
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(topFinal)
        writer.write(topFinalHeight)
        writer.write(firstUnclearedSlot)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        topFinal = try reader.read()
        topFinalHeight = try reader.read(counter: Height.self)
        firstUnclearedSlot = try reader.read(counter: Slot.self)
    }
}
