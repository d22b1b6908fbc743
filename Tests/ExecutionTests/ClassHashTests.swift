import CairoVM
import Execution
import Foundation
import JSONText
import StarkField
import TestSupport
import Testing

@Suite("Class hashes and compiled class hashes", .serialized)
struct ClassHashTests {
    /// What the notes beside the fixtures state of one class file.
    struct Stated: Sendable, CustomTestStringConvertible {
        let file: Fixtures.File
        let kind: String
        let hashes: [String: Felt]
        let sierraVersion: String?
        var testDescription: String { file.path }
    }

    /// The notes, by path.
    private static func table() -> [String: Any] {
        let notes = Fixtures.root.appendingPathComponent("class-hashes.json")
        guard let data = try? Data(contentsOf: notes) else { return [:] }
        let object = try? JSONSerialization.jsonObject(with: data)
        return object as? [String: Any] ?? [:]
    }

    /// Every file of the notes that the index has, in path order.
    static let stated: [Stated] = {
        let files = Dictionary(uniqueKeysWithValues: Fixtures.all.map { ($0.path, $0) })
        return table().sorted { $0.key < $1.key }.compactMap { path, value in
            guard let entry = value as? [String: Any], let kind = entry["kind"] as? String,
                let file = files[path]
            else { return nil }
            return Stated(
                file: file, kind: kind,
                hashes: entry.compactMapValues { ($0 as? String).flatMap { Felt(hex: $0) } },
                sierraVersion: entry["sierra_version"] as? String)
        }
    }()

    static func of(_ kind: String) -> [Stated] { stated.filter { $0.kind == kind } }

    static let absence = Comment(rawValue: Fixtures.absence(of: "class-hashes.json"))

    private static func sierra(_ file: Fixtures.File) throws -> SierraClass {
        try SierraClass(json: [UInt8](Fixtures.read(file)))
    }

    private static func casm(_ file: Fixtures.File) throws -> CasmClass {
        try CasmClass(json: [UInt8](Fixtures.read(file)))
    }

    /// The file at the same path with another ending.
    private static func partner(_ file: Fixtures.File, _ from: String, _ to: String)
        -> Fixtures.File?
    {
        guard file.path.hasSuffix(from) else { return nil }
        let path = file.path.dropLast(from.count) + to
        return Fixtures.all.first { $0.path == path }
    }

    /// The compiled classes beside which their Sierra class lies.
    static let pairs: [(casm: Stated, sierra: Fixtures.File)] = of("casm").compactMap { casm in
        partner(casm.file, ".casm.json", ".sierra.json").map { (casm, $0) }
    }

