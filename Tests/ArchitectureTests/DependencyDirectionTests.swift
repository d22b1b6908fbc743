import Foundation
import Testing

/// The layers of the architecture, checked in the sources' own imports: a target imports only lower
/// layers, and inside layer 1 only what it is built from.
struct DependencyDirectionTests {
    /// Each target and the targets of ours that it may import.
    static let allowed: [String: Set<String>] = [
        "Primitives": [], "WireCodec": ["Primitives"], "JSONText": [], "StarkField": [],
        "StarkCurve": ["StarkField"], "StarkHash": ["StarkField", "StarkCurve"],
        "StateTrie": ["StarkField", "StarkHash"],
        "CairoVM": ["StarkField", "StarkCurve", "StarkHash", "JSONText"],
        "Execution": [
            "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
            "CairoVM",
        ],
        "SystemContracts": ["JSONText", "StarkField", "StarkHash", "CairoVM", "Execution"],
        "Consensus": ["Primitives", "WireCodec"], "Mempool": ["Primitives", "WireCodec"],
        "Replication": ["Primitives", "WireCodec", "Consensus"],
        "Replica": [
            "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
            "Mempool", "Replication",
        ],
        "Storage": ["Primitives", "WireCodec", "CLMDB"],
        "Transport": ["Primitives", "WireCodec", "COpenSSL", "CNghttp2"],
        "RPC": [
            "Primitives", "WireCodec", "JSONText", "StarkField", "StarkHash", "StateTrie",
            "CairoVM", "Execution",
        ],
        "Adversary": [
            "Primitives", "WireCodec", "Consensus", "Mempool", "Replication", "Replica",
        ],
        "LinkProxy": [],
        "Simulation": [
            "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "Consensus",
            "Mempool", "Replication", "Replica", "Storage", "Adversary",
        ],
        "prytany-chaos": [
            "Primitives", "Consensus", "Replication", "Replica", "Adversary", "Simulation",
            "SequencerNode", "Storage", "WireCodec",
        ],
        "KernelBenchmarks": [
            "Primitives", "StarkField", "StarkCurve", "StarkHash", "CairoVM", "Execution",
            "SystemContracts",
        ],
        "SequencerNode": [
            "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
            "StateTrie", "CairoVM", "Execution", "SystemContracts", "Consensus", "Mempool",
            "Replication", "Replica", "Storage", "Transport", "RPC", "CZlib",
        ],
        "prytany": [
            "Primitives", "WireCodec", "StarkField", "StarkCurve", "StarkHash", "StateTrie",
            "Execution", "Consensus", "Replica", "Storage", "SequencerNode", "KernelBenchmarks",
            "Adversary", "Simulation", "LinkProxy",
        ],
    ]

    /// Modules that pure layers must not touch.
    static let impure: Set<String> = [
        "Foundation", "FoundationEssentials", "Dispatch", "Glibc", "Logging", "Metrics",
        "Synchronization", "NIOCore", "NIOPosix", "COpenSSL", "CNghttp2", "CLMDB",
        "CZlib",
    ]

    static let pure: Set<String> = [
        "Primitives", "WireCodec", "JSONText", "StarkField", "StarkCurve", "StarkHash",
        "StateTrie", "CairoVM", "Execution", "SystemContracts", "Consensus", "Mempool",
        "Replication", "Replica", "Adversary",
    ]

    static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

    struct Import: Hashable {
        let target: String
        let file: String
        let module: String
    }

    static func imports() throws -> [Import] {
        var found: [Import] = []
        let pattern =
            #/^\s*(?:@\w+\s+)*(?:public |package |internal |private |fileprivate )?import (?:struct |class |enum |func )?(\w+)/#
        let walker = try #require(
            FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        for case let file as URL in walker where file.pathExtension == "swift" {
            let inside = file.path.dropFirst(sources.path.count + 1)
            let target = String(inside.prefix { $0 != "/" })
            let text = try String(contentsOf: file, encoding: .utf8)
            for line in text.split(separator: "\n") {
                if let match = try pattern.firstMatch(in: line) {
                    found.append(
                        Import(target: target, file: String(inside), module: String(match.1)))
                }
            }
        }
        return found
    }

    @Test("a target imports only what the architecture lets it")
    func direction() throws {
        let all = try Self.imports()
        #expect(all.count > 100)
        let ours = Set(Self.allowed.keys).union(["COpenSSL", "CNghttp2", "CLMDB"])
        for entry in all where ours.contains(entry.module) {
            let allowed = try #require(
                Self.allowed[entry.target], "\(entry.target) is not in the layer table")
            #expect(
                allowed.contains(entry.module), "\(entry.file) imports \(entry.module)")
        }
    }

    @Test("layers 0 and 1 import nothing that knows clocks, threads, files or sockets")
    func purity() throws {
        for entry in try Self.imports() where Self.pure.contains(entry.target) {
            #expect(!Self.impure.contains(entry.module), "\(entry.file) imports \(entry.module)")
        }
    }

    @Test("each C module has one importer")
    func cModules() throws {
        for module in ["COpenSSL", "CNghttp2", "CLMDB"] {
            let importers = Set(try Self.imports().filter { $0.module == module }.map(\.target))
            #expect(importers.count == 1, "\(module): \(importers.sorted())")
        }
    }

    @Test("the top level holds nothing but what belongs there")
    func topLevel() throws {
        let known: Set<String> = [
            "Package.swift", "Package.resolved", "README.md", "LICENSE", "Sources", "Tests",
            "deploy", "chaos",
        ]
        let root = Self.sources.deletingLastPathComponent()
        for entry in try FileManager.default.contentsOfDirectory(atPath: root.path)
        where !entry.hasPrefix(".") {
            #expect(known.contains(entry), "unexpected top-level entry \(entry)")
        }
    }
}
