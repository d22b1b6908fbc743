/// # PackedJSON: a compact form of JSON values
///
/// Made for contract classes, which are long lists of hexadecimal strings and of small objects with
/// the same few shapes. One value has one encoding and one encoding has one value (I1); decoding
/// ends, in time and memory linear in the bytes and bounded by `JSONLimits` (I2); what `JSONParser`
/// accepts under limits is decoded under the same, but for `textBytes` (I3). Numbers must be in the
/// grammar of RFC 8259, and the names of an object differ, as `JSONParser` has it.
///
/// A value starts with a head byte:
///
/// | head | then | value |
/// |---|---|---|
/// | 00-3f | | the string "0x..." of 0 to 63 |
/// | 40-5f | 1 byte | the string "0x..." of 64 + 13 bits |
/// | 60-7f | 2 to 33 bytes | the string "0x..." of a larger number, most significant byte first |
/// | 80-af | | the string 0 to 47 of the table |
/// | b0-cf | 1 byte | the string 48 + 13 bits of the table |
/// | d0 | varint | the string 8240 and up of the table |
/// | d1 | varint, bytes | a string that is not in the table |
/// | d2 | varint, names, values | an object of a new shape |
/// | d3 | varint, values | an object of the shape 16 and up |
/// | d4 | varint, values | an array of 7 and more |
/// | d5 | | the empty object |
/// | d6 | varint | an integer, folded: 0, -1, 1, -2, ... |
/// | d7 | varint, bytes | another number: its length, and half a byte for each character |
/// | d8-de | values | an array of 0 to 6 |
/// | df | 0 or 1, value | a string that is itself the compact or Python text of this value |
/// | e0-ef | values | an object of the shape 0 to 15 |
/// | f0-fc | | the integer -4 to 8 |
/// | fd, fe, ff | | null, false, true |
///
/// Strings of the heads 60-7f and d1 enter the table when they first occur, in names as in values; a
/// shape is an object's list of names, and enters its own table after its names. A hexadecimal
/// string has lowercase digits and no leading zero; any other is a string of head d1. A string that
/// is a JSON text (head df) has at least 32 bytes, holds an object or array, does not lie in another
/// such string, and is neither a name nor in the table. Varints are little-endian base 128. In every
/// choice the first form that fits is the only one that decodes.
package enum PackedJSON {
    /// Where the forms begin and end.
    enum Form {
        static let hexByte = 64
        static let hexPair = 64 + 8192
        static let hexBytes = 33
        static let referenceByte = 48
        static let referencePair = 48 + 8192
        static let shapeByte = 16
        static let arrayByte = 7
        static let integers = -4...8
        static let textBytes = 32
        /// Half a byte each in a number that is not a small integer; 15 fills up.
        static let numberCharacters = Array("0123456789-+.eE".utf8)
    }

    /// What a string that is a JSON text may hold. Part of the format: never changed.
    static let textLimits: JSONLimits = {
        var limits = JSONLimits()
        limits.depth = 32
        limits.values = 1_000_000
        limits.members = 1024
        limits.numberBytes = 128
        return limits
    }()

    /// The value in a string that is a JSON text, and the text's style.
    static func value(inText text: String) -> (value: JSONValue, style: JSONStyle)? {
        guard text.utf8.count >= Form.textBytes,
            text.utf8.first == UInt8(ascii: "[") || text.utf8.first == UInt8(ascii: "{")
        else { return nil }
        let bytes = Array(text.utf8)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes, limits: textLimits)
        } catch { return nil }
        for style in styles where value.utf8(style) == bytes { return (value, style) }
        return nil
    }

    static let styles: [JSONStyle] = [.compact, .python]

    /// A string by its bytes: Swift holds different spellings of an accented letter for equal.
    struct Key: Hashable {
        let text: String

        init(_ text: String) { self.text = text }

        static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

        func hash(into hasher: inout Hasher) {
            let isDone: Void? = text.utf8.withContiguousStorageIfAvailable {
                hasher.combine(bytes: UnsafeRawBufferPointer($0))
            }
            if isDone == nil {
                for byte in text.utf8 { hasher.combine(byte) }
            }
            hasher.combine(0xff as UInt8)
        }
    }

    /// The numbers of what has occurred.
    struct Table<Entry: Hashable> {
        private(set) var entries: [Entry] = []
        private var indices: [Entry: Int] = [:]

        func index(of entry: Entry) -> Int? { indices[entry] }

        mutating func append(_ entry: Entry) {
            indices[entry] = entries.count
            entries.append(entry)
        }
    }

    /// The number's bytes where a text is "0x" and lowercase digits without a leading zero, most
    /// significant first; empty for zero.
    static func hexBytes(_ text: String) -> [UInt8]? {
        var digits = text.utf8[...]
        guard digits.popFirst() == UInt8(ascii: "0"), digits.popFirst() == UInt8(ascii: "x"),
            let first = digits.first, digits.count <= 2 * Form.hexBytes
        else { return nil }
        if first == UInt8(ascii: "0") { return digits.count == 1 ? [] : nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2 + 1)
        var byte: UInt8 = 0
        var isHigh = digits.count % 2 == 0
        for digit in digits {
            let nibble: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            byte = byte << 4 | nibble
            if !isHigh {
                bytes.append(byte)
                byte = 0
            }
            isHigh.toggle()
        }
        return bytes
    }

    /// The text of the number with these bytes, the first of which is not zero.
    static func hexText(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: 2 + 2 * max(bytes.count, 1)) { buffer in
            buffer[0] = UInt8(ascii: "0")
            buffer[1] = UInt8(ascii: "x")
            var count = 2
            for byte in bytes {
                if byte >> 4 != 0 || count > 2 {
                    buffer[count] = JSONValue.hexDigit(byte >> 4)
                    count += 1
                }
                buffer[count] = JSONValue.hexDigit(byte & 0xf)
                count += 1
            }
            if count == 2 {
                buffer[2] = UInt8(ascii: "0")
                count = 3
            }
            return count
        }
    }
}
