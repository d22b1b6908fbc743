import CairoVM
import Execution
import Foundation
import JSONText
import StarkField
import TestSupport
import Testing

@testable import RPC

/// Classes that others made, as this node shows them.
@Suite(.enabled(if: Fixtures.has("openrpc"), Comment(rawValue: Fixtures.absence(of: "openrpc"))))
struct ClassAnswerTests {
    private static let groups = ["devnet-contracts", "feature-contracts", "classes"]

    private static let files = groups.flatMap { Fixtures.files(under: $0, suffix: ".json") }

    private static func json(_ file: Fixtures.File) throws -> JSONValue {
        var limits = SierraClass.Limits().json
        limits.values = 4_000_000
        return try JSONParser.parse([UInt8](try Fixtures.read(file)), limits: limits)
    }

    /// The objects of the files that pass a test on their members.
    private static func values(
        having members: [String], in files: [Fixtures.File] = files
    ) throws -> [(Fixtures.File, JSONValue)] {
        try files.compactMap { file in
            let value = try json(file)
            return members.allSatisfy { value[$0] != nil } ? (file, value) : nil
        }
    }

    private func shown(_ contractClass: RPCContractClass) throws -> JSONValue {
        var writer = JSONWriter()
        writer.contractClass(contractClass)
        var limits = JSONLimits()
        limits.values = .max
        limits.members = .max
        return try JSONParser.parse(writer.bytes, limits: limits)
    }

    private func expectNoComplaints(_ answer: JSONValue, _ method: String, _ what: String) {
        for specification in OpenRPC.current {
            let complaints = specification.complaints(about: answer, of: method)
            #expect(complaints.isEmpty, "\(what), \(specification): \(complaints.prefix(3))")
        }
    }

    @Test(
        "Sierra classes are shown as the schema wants them, with their hash",
        .enabled(if: !files.isEmpty))
    func sierra() throws {
        let classes = try Self.values(having: ["sierra_program"])
        for (file, value) in classes {
            let sierra = try SierraClass(value)
            let answer = try shown(.sierra(sierra))
            expectNoComplaints(answer, "starknet_getClass", file.path)
            let again = try Decode.contractClass(answer)
            #expect(again.hash == sierra.hash, "\(file)")
            #expect(again.json == answer, "\(file)")
            #expect(answer["sierra_program"]?.elements?.count == sierra.program.count)
        }
        #expect(classes.count >= 20, "\(classes.count) Sierra classes were compared")
    }

    @Test("each of these classes can be declared within the limits", .enabled(if: !files.isEmpty))
    func declarations() async throws {
        let harness = Harness()
        let classes = try Self.values(having: ["sierra_program"])
        for (file, value) in classes {
            let sierra = try SierraClass(value)
            let text = String(decoding: sierra.json.utf8(.compact), as: UTF8.self)
            let answer = try await harness.result(
                StarknetMethod.addDeclare.rawValue,
                "[" + Sample.declare.replacing(Sample.contractClass, with: text) + "]")
            #expect(answer["class_hash"] == .string(sierra.hash.hexString), "\(file)")
            guard case .declare(let declaration)? = harness.backend.submitted.last else {
                Issue.record("\(file) was not submitted")
                return
            }
            let limits = SierraClass.Limits().json
            let unpacked = try PackedJSON.decode(declaration.packedClass, limits: limits)
            #expect(unpacked == sierra.json, "\(file)")
        }
        #expect(harness.backend.submitted.count == classes.count)
    }

    @Test("Cairo 0 classes are shown as the schema wants them", .enabled(if: !files.isEmpty))
    func deprecated() throws {
        let classes = try Self.values(having: ["program", "entry_points_by_type"])
        for (file, value) in classes {
            let deprecated = try DeprecatedClass(value)
            let program = try #require(value["program"]).utf8(.compact)
            let gzipped = Array(program.prefix(1000))
            let answer = try shown(
                .deprecated(RPCDeprecatedClass(deprecated, gzippedProgram: gzipped)))
            expectNoComplaints(answer, "starknet_getClass", file.path)
            let text = try #require(answer["program"]?.text)
            #expect(Data(base64Encoded: text).map([UInt8].init) == gzipped, "\(file)")
            for kind in CasmClass.EntryPointKind.allCases {
                let points = answer["entry_points_by_type"]?[kind.rawValue]?.elements
                #expect(points?.count == deprecated.entryPoints[kind]?.count, "\(file)")
            }
            if let abi = value["abi"], !abi.isNull { #expect(answer["abi"] == abi, "\(file)") }
        }
        #expect(classes.count >= 5, "\(classes.count) Cairo 0 classes were compared")
    }

    @Test(
        "compiled classes are shown as the schema wants them, and are the same classes",
        .enabled(if: !files.isEmpty))
    func compiled() throws {
        let classes = try Self.values(having: ["bytecode", "hints"])
        for (file, value) in classes {
            let rendered = try #require(RenderedCasm(value), "\(file)").json
            expectNoComplaints(
                Self.withoutSigns(rendered), "starknet_getCompiledCasm", file.path)
            let stored = try CasmClass(value)
            let again = try CasmClass(rendered)
            #expect(again.bytecode == stored.bytecode, "\(file)")
            #expect(again.entryPoints == stored.entryPoints, "\(file)")
            #expect(again.compilerVersion == stored.compilerVersion, "\(file)")
            #expect(again.hash(.blake2s) == stored.hash(.blake2s), "\(file)")
        }
        #expect(classes.count >= 20, "\(classes.count) compiled classes were compared")
    }

    /// The document gives the offsets of cells a minimum of 0, although a cell's offset is a signed
    /// number of 16 bits and compilers write it so: the schema is applied to what is left of them.
    private static func withoutSigns(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(withoutSigns))
        case .object(let members):
            let isCell = value["register"] != nil
            return .object(
                members.map { member in
                    if isCell, member.name == "offset", case .number(let digits) = member.value {
                        return JSONMember(
                            "offset", .number(String(digits.drop { $0 == "-" })))
                    }
                    return JSONMember(member.name, withoutSigns(member.value))
                })
        default: return value
        }
    }
}
