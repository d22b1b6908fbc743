import CairoVM
import JSONText
import StarkField
import StarkHash
import TestSupport

@testable import Execution

/// What a class says of its entry points: names and types of their arguments.
struct ContractABI {
    struct Parameter {
        var name: String
        var type: String
    }

    struct Function {
        var kind: CasmClass.EntryPointKind
        var name: String
        var inputs: [Parameter]
        var selector: Felt { StarkHash.selector(name) }
    }

    private(set) var functions: [Function] = []
    private(set) var structs: [String: [Parameter]] = [:]
    private(set) var enums: [String: [Parameter]] = [:]

    init(_ json: JSONValue) { read(json.elements ?? []) }

    private mutating func read(_ items: [JSONValue]) {
        for item in items {
            let name = item["name"]?.text ?? ""
            switch item["type"]?.text {
            case "interface": read(item["items"]?.elements ?? [])
            case "struct": structs[name] = Self.parameters(item["members"])
            case "enum": enums[name] = Self.parameters(item["variants"])
            case "function":
                functions.append(
                    Function(kind: .external, name: name, inputs: Self.parameters(item["inputs"])))
            case "constructor":
                functions.append(
                    Function(
                        kind: .constructor, name: name, inputs: Self.parameters(item["inputs"])))
            case "l1_handler":
                functions.append(
                    Function(
                        kind: .l1Handler, name: name, inputs: Self.parameters(item["inputs"])))
            default: continue
            }
        }
    }

    private static func parameters(_ json: JSONValue?) -> [Parameter] {
        (json?.elements ?? []).map {
            Parameter(name: $0["name"]?.text ?? "", type: $0["type"]?.text ?? "")
        }
    }
}

/// How arguments are chosen.
enum ArgumentStyle: String, CaseIterable {
    /// Small numbers, short arrays, the contract itself, functions that it has.
    case small
    /// The largest value of each type, empty arrays.
    case edge
    /// Random values of each type.
    case random
    /// Random field elements without regard to types.
    case garbage
    /// Small ones, of which the last felt is missing.
    case truncated
    /// Small ones, and a felt more.
    case trailing
}

/// Arguments for the functions of an ABI.
struct ArgumentMaker {
    let abi: ContractABI
    /// What stands for addresses and classes.
    let address: ContractAddress
    let classHash: ClassHash
    /// Selectors of functions that take what any array holds.
    let selectors: [Felt]
    var words: SeededWords

    mutating func arguments(
        for function: ContractABI.Function, _ style: ArgumentStyle
    ) -> [Felt] {
        switch style {
        case .garbage: return (0..<Int(words.next() % 8)).map { _ in randomFelt() }
        case .truncated: return Array(arguments(for: function, .small).dropLast())
        case .trailing: return arguments(for: function, .small) + [randomFelt()]
        case .small, .edge, .random: break
        }
        var result: [Felt] = []
        var lengthOf: [String: Int] = [:]
        for parameter in function.inputs {
            // Cairo 0 says an array's length before it.
            if parameter.type == "felt", parameter.name.hasSuffix("_len") {
                let count = style == .edge ? 0 : 1 + Int(words.next() % 3)
                lengthOf[String(parameter.name.dropLast(4))] = count
                result.append(Felt(UInt64(count)))
                continue
            }
            if parameter.type.hasSuffix("*"), let count = lengthOf[parameter.name] {
                let element = String(parameter.type.dropLast())
                for _ in 0..<count { result += value(element, parameter.name, style) }
                continue
            }
            result += value(parameter.type, parameter.name, style)
        }
        return result
    }

    mutating func randomFelt() -> Felt {
        Felt(words.next()) * Felt(words.next()) * Felt(words.next()) * Felt(words.next())
    }

    private mutating func number(_ bits: Int, _ style: ArgumentStyle) -> Felt {
        let all = bits >= 128 ? UInt128.max : (UInt128(1) << UInt128(bits)) - 1
        switch style {
        case .edge: return Felt(all)
        case .random:
            return Felt((UInt128(words.next()) << 64 | UInt128(words.next())) & all)
        default: return Felt(words.next() % 5)
        }
    }

    private mutating func value(_ type: String, _ name: String, _ style: ArgumentStyle) -> [Felt] {
        let short = type.replacingPrefix("core::integer::", with: "")
        if short.hasPrefix("u"), let bits = Int(short.dropFirst()), bits <= 128 {
            return [number(bits, style)]
        }
        if type.hasPrefix("core::array::Array::<") || type.hasPrefix("core::array::Span::<") {
            let prefix =
                type.hasPrefix("core::array::A") ? "core::array::Array::<" : "core::array::Span::<"
            let element = String(type.dropFirst(prefix.count).dropLast())
            let count = style == .edge ? 0 : 1 + Int(words.next() % 3)
            return [Felt(UInt64(count))]
                + (0..<count).flatMap { _ in value(element, name, style) }
        }
        if type.hasPrefix("(") {
            return tuple(type).flatMap { value($0, name, style) }
        }
        if let members = abi.structs[type] {
            return members.flatMap { value($0.type, $0.name, style) }
        }
        if let variants = abi.enums[type], !variants.isEmpty {
            let index =
                style == .edge
                ? variants.count - 1 : Int(words.next() % UInt64(variants.count))
            let variant = variants[index]
            return [Felt(UInt64(index))]
                + (variant.type == "()" ? [] : value(variant.type, name, style))
        }
        switch type {
        case "core::integer::u256": return [number(128, style), number(128, style)]
        case "core::bool": return [number(1, style == .small ? .random : style)]
        case "core::starknet::contract_address::ContractAddress":
            return [style == .random ? randomFelt() : address]
        case "core::starknet::class_hash::ClassHash":
            return [style == .random ? randomFelt() : classHash]
        case "core::starknet::storage_access::StorageAddress":
            return [style == .edge ? ContractAddresses.bound - .one : number(60, style)]
        default: return [felt(name, style)]
        }
    }

    /// A felt whose meaning its name tells.
    private mutating func felt(_ name: String, _ style: ArgumentStyle) -> Felt {
        if name.contains("selector"), style != .random, !selectors.isEmpty {
            return selectors[Int(words.next() % UInt64(selectors.count))]
        }
        if style == .small {
            if name.contains("class_hash") { return classHash }
            if name.hasSuffix("_address") || name == "to" || name == "code_address" {
                return address
            }
        }
        switch style {
        case .edge: return -Felt.one
        case .random: return randomFelt()
        default: return Felt(words.next() % 5)
        }
    }

    /// The types of a tuple, whose members Cairo 0 names.
    private func tuple(_ type: String) -> [String] {
        var parts: [String] = []
        var depth = 0
        var part = ""
        for character in type.dropFirst().dropLast() {
            if character == "," && depth == 0 {
                parts.append(part)
                part = ""
                continue
            }
            if character == "(" || character == "<" { depth += 1 }
            if character == ")" || character == ">" { depth -= 1 }
            part.append(character)
        }
        parts.append(part)
        return parts.map { text in
            let trimmed = text.drop { $0 == " " }
            guard !trimmed.contains("::"), let colon = trimmed.firstIndex(of: ":") else {
                return String(trimmed)
            }
            return String(trimmed[trimmed.index(after: colon)...].drop { $0 == " " })
        }.filter { !$0.isEmpty }
    }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
