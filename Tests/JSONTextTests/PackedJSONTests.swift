import Foundation
import JSONText
import Primitives
import TestSupport
import Testing

@Suite("The packed form of JSON")
struct PackedJSONTests {
    private static let groups = ["classes", "compiler", "devnet-contracts", "feature-contracts"]

    private static let limits: JSONLimits = {
        var limits = JSONLimits()
        limits.depth = 64
        limits.values = 4_000_000
        limits.members = 200_000
        limits.numberBytes = 1024
        return limits
    }()

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func json(_ text: String) throws -> JSONValue { try JSONParser.parse(bytes(text)) }

    /// The bytes of all strings: `==` on strings does not tell spellings of one letter apart.
    private func same(_ a: JSONValue, _ b: JSONValue) -> Bool {
        a == b && a.utf8(.compact) == b.utf8(.compact)
    }

    /// The forms that a file holds: as it is and, of a Sierra class, also as RPC has it.
    private func classForms(_ value: JSONValue) -> [(name: String, value: JSONValue)] {
        if value["bytecode"] != nil { return [("CASM", value)] }
        if value["program"] != nil { return [("Cairo 0", value)] }
        guard value["sierra_program"] != nil, let members = value.members else {
            return [("other", value)]
        }
        let served = members.compactMap { member -> JSONMember? in
            if member.name == "sierra_program_debug_info" { return nil }
            guard member.name == "abi", member.value.text == nil else { return member }
            let text = String(decoding: member.value.utf8(.python), as: UTF8.self)
            return JSONMember("abi", .string(text))
        }
        return [("Sierra artifact", value), ("Sierra in RPC form", .object(served))]
    }

    @Test(
        "Every class of the fixtures comes back the same, from fewer bytes",
        .enabled(
            if: Fixtures.has("compiler"), Comment(rawValue: Fixtures.absence(of: "compiler"))))
    func fixtures() throws {
        var sizes: [String: (compact: Int, packed: Int)] = [:]
        for file in Self.groups.flatMap({ Fixtures.files(under: $0, suffix: ".json") }) {
            let text = [UInt8](try Fixtures.read(file))
            for (name, value) in classForms(try JSONParser.parse(text, limits: Self.limits)) {
                let encoding = PackedJSON.encode(value)
                let decoded = try PackedJSON.decode(encoding, limits: Self.limits)
                #expect(same(decoded, value), "\(file)")
                #expect(PackedJSON.encode(decoded) == encoding, "\(file)")
                sizes[name, default: (0, 0)].compact += value.utf8(.compact).count
                sizes[name, default: (0, 0)].packed += encoding.count
            }
        }
        for name in ["Sierra in RPC form", "Sierra artifact", "CASM", "Cairo 0"] {
            let size = try #require(sizes[name], "no \(name)")
            print("note: \(name): \(size.compact) bytes of compact JSON, \(size.packed) packed")
            #expect(2 * size.packed < size.compact, "\(name)")
        }
    }

