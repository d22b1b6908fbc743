import CairoVM
package import Execution
import Foundation
package import JSONText
import StarkField

/// Classes as the specification shows them.
extension JSONWriter {
    /// `CONTRACT_CLASS` or `DEPRECATED_CONTRACT_CLASS`.
    mutating func contractClass(_ contractClass: RPCContractClass) {
        switch contractClass {
        case .sierra(let sierra): value(sierra.json)
        case .deprecated(let deprecated): self.deprecated(deprecated)
        }
    }

    private mutating func deprecated(_ contractClass: RPCDeprecatedClass) {
        object { writer in
            writer.member("program", Data(contractClass.gzippedProgram).base64EncodedString())
            writer.object("entry_points_by_type") { writer in
                for kind in CasmClass.EntryPointKind.allCases {
                    writer.list(kind.rawValue, contractClass.entryPoints[kind] ?? []) {
                        writer, point in
                        writer.member("offset", hex: UInt64(clamping: point.offset))
                        writer.member("selector", point.selector)
                    }
                }
            }
            if case .array = contractClass.abi {
                writer.name("abi")
                writer.value(contractClass.abi)
            }
        }
    }
}

extension SierraClass {
    /// `CONTRACT_CLASS`. Without an ABI the member is left out: its hash is that of an empty one.
    package var json: JSONValue {
        func points(_ kind: CasmClass.EntryPointKind) -> JSONMember {
            JSONMember(
                kind.rawValue,
                .array(
                    (entryPoints[kind] ?? []).map { point in
                        .object([
                            JSONMember("selector", .string(point.selector.hexString)),
                            JSONMember("function_idx", .number(String(point.functionIndex))),
                        ])
                    }))
        }
        var members = [
            JSONMember("sierra_program", .array(program.map { .string($0.hexString) })),
            JSONMember("contract_class_version", .string(version)),
            JSONMember(
                "entry_points_by_type",
                .object([points(.constructor), points(.external), points(.l1Handler)])),
        ]
        if !abi.isEmpty { members.append(JSONMember("abi", .string(abi))) }
        return .object(members)
    }
}

/// `CASM_COMPILED_CONTRACT_CLASS` from what the compiler wrote: the same members, but for the hints'
/// text in Python and for a single segment's length, which needs none; and numbers in the
/// specification's form.
struct RenderedCasm: Hashable {
    let json: JSONValue

    /// Nil where the value is not the JSON of a compiled class.
    init?(_ stored: JSONValue) {
        guard let bytecode = stored["bytecode"]?.elements,
            let hints = stored["hints"]?.elements,
            case .object? = stored["entry_points_by_type"]
        else { return nil }
        var members = [
            JSONMember("prime", .string(RenderedCasm.prime)),
            JSONMember(
                "compiler_version", .string(stored["compiler_version"]?.text ?? "")),
        ]
        var felts: [JSONValue] = []
        felts.reserveCapacity(bytecode.count)
        for cell in bytecode {
            guard let felt = RenderedCasm.felt(cell) else { return nil }
            felts.append(.string(felt.hexString))
        }
        members.append(JSONMember("bytecode", .array(felts)))
        switch stored["bytecode_segment_lengths"] {
        case nil, .null?, .number?: break
        case let lengths?:
            guard RenderedCasm.areLengths(lengths, depth: 0) else { return nil }
            members.append(JSONMember("bytecode_segment_lengths", lengths))
        }
        members.append(JSONMember("hints", .array(hints.map { RenderedCasm.hint($0, depth: 0) })))
        var points: [JSONMember] = []
        for kind in CasmClass.EntryPointKind.allCases {
            guard let list = stored["entry_points_by_type"]?[kind.rawValue]?.elements else {
                return nil
            }
            var shown: [JSONValue] = []
            for point in list {
                guard let one = RenderedCasm.entryPoint(point) else { return nil }
                shown.append(one)
            }
            points.append(JSONMember(kind.rawValue, .array(shown)))
        }
        members.append(JSONMember("entry_points_by_type", .object(points)))
        json = .object(members)
    }

    /// The field's, as CASM files state it.
    private static let prime =
        "0x800000000000011000000000000000000000000000000000000000000000001"

    private static func entryPoint(_ point: JSONValue) -> JSONValue? {
        guard let offset = point["offset"], offset.unsigned != nil,
            let selector = point["selector"].flatMap(felt),
            let builtins = point["builtins"], let names = builtins.elements,
            names.allSatisfy({ $0.text != nil })
        else { return nil }
        return .object([
            JSONMember("offset", offset), JSONMember("selector", .string(selector.hexString)),
            JSONMember("builtins", builtins),
        ])
    }

    /// A hexadecimal number, which compilers also write with a minus.
    private static func felt(_ value: JSONValue) -> Felt? {
        guard case .string(let text) = value else { return nil }
        guard text.hasPrefix("-") else { return Felt(hex: text) }
        return Felt(hex: text.dropFirst()).map { .zero - $0 }
    }

    private static let depth = 32

    /// Lengths, or lists of them for segments that are cut further: the specification has no such,
    /// and compilers write none today, but the class's hash would need them.
    private static func areLengths(_ value: JSONValue, depth: Int) -> Bool {
        if case .number = value { return value.unsigned != nil }
        guard depth < self.depth, let parts = value.elements else { return false }
        return parts.allSatisfy { areLengths($0, depth: depth + 1) }
    }

    /// Negative immediates become field elements; all else stays.
    private static func hint(_ value: JSONValue, depth: Int) -> JSONValue {
        guard depth < self.depth else { return value }
        switch value {
        case .array(let elements): return .array(elements.map { hint($0, depth: depth + 1) })
        case .object(let members):
            return .object(
                members.map { member in
                    if member.name == "Immediate", member.value.text?.hasPrefix("-") == true,
                        let felt = felt(member.value)
                    {
                        return JSONMember("Immediate", .string(felt.hexString))
                    }
                    return JSONMember(member.name, hint(member.value, depth: depth + 1))
                })
        default: return value
        }
    }
}
