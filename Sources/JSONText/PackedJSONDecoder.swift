/// Why bytes are not the encoding of a JSON value, with the byte where that shows.
package enum PackedJSONError: Error, Hashable, Sendable {
    case unexpectedEnd
    case trailingBytes(at: Int)
    /// The value has another, shorter encoding.
    case notCanonical(at: Int)
    case unknownReference(at: Int)
    case invalidUTF8(at: Int)
    case invalidNumber(at: Int)
    case duplicateName(at: Int)
    case tooDeep(at: Int)
    case tooManyValues(at: Int)
    case tooManyMembers(at: Int)
    case numberTooLong(at: Int)
    case tooMuchText(at: Int)
}

extension PackedJSON {
    /// The value of an encoding (see `PackedJSON`).
    ///
    /// - Throws: where the bytes are no encoding, or the value is larger than the limits.
    package static func decode(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(PackedJSONError) -> JSONValue {
        var decoder = Decoder(bytes, limits)
        let value = try decoder.value(depth: 0)
        guard decoder.position == bytes.count else {
            throw .trailingBytes(at: decoder.position)
        }
        return value
    }

    private struct Decoder {
        private let bytes: [UInt8]
        private var limits: JSONLimits
        private(set) var position = 0
        private var values = 0
        private var textBytes = 0
        private var strings = Table<Key>()
        private var shapes = Table<[Key]>()
        private var isInText = false

        init(_ bytes: [UInt8], _ limits: JSONLimits) {
            self.bytes = bytes
            self.limits = limits
        }

        // MARK: Parts

        private mutating func byte() throws(PackedJSONError) -> UInt8 {
            guard position < bytes.count else { throw .unexpectedEnd }
            defer { position += 1 }
            return bytes[position]
        }

        private mutating func take(_ count: Int) throws(PackedJSONError) -> ArraySlice<UInt8> {
            guard count <= bytes.count - position else { throw .unexpectedEnd }
            defer { position += count }
            return bytes[position..<position + count]
        }

        private mutating func varint() throws(PackedJSONError) -> UInt64 {
            let start = position
            var number: UInt64 = 0
            for shift: UInt64 in stride(from: 0, through: 63, by: 7) {
                let next = try byte()
                let digits = UInt64(next & 0x7f)
                guard (digits << shift) >> shift == digits else { throw .notCanonical(at: start) }
                number |= digits << shift
                if next & 0x80 == 0 {
                    guard next != 0 || shift == 0 else { throw .notCanonical(at: start) }
                    return number
                }
            }
            throw .notCanonical(at: start)
        }

        /// A number of bytes or values, each of which takes at least `half` half bytes.
        private mutating func count(half: Int) throws(PackedJSONError) -> Int {
            let number = try varint()
            let most = 2 * (bytes.count - position) / half
            guard number <= UInt64(most) else { throw .unexpectedEnd }
            return Int(number)
        }

        private mutating func note(_ text: String, at start: Int) throws(PackedJSONError) {
            textBytes += text.utf8.count
            guard textBytes <= limits.textBytes else { throw .tooMuchText(at: start) }
        }

        // MARK: Values

        mutating func value(depth: Int) throws(PackedJSONError) -> JSONValue {
            let start = position
            values += 1
            guard values <= limits.values else { throw .tooManyValues(at: start) }
            let head = try byte()
            switch head {
            case 0xfd: return .null
            case 0xfe: return .bool(false)
            case 0xff: return .bool(true)
            case 0xf0...0xfc: return .number(String(Int(head) - 0xf4))
            case 0xd6: return .number(try integer(at: start))
            case 0xd7: return .number(try number(at: start))
            case 0xd4, 0xd8...0xde: return .array(try array(head, at: start, depth: depth))
            case 0xd2, 0xd3, 0xd5, 0xe0...0xef:
                return .object(try object(head, at: start, depth: depth))
            case 0xdf: return .string(try text(at: start))
            default: return .string(try string(head, at: start, isName: false))
            }
        }

        private mutating func array(
            _ head: UInt8, at start: Int, depth: Int
        ) throws(PackedJSONError) -> [JSONValue] {
            guard depth < limits.depth else { throw .tooDeep(at: start) }
            let count = head == 0xd4 ? try self.count(half: 2) : Int(head) - 0xd8
            guard head != 0xd4 || count >= Form.arrayByte else { throw .notCanonical(at: start) }
            guard count <= limits.values - values else { throw .tooManyValues(at: start) }
            var elements: [JSONValue] = []
            elements.reserveCapacity(count)
            for _ in 0..<count { elements.append(try value(depth: depth + 1)) }
            return elements
        }

        private mutating func object(
            _ head: UInt8, at start: Int, depth: Int
        ) throws(PackedJSONError) -> [JSONMember] {
            guard depth < limits.depth else { throw .tooDeep(at: start) }
            let names: [Key]
            switch head {
            case 0xd5: names = []
            case 0xd2: names = try newShape(at: start)
            default:
                let index =
                    head == 0xd3
                    ? try varint().addingReportingOverflow(UInt64(Form.shapeByte)).partialValue
                    : UInt64(head - 0xe0)
                guard index < UInt64(shapes.entries.count),
                    head != 0xd3 || index >= UInt64(Form.shapeByte)
                else { throw .unknownReference(at: start) }
                names = shapes.entries[Int(index)]
                for name in names { try note(name.text, at: start) }
            }
            guard names.count <= limits.values - values else { throw .tooManyValues(at: start) }
            guard names.count <= bytes.count - position else { throw .unexpectedEnd }
            var members: [JSONMember] = []
            members.reserveCapacity(names.count)
            for name in names {
                members.append(JSONMember(name.text, try value(depth: depth + 1)))
            }
            return members
        }

        private mutating func newShape(at start: Int) throws(PackedJSONError) -> [Key] {
            let count = try self.count(half: 4)
            guard count > 0 else { throw .notCanonical(at: start) }
            guard count <= limits.members else { throw .tooManyMembers(at: start) }
            var names: [Key] = []
            names.reserveCapacity(count)
            for _ in 0..<count {
                let place = position
                names.append(Key(try string(try byte(), at: place, isName: true)))
            }
            guard !JSONParser.repeatsName(names.map { JSONMember($0.text, .null) }) else {
                throw .duplicateName(at: start)
            }
            guard shapes.index(of: names) == nil else { throw .notCanonical(at: start) }
            shapes.append(names)
            return names
        }

        // MARK: Strings

        private mutating func string(
            _ head: UInt8, at start: Int, isName: Bool
        ) throws(PackedJSONError) -> String {
            let found: String
            switch head {
            case 0x00...0x3f: found = PackedJSON.hexText(Int(head))
            case 0x40...0x5f:
                found = PackedJSON.hexText(Form.hexByte + (try pair(head - 0x40)))
            case 0x60...0x7f:
                let digits = try take(Int(head - 0x60) + 2)
                let isSmall =
                    digits.count == 2 && digits.reduce(0) { $0 << 8 | Int($1) } < Form.hexPair
                guard digits.first != 0, !isSmall else { throw .notCanonical(at: start) }
                found = PackedJSON.hexText(digits)
                try enter(found, at: start)
            case 0x80...0xaf: found = try reference(UInt64(head - 0x80), at: start)
            case 0xb0...0xcf:
                found = try reference(
                    UInt64(Form.referenceByte + (try pair(head - 0xb0))), at: start)
            case 0xd0:
                let (index, overflow) = try varint().addingReportingOverflow(
                    UInt64(Form.referencePair))
                guard !overflow else { throw .unknownReference(at: start) }
                found = try reference(index, at: start)
            case 0xd1:
                found = try literal(at: start)
                guard isName || isInText || PackedJSON.value(inText: found) == nil else {
                    throw .notCanonical(at: start)
                }
                try enter(found, at: start)
            default: throw .notCanonical(at: start)
            }
            try note(found, at: start)
            return found
        }

        private mutating func pair(_ high: UInt8) throws(PackedJSONError) -> Int {
            Int(high) << 8 | Int(try byte())
        }

        private func reference(_ index: UInt64, at start: Int) throws(PackedJSONError) -> String {
            guard index < UInt64(strings.entries.count) else {
                throw .unknownReference(at: start)
            }
            return strings.entries[Int(index)].text
        }

        private mutating func literal(at start: Int) throws(PackedJSONError) -> String {
            let count = try self.count(half: 2)
            guard count <= limits.textBytes else { throw .tooMuchText(at: start) }
            guard let text = String(validating: try take(count), as: UTF8.self) else {
                throw .invalidUTF8(at: start)
            }
            guard PackedJSON.hexBytes(text) == nil else { throw .notCanonical(at: start) }
            return text
        }

        private mutating func enter(_ text: String, at start: Int) throws(PackedJSONError) {
            let key = Key(text)
            guard strings.index(of: key) == nil else { throw .notCanonical(at: start) }
            strings.append(key)
        }

        /// A string that is the text of a value. The value counts as a text of its own, by the
        /// format's limits: what a parser takes for one string is one value here, too.
        private mutating func text(at start: Int) throws(PackedJSONError) -> String {
            guard !isInText else { throw .notCanonical(at: start) }
            let style = Int(try byte())
            guard PackedJSON.styles.indices.contains(style) else { throw .notCanonical(at: start) }
            let outside = (limits: limits, values: values, textBytes: textBytes)
            limits = PackedJSON.textLimits
            limits.textBytes = outside.limits.textBytes
            values = 0
            isInText = true
            let inner = try value(depth: 0)
            isInText = false
            (limits, values, textBytes) = outside
            let written = String(
                decoding: inner.utf8(PackedJSON.styles[style]), as: UTF8.self)
            // No shorter than all strings in it, which it stands for.
            try note(written, at: start)
            // A text that is its own value's, in this style and not in an earlier one.
            guard let again = PackedJSON.value(inText: written),
                again.style == PackedJSON.styles[style], strings.index(of: Key(written)) == nil
            else { throw .notCanonical(at: start) }
            return written
        }

        // MARK: Numbers

        private mutating func integer(at start: Int) throws(PackedJSONError) -> String {
            let folded = try varint()
            let integer = Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
            guard !Form.integers.contains(Int(integer)) else { throw .notCanonical(at: start) }
            let digits = String(integer)
            guard digits.utf8.count <= limits.numberBytes else { throw .numberTooLong(at: start) }
            try note(digits, at: start)
            return digits
        }

        private mutating func number(at start: Int) throws(PackedJSONError) -> String {
            let count = try self.count(half: 1)
            guard count <= limits.numberBytes else { throw .numberTooLong(at: start) }
            var characters: [UInt8] = []
            characters.reserveCapacity(count + 1)
            for packed in try take((count + 1) / 2) {
                for nibble in [packed >> 4, packed & 0xf] {
                    let isFiller = characters.count == count
                    guard isFiller == (nibble == 0xf) else { throw .invalidNumber(at: start) }
                    if !isFiller { characters.append(Form.numberCharacters[Int(nibble)]) }
                }
            }
            guard JSONParser.isNumber(characters) else { throw .invalidNumber(at: start) }
            let digits = String(decoding: characters, as: UTF8.self)
            if let small = Int64(digits), String(small) == digits {
                throw .notCanonical(at: start)
            }
            try note(digits, at: start)
            return digits
        }
    }

    /// The text of a number below 2^16.
    private static func hexText(_ number: Int) -> String {
        let bytes = [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        return hexText(bytes.drop { $0 == 0 })
    }
}
