import CairoVM
import JSONText
import StarkField
import StarkHash

/// The text of a Cairo 0 class that enters its hash: what Python writes of the program and the ABI
/// with all names sorted, but without what classes did not have at first.
///
/// Source: cairo-lang 0.14.0.1, `deprecated_class_hash.py`.
enum DeprecatedClassText {
    /// `starknet_keccak` of the text.
    static func hash(program: ClassReader, abi: ClassReader) throws(ClassError) -> Felt {
        let value = JSONValue.object([
            JSONMember("abi", try sorted(abi)), JSONMember("program", try text(of: program)),
        ])
        return starknetKeccak(value.utf8(.python))
    }

    /// The members that enter, in their order.
    private static func text(of program: ClassReader) throws(ClassError) -> JSONValue {
        var members: [JSONMember] = []
        if let attributes = program.optional("attributes") {
            let kept = try attributes.elements()
            if !kept.isEmpty {
                var texts: [JSONValue] = []
                for attribute in kept { texts.append(try text(ofAttribute: attribute)) }
                members.append(JSONMember("attributes", .array(texts)))
            }
        }
        func append(_ name: String, _ value: JSONValue) { members.append(JSONMember(name, value)) }
        append("builtins", try sorted(program.member("builtins")))
        let compiler = program.optional("compiler_version")
        if let compiler { append("compiler_version", try sorted(compiler)) }
        // Compilers before 0.10 named none, and wrote a space before the colon of a tuple's member.
        let spacing: Spacing = compiler == nil ? .beforeColon : .none
        append("data", try sorted(program.member("data")))
        append("debug_info", .null)
        append("hints", try text(ofHints: program.member("hints")))
        append("identifiers", try sorted(program.member("identifiers"), spacing))
        append("main_scope", try sorted(program.member("main_scope")))
        append("prime", try sorted(program.member("prime")))
        append("reference_manager", try sorted(program.member("reference_manager"), spacing))
        return .object(members)
    }

    /// Without members that say nothing: attributes had neither at first.
    private static func text(ofAttribute reader: ClassReader) throws(ClassError) -> JSONValue {
        var kept: [JSONMember] = []
        for (name, value) in try reader.members() {
            switch name {
            case "accessible_scopes" where value.value.elements?.isEmpty ?? value.value.isNull,
                "flow_tracking_data" where value.value.isNull:
                continue
            case "accessible_scopes", "flow_tracking_data", "end_pc", "name", "start_pc", "value":
                kept.append(JSONMember(name, try sorted(value)))
            default: throw .unknownName(reader.path, name)
            }
        }
        return .object(ordered(kept))
    }

    /// In the order of their places, as numbers.
    private static func text(ofHints reader: ClassReader) throws(ClassError) -> JSONValue {
        var places: [(place: Int, member: JSONMember)] = []
        for (name, value) in try reader.members() {
            guard let place = Int(name), String(place) == name else {
                throw .unknownName(reader.path, name)
            }
            places.append((place, JSONMember(name, try sorted(value))))
        }
        places.sort { $0.place < $1.place }
        return .object(places.map(\.member))
    }

    private enum Spacing { case none, beforeColon }

    /// The value with the names of all objects in the order of their bytes.
    private static func sorted(
        _ reader: ClassReader, _ spacing: Spacing = .none
    ) throws(ClassError) -> JSONValue {
        do throws(NotAnInteger) {
            return try sorted(reader.value, spacing)
        } catch { throw .wrongKind(reader.path, expected: "made of integers, not \(error.text)") }
    }

    private static func sorted(
        _ value: JSONValue, _ spacing: Spacing
    ) throws(NotAnInteger) -> JSONValue {
        switch value {
        case .array(let elements):
            var result: [JSONValue] = []
            result.reserveCapacity(elements.count)
            for element in elements { result.append(try sorted(element, spacing)) }
            return .array(result)
        case .object(let members):
            var result: [JSONMember] = []
            result.reserveCapacity(members.count)
            for member in members {
                if spacing == .beforeColon, case .string(let text) = member.value,
                    member.name == "cairo_type" || member.name == "value"
                {
                    result.append(JSONMember(member.name, .string(spaced(text))))
                } else {
                    result.append(JSONMember(member.name, try sorted(member.value, spacing)))
                }
            }
            return .object(ordered(result))
        case .number(let digits):
            // Other numbers have more than one text.
            guard digits != "-0", digits.utf8.allSatisfy({ $0 != 0x2e && $0 | 0x20 != 0x65 })
            else { throw NotAnInteger(text: digits) }
            return value
        case .null, .bool, .string: return value
        }
    }

    private struct NotAnInteger: Error { let text: String }

    private static func ordered(_ members: [JSONMember]) -> [JSONMember] {
        members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// A space before each colon that a space follows and none precedes.
    private static func spaced(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 8)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: ":"), index > 0, bytes[index - 1] != UInt8(ascii: " "),
                index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: " ")
            {
                result.append(UInt8(ascii: " "))
            }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }
}
