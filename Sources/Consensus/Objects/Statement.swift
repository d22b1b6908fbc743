package import Primitives
package import WireCodec

/// What a validator signs in consensus (PROTOCOL section 2, statements 1, 3 and 4). Chain and epoch
/// are the committee's and enter the hash.
package enum Statement: Hashable, Sendable {
    /// At most one hash a slot, ever.
    case notar(BlockReference)
    case final(BlockReference)
    /// A skip of `slot` and of all later slots of the window.
    case skipFrom(Window, Slot)

    package var slot: Slot {
        switch self {
        case .notar(let reference), .final(let reference): reference.slot
        case .skipFrom(_, let slot): slot
        }
    }

    package func hashInput(_ committee: Committee) -> HashInput {
        let place = [committee.chain, Digest(number: committee.epoch.rawValue)]
        switch self {
        case .notar(let reference):
            return HashInput(
                .notar, place + [Digest(number: reference.slot.rawValue), reference.hash])
        case .final(let reference):
            return HashInput(
                .final, place + [Digest(number: reference.slot.rawValue), reference.hash])
        case .skipFrom(let window, let slot):
            return HashInput(
                .skipFrom, place + [Digest(window.rawValue, slot.rawValue)])
        }
    }
}

extension Statement: WireCodable {
    package func encode(into writer: inout WireWriter) {
        switch self {
        case .notar(let reference):
            writer.write(UInt8(1))
            writer.write(reference)
        case .final(let reference):
            writer.write(UInt8(2))
            writer.write(reference)
        case .skipFrom(let window, let slot):
            writer.write(UInt8(3))
            writer.write(window)
            writer.write(slot)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let tag = try reader.read(UInt8.self)
        switch tag {
        case 1: self = .notar(try reader.read())
        case 2: self = .final(try reader.read())
        case 3:
            let window = try reader.read(counter: Window.self)
            self = .skipFrom(window, try reader.read(counter: Slot.self))
        default: throw .unknownTag(what: "statement", tag: tag)
        }
    }
}

package struct SignedStatement: Hashable, Sendable, WireCodable {
    package let statement: Statement
    package let signer: ValidatorIndex
    package let signature: SignatureBytes

    package init(statement: Statement, signer: ValidatorIndex, signature: SignatureBytes) {
        self.statement = statement
        self.signer = signer
        self.signature = signature
    }
    package func encode(into writer: inout WireWriter) {
        writer.write(statement)
        writer.write(signer)
        writer.write(signature)
    }
    package init(from reader: inout WireReader) throws(WireError) {
        statement = try reader.read()
        signer = try reader.read(counter: ValidatorIndex.self)
        signature = try reader.readSignature()
    }
}
