import Foundation
import JSONText
import Testing

@Suite("Texts of JSON values")
struct JSONTextWritingTests {
    private func text(_ value: JSONValue, _ style: JSONStyle) -> String {
        String(decoding: value.utf8(style), as: UTF8.self)
    }

    static let cases: [(JSONValue, compact: String, python: String)] = [
        (.null, "null", "null"), (.bool(true), "true", "true"),
        (.number("-1.50"), "-1.50", "-1.50"),
        (.array([]), "[]", "[]"), (.object([]), "{}", "{}"),
        (
            .array([.number("1"), .object([JSONMember("b", .null), JSONMember("a", .array([]))])]),
            #"[1,{"b":null,"a":[]}]"#, #"[1, {"b": null, "a": []}]"#
        ),
        (
            .string("\"\\/\u{8}\u{c}\n\r\t\u{1f}\u{7f}"), #""\"\\/\b\f\n\r\t\u001f"# + "\u{7f}\"",
            #""\"\\/\b\f\n\r\t\u001f"# + "\u{7f}\""
        ),
        (.string("é😀"), "\"é😀\"", #""\u00e9\ud83d\ude00""#),
        (.object([JSONMember("é", .bool(false))]), "{\"é\":false}", #"{"\u00e9": false}"#),
    ]

    @Test("Values have the text that each style states", arguments: 0..<cases.count)
    func styles(_ index: Int) {
        let (value, compact, python) = Self.cases[index]
        #expect(text(value, .compact) == compact)
        #expect(text(value, .python) == python)
    }

    @Test("What is written is read back as the same value, here and by Foundation")
    func roundTrip() throws {
        for seed: UInt64 in 0..<500 {
            var samples = JSONSamples(seed: seed)
            let value = samples.value(depth: 4)
            for style in [JSONStyle.compact, .python] {
                let bytes = value.utf8(style)
                let again = try JSONParser.parse(bytes)
                #expect(again == value && again.utf8(style) == bytes, "seed \(seed)")
                #expect(
                    (try? JSONSerialization.jsonObject(
                        with: Data(bytes), options: [.fragmentsAllowed])) != nil, "seed \(seed)")
            }
        }
    }
}
