package import JSONText
package import StarkField

/// Builds a JSON text in one buffer, without an intermediate tree. Commas are its own affair.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// ASCII that needs no escape.
    private mutating func put(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    // MARK: - Values

    package mutating func null() {
        separate()
        put("null")
    }

    package mutating func bool(_ value: Bool) {
        separate()
        value ? put("true") : put("false")
    }

    package mutating func number(_ value: some FixedWidthInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// Six digits after the point; null where the value is not finite.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        bytes.append(contentsOf: "\((value * 1e6).rounded() / 1e6)".utf8)
    }

    package mutating func string(_ value: some StringProtocol) {
        separate()
        quoted(value)
    }

    /// A field element as Starknet's specification writes it: `0x` and no leading zeros.
    package mutating func felt(_ value: Felt) {
        let (word0, word1, word2, word3) = value.bigEndianWords
        separate()
        hex(word0, word1, word2, word3)
    }

    package mutating func hex(_ value: UInt64) {
        separate()
        hex(0, 0, 0, value)
    }

    package mutating func hex(_ value: UInt128) {
        separate()
        hex(0, 0, UInt64(truncatingIfNeeded: value >> 64), UInt64(truncatingIfNeeded: value))
    }

    package mutating func felts(_ values: [Felt]) {
        array { writer in
            for value in values { writer.felt(value) }
        }
    }

    /// A text that is JSON already.
    package mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    package mutating func value(_ value: JSONValue) {
        separate()
        value.write(.compact, into: &bytes)
    }

    // MARK: - Structure

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The name of the member that the next call writes.
    package mutating func name(_ name: some StringProtocol) {
        separate()
        quoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func quoted(_ text: some StringProtocol) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): put("\\\"")
            case UInt8(ascii: "\\"): put("\\\\")
            case 0x0a: put("\\n")
            case 0x0d: put("\\r")
            case 0x09: put("\\t")
            case 0..<0x20:
                put("\\u00")
                bytes.append(JSONWriter.digit(byte >> 4))
                bytes.append(JSONWriter.digit(byte & 15))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func hex(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        put("\"0x")
        let start = bytes.count
        for word in [word0, word1, word2, word3] {
            guard word != 0 || bytes.count > start else { continue }
            for shift in stride(from: UInt64(60), through: 0, by: -4) {
                let nibble = UInt8(truncatingIfNeeded: word >> shift) & 15
                if nibble == 0, bytes.count == start { continue }
                bytes.append(JSONWriter.digit(nibble))
            }
        }
        if bytes.count == start { bytes.append(UInt8(ascii: "0")) }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

// MARK: - Members in one call

extension JSONWriter {
    package mutating func member(_ name: String, _ value: Felt) {
        self.name(name)
        felt(value)
    }

    package mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        bool(value)
    }

    package mutating func member(_ name: String, number value: some FixedWidthInteger) {
        self.name(name)
        number(value)
    }

    package mutating func member(_ name: String, number value: Double) {
        self.name(name)
        number(value)
    }

    package mutating func member(_ name: String, hex value: UInt64) {
        self.name(name)
        hex(value)
    }

    package mutating func member(_ name: String, hex value: UInt128) {
        self.name(name)
        hex(value)
    }

    package mutating func member(_ name: String, _ values: [Felt]) {
        self.name(name)
        felts(values)
    }

    package mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        object(body)
    }

    package mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        array(body)
    }
}
