package import WireCodec

/// What a sender agrees to pay for one resource: at most `maxAmount` units at no more than
/// `maxPricePerUnit` fri (10^-18 STRK) each.
package struct ResourceBounds: Hashable, Sendable {
    package var maxAmount: UInt64
    package var maxPricePerUnit: UInt128

    package init(maxAmount: UInt64, maxPricePerUnit: UInt128) {
        self.maxAmount = maxAmount
        self.maxPricePerUnit = maxPricePerUnit
    }

    package static let zero = ResourceBounds(maxAmount: 0, maxPricePerUnit: 0)
}

/// The bounds of the three resources of a version 3 transaction.
package struct ResourceBoundsMapping: Hashable, Sendable {
    package var l1Gas: ResourceBounds
    package var l2Gas: ResourceBounds
    package var l1DataGas: ResourceBounds

    package init(l1Gas: ResourceBounds, l2Gas: ResourceBounds, l1DataGas: ResourceBounds) {
        self.l1Gas = l1Gas
        self.l2Gas = l2Gas
        self.l1DataGas = l1DataGas
    }

    package static let zero = ResourceBoundsMapping(l1Gas: .zero, l2Gas: .zero, l1DataGas: .zero)
}

/// Where a transaction's nonce or fee lives (SNIP-8). Only `l1` is in use; `l2` (volition) can be
/// decoded and hashed.
package enum DataAvailabilityMode: UInt8, Hashable, Sendable {
    case l1 = 0
    case l2 = 1
}

/// Amounts of the three gas kinds.
package struct GasVector: Hashable, Sendable {
    package var l1Gas: UInt64
    package var l1DataGas: UInt64
    package var l2Gas: UInt64

    package init(l1Gas: UInt64 = 0, l1DataGas: UInt64 = 0, l2Gas: UInt64 = 0) {
        self.l1Gas = l1Gas
        self.l1DataGas = l1DataGas
        self.l2Gas = l2Gas
    }

    package static let zero = GasVector()
}

extension ResourceBounds: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(maxAmount)
        writer.write(maxPricePerUnit)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        maxAmount = try reader.read()
        maxPricePerUnit = try reader.read()
    }
}

extension ResourceBoundsMapping: WireCodable {
    package func encode(into writer: inout WireWriter) {
        l1Gas.encode(into: &writer)
        l2Gas.encode(into: &writer)
        l1DataGas.encode(into: &writer)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        l1Gas = try reader.read()
        l2Gas = try reader.read()
        l1DataGas = try reader.read()
    }
}

extension DataAvailabilityMode: WireCodable {
    package func encode(into writer: inout WireWriter) { writer.write(rawValue) }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        guard let mode = DataAvailabilityMode(rawValue: tag) else {
            throw .unknownTag(what: "data availability mode", tag: tag)
        }
        self = mode
    }
}

extension GasVector: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(l1Gas)
        writer.write(l1DataGas)
        writer.write(l2Gas)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        l1Gas = try reader.read()
        l1DataGas = try reader.read()
        l2Gas = try reader.read()
    }
}
