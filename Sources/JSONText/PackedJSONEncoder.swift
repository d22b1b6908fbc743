extension PackedJSON {
    /// The encoding of a value (see `PackedJSON`).
    package static func encode(_ value: JSONValue) -> [UInt8] {
        var encoder = Encoder()
        encoder.write(value)
        return encoder.bytes
    }

    private struct Encoder {
        var bytes: [UInt8] = []
        private var strings = Table<Key>()
        private var shapes = Table<[Key]>()
        private var isInText = false

        mutating func write(_ value: JSONValue) {
            switch value {
            case .null: bytes.append(0xfd)
            case .bool(false): bytes.append(0xfe)
            case .bool(true): bytes.append(0xff)
            case .number(let digits): write(number: digits)
            case .string(let text): write(string: text, isName: false)
            case .array(let elements):
                if elements.count < Form.arrayByte {
                    bytes.append(0xd8 + UInt8(elements.count))
                } else {
                    bytes.append(0xd4)
                    write(varint: UInt64(elements.count))
                }
                for element in elements { write(element) }
            case .object(let members): write(object: members)
            }
        }

        private mutating func write(object members: [JSONMember]) {
            if members.isEmpty { return bytes.append(0xd5) }
            let shape = members.map { Key($0.name) }
            switch shapes.index(of: shape) {
            case .some(let index) where index < Form.shapeByte: bytes.append(0xe0 + UInt8(index))
            case .some(let index):
                bytes.append(0xd3)
                write(varint: UInt64(index - Form.shapeByte))
            case nil:
                bytes.append(0xd2)
                write(varint: UInt64(members.count))
                for member in members { write(string: member.name, isName: true) }
                shapes.append(shape)
            }
            for member in members { write(member.value) }
        }

        private mutating func write(string text: String, isName: Bool) {
            let hex = PackedJSON.hexBytes(text)
            if let hex, hex.count <= 2 {
                let number = hex.reduce(0) { $0 << 8 | Int($1) }
                if number < Form.hexByte { return bytes.append(UInt8(number)) }
                if number < Form.hexPair { return write(pair: number - Form.hexByte, head: 0x40) }
            }
            let key = Key(text)
            if let index = strings.index(of: key) {
                if index < Form.referenceByte {
                    bytes.append(0x80 + UInt8(index))
                } else if index < Form.referencePair {
                    write(pair: index - Form.referenceByte, head: 0xb0)
                } else {
                    bytes.append(0xd0)
                    write(varint: UInt64(index - Form.referencePair))
                }
                return
            }
            if !isName, !isInText, let inner = PackedJSON.value(inText: text) {
                bytes.append(0xdf)
                bytes.append(inner.style == .compact ? 0 : 1)
                isInText = true
                write(inner.value)
                isInText = false
                return
            }
            if let hex {
                bytes.append(0x60 + UInt8(hex.count - 2))
                bytes.append(contentsOf: hex)
            } else {
                bytes.append(0xd1)
                write(varint: UInt64(text.utf8.count))
                bytes.append(contentsOf: text.utf8)
            }
            strings.append(key)
        }

        /// 13 bits, the highest five in the head.
        private mutating func write(pair number: Int, head: UInt8) {
            bytes.append(head + UInt8(number >> 8))
            bytes.append(UInt8(number & 0xff))
        }

        private mutating func write(number digits: String) {
            if let integer = Int64(digits), String(integer) == digits {
                if Form.integers.contains(Int(integer)) {
                    bytes.append(UInt8(0xf4 + Int(integer)))
                } else {
                    bytes.append(0xd6)
                    let folded = UInt64(bitPattern: integer << 1 ^ integer >> 63)
                    write(varint: folded)
                }
                return
            }
            bytes.append(0xd7)
            let characters = Array(digits.utf8)
            write(varint: UInt64(characters.count))
            func nibble(_ index: Int) -> UInt8 {
                guard index < characters.count else { return 0xf }
                let place = Form.numberCharacters.firstIndex(of: characters[index])
                precondition(place != nil, "'\(digits)' is not a JSON number")
                return UInt8(place ?? 0xf)
            }
            for index in stride(from: 0, to: characters.count, by: 2) {
                bytes.append(nibble(index) << 4 | nibble(index + 1))
            }
        }

        private mutating func write(varint number: UInt64) {
            var rest = number
            while rest >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
    }
}
