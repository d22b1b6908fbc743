package import Primitives
package import StarkField
package import WireCodec

/// The price of one unit of gas, in wei (ETH) and fri (STRK).
package struct GasPrice: Hashable, Sendable {
    package var wei: UInt128
    package var fri: UInt128
    package init(wei: UInt128, fri: UInt128) {
        self.wei = wei
        self.fri = fri
    }
}

/// A block's prices of the three gas kinds.
package struct GasPrices: Hashable, Sendable {
    package var l1Gas: GasPrice
    package var l1DataGas: GasPrice
    package var l2Gas: GasPrice
    package init(l1Gas: GasPrice, l1DataGas: GasPrice, l2Gas: GasPrice) {
        self.l1Gas = l1Gas
        self.l1DataGas = l1DataGas
        self.l2Gas = l2Gas
    }
}

/// How a block's state diff reaches L1.
package enum L1DataAvailabilityMode: UInt8, Hashable, Sendable {
    case calldata = 0
    case blob = 1
}

/// A Starknet protocol version of three or four numbers below 256, such as `0.13.2.1`. The fourth
/// counts as 0 in comparisons where it is absent.
package struct StarknetVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The four numbers, the first in the highest byte.
    private let number: UInt32
    private let hasFourth: Bool

    /// Reads `a.b.c` or `a.b.c.d` with decimal parts without leading zeros; nil for anything else.
    package init?(_ text: String) {
        let pieces = text.split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count == 3 || pieces.count == 4 else { return nil }
        var number: UInt32 = 0
        for piece in pieces {
            guard let part = UInt8(piece), piece == String(part) else { return nil }
            number = number << 8 | UInt32(part)
        }
        hasFourth = pieces.count == 4
        self.number = hasFourth ? number : number << 8
    }

    package init(_ major: UInt8, _ minor: UInt8, _ patch: UInt8) {
        number = UInt32(major) << 24 | UInt32(minor) << 16 | UInt32(patch) << 8
        hasFourth = false
    }

    package var description: String {
        let shifts: [UInt32] = hasFourth ? [24, 16, 8, 0] : [24, 16, 8]
        return shifts.map { String(number >> $0 & 0xff) }.joined(separator: ".")
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.number != right.number
            ? left.number < right.number : !left.hasFourth && right.hasFourth
    }

    /// The first version with Poseidon block hashes (prefix `STARKNET_BLOCK_HASH0`).
    package static let poseidonBlockHash = StarknetVersion(0, 13, 2)
    /// The first version that hashes all gas prices apart (prefix `STARKNET_BLOCK_HASH1`), and
    /// where an absent signature adds nothing to a transaction's leaf.
    package static let hashedGasPrices = StarknetVersion(0, 13, 4)
}

/// What execution can see of the block that it runs in.
package struct BlockInfo: Hashable, Sendable {
    package var number: Height
    /// Seconds since 1970.
    package var timestamp: UInt64
    package var sequencerAddress: ContractAddress
    package var gasPrices: GasPrices
    package var l1DataAvailabilityMode: L1DataAvailabilityMode
    package var starknetVersion: StarknetVersion

    package init(
        number: Height, timestamp: UInt64, sequencerAddress: ContractAddress, gasPrices: GasPrices,
        l1DataAvailabilityMode: L1DataAvailabilityMode, starknetVersion: StarknetVersion
    ) {
        self.number = number
        self.timestamp = timestamp
        self.sequencerAddress = sequencerAddress
        self.gasPrices = gasPrices
        self.l1DataAvailabilityMode = l1DataAvailabilityMode
        self.starknetVersion = starknetVersion
    }
}

/// The commitments to a block's body, with the counts that the block hash packs.
package struct BlockCommitments: Hashable, Sendable {
    package var transactionCommitment: Felt
    package var eventCommitment: Felt
    package var receiptCommitment: Felt
    package var stateDiffCommitment: Felt
    package var transactionCount: UInt64
    package var eventCount: UInt64
    package var stateDiffLength: UInt64

    package init(
        transactionCommitment: Felt, eventCommitment: Felt, receiptCommitment: Felt,
        stateDiffCommitment: Felt, transactionCount: UInt64, eventCount: UInt64,
        stateDiffLength: UInt64
    ) {
        self.transactionCommitment = transactionCommitment
        self.eventCommitment = eventCommitment
        self.receiptCommitment = receiptCommitment
        self.stateDiffCommitment = stateDiffCommitment
        self.transactionCount = transactionCount
        self.eventCount = eventCount
        self.stateDiffLength = stateDiffLength
    }
}

