import JSONText
import Primitives

/// Seeded JSON values of the kinds that classes are made of, and damage to encodings.
struct JSONSamples {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    private mutating func below(_ bound: Int) -> Int {
        Int(generator.uniform(below: UInt64(bound)))
    }

    private mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth == 0 ? 6 : 9) {
        case 0: return pick([.null, .bool(false), .bool(true)])
        case 1: return .number(number())
        case 2: return .string(text())
        case 3, 4: return .string(hexadecimal())
        case 5:
            // Now and then a string that holds a JSON text.
            guard depth > 0, below(4) == 0 else { return .string(text()) }
            let style = pick([JSONStyle.compact, .python])
            return .string(String(decoding: value(depth: depth - 1).utf8(style), as: UTF8.self))
        case 6: return .array((0..<below(10)).map { _ in value(depth: depth - 1) })
        default:
            let count = below(4)
            let names = (0..<count).map { "\(["name", "type", "0x", "é"][$0 % 4])\(below(2))" }
            return .object(
                Set(names).sorted().map { JSONMember($0, value(depth: depth - 1)) })
        }
    }

    private mutating func number() -> String {
        switch below(4) {
        case 0: String(below(40) - 20)
        case 1: String(Int64(bitPattern: generator.next()))
        case 2: pick(["-0", "1.5", "-2E+7", "0.0", "1e9", "18446744073709551615"])
        default: "1" + String(repeating: "07", count: below(40))
        }
    }

    private mutating func hexadecimal() -> String {
        switch below(3) {
        case 0: "0x" + String(below(100), radix: 16)
        case 1: "0x" + String(below(20_000), radix: 16)
        default: "0x" + String(generator.next() >> UInt64(below(64)), radix: 16)
        }
    }

    private mutating func text() -> String {
        pick([
            "", "a", "felt", "core::integer::u256", "0x", "0x01", "0xF", "e\u{301}", "\u{e9}",
            "\u{1f600}", "[", "{\"a\":1}", "\"\\\n\u{1}",
        ])
    }

    /// Up to three bytes changed, dropped, doubled, or the encoding cut.
    mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(3) where !bytes.isEmpty {
            let place = below(bytes.count)
            switch below(6) {
            case 0: bytes[place] = UInt8(below(256))
            case 1: bytes[place] ^= 1 << UInt8(below(8))
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(bytes[place], at: place)
            case 4: bytes[place] = pick([0x80, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd7, 0xdf, 0xe0])
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}
