package import JSONText
package import StarkField

/// A compiled class of Cairo 1: bytecode, hints and entry points.
///
/// Source: starkware-libs/cairo 2.x, `casm_contract_class.rs`.
package final class CasmClass: Sendable {
    package struct Limits: Sendable {
        package var bytecode = 81_920
        package var json = JSONLimits()

        package init() {
            // A class of the largest size, with all its hints.
            json.values = 2_000_000
            json.members = 100_000
            json.depth = 64
        }
    }

    package enum EntryPointKind: String, CaseIterable, Sendable {
        case external = "EXTERNAL"
        case l1Handler = "L1_HANDLER"
        case constructor = "CONSTRUCTOR"
    }

    package struct EntryPoint: Hashable, Sendable {
        package var selector: Felt
        /// In the bytecode.
        package var offset: Int
        package var builtins: [Builtin]
    }

    /// How the bytecode is cut for its hash: a length, or parts.
    package indirect enum SegmentLengths: Hashable, Sendable {
        case leaf(Int)
        case node([SegmentLengths])

        package var total: Int {
            switch self {
            case .leaf(let length): length
            case .node(let parts): parts.reduce(0) { $0 &+ $1.total }
            }
        }
    }

    package let compilerVersion: String
    package let bytecode: [Felt]
    /// Nil for one segment.
    package let segmentLengths: SegmentLengths?
    package let entryPoints: [EntryPointKind: [EntryPoint]]
    /// The bytecode, a `ret`, and the address of the builtins' prices.
    package let code: Code
    /// The places with hints, in order, and what is there.
    let hints: [(place: Int, hints: [CasmHint])]
    private let hintIndex: [Int32]

    /// The segment that holds the prices of builtins in every run of a class.
    package static let priceSegment = 2

    /// - Throws: what is wrong with the text, and where.
    package convenience init(
        json bytes: [UInt8], limits: Limits = Limits()
    ) throws(ClassError) {
        try self.init(try ClassReader.parsed(bytes, limits.json), limits: limits)
    }

    package init(_ json: JSONValue, limits: Limits = Limits()) throws(ClassError) {
        let reader = ClassReader(json, "")
        if let prime = reader.optional("prime") {
            let text = try prime.text()
            guard text.lowercased() == CasmClass.prime else { throw .wrongPrime(text) }
        }
        compilerVersion = try reader.optional("compiler_version")?.text() ?? ""
        bytecode = try reader.member("bytecode").felts(
            "felts of bytecode", limit: limits.bytecode, signed: true)
        var cells = bytecode.map { Cell($0) }
        if let lengths = reader.optional("bytecode_segment_lengths") {
            let segments = try CasmClass.segmentLengths(lengths, depth: 0)
            guard segments.total == bytecode.count else {
                throw .segmentLengths(expected: bytecode.count, got: segments.total)
            }
            segmentLengths = segments
        } else {
            segmentLengths = nil
        }
        var index = [Int32](repeating: -1, count: cells.count)
        var hints: [(place: Int, hints: [CasmHint])] = []
        for entry in try reader.member("hints").elements() {
            let parts = try entry.elements()
            guard parts.count == 2 else {
                throw .wrongKind(entry.path, expected: "a place and its hints")
            }
            let place = try parts[0].int()
            guard index.indices.contains(place), index[place] < 0 else {
                throw .outOfRange(parts[0].path, place)
            }
            var here: [CasmHint] = []
            for hint in try parts[1].elements() { here.append(try CasmHint(hint)) }
            index[place] = Int32(hints.count)
            hints.append((place, here))
        }
        self.hints = hints
        hintIndex = index
        let points = try reader.member("entry_points_by_type")
        var entryPoints: [EntryPointKind: [EntryPoint]] = [:]
        for kind in EntryPointKind.allCases {
            entryPoints[kind] = try CasmClass.entryPoints(
                points.member(kind.rawValue), kind, bytecode.count)
        }
        self.entryPoints = entryPoints
        // `ret`, then where the prices are: what the operating system puts behind the bytecode.
        cells.append(Cell(0x208b_7fff_7fff_7ffe as UInt64))
        cells.append(Cell(Relocatable(segment: CasmClass.priceSegment, offset: 0)))
        code = Code(cells, hinted: hints.lazy.map(\.place))
    }

    static let prime = "0x800000000000011000000000000000000000000000000000000000000000001"

    private static func segmentLengths(
        _ reader: ClassReader, depth: Int
    ) throws(ClassError) -> SegmentLengths {
        if case .number = reader.value {
            let length = try reader.int()
            guard length >= 0, length < 1 << 32 else { throw .outOfRange(reader.path, length) }
            return .leaf(length)
        }
        guard depth < 16 else {
            throw .tooLarge("levels of segments", limit: 16, got: depth + 1)
        }
        var parts: [SegmentLengths] = []
        for part in try reader.elements() {
            parts.append(try segmentLengths(part, depth: depth + 1))
        }
        return .node(parts)
    }

    private static func entryPoints(
        _ reader: ClassReader, _ kind: EntryPointKind, _ bytecode: Int
    ) throws(ClassError) -> [EntryPoint] {
        var result: [EntryPoint] = []
        for point in try reader.elements() {
            let selector = try point.member("selector").felt()
            let offset = try point.member("offset").int()
            guard offset >= 0, offset < bytecode else {
                throw .outOfRange(point.path + ".offset", offset)
            }
            var builtins: [Builtin] = []
            for name in try point.member("builtins").elements() {
                let text = try name.text()
                guard let builtin = Builtin(name: text), CasmClass.usable.contains(builtin) else {
                    throw .unknownName(name.path, text)
                }
                if let last = builtins.last, last.rawValue >= builtin.rawValue {
                    throw .disorderedBuiltins(point.path)
                }
                builtins.append(builtin)
            }
            result.append(
                EntryPoint(selector: selector, offset: offset, builtins: builtins))
        }
        for index in result.indices.dropFirst()
        where result[index].selector <= result[index - 1].selector {
            throw .disorderedEntryPoints(kind.rawValue)
        }
        return result
    }

    /// The builtins that an entry point may ask for, in their order.
    private static let usable: Set<Builtin> = [
        .pedersen, .rangeCheck, .bitwise, .ecOp, .poseidon, .segmentArena, .rangeCheck96, .addMod,
        .mulMod,
    ]

    package func hints(at place: Int) -> [CasmHint] {
        guard hintIndex.indices.contains(place), hintIndex[place] >= 0 else { return [] }
        return hints[Int(hintIndex[place])].hints
    }

    package func entryPoint(_ kind: EntryPointKind, _ selector: Felt) -> EntryPoint? {
        let points = entryPoints[kind] ?? []
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle].selector == selector { return points[middle] }
            if points[middle].selector < selector { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}
