import StarkField
import Testing

@Suite("Field elements as integers, bytes and text")
struct TextTests {
    static let primeHex = "0x800000000000011000000000000000000000000000000000000000000000001"
    static let lastHex = "0x800000000000011000000000000000000000000000000000000000000000000"
    static let primeDecimal =
        "3618502788666131213697322783095070105623107215331596699973092056135872020481"
    static let lastDecimal =
        "3618502788666131213697322783095070105623107215331596699973092056135872020480"

    @Test("words, bytes, hexadecimal text and the element give each other back")
    func roundTrips() {
        for value in Samples.edges + Samples.random(100, seed: 0x5eed_0010) {
            #expect(Felt(bigEndianWords: value.bigEndianWords) == value)
            #expect(Felt(reducingBigEndianWords: value.bigEndianWords) == value)
            #expect(value.bigEndianBytes.count == 32)
            #expect(Felt(bigEndianBytes: value.bigEndianBytes) == value)
            #expect(Felt(bigEndianBytes: value.bigEndianBytes.drop { $0 == 0 }) == value)
            #expect(Felt(hex: value.hexString) == value)
            #expect(Felt(hex: value.hexString.uppercased()) == value)
            #expect("\(value)" == value.hexString)
        }
    }

    @Test("p and more is refused, or reduced where that is asked for")
    func rangeEnd() {
        let top: UInt64 = 0x0800_0000_0000_0011
        #expect(Felt(hex: Self.primeHex) == nil)
        #expect(Felt(hex: Self.lastHex) == -Felt.one)
        #expect((-Felt.one).hexString == Self.lastHex)
        #expect(Felt(decimal: Self.primeDecimal) == nil)
        #expect(Felt(decimal: Self.lastDecimal) == -Felt.one)
        #expect(Felt(bigEndianWords: (top, 0, 0, 1)) == nil)
        #expect(Felt(bigEndianWords: (top, 0, 0, 0)) == -Felt.one)
        #expect(Felt(bigEndianWords: (top - 1, .max, .max, .max)) != nil)
        #expect(Felt(bigEndianWords: (top, 0, 1, 0)) == nil)
        #expect(Felt(bigEndianWords: (top, 1, 0, 0)) == nil)
        #expect(Felt(bigEndianBytes: [UInt8](repeating: 0xff, count: 32)) == nil)
        #expect(Felt(reducingBigEndianWords: (top, 0, 0, 1)) == 0)
        // 2^256 - 1 = 32 * 2^251 - 1
        #expect(
            Felt(reducingBigEndianWords: (.max, .max, .max, .max)) == Felt(2).power(256) - 1)
    }

    @Test("malformed text is refused")
    func malformedText() {
        let long = "0x0" + String(repeating: "0", count: 64)
        for text in ["", "0", "0x", "x1", "1", "0xg", "0x 1", "-0x1", "0x-1", "0x1 ", "0xé", long] {
            #expect(Felt(hex: text) == nil, "\(text)")
        }
        let longDecimal = String(repeating: "0", count: 77)
        for text in ["", "-1", "+1", "1a", " 1", "１", longDecimal] {
            #expect(Felt(decimal: text) == nil, "\(text)")
        }
        #expect(Felt(bigEndianBytes: [UInt8](repeating: 0, count: 33)) == nil)
        #expect(Felt(bigEndianBytes: []) == 0)
    }

    @Test("short forms read as written")
    func shortForms() {
        #expect(Felt.zero.hexString == "0x0")
        #expect(Felt(0x1234_5678_9abc_def0).hexString == "0x123456789abcdef0")
        #expect(Felt(hex: "0x00Ff") == 255)
        #expect(Felt(decimal: "00123") == 123)
        #expect(Felt(shortString: "SN_MAIN") == Felt(hex: "0x534e5f4d41494e"))
        #expect(Felt(shortString: "") == 0)
        #expect(Felt(shortString: String(repeating: "~", count: 31)) != nil)
        #expect(Felt(shortString: String(repeating: "a", count: 32)) == nil)
        #expect(Felt(shortString: "é") == nil)
    }

    @Test("small integers come back as such, and only small ones do")
    func smallIntegers() {
        for value: UInt64 in [0, 1, 255, 1 << 32, .max] {
            #expect(Felt(value).asUInt64 == value)
            #expect(Felt(UInt128(value)).asUInt128 == UInt128(value))
        }
        #expect(Felt(UInt128.max).asUInt128 == .max)
        #expect(Felt(UInt128(UInt64.max) + 1).asUInt64 == nil)
        #expect((Felt(UInt128.max) + 1).asUInt128 == nil)
        #expect((-Felt.one).asUInt64 == nil)
        #expect((-Felt.one).asUInt128 == nil)
    }
}