    @Test(
        "The notes beside the fixtures state hashes of all three kinds, and of pairs",
        .enabled(if: !stated.isEmpty, absence))
    func notes() {
        #expect(Self.stated.count == Self.table().count, "the index lacks files of the notes")
        for kind in ["sierra", "casm", "cairo0"] { #expect(!Self.of(kind).isEmpty, "\(kind)") }
        #expect(!Self.pairs.isEmpty)
        let named = ["expected", "onchain_blake_compiled_class_hash"]
        for name in named { #expect(Self.stated.contains { $0.hashes[name] != nil }, "\(name)") }
        let counts = ["sierra", "casm", "cairo0"].map { "\(Self.of($0).count) \($0)" }
        print("note: \(counts.joined(separator: ", ")), \(Self.pairs.count) pairs")
    }

    @Test(
        "Every Sierra class has the hash that is stated of it",
        .enabled(if: !of("sierra").isEmpty, absence), arguments: of("sierra"))
    func sierra(_ stated: Stated) throws {
        let found = try Self.sierra(stated.file)
        let names = ["class_hash", "expected"]
        let checked = names.compactMap { stated.hashes[$0] }
        #expect(!checked.isEmpty)
        for hash in checked { #expect(found.hash == hash) }
        let version = try #require(stated.sierraVersion)
        // The notes print the first three felts, of which the first programs' is a short string.
        if version.hasPrefix("1.") {
            #expect(found.sierraVersion.description == version)
        } else {
            #expect(found.sierraVersion == SierraVersion(0, 1, 0))
        }
    }

    @Test(
        "Every compiled class has both hashes that are stated of it, and the one that is on chain",
        .enabled(if: !of("casm").isEmpty, absence), arguments: of("casm"))
    func casm(_ stated: Stated) throws {
        let found = try Self.casm(stated.file)
        #expect(found.hash(.poseidon) == stated.hashes["compiled_class_hash_poseidon"])
        #expect(found.hash(.blake2s) == stated.hashes["compiled_class_hash_blake2s"])
        if let onChain = stated.hashes["onchain_blake_compiled_class_hash"] {
            #expect(found.hash(.blake2s) == onChain)
        }
    }

    @Test(
        "Every pair of Sierra and CASM is one class: entry points, hashes and on-chain hash agree",
        .enabled(if: !pairs.isEmpty, absence), arguments: pairs.indices)
    func pair(_ index: Int) throws {
        let (stated, partner) = Self.pairs[index]
        let sierra = try Self.sierra(partner)
        let casm = try Self.casm(stated.file)
        #expect(sierra.hash == stated.hashes["class_hash"])
        for kind in CasmClass.EntryPointKind.allCases {
            #expect(
                sierra.entryPoints[kind]?.map(\.selector).sorted()
                    == casm.entryPoints[kind]?.map(\.selector))
        }
        let other = Self.stated.first { $0.file == partner }
        if let onChain = other?.hashes["onchain_blake_compiled_class_hash"] {
            #expect(casm.hash(.blake2s) == onChain)
        }
    }

    @Test(
        "Every Cairo 0 class has the hash that is stated of it",
        .enabled(if: !of("cairo0").isEmpty, absence), arguments: of("cairo0"))
    func deprecated(_ stated: Stated) throws {
        let found = try DeprecatedClass(json: [UInt8](Fixtures.read(stated.file)))
        let checked = ["class_hash", "expected"].compactMap { stated.hashes[$0] }
        #expect(!checked.isEmpty)
        for hash in checked { #expect(found.hash == hash) }
    }

    @Test(
        "Class hashes that stand in files of their own are reproduced",
        .enabled(
            if: Fixtures.has("compiler"), Comment(rawValue: Fixtures.absence(of: "compiler"))))
    func besideClasses() throws {
        var checked = 0
        for file in Fixtures.files(under: "compiler", suffix: ".json") {
            let json = try Fixtures.json(file)
            // One file for one class.
            if let object = JSONFields(json), object.has("sierra_class_hash") {
                let classFile = try #require(
                    Self.partner(file, ".hashes.json", ".sierra.json"), "\(file)")
                let casmFile = try #require(
                    Self.partner(file, ".hashes.json", ".casm.json"), "\(file)")
                #expect(try Self.sierra(classFile).hash == object.felt("sierra_class_hash"))
                #expect(
                    try Self.casm(casmFile).hash(.poseidon) == object.felt("compiled_class_hash"))
                checked += 1
            }
            // A list for the folder.
            for entry in (json as? [Any] ?? []).compactMap({ JSONFields($0) }) {
                guard let name = entry.string("compiled_class") else { continue }
                let folder = file.path.dropLast(file.name.count)
                let path = "\(folder)\(name).casm.json"
                guard let casmFile = Fixtures.all.first(where: { $0.path == path }) else {
                    print("note: \(file) states the hashes of \(path), which is not there")
                    continue
                }
                let casm = try Self.casm(casmFile)
                for (kind, key) in [
                    (CompiledClassHashKind.blake2s, "compiled_class_hash"),
                    (.poseidon, "legacy_compiled_class_hash"),
                ] {
                    let text = try #require(entry.string(key))
                    #expect(casm.hash(kind) == Felt(hex: "0x" + text), "\(path)")
                }
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test(
        "Every class file of the groups in use is read by its form, whatever the notes say of it",
        .enabled(
            if: Fixtures.has("compiler"), Comment(rawValue: Fixtures.absence(of: "compiler"))))
    func everyFile() throws {
        var counts: [String: Int] = [:]
        let known = Set(Self.stated.map(\.file))
        for group in ["classes", "compiler", "devnet-contracts", "feature-contracts"] {
            for file in Fixtures.files(under: group, suffix: ".json") {
                guard let object = try Fixtures.json(file) as? [String: Any] else { continue }
                if object["sierra_program"] != nil {
                    _ = try Self.sierra(file)
                    counts["sierra", default: 0] += 1
                } else if object["bytecode"] != nil {
                    _ = try Self.casm(file)
                    counts["casm", default: 0] += 1
                } else if object["program"] is [String: Any] {
                    _ = try DeprecatedClass(json: [UInt8](Fixtures.read(file)))
                    counts["cairo0", default: 0] += 1
                } else {
                    continue
                }
                if !known.contains(file) { print("note: nothing is stated of the class \(file)") }
            }
        }
        #expect(!counts.isEmpty)
    }

    @Test(
        "The hashes that two other packages computed of one class are reproduced",
        .enabled(
            if: Fixtures.has("oracle-vectors"),
            Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
    func differential() throws {
        var checked = 0
        let files = Fixtures.files(under: "oracle-vectors", suffix: ".json")
        func under(_ folder: String, _ name: String, _ part: String) -> [Fixtures.File] {
            files.filter {
                $0.path.contains("/\(folder)/\(name).") && $0.path.contains(part)
            }
        }
        for file in files {
            guard let object = JSONFields(try Fixtures.json(file)), object.has("source") else {
                continue
            }
            for entry in object.list("cairo1") ?? [] {
                let folder = try #require(entry.string("dir"))
                let name = try #require(entry.string("name"))
                let sierra = try Self.sierra(
                    try #require(under(folder, name, ".sierra.").first, "\(file) \(name)"))
                if entry.has("class_hash") {
                    #expect(try sierra.hash == entry.felt("class_hash"))
                    checked += 1
                }
                let compiled = try under(folder, name, ".casm.").map { try Self.casm($0) }
                #expect(!compiled.isEmpty)
                for (kind, keys) in [
                    (
                        CompiledClassHashKind.poseidon,
                        ["compiled_class_hash_poseidon", "casm_poseidon"]
                    ),
                    (.blake2s, ["casm_blake2s"]),
                ] {
                    guard let key = keys.first(where: { entry.has($0) }) else { continue }
                    let stated = try entry.felt(key)
                    #expect(compiled.contains { $0.hash(kind) == stated }, "\(file) \(name)")
                    checked += 1
                }
            }
            for entry in object.list("cairo0") ?? [] {
                let name = try #require(entry.string("name"))
                let source = try #require(
                    files.first { $0.name == "\(name).json" }, "\(file) \(name)")
                let found = try DeprecatedClass(json: [UInt8](Fixtures.read(source)))
                #expect(try found.hash == entry.felt("class_hash"))
                checked += 1
            }
        }
        #expect(checked > 0)
    }
}
