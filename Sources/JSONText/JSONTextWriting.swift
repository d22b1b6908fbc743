/// How a JSON text is laid out.
package struct JSONStyle: Hashable, Sendable {
    /// A space after each comma between elements and after each colon.
    package var isSpaced: Bool
    /// Characters beyond ASCII as `\u` escapes of their UTF-16 units.
    package var isASCII: Bool

    /// No white space; characters as they are.
    package static let compact = JSONStyle(isSpaced: false, isASCII: false)
    /// What Python's `json.dumps` writes unless told otherwise, and what Starknet's hashes of ABIs
    /// and of Cairo 0 programs are made of.
    package static let python = JSONStyle(isSpaced: true, isASCII: true)
}

extension JSONValue {
    /// The value's text as UTF-8, members in their order and numbers as they are.
    package func utf8(_ style: JSONStyle) -> [UInt8] {
        var bytes: [UInt8] = []
        write(style, into: &bytes)
        return bytes
    }

    package func write(_ style: JSONStyle, into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let digits): bytes.append(contentsOf: digits.utf8)
        case .string(let text): JSONValue.write(text, style, into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { style.comma(into: &bytes) }
                element.write(style, into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { style.comma(into: &bytes) }
                JSONValue.write(member.name, style, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                if style.isSpaced { bytes.append(UInt8(ascii: " ")) }
                member.value.write(style, into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, _ style: JSONStyle, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ style.isPlain($0) }) {
            bytes.append(contentsOf: text.utf8)
        } else {
            for scalar in text.unicodeScalars { write(scalar, style, into: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func write(
        _ scalar: Unicode.Scalar, _ style: JSONStyle, into bytes: inout [UInt8]
    ) {
        switch scalar {
        case "\"": bytes.append(contentsOf: #"\""#.utf8)
        case "\\": bytes.append(contentsOf: #"\\"#.utf8)
        case "\u{8}": bytes.append(contentsOf: #"\b"#.utf8)
        case "\u{c}": bytes.append(contentsOf: #"\f"#.utf8)
        case "\n": bytes.append(contentsOf: #"\n"#.utf8)
        case "\r": bytes.append(contentsOf: #"\r"#.utf8)
        case "\t": bytes.append(contentsOf: #"\t"#.utf8)
        case _ where scalar.value < 0x20 || (style.isASCII && scalar.value >= 0x80):
            for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                bytes.append(contentsOf: #"\u"#.utf8)
                for shift: UInt16 in [12, 8, 4, 0] {
                    bytes.append(hexDigit(UInt8(truncatingIfNeeded: unit >> shift & 0xf)))
                }
            }
        default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }

    /// The lowercase digit of a number below 16.
    static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "a")
    }
}

extension JSONStyle {
    fileprivate func comma(into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: ","))
        if isSpaced { bytes.append(UInt8(ascii: " ")) }
    }

    /// Whether a byte of a string stands for itself.
    fileprivate func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            && (byte < 0x80 || !isASCII)
    }
}
