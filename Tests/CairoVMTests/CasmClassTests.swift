import CairoVM
import Foundation
import StarkField
import TestSupport
import Testing

@Suite("Compiled classes", .serialized)
struct CasmClassTests {
    static let files: [Fixtures.File] = ["devnet-contracts", "feature-contracts", "compiler"]
        .flatMap { Fixtures.files(under: $0, suffix: ".casm.json") }

    @Test(
        "Every class of the fixtures is read, with all its entry points",
        .enabled(
            if: Fixtures.has("compiler"), Comment(rawValue: Fixtures.absence(of: "compiler"))),
        arguments: files)
    func fixtures(_ file: Fixtures.File) throws {
        let table = try #require(try Fixtures.json(file) as? [String: Any])
        let compiled = try CasmClass(json: [UInt8](Fixtures.read(file)))
        let bytecode = try #require(table["bytecode"] as? [String])
        #expect(compiled.bytecode.map(\.description) == bytecode.map { $0.lowercased() })
        let points = try #require(table["entry_points_by_type"] as? [String: [[String: Any]]])
        for kind in CasmClass.EntryPointKind.allCases {
            let stated = points[kind.rawValue] ?? []
            for point in stated {
                let text = try #require(point["selector"] as? String)
                let found = compiled.entryPoint(kind, try #require(Felt(hex: text)))
                #expect(found?.offset == point["offset"] as? Int)
                #expect(found?.builtins.map(\.name) == point["builtins"] as? [String])
            }
            #expect(compiled.entryPoints[kind]?.count == stated.count)
        }
        let hints = try #require(table["hints"] as? [[Any]])
        for hint in hints {
            let place = try #require(hint.first as? Int)
            #expect(compiled.hints(at: place).count == (hint.last as? [Any])?.count)
        }
    }

    private func document(_ change: (inout [String: Any]) -> Void) throws -> [UInt8] {
        var document: [String: Any] = [
            "prime": "0x800000000000011000000000000000000000000000000000000000000000001",
            "compiler_version": "2.12.0",
            "bytecode": ["0xa0680017fff8000", "0x7", "0x208b7fff7fff7ffe"],
            "hints": [[0, [["AllocSegment": ["dst": ["register": "AP", "offset": 0]]]]]] as [Any],
            "entry_points_by_type": [
                "EXTERNAL": [
                    ["selector": "0x5", "offset": 0, "builtins": ["pedersen", "range_check"]],
                    ["selector": "0x9", "offset": 1, "builtins": [String]()],
                ], "L1_HANDLER": [Any](), "CONSTRUCTOR": [Any](),
            ],
        ]
        change(&document)
        return [UInt8](try JSONSerialization.data(withJSONObject: document))
    }

    @Test("What is wrong with a class is named with its place")
    func refusals() throws {
        _ = try CasmClass(json: try document { _ in })
        func expect(_ error: ClassError, _ change: (inout [String: Any]) -> Void) throws {
            let bytes = try document(change)
            #expect(throws: error) { try CasmClass(json: bytes) }
        }
        try expect(.wrongPrime("0x7")) { $0["prime"] = "0x7" }
        try expect(.missing("bytecode", in: "")) { $0["bytecode"] = nil }
        try expect(.notAFelt("bytecode[0]", "0xzz")) { $0["bytecode"] = ["0xzz"] }
        try expect(.segmentLengths(expected: 3, got: 4)) {
            $0["bytecode_segment_lengths"] = [1, [2, 1]] as [Any]
        }
        try expect(.outOfRange("hints[0][0]", 3)) { $0["hints"] = [[3, [Any]()]] as [Any] }
        try expect(.unknownName("hints[0][1][0]", "Cheat")) {
            $0["hints"] = [[0, [["Cheat": ["x": 1]]]]] as [Any]
        }
        func points(_ list: [[String: Any]]) -> [String: Any] {
            ["EXTERNAL": list, "L1_HANDLER": [Any](), "CONSTRUCTOR": [Any]()]
        }
        try expect(.disorderedEntryPoints("EXTERNAL")) {
            $0["entry_points_by_type"] = points([
                ["selector": "0x9", "offset": 0, "builtins": [String]()],
                ["selector": "0x9", "offset": 0, "builtins": [String]()],
            ])
        }
        try expect(.disorderedBuiltins("entry_points_by_type.EXTERNAL[0]")) {
            $0["entry_points_by_type"] = points([
                ["selector": "0x9", "offset": 0, "builtins": ["range_check", "pedersen"]]
            ])
        }
        try expect(.unknownName("entry_points_by_type.EXTERNAL[0].builtins[0]", "ecdsa")) {
            $0["entry_points_by_type"] = points([
                ["selector": "0x9", "offset": 0, "builtins": ["ecdsa"]]
            ])
        }
        var limits = CasmClass.Limits()
        limits.bytecode = 2
        let bytes = try document { _ in }
        #expect(throws: ClassError.tooLarge("felts of bytecode", limit: 2, got: 3)) {
            try CasmClass(json: bytes, limits: limits)
        }
    }
}
