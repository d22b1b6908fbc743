import CairoVM
import Execution
import Foundation
import JSONText
import StarkField
import Synchronization
import TestSupport
import Testing
import WireCodec

@testable import SequencerNode

/// Compiling, keeping and serving classes. Programs that misbehave stand in for the compiler where
/// its limits are tested.
@Suite("Classes in a node")
struct ClassTests {
    private static let compiler = SierraCompiler(
        configured: ProcessInfo.processInfo.environment["PRYTANY_SIERRA_COMPILER"])
    private static let absence: Comment =
        "no starknet-sierra-compile: PRYTANY_SIERRA_COMPILER names none"

    private static func sierra(_ name: String) throws -> JSONValue {
        try JSONParser.parse(ExampleContracts.sierra(name), limits: .classes)
    }

    @Test(
        "A class compiles to what StarkWare's compiler writes, hints and all",
        .enabled(if: compiler.isAvailable, absence))
    func compiles() throws {
        for name in ExampleContracts.names {
            let casm = try Self.compiler.compile(Self.sierra(name))
            let expected = try JSONParser.parse(ExampleContracts.casm(name), limits: .classes)
            #expect(casm == PackedJSON.encode(expected), "\(name)")
        }
    }

    @Test(
        "What the compiler refuses comes with its reason",
        .enabled(if: compiler.isAvailable, absence))
    func refused() throws {
        guard case .object(var members) = try Self.sierra("counter") else { return }
        for index in members.indices where members[index].name == "sierra_program" {
            members[index].value = .array(
                Array((members[index].value.elements ?? []).prefix(50)))
        }
        do throws(CompilationError) {
            _ = try Self.compiler.compile(.object(members))
            Issue.record("half a class was compiled")
        } catch {
            guard case .refused(let message) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(message.contains("Error"), "\(message)")
            #expect(error.isVerdict)
        }
    }

    @Test("Without a compiler the error names where one was looked for")
    func absent() throws {
        let compiler = SierraCompiler(configured: "/nonexistent/starknet-sierra-compile")
        let sierra = try Self.sierra("counter")
        do throws(CompilationError) {
            _ = try compiler.compile(sierra)
            Issue.record("a class was compiled by nothing")
        } catch {
            #expect("\(error)".contains("/nonexistent/starknet-sierra-compile"))
            #expect(!error.isVerdict)
        }
    }

    /// The last argument is where the output goes.
    @Test(
        "A compiler that never ends, or takes too much, is stopped",
        arguments: [
            ("while :; do :; done", "processor time"),
            ("exec sleep 600", "seconds"),
            (#"for last; do :; done; exec head -c 20000000 /dev/zero > "$last""#, "output"),
        ])
    func limits(_ script: String, _ limit: String) throws {
        let path = NSTemporaryDirectory() + "prytany-compiler-\(UUID().uuidString)"
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o700], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var compiler = SierraCompiler(configured: path)
        compiler.limits.cpuSeconds = 1
        compiler.limits.wallSeconds = 3
        compiler.limits.outputMegabytes = 1
        let sierra = try Self.sierra("counter")
        do throws(CompilationError) {
            _ = try compiler.compile(sierra)
            Issue.record("\(script) ended well")
        } catch {
            guard case .exceeded(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(text.contains(limit), "\(text)")
        }
    }

    @Test("The libfuncs that may be used are those of the audited list")
    func libfuncs() throws {
        let names = Set(AllowedLibfuncs.names.map(String.init))
        #expect(names.count == AllowedLibfuncs.names.count && names.count > 200)
        let files = Fixtures.files(under: "compiler/allowed-libfuncs").filter {
            $0.name.hasPrefix("audited")
        }
        for file in files {
            let list = try Fixtures.json(file) as? [String: Any]
            let listed = list?["allowed_libfuncs"] as? [String: Any] ?? [:]
            #expect(names == Set(listed.keys), "\(file)")
        }
    }

    @Test("Stored classes decode to themselves, and no prefix decodes")
    func stored() throws {
        for stored in [
            StoredClass.sierra(sierra: [1, 2, 3], casm: [4]), .deprecated([5, 6]),
        ] {
            let bytes = stored.encoded()
            #expect(try StoredClass(decoding: bytes).encoded() == bytes)
            for length in bytes.indices {
                #expect(throws: WireError.self) {
                    try StoredClass(decoding: Array(bytes.prefix(length)))
                }
            }
        }
    }

    @Test("What is compressed for clients inflates to itself")
    func gzip() throws {
        var words = SeededWords(seed: 5)
        for count in [0, 1, 1000, 300_000] {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: words.next() % 7) }
            let packed = try #require(Gzip.compress(bytes))
            #expect(packed.prefix(3) == [0x1f, 0x8b, 8])
            // The header has no optional part; the trailer is a checksum and the length.
            #expect(try Inflate.bytes(of: packed.dropFirst(10).dropLast(8)[...]) == bytes)
        }
    }

    @Test("A crew does each part of a work once", arguments: [1, 2, 4])
    func crew(_ workers: Int) {
        let crew = ExecutionCrew(workers: workers)
        crew.start()
        defer { crew.stop() }
        for count in [0, 1, 2, 100, 1000] {
            let seen = Mutex([Int](repeating: 0, count: count))
            crew.run(count) { index in seen.withLock { $0[index] += 1 } }
            #expect(seen.withLock { $0.allSatisfy { $0 == 1 } })
        }
    }
}
