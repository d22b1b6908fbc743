import StarkField

/// Reasons that Cairo contracts and the system give as short strings.
enum Panic {
    static let outOfGas = HashTerms.shortString("Out of gas")
    static let entryPointFailed = HashTerms.shortString("ENTRYPOINT_FAILED")
    static let entryPointNotFound = HashTerms.shortString("ENTRYPOINT_NOT_FOUND")
    static let blockNumberOutOfRange = HashTerms.shortString("Block number out of range")
    static let invalidInputLength = HashTerms.shortString("Invalid input length")
    static let invalidArgument = HashTerms.shortString("Invalid argument")
}

/// The data of a panic as Starknet prints it: hexadecimal and, where it is text, the text; a byte
/// array as the string that it holds.
///
/// Source: starkware-libs/cairo, `cairo-lang-runner`, the formatting of panic data.
enum PanicText {
    /// What a panic with a byte array begins with (corelib, `byte_array::BYTE_ARRAY_MAGIC`).
    private static let byteArrayMagic = HashTerms.packed(
        0x046a_6158_a16a_947e, 0x5916_b2a2_ca68_501a,
        0x45e9_3d71_10e8_1aa2, 0xd643_8b1c_57c8_79a3)

    static func describe(_ data: [Felt]) -> String {
        var items: [String] = []
        var rest = data[...]
        while let felt = rest.first {
            if felt == byteArrayMagic, let (text, count) = byteArray(rest.dropFirst()) {
                items.append("\"" + text + "\"")
                rest = rest.dropFirst(count + 1)
                continue
            }
            let text = shortString(felt).map { " ('\($0)')" } ?? ""
            items.append(felt.hexString + text)
            rest = rest.dropFirst()
        }
        return items.count == 1 ? items[0] : "(" + items.joined(separator: ", ") + ")"
    }

    /// The text of a byte array: the number of full words of 31 bytes, the words, the rest and how
    /// many bytes that has. Nil where the felts are none, or not text.
    private static func byteArray(_ felts: ArraySlice<Felt>) -> (String, count: Int)? {
        let felts = Array(felts)
        guard let words = felts.first?.asUInt64, words < 1000, felts.count >= Int(words) + 3,
            let rest = felts[Int(words) + 2].asUInt64, rest < 31
        else { return nil }
        var bytes: [UInt8] = []
        for word in felts[1..<(Int(words) + 1)] {
            guard word.bigEndianBytes[0] == 0 else { return nil }
            bytes += word.bigEndianBytes.suffix(31)
        }
        let last = felts[Int(words) + 1].bigEndianBytes
        guard last.dropLast(Int(rest)).allSatisfy({ $0 == 0 }) else { return nil }
        bytes += last.suffix(Int(rest))
        guard bytes.allSatisfy({ (0x20..<0x7f).contains($0) || (0x09...0x0d).contains($0) })
        else { return nil }
        return (String(decoding: bytes, as: UTF8.self), Int(words) + 3)
    }

    /// The characters of a short string; nil where some byte is not printable ASCII. Zero bytes
    /// at the front are not part of it, and 0 is the empty string.
    private static func shortString(_ felt: Felt) -> String? {
        let bytes = felt.bigEndianBytes.drop { $0 == 0 }
        guard bytes.count <= 31, bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// 0x and 64 digits.
    static func padded(_ felt: Felt) -> String {
        let digits = felt.hexString.dropFirst(2)
        return "0x" + String(repeating: "0", count: 64 - digits.count) + digits
    }
}
