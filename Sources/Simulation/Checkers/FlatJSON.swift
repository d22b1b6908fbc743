/// Why a line is no observation.
package enum ObservationCodingError: Error, Hashable, Sendable {
    /// Not an object of texts, numbers and lists of texts; the byte at which that shows.
    case malformed(offset: Int)
    case missing(String)
    case invalid(key: String, value: String)
    case unknownEvent(String)
}

/// A JSON object whose values are whole numbers, texts or lists of texts: one line of an observation
/// file. Written and read without Foundation, so that both are the same on every machine.
struct FlatJSON: Hashable {
    enum Value: Hashable {
        case number(UInt64)
        case text(String)
        case texts([String])
    }

    private(set) var entries: [(key: String, value: Value)] = []

    init() {}

    static func == (left: FlatJSON, right: FlatJSON) -> Bool { left.line == right.line }
    func hash(into hasher: inout Hasher) { hasher.combine(line) }

    mutating func add(_ key: String, _ number: UInt64) { entries.append((key, .number(number))) }
    mutating func add(_ key: String, _ text: String) { entries.append((key, .text(text))) }
    mutating func add(_ key: String, _ texts: [String]) { entries.append((key, .texts(texts))) }

    subscript(key: String) -> Value? { entries.first { $0.key == key }?.value }

    // MARK: - Writing

    var line: String {
        var text = "{"
        for (index, entry) in entries.enumerated() {
            if index > 0 { text += "," }
            Self.quote(entry.key, into: &text)
            text += ":"
            switch entry.value {
            case .number(let number): text += String(number)
            case .text(let value): Self.quote(value, into: &text)
            case .texts(let values):
                text += "["
                for (position, value) in values.enumerated() {
                    if position > 0 { text += "," }
                    Self.quote(value, into: &text)
                }
                text += "]"
            }
        }
        return text + "}"
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    // MARK: - Reading

    init(line: String) throws(ObservationCodingError) {
        var parser = Parser(bytes: Array(line.utf8))
        entries = try parser.object()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private var failure: ObservationCodingError { .malformed(offset: position) }
        private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skipSpace() {
            while let byte = next, byte == 0x20 || (9...13).contains(byte) { position += 1 }
        }

        private mutating func takes(_ byte: UInt8) -> Bool {
            skipSpace()
            guard next == byte else { return false }
            position += 1
            return true
        }

        private mutating func expect(_ byte: UInt8) throws(ObservationCodingError) {
            guard takes(byte) else { throw failure }
        }

        mutating func object() throws(ObservationCodingError) -> [(key: String, value: Value)] {
            var entries: [(key: String, value: Value)] = []
            try expect(UInt8(ascii: "{"))
            if !takes(UInt8(ascii: "}")) {
                repeat {
                    let key = try text()
                    try expect(UInt8(ascii: ":"))
                    entries.append((key, try value()))
                } while takes(UInt8(ascii: ","))
                try expect(UInt8(ascii: "}"))
            }
            skipSpace()
            guard next == nil else { throw failure }
            return entries
        }

        private mutating func value() throws(ObservationCodingError) -> Value {
            skipSpace()
            if next == UInt8(ascii: "\"") { return .text(try text()) }
            guard takes(UInt8(ascii: "[")) else { return .number(try number()) }
            var texts: [String] = []
            if takes(UInt8(ascii: "]")) { return .texts([]) }
            repeat { texts.append(try text()) } while takes(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"))
            return .texts(texts)
        }

        private mutating func number() throws(ObservationCodingError) -> UInt64 {
            let start = position
            while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
            let digits = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let number = UInt64(digits) else { throw failure }
            return number
        }

        private mutating func text() throws(ObservationCodingError) -> String {
            try expect(UInt8(ascii: "\""))
            var content: [UInt8] = []
            while let byte = next {
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
                case UInt8(ascii: "\\"): try escape(into: &content)
                default: content.append(byte)
                }
            }
            throw failure
        }

        /// `\"`, `\\` and `\u00xx`: all that `quote` writes.
        private mutating func escape(into content: inout [UInt8]) throws(ObservationCodingError) {
            guard let kind = next else { throw failure }
            position += 1
            switch kind {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(kind)
            case UInt8(ascii: "u"):
                guard position + 4 <= bytes.count else { throw failure }
                let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
                guard let code = UInt8(digits, radix: 16), code < 0x20 else { throw failure }
                position += 4
                content.append(code)
            default: throw failure
            }
        }
    }
}
