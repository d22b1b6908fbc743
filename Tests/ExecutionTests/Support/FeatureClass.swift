import CairoVM
import Foundation
import JSONText
import StarkField
import StarkHash
import TestSupport

@testable import Execution

/// A class out of a file: in the form that runs, with its ABI.
struct FeatureClass: CustomStringConvertible {
    let name: String
    let hash: ClassHash
    let compiled: CompiledClass
    let abi: ContractABI
    /// Files of the forms that other software reads.
    let casmPath: String
    let sierraPath: String?

    var description: String { name }
    var isCairo1: Bool { compiled.isCairo1 }

    var casm: CasmClass? {
        if case .casm(let casm) = compiled.code { return casm }
        return nil
    }

    /// The selectors of one kind of entry points.
    func selectors(_ kind: CasmClass.EntryPointKind) -> [Felt] {
        switch compiled.code {
        case .casm(let casm): (casm.entryPoints[kind] ?? []).map(\.selector)
        case .deprecated(let deprecated, _): (deprecated.entryPoints[kind] ?? []).map(\.selector)
        }
    }

    init(casm: URL, sierra: URL) throws {
        name = String(casm.lastPathComponent.dropLast(".casm.json".count))
        let whole = try SierraClass(json: Array(Data(contentsOf: sierra)))
        hash = whole.hash
        compiled = CompiledClass(
            try CasmClass(json: Array(Data(contentsOf: casm))),
            sierraVersion: whole.sierraVersion)
        // Some classes are kept without.
        abi =
            whole.abi.isEmpty
            ? ContractABI(.null)
            : try ContractABI(JSONParser.parse(Array(whole.abi.utf8), limits: .classes))
        casmPath = casm.path
        sierraPath = sierra.path
    }

    init(deprecated file: URL) throws {
        name = String(file.lastPathComponent.dropLast(".json".count))
        let whole = try DeprecatedClass(json: Array(Data(contentsOf: file)))
        hash = whole.hash
        compiled = CompiledClass(whole)
        abi = ContractABI(whole.abi)
        casmPath = file.path
        sierraPath = nil
    }

    /// The compiled class as it is in its file.
    func casmBytes() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: casmPath)))
    }

    /// The Sierra class as it is in its file; nothing for Cairo 0.
    func sierraBytes() throws -> [UInt8] {
        guard let sierraPath else { return [] }
        return Array(try Data(contentsOf: URL(fileURLWithPath: sierraPath)))
    }

    var genesis: GenesisClass {
        GenesisClass(classHash: hash, compiledClassHash: .zero, compiled: compiled)
    }

    // MARK: Finding them

    /// The classes of a group of the fixtures, in path order; files that are no classes are left
    /// out.
    static func fixtures(under group: String) throws -> [FeatureClass] {
        var result: [FeatureClass] = []
        for file in Fixtures.files(under: group, suffix: ".json") {
            if file.path.hasSuffix(".sierra.json") { continue }
            if file.path.hasSuffix(".casm.json") {
                let other = file.path.dropLast(".casm.json".count) + ".sierra.json"
                guard
                    let sierra = Fixtures.files(under: group).first(where: { $0.path == other })
                else { continue }
                // Noted as read, both.
                _ = try (Fixtures.read(file), Fixtures.read(sierra))
                result.append(
                    try FeatureClass(
                        casm: Fixtures.root.appendingPathComponent(file.path),
                        sierra: Fixtures.root.appendingPathComponent(sierra.path)))
            } else {
                _ = try Fixtures.read(file)
                result.append(
                    try FeatureClass(
                        deprecated: Fixtures.root.appendingPathComponent(file.path)))
            }
        }
        return result
    }

    /// The example contracts beside these tests, by name.
    static func example(_ name: String) throws -> FeatureClass {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Contracts")
        return try FeatureClass(
            casm: folder.appendingPathComponent(name + ".casm.json"),
            sierra: folder.appendingPathComponent(name + ".sierra.json"))
    }

    static let examples = ["bench", "caller", "counter", "erc20", "hostile"]
}

extension JSONLimits {
    /// Enough for any class.
    static var classes: JSONLimits {
        var limits = JSONLimits()
        limits.values = 4_000_000
        limits.members = 100_000
        limits.depth = 64
        return limits
    }
}
