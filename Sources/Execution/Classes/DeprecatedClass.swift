package import CairoVM
package import JSONText
package import StarkField
import StarkHash

/// A class of Cairo 0: its program, its entry points and its ABI.
///
/// Source: cairo-lang 0.14.0.1, `starknet/services/api/contract_class`.
package final class DeprecatedClass: Sendable {
    package struct Limits: Sendable {
        package var program = CairoProgram.Limits()
        /// Of one kind.
        package var entryPoints = 4096

        package init() {}
    }

    package struct EntryPoint: Hashable, Sendable {
        package var selector: Felt
        /// In the program's cells.
        package var offset: Int
    }

    package let program: CairoProgram
    /// In the order of their selectors.
    package let entryPoints: [CasmClass.EntryPointKind: [EntryPoint]]
    /// As served; null where the class has none.
    package let abi: JSONValue
    package let hash: ClassHash

    package convenience init(
        json bytes: [UInt8], limits: Limits = Limits()
    ) throws(ClassError) {
        try self.init(try ClassReader.parsed(bytes, limits.program.json), limits: limits)
    }

    /// Reads a class with its program as an object. Starknet's RPC serves the program in base64 of
    /// a gzipped text: whoever takes that form unpacks it first.
    ///
    /// - Throws: what is wrong with the class, and where.
    package init(_ json: JSONValue, limits: Limits = Limits()) throws(ClassError) {
        let reader = ClassReader(json, "")
        let program = try reader.member("program")
        guard case .object = program.value else {
            throw .wrongKind(program.path, expected: "an object: an unpacked program")
        }
        let loaded = try CairoProgram(program.value, limits: limits.program)
        let points = try reader.member("entry_points_by_type")
        var entryPoints: [CasmClass.EntryPointKind: [EntryPoint]] = [:]
        for kind in CasmClass.EntryPointKind.allCases {
            entryPoints[kind] = try DeprecatedClass.entryPoints(
                points.member(kind.rawValue), kind, limits.entryPoints, loaded.cells.count)
        }
        self.program = loaded
        self.entryPoints = entryPoints
        abi = json["abi"] ?? .null
        hash = DeprecatedClass.hash(
            loaded, entryPoints,
            hinted: try DeprecatedClassText.hash(program: program, abi: ClassReader(abi, "abi")))
    }

    private static func entryPoints(
        _ reader: ClassReader, _ kind: CasmClass.EntryPointKind, _ limit: Int, _ cells: Int
    ) throws(ClassError) -> [EntryPoint] {
        let points = try reader.elements()
        guard points.count <= limit else {
            throw .tooLarge("entry points", limit: limit, got: points.count)
        }
        var result: [EntryPoint] = []
        for point in points {
            let offset = try offset(point.member("offset"))
            guard offset >= 0, offset < cells else {
                throw .outOfRange(point.path + ".offset", offset)
            }
            result.append(
                EntryPoint(selector: try point.member("selector").felt(), offset: offset))
        }
        for index in result.indices.dropFirst()
        where result[index].selector <= result[index - 1].selector {
            throw .disorderedEntryPoints(kind.rawValue)
        }
        return result
    }

    /// A number, or a hexadecimal string.
    private static func offset(_ reader: ClassReader) throws(ClassError) -> Int {
        guard case .string(let text) = reader.value else { return try reader.int() }
        guard text.hasPrefix("0x"), let offset = Int(text.dropFirst(2), radix: 16) else {
            throw .wrongKind(reader.path, expected: "an offset")
        }
        return offset
    }

    /// Where a call starts: the entry point of the selector or, where there is none, the default one
    /// that a class may have, with selector 0.
    package func entryPoint(
        _ kind: CasmClass.EntryPointKind, _ selector: Felt
    ) -> EntryPoint? {
        let points = entryPoints[kind] ?? []
        if let point = points.first(where: { $0.selector == selector }) { return point }
        guard let first = points.first, first.selector == .zero else { return nil }
        return first
    }

    /// The class hash: Pedersen over version 0, entry points, builtins, the text's hash and the
    /// program's cells (Starknet documentation, "Class hash", Cairo 0).
    private static func hash(
        _ program: CairoProgram, _ entryPoints: [CasmClass.EntryPointKind: [EntryPoint]],
        hinted: Felt
    ) -> ClassHash {
        func points(_ kind: CasmClass.EntryPointKind) -> Felt {
            Pedersen.hashArray(
                (entryPoints[kind] ?? []).flatMap { [$0.selector, Felt(UInt64($0.offset))] })
        }
        return Pedersen.hashArray([
            .zero, points(.external), points(.l1Handler), points(.constructor),
            Pedersen.hashArray(program.builtins.map { HashTerms.shortString($0.name) }), hinted,
            Pedersen.hashArray(program.cells.compactMap(\.felt)),
        ])
    }
}
