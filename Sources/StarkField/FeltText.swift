extension Felt {
    /// Up to 32 bytes, most significant first; nil for more bytes or a value of p or more. No bytes
    /// are zero.
    @inlinable
    public init?(bigEndianBytes bytes: some Collection<UInt8>) {
        guard bytes.count <= 32 else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in bytes {
            words.0 = words.0 << 8 | words.1 >> 56
            words.1 = words.1 << 8 | words.2 >> 56
            words.2 = words.2 << 8 | words.3 >> 56
            words.3 = words.3 << 8 | UInt64(byte)
        }
        self.init(bigEndianWords: words)
    }

    /// 32 bytes, most significant first.
    public var bigEndianBytes: [UInt8] {
        let (w0, w1, w2, w3) = bigEndianWords
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            func put(_ word: UInt64, at start: Int) {
                for index in 0..<8 {
                    buffer.initializeElement(
                        at: start + index, to: UInt8(truncatingIfNeeded: word >> (56 - 8 * index)))
                }
            }
            put(w0, at: 0)
            put(w1, at: 8)
            put(w2, at: 16)
            put(w3, at: 24)
            count = 32
        }
    }

    /// "0x" and 1 to 64 hexadecimal digits of either case, leading zeros allowed; nil for any other
    /// text or a value of p or more.
    @inlinable
    public init?(hex: some StringProtocol) {
        var digits = hex.utf8[...]
        guard digits.popFirst() == UInt8(ascii: "0") else { return nil }
        guard let mark = digits.popFirst(), mark | 0x20 == UInt8(ascii: "x") else { return nil }
        guard !digits.isEmpty, digits.count <= 64 else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: return nil
            }
            words.0 = words.0 << 4 | words.1 >> 60
            words.1 = words.1 << 4 | words.2 >> 60
            words.2 = words.2 << 4 | words.3 >> 60
            words.3 = words.3 << 4 | UInt64(value)
        }
        self.init(bigEndianWords: words)
    }

    /// 1 to 76 decimal digits, without sign; nil for any other text or a value of p or more.
    public init?(decimal: some StringProtocol) {
        let digits = decimal.utf8
        guard !digits.isEmpty, digits.count <= 76 else { return nil }
        // 10^76 < 2^256: no word carry is lost.
        var words = LooseFelt(0, 0, 0, 0)
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            var carry = UInt64(digit - UInt8(ascii: "0"))
            (carry, words.l0) = multiplyAdd(words.l0, 10, carry, 0)
            (carry, words.l1) = multiplyAdd(words.l1, 10, carry, 0)
            (carry, words.l2) = multiplyAdd(words.l2, 10, carry, 0)
            (_, words.l3) = multiplyAdd(words.l3, 10, carry, 0)
        }
        self.init(bigEndianWords: (words.l3, words.l2, words.l1, words.l0))
    }

    /// Cairo's short string: up to 31 ASCII characters as a big-endian integer; nil for any other
    /// text.
    public init?(shortString text: some StringProtocol) {
        let bytes = text.utf8
        guard bytes.count <= 31, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        self.init(bigEndianBytes: bytes)
    }

    /// "0x" and the digits in lower case without leading zeros; zero is "0x0".
    public var hexString: String {
        let words = canonical
        return String(unsafeUninitializedCapacity: 66) { buffer in
            buffer[0] = UInt8(ascii: "0")
            buffer[1] = UInt8(ascii: "x")
            var count = 2
            func put(_ word: UInt64) {
                for index in 0..<16 {
                    let digit = UInt8(truncatingIfNeeded: word >> (60 - 4 * index)) & 15
                    if digit == 0, count == 2 { continue }
                    buffer[count] =
                        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                    count += 1
                }
            }
            put(words.l3)
            put(words.l2)
            put(words.l1)
            put(words.l0)
            if count == 2 {
                buffer[2] = UInt8(ascii: "0")
                count = 3
            }
            return count
        }
    }
}

extension Felt: CustomStringConvertible {
    /// The same as `hexString`.
    public var description: String { hexString }
}
