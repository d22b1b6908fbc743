import Foundation
import JSONText
import Primitives
import StarkField
import Testing

@testable import RPC

struct JSONTests {
    private func parse(_ text: String) throws(JSONError) -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    static let good: [(String, JSONValue)] = [
        ("null", .null), (" true\n", .bool(true)), ("\tfalse\r", .bool(false)),
        ("0", .number("0")), ("-0.5e+10", .number("-0.5e+10")), ("1E3", .number("1E3")),
        (#""""#, .string("")), (#""a\"\\\/\b\f\n\r\t\u0041""#, .string("a\"\\/\u{8}\u{c}\n\r\tA")),
        (#""\ud83d\ude00é😀""#, .string("😀é😀")), ("[]", .array([])),
        ("[ 1 , [ ] , {} ]", .array([.number("1"), .array([]), .object([])])),
        (
            #"{"b": 1, "a": null}"#,
            .object([JSONMember("b", .number("1")), JSONMember("a", .null)])
        ),
    ]

    @Test("JSON texts give their values, numbers as sent and members in order", arguments: good)
    func values(_ text: String, _ value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    static let bad = [
        "", " ", "nul", "nulll", "TRUE", "01", "1.", ".5", "-", "+1", "1e", "1e+", "0x1", "NaN",
        "\"", #""\""#, #""\x""#, #""\u12""#, #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#,
        "\"\u{1}\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[}",
        "{]",
        "1 2", "[] []", #"{"a":1,"a":2}"#, "'a'", "/**/1", "\u{feff}1",
    ]

    @Test("texts that are no JSON are refused", arguments: bad)
    func malformed(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test("a name that occurs twice among many is found too")
    func duplicateNames() {
        let many = (0..<40).map { "\"\($0 % 39)\":0" }.joined(separator: ",")
        #expect(throws: JSONError.duplicateName(at: 0)) { try parse("{\(many)}") }
    }

    @Test("every maximum holds at its bound and refuses one more")
    func maxima() throws {
        var limits = JSONLimits()
        limits.depth = 4
        limits.values = 6
        limits.members = 2
        limits.numberBytes = 3
        func accepts(_ text: String) -> Bool {
            (try? JSONParser.parse(Array(text.utf8), limits: limits)) != nil
        }
        #expect(accepts("[[[[]]]]"))
        #expect(!accepts("[[[[[]]]]]"))
        #expect(accepts("[1,1,1,1,1]"))
        #expect(!accepts("[1,1,1,1,1,1]"))
        #expect(accepts(#"{"a":1,"b":1}"#))
        #expect(!accepts(#"{"a":1,"b":1,"c":1}"#))
        #expect(accepts("123"))
        #expect(!accepts("1234"))
    }

    @Test("a megabyte of brackets, quotes or digits is refused without harm")
    func deepAndLong() {
        for unit in ["[", "{\"a\":", "\"\\", "9", "[[],", "\\u", "{"] {
            let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
            #expect(throws: JSONError.self) { try parse(text) }
        }
    }

    @Test("invalid UTF-8 in a string is refused")
    func invalidUTF8() {
        for bytes: [UInt8] in [[0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8], [0xc3]] {
            let text = [0x22] + bytes + [0x22]
            #expect(throws: JSONError.self) { try JSONParser.parse(text) }
            #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0x5c, 0x6e] + text) }
        }
    }

    @Test("what is written is read back as the same value")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 0x4a50)
        for _ in 0..<500 {
            let value = JSONFuzz.value(&generator, depth: 4)
            var writer = JSONWriter()
            writer.value(value)
            #expect(try JSONParser.parse(writer.bytes) == value)
        }
    }

    @Test("a mutated text is accepted only where Foundation accepts it too, with the same value")
    func differential() throws {
        var accepted = 0
        for seed: UInt64 in 0..<4000 {
            var generator = SeededGenerator(seed: seed)
            var writer = JSONWriter()
            writer.value(JSONFuzz.value(&generator, depth: 3))
            let bytes = JSONFuzz.mutated(writer.bytes, &generator)
            guard let value = try? JSONParser.parse(bytes) else { continue }
            // Foundation has no numbers beyond those of a Double.
            if JSONFuzz.isHuge(value) { continue }
            accepted += 1
            let foundation = try? JSONSerialization.jsonObject(
                with: Data(bytes), options: [.fragmentsAllowed])
            let theirs = try #require(foundation, "seed \(seed): \(value)")
            #expect(JSONFuzz.agrees(value, theirs), "seed \(seed): \(value) and \(theirs)")
        }
        #expect(accepted > 100)
    }

    @Test("field elements and integers are written in hexadecimal without leading zeros")
    func hexadecimal() {
        func written(_ body: (inout JSONWriter) -> Void) -> String {
            var writer = JSONWriter()
            body(&writer)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        #expect(written { $0.felt(.zero) } == "\"0x0\"")
        #expect(written { $0.felt(-Felt(1)) } == "\"\((-Felt(1)).hexString)\"")
        #expect(written { $0.hex(UInt64.max) } == "\"0xffffffffffffffff\"")
        #expect(written { $0.hex(UInt128(1) << 64) } == "\"0x10000000000000000\"")
        #expect(
            written { $0.hex(UInt128.max) } == "\"0x" + String(repeating: "f", count: 32) + "\"")
        #expect(written { $0.number(Double.nan) } == "null")
        #expect(written { $0.string("\u{0}\u{1f}\"\\\n") } == #""\u0000\u001f\"\\\n""#)
    }
}

/// Seeded JSON values and damage to texts.
enum JSONFuzz {
    static func value(_ generator: inout SeededGenerator, depth: Int) -> JSONValue {
        switch generator.uniform(below: depth == 0 ? 4 : 6) {
        case 0: return .null
        case 1: return .bool(generator.uniform(below: 2) == 0)
        case 2: return .number(String(Int32(truncatingIfNeeded: generator.next())))
        case 3: return .string(text(&generator))
        case 4:
            let count = generator.uniform(below: 4)
            return .array((0..<count).map { _ in value(&generator, depth: depth - 1) })
        default:
            let count = generator.uniform(below: 4)
            return .object(
                (0..<count).map { index in
                    JSONMember("\(index)" + text(&generator), value(&generator, depth: depth - 1))
                })
        }
    }

    private static func text(_ generator: inout SeededGenerator) -> String {
        let alphabet = Array("abz019\"\\/\n\u{1}\u{7f}é😀 {}[],:")
        let count = generator.uniform(below: 8)
        return String(
            (0..<count).map { _ in
                alphabet[Int(generator.uniform(below: UInt64(alphabet.count)))]
            })
    }

    /// Up to three bytes changed, dropped, doubled, or the text cut.
    static func mutated(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        let tokens = Array("{}[]\":,\\0123456789-+.eEutfn \u{1}".utf8)
        for _ in 0...generator.uniform(below: 3) where !bytes.isEmpty {
            let place = Int(generator.uniform(below: UInt64(bytes.count)))
            switch generator.uniform(below: 6) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            case 1: bytes[place] = tokens[Int(generator.uniform(below: UInt64(tokens.count)))]
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(bytes[place], at: place)
            case 4:
                bytes.insert(tokens[Int(generator.uniform(below: UInt64(tokens.count)))], at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    /// Whether a number has an exponent.
    static func isHuge(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let digits): digits.lowercased().contains("e")
        case .array(let elements): elements.contains(where: isHuge)
        case .object(let members): members.contains { isHuge($0.value) }
        default: false
        }
    }

    static func agrees(_ value: JSONValue, _ theirs: Any) -> Bool {
        switch value {
        case .null: theirs is NSNull
        case .bool(let bool): (theirs as? Bool) == bool
        case .number(let digits):
            (theirs as? NSNumber).map { abs($0.doubleValue - (Double(digits) ?? .nan)) }
                .map { $0 <= 1e-9 * abs(Double(digits) ?? 0) || $0.isNaN } ?? false
        case .string(let text): (theirs as? String) == text
        case .array(let elements):
            (theirs as? [Any]).map { list in
                list.count == elements.count && zip(elements, list).allSatisfy(agrees)
            } ?? false
        case .object(let members):
            (theirs as? [String: Any]).map { table in
                table.count == members.count
                    && members.allSatisfy { member in
                        table[member.name].map { agrees(member.value, $0) } ?? false
                    }
            } ?? false
        }
    }
}
