import CairoVM
import Foundation
import JSONText
import StarkField
import TestSupport

/// A position-independent run of a program, as cairo-lang's `cairo_pie.py` (0.14.0.1) writes it: the
/// program without its hints, the segments, every cell, and what the run used.
struct CairoPie {
    struct Failure: Error { let description: String }

    struct Segment: Decodable {
        var index: Int
        var size: Int
    }

    struct Program {
        var cells: [Cell]
        var builtins: [Builtin]
        var main: Int
    }

    var program: Program
    var programSegment: Segment
    var executionSegment: Segment
    var returnFrame: Segment
    var returnPlace: Segment
    /// In the program's order.
    var builtinSegments: [(builtin: Builtin, segment: Segment)]
    var extraSegments: [Segment]
    var memory: [(address: Relocatable, value: Cell)]
    var steps: Int
    var memoryHoles: Int
    var instances: [String: Int]
    /// Signatures by their offset in the segment.
    var signatures: [(offset: Int, r: Cell, s: Cell)]

    /// Nil where the bytes are neither an archive nor JSON of a PIE.
    init?(_ bytes: [UInt8]) throws {
        if bytes.starts(with: [0x50, 0x4b]) {
            let files = try ZipArchive.files(in: bytes)
            func json(_ name: String) throws -> [String: Any] {
                try CairoPie.object(
                    try CairoPie.precise(files[name + ".json"] ?? []))
            }
            guard let memory = files["memory.bin"] else { return nil }
            try self.init(
                metadata: json("metadata"), resources: json("execution_resources"),
                additional: json("additional_data"), memory: memory)
            return
        }
        guard let table = try? CairoPie.precise(bytes) as? [String: Any],
            let metadata = table["metadata"] as? [String: Any],
            let resources = table["execution_resources"] as? [String: Any],
            let text = table["memory"] as? String
        else { return nil }
        let digits = Array(text.utf8)
        let memory = try stride(from: 0, to: digits.count - 1, by: 2).map { place in
            guard
                let byte = UInt8(
                    String(decoding: digits[place...(place + 1)], as: UTF8.self), radix: 16)
            else { throw Failure(description: "memory is not hexadecimal") }
            return byte
        }
        try self.init(
            metadata: metadata, resources: resources,
            additional: table["additional_data"] as? [String: Any] ?? [:], memory: memory)
    }

    /// JSON as dictionaries, lists, texts and numbers; integers that are too long are texts, since
    /// Foundation would round them.
    private static func precise(_ bytes: [UInt8]) throws -> Any {
        var limits = JSONLimits()
        limits.values = 1 << 20
        return plain(try JSONParser.parse(bytes, limits: limits))
    }

    private static func plain(_ value: JSONValue) -> Any {
        switch value {
        case .null: NSNull()
        case .bool(let flag): flag
        case .number(let text): Int(text) ?? text
        case .string(let text): text
        case .array(let values): values.map { plain($0) }
        case .object(let members):
            Dictionary(members.map { ($0.name, plain($0.value)) }) { first, _ in first }
        }
    }

    private static func object(_ value: Any?) throws -> [String: Any] {
        guard let table = value as? [String: Any] else {
            throw Failure(description: "not an object")
        }
        return table
    }

    static func cell(_ value: Any) throws -> Cell {
        if let number = value as? Int { return Cell(number) }
        guard let text = value as? String else { throw Failure(description: "\(value)") }
        guard let felt = Felt(decimal: text) ?? Felt(hex: text) else {
            throw Failure(description: "\(text) is no element")
        }
        return Cell(felt)
    }

    private static func segment(_ value: Any?) throws -> Segment {
        let table = try object(value)
        guard let index = table["index"] as? Int, let size = table["size"] as? Int else {
            throw Failure(description: "no segment: \(table)")
        }
        return Segment(index: index, size: size)
    }

    private static func builtin(_ name: String) throws -> Builtin {
        guard let builtin = Builtin(name: name) else { throw Failure(description: name) }
        return builtin
    }

    private init(
        metadata: [String: Any], resources: [String: Any], additional: [String: Any],
        memory: [UInt8]
    ) throws {
        let program = try CairoPie.object(metadata["program"])
        guard let data = program["data"] as? [Any], let main = program["main"] as? Int,
            let names = program["builtins"] as? [String]
        else { throw Failure(description: "no program") }
        let builtins = try names.map { try CairoPie.builtin($0) }
        self.program = Program(
            cells: try data.map { try CairoPie.cell($0) }, builtins: builtins, main: main)
        programSegment = try CairoPie.segment(metadata["program_segment"])
        executionSegment = try CairoPie.segment(metadata["execution_segment"])
        returnFrame = try CairoPie.segment(metadata["ret_fp_segment"])
        returnPlace = try CairoPie.segment(metadata["ret_pc_segment"])
        let segments = try CairoPie.object(metadata["builtin_segments"])
        builtinSegments = try builtins.map { ($0, try CairoPie.segment(segments[$0.name])) }
        extraSegments = try (metadata["extra_segments"] as? [Any] ?? []).map {
            try CairoPie.segment($0)
        }
        guard let steps = resources["n_steps"] as? Int,
            let holes = resources["n_memory_holes"] as? Int,
            let instances = resources["builtin_instance_counter"] as? [String: Int]
        else { throw Failure(description: "no resources") }
        (self.steps, memoryHoles, self.instances) = (steps, holes, instances)
        signatures = try (additional["ecdsa_builtin"] as? [[Any]] ?? []).map { entry in
            guard entry.count == 2, let place = entry[0] as? [Int], place.count == 2,
                let parts = entry[1] as? [Any], parts.count == 2
            else { throw Failure(description: "no signature: \(entry)") }
            return (place[1], try CairoPie.cell(parts[0]), try CairoPie.cell(parts[1]))
        }
        guard memory.count % 40 == 0 else { throw Failure(description: "memory of odd length") }
        self.memory = stride(from: 0, to: memory.count, by: 40).map { start in
            func word(_ index: Int) -> UInt64 {
                (0..<8).reduce(0) { $0 | UInt64(memory[start + 8 * index + $1]) << UInt64(8 * $1) }
            }
            // The top bit marks an address: sixteen bits of segment above 47 of offset.
            func address(_ word: UInt64) -> Relocatable {
                Relocatable(
                    segment: Int(word >> 47 & 0xffff), offset: Int(word & (1 << 47 - 1)))
            }
            let value =
                word(4) >> 63 == 1
                ? Cell(address(word(1)))
                : Cell(words: LooseFelt(word(1), word(2), word(3), word(4)))
            return (address(word(0) & (1 << 63 - 1)), value)
        }
    }
}
