/// A parsed JSON text (RFC 8259). Numbers stay as the text that was sent, so that nothing is lost
/// and an id can be echoed byte for byte. Objects keep the order of their members.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number in the grammar of RFC 8259, section 6.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The member of an object; nil where there is none or `self` is not an object.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var isNull: Bool { self == .null }

    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var members: [JSONMember]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The number where it is written as an integer below 2^64, without sign, fraction or exponent.
    package var unsigned: UInt64? {
        guard case .number(let digits) = self else { return nil }
        return UInt64(digits)
    }

    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// One name and value of a JSON object.
package struct JSONMember: Hashable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}
