import Execution
import JSONText
import Primitives
import StarkField

/// Reads the specification's types from JSON. Everything throws invalidParams with the name of
/// what is wrong.
enum Decode {
    /// `FELT`, `ADDRESS`, `STORAGE_KEY`: also with leading zeros, which clients write.
    static func felt(_ value: JSONValue, _ name: String) throws(RPCError) -> Felt {
        guard case .string(let text) = value, let felt = Felt(hex: text) else {
            throw .invalidParams(
                "\"\(name)\" must be a field element: 0x and hexadecimal digits, below the prime")
        }
        return felt
    }

    static func array(
        _ value: JSONValue, _ name: String, maximum: Int
    ) throws(RPCError) -> [JSONValue] {
        guard case .array(let elements) = value else {
            throw .invalidParams("\"\(name)\" must be an array, got \(value.kind)")
        }
        guard elements.count <= maximum else {
            throw .invalidParams("\"\(name)\" has \(elements.count) elements of at most \(maximum)")
        }
        return elements
    }

    static func felts(
        _ value: JSONValue, _ name: String, maximum: Int
    ) throws(RPCError) -> [Felt] {
        let elements = try array(value, name, maximum: maximum)
        var felts: [Felt] = []
        felts.reserveCapacity(elements.count)
        for element in elements {
            felts.append(try felt(element, name))
        }
        return felts
    }

    /// A member of an object; a null counts as absent.
    static func optional(_ value: JSONValue, _ name: String) -> JSONValue? {
        guard let member = value[name], !member.isNull else { return nil }
        return member
    }

    static func member(_ value: JSONValue, _ name: String) throws(RPCError) -> JSONValue {
        guard case .object = value else {
            throw .invalidParams("expected an object with \"\(name)\", got \(value.kind)")
        }
        guard let member = optional(value, name) else {
            throw .invalidParams("missing \"\(name)\"")
        }
        return member
    }

    static func unsigned(_ value: JSONValue, _ name: String) throws(RPCError) -> UInt64 {
        guard let number = value.unsigned else {
            throw .invalidParams("\"\(name)\" must be an integer from 0 to 2^64 - 1")
        }
        return number
    }

    /// `u64`, `u128`: 0x and hexadecimal digits.
    static func hex<Number: FixedWidthInteger & UnsignedInteger>(
        _ value: JSONValue, _ name: String, as: Number.Type = Number.self
    ) throws(RPCError) -> Number {
        guard case .string(let text) = value, text.hasPrefix("0x"),
            let first = text.utf8.dropFirst(2).first,
            first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
            let number = Number(text.dropFirst(2), radix: 16)
        else {
            throw .invalidParams(
                "\"\(name)\" must be 0x and hexadecimal digits, below 2^\(Number.bitWidth)")
        }
        return number
    }

    /// `BLOCK_ID`.
    static func blockID(_ value: JSONValue, _ name: String = "block_id") throws(RPCError) -> BlockID
    {
        switch value {
        case .string("latest"): return .latest
        case .string("l1_accepted"): return .l1Accepted
        case .string("pre_confirmed"): return .preConfirmed
        case .object(let members) where members.count == 1:
            switch members[0].name {
            case "block_hash": return .hash(try felt(members[0].value, "block_hash"))
            case "block_number":
                return .number(Height(try unsigned(members[0].value, "block_number")))
            default: break
            }
        default: break
        }
        throw .invalidParams(
            "\"\(name)\" must be {\"block_hash\": ...}, {\"block_number\": ...}, \"latest\","
                + " \"l1_accepted\" or \"pre_confirmed\"")
    }

    /// `BLOCK_ID` without the pre-confirmed block.
    static func includedBlockID(_ value: JSONValue) throws(RPCError) -> BlockID {
        let id = try blockID(value)
        guard id != .preConfirmed else {
            throw .invalidParams("\"block_id\" can't be \"pre_confirmed\" here")
        }
        return id
    }

    /// `SIMULATION_FLAG`s.
    static func simulationFlags(_ value: JSONValue) throws(RPCError) -> RPCSimulationFlags {
        let known: KeyValuePairs<String, RPCSimulationFlags> = [
            "SKIP_VALIDATE": .skipValidate, "SKIP_FEE_CHARGE": .skipFeeCharge,
            "RETURN_INITIAL_READS": .returnInitialReads,
        ]
        let named = try flags(value, "simulation_flags", known: known.map(\.key))
        var flags: RPCSimulationFlags = []
        for (name, flag) in known where named.contains(name) { flags.insert(flag) }
        return flags
    }

    /// A list of flags from a closed set.
    static func flags(
        _ value: JSONValue?, _ name: String, known: [String]
    ) throws(RPCError) -> Set<String> {
        guard let value else { return [] }
        let elements = try array(value, name, maximum: 8)
        var flags: Set<String> = []
        for element in elements {
            guard case .string(let flag) = element, known.contains(flag) else {
                throw .invalidParams("\"\(name)\" knows \(known.joined(separator: ", ")) only")
            }
            flags.insert(flag)
        }
        return flags
    }

    /// The filter of `starknet_getEvents`. Throws tooManyKeysInFilter beyond the limits.
    static func eventFilter(
        _ value: JSONValue, limits: RPCLimits
    ) throws(RPCError) -> RPCEventFilter {
        var filter = RPCEventFilter()
        if let block = optional(value, "from_block") {
            filter.fromBlock = try blockID(block, "from_block")
        }
        if let block = optional(value, "to_block") {
            filter.toBlock = try blockID(block, "to_block")
        }
        switch optional(value, "address") {
        case nil: break
        case .array(let elements)?:
            filter.addresses = try felts(
                .array(elements), "address", maximum: limits.filterAddresses)
        case let single?: filter.addresses = [try felt(single, "address")]
        }
        guard let keys = optional(value, "keys") else { return filter }
        guard case .array(let positions) = keys else {
            throw .invalidParams("\"keys\" must be an array of arrays")
        }
        guard positions.count <= limits.filterPositions else { throw .tooManyKeysInFilter }
        var total = 0
        for position in positions {
            guard case .array(let allowed) = position else {
                throw .invalidParams("\"keys\" must be an array of arrays")
            }
            total += allowed.count
            guard total <= limits.filterKeys else { throw .tooManyKeysInFilter }
            filter.keys.append(try felts(position, "keys", maximum: limits.filterKeys))
        }
        return filter
    }
}