/// A Starknet block header: all that the block hash covers. Its version is 0.13.2 or later: the
/// block hashes before that are not computed here.
package struct BlockHeader: Hashable, Sendable {
    package var info: BlockInfo
    package var parentHash: Felt
    /// The global state root after the block.
    package var stateRoot: Felt
    package var commitments: BlockCommitments

    package init(
        info: BlockInfo, parentHash: Felt, stateRoot: Felt, commitments: BlockCommitments
    ) {
        self.info = info
        self.parentHash = parentHash
        self.stateRoot = stateRoot
        self.commitments = commitments
    }
}

extension GasPrice: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(wei)
        writer.write(fri)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        wei = try reader.read()
        fri = try reader.read()
    }
}

extension GasPrices: WireCodable {
    package func encode(into writer: inout WireWriter) {
        l1Gas.encode(into: &writer)
        l1DataGas.encode(into: &writer)
        l2Gas.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        l1Gas = try reader.read()
        l1DataGas = try reader.read()
        l2Gas = try reader.read()
    }
}

extension L1DataAvailabilityMode: WireCodable {
    package func encode(into writer: inout WireWriter) { writer.write(rawValue) }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        guard let mode = L1DataAvailabilityMode(rawValue: tag) else {
            throw .unknownTag(what: "L1 data availability mode", tag: tag)
        }
        self = mode
    }
}

extension StarknetVersion: WireCodable {
    package func encode(into writer: inout WireWriter) { writer.write(description) }

    package init(from reader: inout WireReader) throws(WireError) {
        let text = try reader.readString("Starknet version", maximum: Limits.versionBytes)
        guard let version = StarknetVersion(text) else {
            throw .invalid(what: "Starknet version")
        }
        self = version
    }
}

extension BlockInfo: WireCodable {
    package func encode(into writer: inout WireWriter) {
        writer.write(number)
        writer.write(timestamp)
        sequencerAddress.encode(into: &writer)
        gasPrices.encode(into: &writer)
        l1DataAvailabilityMode.encode(into: &writer)
        starknetVersion.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        number = try reader.read(counter: Height.self)
        timestamp = try reader.read()
        sequencerAddress = try reader.read()
        gasPrices = try reader.read()
        l1DataAvailabilityMode = try reader.read()
        starknetVersion = try reader.read()
    }
}

extension BlockCommitments: WireCodable {
    package func encode(into writer: inout WireWriter) {
        transactionCommitment.encode(into: &writer)
        eventCommitment.encode(into: &writer)
        receiptCommitment.encode(into: &writer)
        stateDiffCommitment.encode(into: &writer)
        writer.write(transactionCount)
        writer.write(eventCount)
        writer.write(stateDiffLength)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        transactionCommitment = try reader.read()
        eventCommitment = try reader.read()
        receiptCommitment = try reader.read()
        stateDiffCommitment = try reader.read()
        transactionCount = try BlockCommitments.readCount(&reader)
        eventCount = try BlockCommitments.readCount(&reader)
        stateDiffLength = try BlockCommitments.readCount(&reader)
    }

    private static func readCount(_ reader: inout WireReader) throws(WireError) -> UInt64 {
        let count = try reader.read(UInt64.self)
        guard count <= Limits.blockCount else { throw .invalid(what: "count of a block header") }
        return count
    }
}

extension BlockHeader: WireCodable {
    package func encode(into writer: inout WireWriter) {
        info.encode(into: &writer)
        parentHash.encode(into: &writer)
        stateRoot.encode(into: &writer)
        commitments.encode(into: &writer)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        info = try reader.read()
        parentHash = try reader.read()
        stateRoot = try reader.read()
        commitments = try reader.read()
        guard info.starknetVersion >= .poseidonBlockHash else {
            throw .invalid(what: "Starknet version of a block header")
        }
    }
}
