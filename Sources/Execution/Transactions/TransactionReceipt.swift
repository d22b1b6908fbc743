package import StarkField
package import WireCodec

/// What a contract emitted.
package struct Event: Hashable, Sendable {
    package var fromAddress: ContractAddress
    package var keys: [Felt]
    package var data: [Felt]

    package init(fromAddress: ContractAddress, keys: [Felt], data: [Felt]) {
        self.fromAddress = fromAddress
        self.keys = keys
        self.data = data
    }
}

/// A message from a contract to an L1 address (160 bits; the field element is not checked).
package struct MessageToL1: Hashable, Sendable {
    package var fromAddress: ContractAddress
    package var toAddress: Felt
    package var payload: [Felt]

    package init(fromAddress: ContractAddress, toAddress: Felt, payload: [Felt]) {
        self.fromAddress = fromAddress
        self.toAddress = toAddress
        self.payload = payload
    }
}

/// How an included transaction ended. A reverted one keeps its nonce and its fee only.
package enum ExecutionStatus: Hashable, Sendable {
    case succeeded
    case reverted(reason: String)
}

/// What an included transaction did and cost.
package struct TransactionReceipt: Hashable, Sendable {
    package var transactionHash: Felt
    /// In fri: version 3 transactions pay in STRK alone.
    package var actualFee: UInt128
    package var executionStatus: ExecutionStatus
    package var events: [Event]
    package var messagesSent: [MessageToL1]
    /// All gas that was paid for, data gas included.
    package var gasConsumed: GasVector

    package init(
        transactionHash: Felt, actualFee: UInt128, executionStatus: ExecutionStatus,
        events: [Event], messagesSent: [MessageToL1] = [], gasConsumed: GasVector
    ) {
        self.transactionHash = transactionHash
        self.actualFee = actualFee
        self.executionStatus = executionStatus
        self.events = events
        self.messagesSent = messagesSent
        self.gasConsumed = gasConsumed
    }
}

extension Event: WireCodable {
    package func encode(into writer: inout WireWriter) {
        fromAddress.encode(into: &writer)
        writer.write(felts: keys)
        writer.write(felts: data)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        fromAddress = try reader.read()
        keys = try reader.readFelts("event keys", maximum: Limits.eventKeys)
        data = try reader.readFelts("event data", maximum: Limits.eventData)
    }
}

extension MessageToL1: WireCodable {
    package func encode(into writer: inout WireWriter) {
        fromAddress.encode(into: &writer)
        toAddress.encode(into: &writer)
        writer.write(felts: payload)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        fromAddress = try reader.read()
        toAddress = try reader.read()
        payload = try reader.readFelts("message payload", maximum: Limits.messagePayload)
    }
}

extension ExecutionStatus: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .succeeded: writer.write(UInt8(0))
        case .reverted(let reason):
            writer.write(UInt8(1))
            writer.write(reason)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .succeeded
        case 1:
            self = .reverted(
                reason: try reader.readString("revert reason", maximum: Limits.revertReasonBytes))
        case let tag: throw .unknownTag(what: "execution status", tag: tag)
        }
    }
}

extension TransactionReceipt: WireCodable {
    package func encode(into writer: inout WireWriter) {
        transactionHash.encode(into: &writer)
        writer.write(actualFee)
        executionStatus.encode(into: &writer)
        writer.write(events)
        writer.write(messagesSent)
        gasConsumed.encode(into: &writer)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        transactionHash = try reader.read()
        actualFee = try reader.read()
        executionStatus = try reader.read()
        events = try reader.readArray("events", maximum: Limits.events)
        messagesSent = try reader.readArray("messages", maximum: Limits.messages)
        gasConsumed = try reader.read()
    }
}
