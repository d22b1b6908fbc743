package import CairoVM
package import JSONText
package import StarkField
import StarkHash

/// A declared class of Cairo 1: its program in Sierra, its entry points and its ABI.
///
/// Source: Starknet documentation, "Class hash"; starkware-libs/sequencer, `starknet_api::state`.
package final class SierraClass: Sendable {
    /// What a class may hold at most. Starknet's gateway lets a class of 4 089 446 bytes through; a
    /// felt of a program takes at least six of them.
    package struct Limits: Sendable {
        package var programFelts = 1 << 19
        package var abiBytes = 4 << 20
        /// Of one kind.
        package var entryPoints = 4096
        package var json = JSONLimits()

        package init() {
            // Debug information has an object with a member for each statement.
            json.values = 1_000_000
            json.members = 200_000
            json.depth = 64
        }
    }

    package struct EntryPoint: Hashable, Sendable {
        package var selector: Felt
        /// In the program's list of functions.
        package var functionIndex: UInt64
    }

    /// Of the class's form, `0.1.0`.
    package let version: String
    package let program: [Felt]
    package let sierraVersion: SierraVersion
    /// In their order in the class.
    package let entryPoints: [CasmClass.EntryPointKind: [EntryPoint]]
    /// As it enters the hash; empty where the class has none.
    package let abi: String
    package let hash: ClassHash

    /// The lengths that the cost of a declaration depends on.
    package var programLength: Int { program.count }
    package var abiLength: Int { abi.utf8.count }

    /// - Throws: what is wrong with the text, and where.
    package convenience init(
        json bytes: [UInt8], limits: Limits = Limits()
    ) throws(ClassError) {
        try self.init(try ClassReader.parsed(bytes, limits.json), limits: limits)
    }

    /// Reads the form in which Starknet's RPC serves and takes classes, with the ABI in a string,
    /// and the form in which compilers write them, with the ABI as it is and with debug information,
    /// which is left out.
    package init(_ json: JSONValue, limits: Limits = Limits()) throws(ClassError) {
        let reader = ClassReader(json, "")
        let version = try reader.member("contract_class_version")
        self.version = try version.text()
        guard self.version == SierraClass.knownVersion else {
            throw .unknownName(version.path, self.version)
        }
        let program = try reader.member("sierra_program").felts(
            "felts of a Sierra program", limit: limits.programFelts, signed: false)
        guard let sierraVersion = SierraVersion(program: program) else { throw .noSierraVersion }
        self.program = program
        self.sierraVersion = sierraVersion
        let points = try reader.member("entry_points_by_type")
        var entryPoints: [CasmClass.EntryPointKind: [EntryPoint]] = [:]
        for kind in CasmClass.EntryPointKind.allCases {
            entryPoints[kind] = try SierraClass.entryPoints(
                points.member(kind.rawValue), limits.entryPoints)
        }
        self.entryPoints = entryPoints
        abi = try SierraClass.abi(reader.optional("abi"))
        guard abi.utf8.count <= limits.abiBytes else {
            throw .tooLarge("bytes of ABI", limit: limits.abiBytes, got: abi.utf8.count)
        }
        hash = SierraClass.hash(program: program, entryPoints: entryPoints, abi: abi)
    }

    /// The one version of the class's form.
    package static let knownVersion = "0.1.0"

    private static func abi(_ reader: ClassReader?) throws(ClassError) -> String {
        guard let reader else { return "" }
        switch reader.value {
        case .string(let text): return text
        case .array: return String(decoding: reader.value.utf8(.python), as: UTF8.self)
        default: throw .wrongKind(reader.path, expected: "a string or an array")
        }
    }

    private static func entryPoints(
        _ reader: ClassReader, _ limit: Int
    ) throws(ClassError) -> [EntryPoint] {
        let points = try reader.elements()
        guard points.count <= limit else {
            throw .tooLarge("entry points", limit: limit, got: points.count)
        }
        var result: [EntryPoint] = []
        for point in points {
            let index = try point.member("function_idx")
            guard let number = index.value.unsigned else {
                throw .wrongKind(index.path, expected: "an index")
            }
            result.append(
                EntryPoint(selector: try point.member("selector").felt(), functionIndex: number))
        }
        return result
    }

    // MARK: The hash

    private static let prefix = HashTerms.shortString("CONTRACT_CLASS_V" + knownVersion)

    private static func hash(
        program: [Felt], entryPoints: [CasmClass.EntryPointKind: [EntryPoint]], abi: String
    ) -> ClassHash {
        func points(_ kind: CasmClass.EntryPointKind) -> Felt {
            HashTerms.hashMany(
                (entryPoints[kind] ?? []).flatMap { [$0.selector, Felt($0.functionIndex)] })
        }
        let hash = Poseidon.hashMany([
            prefix, points(.external), points(.l1Handler), points(.constructor),
            starknetKeccak(Array(abi.utf8)), HashTerms.hashMany(program),
        ])
        return ContractAddresses.reduced(hash)
    }
}
