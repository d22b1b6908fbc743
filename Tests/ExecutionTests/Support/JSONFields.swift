import Execution
import Foundation
import StarkField

/// A conformance file that does not have the shape its kind has.
struct MalformedVector: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Reads numbers as the feeder, the RPC and other projects' vectors write them: hexadecimal
/// strings, decimal strings, or JSON numbers.
enum JSONNumbers {
    static func felt(_ value: Any?, _ what: String) throws -> Felt {
        if let text = value as? String {
            if let felt = text.hasPrefix("0x") ? Felt(hex: text) : Felt(decimal: text) {
                return felt
            }
        } else if let number = value as? NSNumber, number.int64Value >= 0 {
            return Felt(number.uint64Value)
        }
        throw MalformedVector("\(what): \(value.map { "\($0)" } ?? "absent")")
    }

    static func uint128(_ value: Any?, _ what: String) throws -> UInt128 {
        guard let number = try felt(value, what).asUInt128 else {
            throw MalformedVector("\(what) is above 128 bits")
        }
        return number
    }

    static func uint64(_ value: Any?, _ what: String) throws -> UInt64 {
        guard let number = try felt(value, what).asUInt64 else {
            throw MalformedVector("\(what) is above 64 bits")
        }
        return number
    }
}

/// A JSON object whose fields are asked for by any of the names that they go by.
struct JSONFields {
    let object: [String: Any]

    init(_ object: [String: Any]) { self.object = object }

    init?(_ value: Any?) {
        guard let object = value as? [String: Any] else { return nil }
        self.object = object
    }

    func first(_ names: [String]) -> Any? {
        for name in names {
            if let value = object[name], !(value is NSNull) { return value }
        }
        return nil
    }

    func has(_ names: String...) -> Bool { first(names) != nil }

    func felt(_ names: String...) throws -> Felt {
        try JSONNumbers.felt(first(names), names.joined(separator: "/"))
    }

    /// The field, or 0 where it is absent.
    func feltOrZero(_ names: String...) throws -> Felt {
        try first(names).map { try JSONNumbers.felt($0, names.joined(separator: "/")) } ?? .zero
    }

    func uint64(_ names: String...) throws -> UInt64 {
        try JSONNumbers.uint64(first(names), names.joined(separator: "/"))
    }

    func uint128(_ names: String...) throws -> UInt128 {
        try JSONNumbers.uint128(first(names), names.joined(separator: "/"))
    }

    /// An array of felts; empty where it is absent.
    func felts(_ names: String...) throws -> [Felt] {
        guard let value = first(names) else { return [] }
        guard let list = value as? [Any] else {
            throw MalformedVector("\(names[0]) is not a list")
        }
        return try list.map { try JSONNumbers.felt($0, names[0]) }
    }

    func string(_ names: String...) -> String? { first(names) as? String }
    func fields(_ names: String...) -> JSONFields? { JSONFields(first(names)) }

    func list(_ names: String...) -> [JSONFields]? {
        (first(names) as? [Any])?.compactMap { JSONFields($0) }
    }
}