    /// Values at the edges of the forms, with the first bytes of their encoding.
    static let forms: [(String, [UInt8])] = [
        ("null", [0xfd]), ("false", [0xfe]), ("true", [0xff]), ("-4", [0xf0]), ("0", [0xf4]),
        ("8", [0xfc]), ("9", [0xd6, 18]), ("-5", [0xd6, 9]), ("64", [0xd6, 0x80, 1]),
        ("9223372036854775807", [0xd6, 0xfe] + Array(repeating: 0xff, count: 8) + [1]),
        (
            "9223372036854775808",
            [0xd7, 19, 0x92, 0x23, 0x37, 0x20, 0x36, 0x85, 0x47, 0x75, 0x80]
                + [0x8f]
        ),
        ("-0", [0xd7, 2, 0xa0]), ("1.50", [0xd7, 4, 0x1c, 0x50]), ("1e+2", [0xd7, 4, 0x1d, 0xb2]),
        (#""0x0""#, [0x00]), (#""0x3f""#, [0x3f]), (#""0x40""#, [0x40, 0]),
        (#""0x203f""#, [0x5f, 0xff]), (#""0x2040""#, [0x60, 0x20, 0x40]),
        (#""0x12345""#, [0x61, 1, 0x23, 0x45]), (#""0x00""#, [0xd1, 4, 0x30, 0x78, 0x30, 0x30]),
        (#""0xA""#, [0xd1, 3, 0x30, 0x78, 0x41]), (#""0x""#, [0xd1, 2, 0x30, 0x78]),
        (#""""#, [0xd1, 0]), ("[]", [0xd8]),
        ("[1,1,1,1,1,1]", [0xde] + repeatElement(0xf5, count: 6)),
        ("[1,1,1,1,1,1,1]", [0xd4, 7] + repeatElement(0xf5, count: 7)), ("{}", [0xd5]),
        (#"["ab","ab"]"#, [0xda, 0xd1, 2, 0x61, 0x62, 0x80]),
        (#"[{"a":0},{"a":1}]"#, [0xda, 0xd2, 1, 0xd1, 1, 0x61, 0xf4, 0xe0, 0xf5]),
        (#"{"a":"a"}"#, [0xd2, 1, 0xd1, 1, 0x61, 0x80]),
    ]

    @Test(
        "Values at the edges of the forms have the encodings that the format states",
        arguments: forms)
    func edges(_ text: String, _ encoding: [UInt8]) throws {
        let value = try json(text)
        #expect(PackedJSON.encode(value) == encoding)
        #expect(same(try PackedJSON.decode(encoding), value))
    }

    @Test("Hexadecimal strings of every length come back with every digit")
    func hexadecimal() throws {
        for count in 1...70 {
            for digit in ["1", "f", "0"] {
                let text = "0x" + digit + String(repeating: "a", count: count - 1)
                let encoding = PackedJSON.encode(.string(text))
                #expect(try PackedJSON.decode(encoding) == .string(text))
                if digit != "0", count <= 66 { #expect(encoding.count <= count / 2 + 2) }
            }
        }
    }

    @Test("Tables of many strings and shapes keep every one of them apart")
    func manyEntries() throws {
        let strings = (0..<9000).map { JSONValue.string("s\($0)") }
        let shapes = (0..<40).map { JSONValue.object([JSONMember("k\($0)", .null)]) }
        let value = JSONValue.array(strings + shapes + strings + shapes)
        let encoding = PackedJSON.encode(value)
        #expect(same(try PackedJSON.decode(encoding), value))
    }

    @Test("Different spellings of one letter stay different")
    func spellings() throws {
        let value = JSONValue.array([.string("\u{e9}"), .string("e\u{301}"), .string("\u{e9}")])
        #expect(same(try PackedJSON.decode(PackedJSON.encode(value)), value))
    }

    @Test("A string that is a JSON text in one of two styles is packed, and any other is not")
    func texts() throws {
        let inner = try json(
            #"[{"name":"transfer","inputs":[{"name":"to"},{"name":"é\n"}]},{"name":"0x10","inputs":[]}]"#
        )
        for style in [JSONStyle.compact, .python] {
            let text = String(decoding: inner.utf8(style), as: UTF8.self)
            let value = JSONValue.array([.string(text), .string("x"), .string(text)])
            let encoding = PackedJSON.encode(value)
            #expect(encoding[1] == 0xdf && encoding[2] == (style == .compact ? 0 : 1))
            #expect(same(try PackedJSON.decode(encoding), value))
        }
        let other = String(decoding: inner.utf8(.compact), as: UTF8.self) + " "
        let encoding = PackedJSON.encode(.string(other))
        #expect(encoding[0] == 0xd1)
        #expect(same(try PackedJSON.decode(encoding), .string(other)))
        // A text in a text: the inner one stays as it is.
        let nested = JSONValue.array([.string(String(decoding: inner.utf8(.python), as: UTF8.self))]
        )
        let outer = JSONValue.string(String(decoding: nested.utf8(.compact), as: UTF8.self))
        #expect(same(try PackedJSON.decode(PackedJSON.encode(outer)), outer))
    }

    @Test("What is in a text counts by the format's limits, not by those of the value around it")
    func textLimits() throws {
        let inner = JSONValue.array((0..<40).map { _ in .array([.array([])]) })
        let text = String(decoding: inner.utf8(.compact), as: UTF8.self)
        let value = JSONValue.array([.string(text)])
        let encoding = PackedJSON.encode(value)
        #expect(encoding[1] == 0xdf)
        var limits = JSONLimits()
        limits.depth = 1
        limits.values = 2
        limits.textBytes = text.utf8.count
        #expect(same(try PackedJSON.decode(encoding, limits: limits), value))
        limits.textBytes -= 1
        #expect(throws: PackedJSONError.tooMuchText(at: 1)) {
            try PackedJSON.decode(encoding, limits: limits)
        }
    }

    static let refused: [(PackedJSONError, [UInt8])] = [
        (.unexpectedEnd, []), (.unexpectedEnd, [0x40]), (.unexpectedEnd, [0xd4, 8, 0xf4]),
        (.trailingBytes(at: 1), [0xf4, 0xf4]), (.notCanonical(at: 0), [0x60, 0x20, 0x3f]),
        (.notCanonical(at: 0), [0x61, 0, 1, 1]), (.unknownReference(at: 0), [0x80]),
        (.unknownReference(at: 0), [0xb0, 0]), (.unknownReference(at: 0), [0xd0, 0]),
        (.unknownReference(at: 0), [0xe0]), (.unknownReference(at: 0), [0xd3, 0]),
        (.notCanonical(at: 0), [0xd1, 3, 0x30, 0x78, 0x31]),
        (.invalidUTF8(at: 0), [0xd1, 1, 0x80]),
        (.notCanonical(at: 4), [0xda, 0xd1, 1, 0x61, 0xd1, 1, 0x61]),
        (.notCanonical(at: 0), [0xd2, 0]), (.notCanonical(at: 1), [0xd4, 0x80, 0]),
        (.notCanonical(at: 0), [0xd4, 2, 0xf4, 0xf4]), (.notCanonical(at: 0), [0xd6, 0]),
        (.notCanonical(at: 0), [0xd7, 1, 0x1f]), (.invalidNumber(at: 0), [0xd7, 1, 0x10]),
        (.invalidNumber(at: 0), [0xd7, 1, 0xbf]), (.invalidNumber(at: 0), [0xd7, 2, 0x01]),
        (.duplicateName(at: 0), [0xd2, 2, 0xd1, 1, 0x61, 0x80, 0xf4, 0xf4]),
        (.notCanonical(at: 7), [0xda, 0xd2, 1, 0xd1, 1, 0x61, 0xf4, 0xd2, 1, 0x80, 0xf5]),
        (.notCanonical(at: 0), [0xdf, 0, 0xd8]), (.notCanonical(at: 0), [0xdf, 2, 0xd8]),
        (.notCanonical(at: 1), [0xd6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
    ]

    @Test("Bytes that are no encoding, or not the only one, are refused", arguments: refused)
    func refusals(_ error: PackedJSONError, _ bytes: [UInt8]) {
        #expect(throws: error) { try PackedJSON.decode(bytes) }
    }

    @Test("Every maximum holds at its bound and refuses one more")
    func maxima() throws {
        func accepts(_ text: String, _ change: (inout JSONLimits) -> Void) throws -> Bool {
            var limits = JSONLimits()
            change(&limits)
            let encoding = PackedJSON.encode(try json(text))
            return (try? PackedJSON.decode(encoding, limits: limits)) != nil
        }
        for (text, isAccepted) in [
            ("[[[]]]", true), ("[[[[]]]]", false), (#"[[{"a":[]}]]"#, false),
        ] {
            #expect(try accepts(text) { $0.depth = 3 } == isAccepted)
        }
        for (text, isAccepted) in [("[1,2]", true), ("[1,2,3]", false), (#"{"a":1,"b":2}"#, true)] {
            #expect(try accepts(text) { $0.values = 3 } == isAccepted)
        }
        for (text, isAccepted) in [(#"{"a":1,"b":2}"#, true), (#"{"a":1,"b":2,"c":3}"#, false)] {
            #expect(try accepts(text) { $0.members = 2 } == isAccepted)
        }
        for (text, isAccepted) in [
            ("1.25", true), ("-1.25", false), ("1234", true), ("-1234", false),
        ] {
            #expect(try accepts(text) { $0.numberBytes = 4 } == isAccepted)
        }
        // A string that is repeated counts each time.
        for (text, isAccepted) in [(#"["abcd","abcd"]"#, true), (#"["abcd","abcd","0x1"]"#, false)]
        {
            #expect(try accepts(text) { $0.textBytes = 8 } == isAccepted)
        }
        for (text, isAccepted) in [
            (#"[{"ab":0},{"ab":0}]"#, true), (#"[{"ab":0},{"ab":0},{"ab":0}]"#, false),
        ] {
            #expect(try accepts(text) { $0.textBytes = 5 } == isAccepted)
        }
    }

    @Test("Seeded values come back the same, and what damage leaves readable is canonical")
    func damage() throws {
        var accepted = 0
        var refused = 0
        for seed: UInt64 in 0..<4000 {
            var samples = JSONSamples(seed: seed)
            let value = samples.value(depth: 4)
            let encoding = PackedJSON.encode(value)
            #expect(same(try PackedJSON.decode(encoding), value), "seed \(seed)")
            for _ in 0..<4 {
                let damaged = samples.damaged(encoding)
                guard let found = try? PackedJSON.decode(damaged) else {
                    refused += 1
                    continue
                }
                accepted += 1
                #expect(PackedJSON.encode(found) == damaged, "seed \(seed)")
            }
        }
        #expect(accepted > 500 && refused > 500)
    }

    @Test("No prefix of an encoding is an encoding")
    func prefixes() throws {
        for seed: UInt64 in 0..<50 {
            var samples = JSONSamples(seed: seed)
            let encoding = PackedJSON.encode(samples.value(depth: 3))
            for count in 0..<encoding.count {
                #expect(throws: PackedJSONError.self) {
                    try PackedJSON.decode(Array(encoding.prefix(count)))
                }
            }
        }
    }
}
