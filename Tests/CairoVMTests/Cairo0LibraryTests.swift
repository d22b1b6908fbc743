import CairoVM
import Foundation
import TestSupport
import Testing

/// Programs of Cairo 0 that use the common library, so that the library's hints run.
@Suite("Cairo 0's library against cairo-lang's run of it", .serialized)
struct Cairo0LibraryTests {
    private struct Resources: Decodable {
        var steps: Int
        var holes: Int
        var instances: [String: Int]
    }

    private static let sources: [String] = {
        let folder = CairoLang.folder.appendingPathComponent("Cairo0").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".cairo") }.sorted().map { "\(folder)/\($0)" }
    }()

    @Test(
        "Each source runs to the same trace, memory and resources",
        .enabled(if: CairoLang.python != nil, CairoLang.absence))
    func sources() throws {
        try #require(Self.sources.count >= 4)
        let work = FileManager.default.temporaryDirectory
            .appendingPathComponent("cairo0-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: work) }
        _ = try CairoLang.run(["sources", work.path] + Self.sources, input: Data())
        var steps = 0
        var hints: Set<String> = []
        for source in Self.sources {
            let name = URL(fileURLWithPath: source).deletingPathExtension().lastPathComponent
            func file(_ kind: String) throws -> [UInt8] {
                [UInt8](try Data(contentsOf: work.appendingPathComponent("\(name).\(kind)")))
            }
            let program = try CairoProgram(json: file("json"))
            for place in 0..<program.cells.count {
                for hint in program.hintTexts(at: place) { hints.insert(hint) }
            }
            let layout = try #require(Layout.named("starknet_with_keccak"))
            var run = try ProgramRun.starting(program, layout: layout, mode: .execution)
            var performed = ProgramHints(program)
            try run.run(&performed)
            #expect(run.traceFile() == (try file("trace")), "\(name)")
            #expect(
                MemoryFile.entries(run.memoryFile())
                    == MemoryFile.entries(try file("memory")), "\(name)")
            let expected = try JSONDecoder().decode(Resources.self, from: Data(file("resources")))
            let resources = run.machine.resources()
            #expect(resources.steps == expected.steps, "\(name)")
            #expect(resources.memoryHoles == expected.holes, "\(name)")
            for builtin in program.builtins {
                #expect(
                    resources[builtin] == expected.instances["\(builtin.name)_builtin"],
                    "\(name): \(builtin)")
            }
            steps += resources.steps
        }
        print("cairo-lang: \(steps) steps with \(hints.count) hints of the library")
        #expect(hints.count > 80)
    }
}
