package import JSONText

/// A compiled program of Cairo 0: cells, builtins, labels, and hints as the text that the compiler
/// left in them.
///
/// Source: cairo-lang 0.14.0.1, `lang/compiler/program.py`.
package final class CairoProgram: Sendable {
    package struct Limits: Sendable {
        package var cells = 1 << 20
        package var json = JSONLimits()

        package init() {
            json.values = 4_000_000
            json.members = 200_000
            json.depth = 64
        }
    }

    /// One hint: its text, and what names mean at its place.
    package struct Hint: Hashable, Sendable {
        package var text: String
        var tracking: Tracking
        /// Names to indices of `references`.
        var references: [String: Int]
        var scopes: [String]
    }

    /// How far ap has moved since a known place, where it is known.
    struct Tracking: Hashable, Sendable {
        var group: Int
        var offset: Int
    }

    struct Reference: Hashable, Sendable {
        /// Nil where the text is not understood; a hint that needs it then fails.
        var text: ReferenceText?
        var tracking: Tracking
    }

    package let builtins: [Builtin]
    package let cells: [Cell]
    package let code: Code
    let hints: [Int: [Hint]]
    let references: [Reference]
    /// Constants, by full name.
    let constants: [String: Cell]
    /// Places of functions and labels, by full name.
    let labels: [String: Int]
    /// Members of structs: name to offset and type, by the struct's full name.
    let structs: [String: [String: (offset: Int, type: String)]]
    let mainScope: String

    package convenience init(
        json bytes: [UInt8], limits: Limits = Limits()
    ) throws(ClassError) {
        try self.init(try ClassReader.parsed(bytes, limits.json), limits: limits)
    }

    package init(_ json: JSONValue, limits: Limits = Limits()) throws(ClassError) {
        let reader = ClassReader(json, "")
        let prime = try reader.member("prime").text()
        guard prime.lowercased() == CasmClass.prime else { throw .wrongPrime(prime) }
        cells = try reader.member("data").felts("cells", limit: limits.cells, signed: true)
            .map { Cell($0) }
        var builtins: [Builtin] = []
        for name in try reader.optional("builtins")?.elements() ?? [] {
            let text = try name.text()
            guard let builtin = Builtin(name: text) else {
                throw .unknownName(name.path, text)
            }
            builtins.append(builtin)
        }
        self.builtins = builtins
        hints = try CairoProgram.hints(reader, cells.count)
        var references: [Reference] = []
        for reference in try reader.optional("reference_manager")?.member("references").elements()
            ?? []
        {
            references.append(
                Reference(
                    text: ReferenceText(try reference.member("value").text()),
                    tracking: try CairoProgram.tracking(reference.member("ap_tracking_data"))))
        }
        self.references = references
        mainScope = try reader.optional("main_scope")?.text() ?? "__main__"
        let identifiers = try CairoProgram.identifiers(reader)
        constants = identifiers.constants
        labels = identifiers.labels
        structs = identifiers.structs
        code = Code(cells, hinted: hints.keys)
    }

    /// The place of a function or label of the main scope.
    package func label(_ name: String) -> Int? { labels[mainScope + "." + name] }

    package var hasHints: Bool { !hints.isEmpty }

    /// The texts of the hints at a place, in their order.
    package func hintTexts(at place: Int) -> [String] { hints[place]?.map(\.text) ?? [] }

    private static func tracking(_ reader: ClassReader) throws(ClassError) -> Tracking {
        Tracking(
            group: try reader.member("group").int(), offset: try reader.member("offset").int())
    }

    private static func hints(
        _ reader: ClassReader, _ cells: Int
    ) throws(ClassError) -> [Int: [Hint]] {
        var result: [Int: [Hint]] = [:]
        for (name, entry) in try reader.optional("hints")?.members() ?? [] {
            guard let place = Int(name), place >= 0, place < cells else {
                throw .unknownName("hints", name)
            }
            for hint in try entry.elements() {
                // Hints that name nothing may do without either.
                let flow = hint.optional("flow_tracking_data")
                var references: [String: Int] = [:]
                for (name, index) in try flow?.member("reference_ids").members() ?? [] {
                    references[name] = try index.int()
                }
                var scopes: [String] = []
                for scope in try hint.optional("accessible_scopes")?.elements() ?? [] {
                    scopes.append(try scope.text())
                }
                var known = Tracking(group: 0, offset: 0)
                if let flow { known = try tracking(flow.member("ap_tracking")) }
                result[place, default: []].append(
                    Hint(
                        text: try hint.member("code").text(), tracking: known,
                        references: references, scopes: scopes))
            }
        }
        return result
    }

    private struct Identifiers {
        var constants: [String: Cell] = [:]
        var labels: [String: Int] = [:]
        var structs: [String: [String: (offset: Int, type: String)]] = [:]
    }

    private static func identifiers(_ reader: ClassReader) throws(ClassError) -> Identifiers {
        var result = Identifiers()
        var aliases: [(name: String, target: String)] = []
        for (name, identifier) in try reader.optional("identifiers")?.members() ?? [] {
            switch try identifier.optional("type")?.text() {
            case "const":
                // An integer of any size, or one below zero.
                result.constants[name] = try identifier.member("value").constant()
            case "function", "label":
                if let place = identifier.optional("pc") { result.labels[name] = try place.int() }
            case "struct":
                var members: [String: (offset: Int, type: String)] = [:]
                for (member, description) in try identifier.member("members").members() {
                    members[member] = (
                        try description.member("offset").int(),
                        try description.optional("cairo_type")?.text() ?? "felt"
                    )
                }
                result.structs[name] = members
            case "alias":
                aliases.append((name, try identifier.member("destination").text()))
            default: break
            }
        }
        // An alias of an alias ends somewhere, or after as many hops as there are aliases.
        let targets = Dictionary(aliases.map { ($0.name, $0.target) }) { first, _ in first }
        for alias in aliases {
            var target = alias.target
            var hops = 0
            while let next = targets[target], hops < aliases.count {
                target = next
                hops += 1
            }
            result.constants[alias.name] = result.constants[target]
            result.labels[alias.name] = result.labels[target]
            result.structs[alias.name] = result.structs[target]
        }
        return result
    }
}

extension ClassReader {
    fileprivate func constant() throws(ClassError) -> Cell {
        guard case .number(let text) = value else {
            throw .wrongKind(path, expected: "an integer")
        }
        let isNegative = text.hasPrefix("-")
        guard let magnitude = Natural(decimal: isNegative ? text.dropFirst() : text[...]) else {
            throw .wrongKind(path, expected: "an integer")
        }
        let residue = Cell(magnitude)
        return isNegative ? Cell(Natural.prime - residue.natural) : residue
    }
}
