import CairoVM
import Execution
import Foundation
import JSONText
import Primitives
import RPC
import StarkField
import Storage
import WireCodec

/// A class that the genesis names, in the forms that block 0 needs.
struct LoadedGenesisClass: Sendable {
    let compiled: GenesisClass
    let write: ClassWrite
}

/// Reads the class files that a genesis names.
package enum GenesisClasses {
    /// Sierra or Cairo 0 as it lies in a file.
    private enum Source {
        case sierra(JSONValue, SierraClass)
        case cairo0(JSONValue, DeprecatedClass)
    }

    /// What a new genesis says of a class file, and for a Sierra class the text of its compiled form,
    /// so that no node has to compile it.
    ///
    /// - Parameters:
    ///   - path: of a Sierra or a Cairo 0 class.
    ///   - name: what the genesis calls the file; the compiled form is to lie beside it, with
    ///     `.casm` added.
    ///   - compiler: of Sierra classes.
    package static func entry(
        of path: String, name: String, compiler: String?
    ) throws -> (entry: Genesis.Class, casm: [UInt8]?) {
        switch try source(path) {
        case .cairo0(_, let deprecated):
            return (Genesis.Class(cairo0: name, classHash: deprecated.hash.hexString), nil)
        case .sierra(let json, let sierra):
            let casm = try SierraCompiler(configured: compiler).compile(json)
            let hash = try ClassBytes.casm(casm).hash(.poseidon)
            let entry = Genesis.Class(
                sierra: name, casm: name + ".casm", classHash: sierra.hash.hexString,
                compiledClassHash: hash.hexString)
            return (entry, try ClassBytes.json(casm, limits: .classes).utf8(.compact))
        }
    }

    /// - Parameter resolve: from a path in the genesis to one that can be opened.
    static func load(
        _ classes: [CheckedGenesis.Class], compiler: SierraCompiler, resolve: (String) -> String
    ) throws -> [LoadedGenesisClass] {
        try classes.map { try load($0, compiler, resolve) }
    }

    private static func load(
        _ named: CheckedGenesis.Class, _ compiler: SierraCompiler, _ resolve: (String) -> String
    ) throws -> LoadedGenesisClass {
        switch named.files {
        case .cairo0(let name):
            let path = resolve(name)
            guard case .cairo0(let json, let deprecated) = try source(path) else {
                throw ConfigurationError.malformed(path: path, reason: "it is no Cairo 0 class")
            }
            try expect(deprecated.hash, named.classHash, "class hash", path)
            return LoadedGenesisClass(
                compiled: GenesisClass(deprecated),
                write: ClassWrite(
                    hash: Digest(deprecated.hash),
                    definition: StoredClass.deprecated(PackedJSON.encode(json)).encoded()))
        case .sierra(let name, let casmName, let compiledClassHash):
            let path = resolve(name)
            guard case .sierra(let json, let sierra) = try source(path) else {
                throw ConfigurationError.malformed(path: path, reason: "it is no Sierra class")
            }
            try expect(sierra.hash, named.classHash, "class hash", path)
            let packed: [UInt8]
            if let casmName {
                packed = PackedJSON.encode(try readJSON(resolve(casmName)))
            } else {
                packed = try compiler.compile(json)
            }
            let declared = DeclaredContract(sierra: sierra, casm: try ClassBytes.casm(packed))
            try expect(declared.poseidonHash, compiledClassHash, "compiled class hash", path)
            let stored = StoredClass.sierra(
                sierra: PackedJSON.encode(sierra.json), casm: packed)
            return LoadedGenesisClass(
                compiled: GenesisClass(declared),
                write: ClassWrite(hash: Digest(sierra.hash), definition: stored.encoded()))
        }
    }

    private static func expect(
        _ computed: Felt, _ named: Felt, _ what: String, _ path: String
    ) throws {
        guard computed == named else {
            throw ConfigurationError.malformed(
                path: path,
                reason: "its \(what) is \(computed.hexString), and the genesis names "
                    + "\(named.hexString): use the file that the chain was made with")
        }
    }

    private static func source(_ path: String) throws -> Source {
        let json = try readJSON(path)
        do throws(ClassError) {
            if json["sierra_program"] != nil { return .sierra(json, try SierraClass(json)) }
            return .cairo0(json, try DeprecatedClass(json))
        } catch {
            throw ConfigurationError.malformed(path: path, reason: "it is no class: \(error)")
        }
    }

    private static func readJSON(_ path: String) throws -> JSONValue {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError.unreadable(path: path, reason: "no such file")
        }
        do throws(JSONError) {
            return try JSONParser.parse([UInt8](data), limits: .classes)
        } catch {
            throw ConfigurationError.malformed(path: path, reason: "it is no JSON: \(error)")
        }
    }
}
