/// What a JSON text may be at most.
package struct JSONLimits: Sendable {
    /// Arrays and objects inside each other.
    package var depth = 32
    /// Values of all kinds, each member and element counted.
    package var values = 200_000
    /// Members of one object.
    package var members = 1024
    /// Bytes of one number: a 256-bit integer has 78 digits.
    package var numberBytes = 128
    /// Bytes of all names, strings and numbers together, counted where the form that is read can
    /// repeat them at no cost (`PackedJSON`).
    package var textBytes = 1 << 24

    package init() {}
}

/// Why a text is not accepted, with the byte where that shows.
package enum JSONError: Error, Hashable, Sendable {
    case unexpectedEnd
    case unexpectedByte(UInt8, at: Int)
    case trailingBytes(at: Int)
    case invalidUTF8(at: Int)
    case invalidEscape(at: Int)
    case duplicateName(at: Int)
    case tooDeep(at: Int)
    case tooManyValues(at: Int)
    case tooManyMembers(at: Int)
    case numberTooLong(at: Int)
}

extension JSONError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd: "the text ends too early"
        case .unexpectedByte(let byte, let place): "unexpected byte \(byte) at offset \(place)"
        case .trailingBytes(let place): "more text after the value at offset \(place)"
        case .invalidUTF8(let place): "invalid UTF-8 in the string at offset \(place)"
        case .invalidEscape(let place): "invalid escape at offset \(place)"
        case .duplicateName(let place): "a name occurs twice in the object at offset \(place)"
        case .tooDeep(let place): "nested too deeply at offset \(place)"
        case .tooManyValues(let place): "too many values at offset \(place)"
        case .tooManyMembers(let place): "too many members at offset \(place)"
        case .numberTooLong(let place): "a number is too long at offset \(place)"
        }
    }
}

/// A strict and total parser of RFC 8259: any bytes give a value or an error, in time and memory
/// linear in their number. Stricter than the RFC: a name may occur once in an object, an unpaired
/// surrogate escape is refused.
package struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var count = 0

    private init(_ bytes: [UInt8], _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes, limits)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else {
            throw .trailingBytes(at: parser.position)
        }
        return value
    }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            position += 1
        }
    }

    /// The next byte that is not white space, not yet consumed.
    private mutating func peek() throws(JSONError) -> UInt8 {
        skipSpace()
        guard let byte else { throw .unexpectedEnd }
        return byte
    }

    private mutating func expect(_ wanted: UInt8) throws(JSONError) {
        let next = try peek()
        guard next == wanted else { throw .unexpectedByte(next, at: position) }
        position += 1
    }

    private mutating func expect(word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard let byte else { throw .unexpectedEnd }
            guard byte == word.utf8Start[index] else { throw .unexpectedByte(byte, at: position) }
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        let next = try peek()
        count += 1
        guard count <= limits.values else { throw .tooManyValues(at: position) }
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"):
            try expect(word: "true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect(word: "false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect(word: "null")
            return .null
        default: throw .unexpectedByte(next, at: position)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < limits.depth else { throw .tooDeep(at: position) }
        position += 1
        var elements: [JSONValue] = []
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            if try peek() == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < limits.depth else { throw .tooDeep(at: position) }
        let start = position
        position += 1
        var members: [JSONMember] = []
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            let next = try peek()
            guard next == UInt8(ascii: "\"") else { throw .unexpectedByte(next, at: position) }
            guard members.count < limits.members else { throw .tooManyMembers(at: position) }
            let name = try string()
            try expect(UInt8(ascii: ":"))
            members.append(JSONMember(name, try value(depth: depth + 1)))
            if try peek() == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","))
        }
        position += 1
        guard !JSONParser.repeatsName(members) else { throw .duplicateName(at: start) }
        return .object(members)
    }

    static func repeatsName(_ members: [JSONMember]) -> Bool {
        if members.count > 12 { return Set(members.map(\.name)).count != members.count }
        for index in members.indices.dropFirst() {
            let name = members[index].name
            if members[..<index].contains(where: { $0.name == name }) { return true }
        }
        return false
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        if byte == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if byte == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        guard position - start <= limits.numberBytes else { throw .numberTooLong(at: start) }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    /// Whether a text is a number in the grammar of RFC 8259, whatever its length.
    static func isNumber(_ text: some Sequence<UInt8>) -> Bool {
        let bytes = Array(text)
        var limits = JSONLimits()
        limits.numberBytes = bytes.count
        var parser = JSONParser(bytes, limits)
        guard let first = parser.byte, first == UInt8(ascii: "-") || first.isDigit else {
            return false
        }
        do throws(JSONError) {
            _ = try parser.number()
            return parser.position == bytes.count
        } catch { return false }
    }

    private mutating func digits() throws(JSONError) {
        guard let first = byte else { throw .unexpectedEnd }
        guard first.isDigit else { throw .unexpectedByte(first, at: position) }
        while let byte, byte.isDigit { position += 1 }
    }

    /// From the opening quotation mark to behind the closing one.
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            position += 1
        }
        guard let byte else { throw .unexpectedEnd }
        guard byte >= 0x20 else { throw .unexpectedByte(byte, at: position) }
        guard byte == UInt8(ascii: "\\") else {
            defer { position += 1 }
            return try text(bytes[start..<position], from: start)
        }
        return try escapedString(from: start)
    }

    private func text(
        _ slice: ArraySlice<UInt8>, from start: Int
    ) throws(JSONError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw .invalidUTF8(at: start)
        }
        return text
    }

    /// A string with escapes: `position` is at the first of them.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var unescaped = Array(bytes[start..<position])
        while true {
            guard let byte else { throw .unexpectedEnd }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try text(unescaped[...], from: start)
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &unescaped)
            case 0..<0x20:
                throw .unexpectedByte(byte, at: position)
            default:
                unescaped.append(byte)
                position += 1
            }
        }
    }

    private mutating func escape(into unescaped: inout [UInt8]) throws(JSONError) {
        let place = position - 1
        guard let byte else { throw .unexpectedEnd }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(byte)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0c)
        case UInt8(ascii: "n"): unescaped.append(0x0a)
        case UInt8(ascii: "r"): unescaped.append(0x0d)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"):
            let first = try codeUnit()
            var code = UInt32(first)
            if first >= 0xd800, first < 0xdc00 {
                guard peek(0) == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u")
                else { throw .invalidEscape(at: place) }
                position += 2
                let second = try codeUnit()
                guard second >= 0xdc00, second < 0xe000 else { throw .invalidEscape(at: place) }
                code = 0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(second) - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw .invalidEscape(at: place) }
            unescaped.append(contentsOf: Character(scalar).utf8)
        default: throw .invalidEscape(at: place)
        }
    }

    private func peek(_ distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    private mutating func codeUnit() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte else { throw .unexpectedEnd }
            guard let digit = JSONParser.hexDigit(byte) else { throw .invalidEscape(at: position) }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}
