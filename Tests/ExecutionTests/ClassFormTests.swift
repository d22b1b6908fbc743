import CairoVM
import Execution
import JSONText
import StarkField
import StarkHash
import Testing

@Suite("Forms of classes", .serialized)
struct ClassFormTests {
    private static let program = [1, 3, 0, 0x10, 0x20].map { JSONValue.string(hex($0)) }

    private static func hex(_ number: Int) -> String { "0x" + String(number, radix: 16) }

    private static func point(_ selector: Int, _ name: String, _ place: JSONValue) -> JSONValue {
        .object([JSONMember("selector", .string(hex(selector))), JSONMember(name, place)])
    }

    private static func points(_ external: [JSONValue], l1Handler: [JSONValue] = []) -> JSONValue {
        .object([
            JSONMember("EXTERNAL", .array(external)), JSONMember("L1_HANDLER", .array(l1Handler)),
            JSONMember("CONSTRUCTOR", .array([])),
        ])
    }

    /// An object with some members replaced, or removed where they are nil.
    private static func changed(
        _ members: [JSONMember], _ changes: [(String, JSONValue?)]
    ) -> JSONValue {
        var members = members
        for (name, value) in changes {
            members.removeAll { $0.name == name }
            if let value { members.append(JSONMember(name, value)) }
        }
        return .object(members)
    }

    // MARK: Sierra

    private static let abi = JSONValue.array([
        .object([JSONMember("type", .string("é")), JSONMember("items", .array([]))]),
        .object([JSONMember("name", .string("f"))]),
    ])

    private static func sierra(_ changes: (String, JSONValue?)...) -> JSONValue {
        changed(
            [
                JSONMember("sierra_program", .array(program)),
                JSONMember("contract_class_version", .string("0.1.0")),
                JSONMember(
                    "entry_points_by_type",
                    points([point(9, "function_idx", .number("2"))])), JSONMember("abi", abi),
            ], changes)
    }

    @Test(
        "The forms of compilers and of RPC are one class, with the ABI's text as Python writes it")
    func forms() throws {
        let artifact = try SierraClass(Self.sierra(("sierra_program_debug_info", .object([]))))
        let text = #"[{"type": "\u00e9", "items": []}, {"name": "f"}]"#
        #expect(artifact.abi == text)
        #expect(artifact.abiLength == text.utf8.count && artifact.programLength == 5)
        #expect(artifact.version == "0.1.0" && artifact.sierraVersion == SierraVersion(1, 3, 0))
        #expect(artifact.entryPoints[.external]?.map(\.selector) == [9])
        #expect(artifact.entryPoints[.external]?.map(\.functionIndex) == [2])
        let served = try SierraClass(Self.sierra(("abi", .string(text))))
        #expect(served.hash == artifact.hash)
        // Another text of the same ABI is another class.
        let other = try SierraClass(Self.sierra(("abi", .string(text + " "))))
        #expect(other.hash != artifact.hash)
        #expect(try SierraClass(Self.sierra(("abi", nil))).abi == "")
        // The hash by its definition.
        let empty = Poseidon.hashMany([Felt]())
        let prefix = try #require(Felt(shortString: "CONTRACT_CLASS_V0.1.0"))
        #expect(
            artifact.hash
                == Poseidon.hashMany([
                    prefix, Poseidon.hashMany([9, 2]), empty, empty,
                    starknetKeccak(Array(text.utf8)), Poseidon.hashMany([1, 3, 0, 0x10, 0x20]),
                ]))
    }

    @Test("A Sierra class says what is wrong with it, and where")
    func sierraRefusals() {
        func expect(_ error: ClassError, _ changes: (String, JSONValue?)...) {
            var value = Self.sierra()
            for change in changes { value = Self.changed(value.members ?? [], [change]) }
            #expect(throws: error) { try SierraClass(value) }
        }
        expect(.missing("sierra_program", in: ""), ("sierra_program", nil))
        expect(
            .notAFelt("sierra_program[1]", "-0x1"),
            ("sierra_program", .array([.string("0x1"), .string("-0x1")])))
        expect(
            .wrongKind("sierra_program[0]", expected: "a string"),
            ("sierra_program", .array([.number("1")])))
        expect(.noSierraVersion, ("sierra_program", .array(Array(Self.program.prefix(2)))))
        expect(
            .noSierraVersion,
            (
                "sierra_program",
                .array([.string("0x1"), .string("0x10000000000000000"), .string("0x1")])
            ))
        expect(
            .unknownName("contract_class_version", "0.2.0"),
            ("contract_class_version", .string("0.2.0")))
        expect(.wrongKind("abi", expected: "a string or an array"), ("abi", .number("1")))
        expect(
            .wrongKind("entry_points_by_type.EXTERNAL[0].function_idx", expected: "an index"),
            ("entry_points_by_type", Self.points([Self.point(1, "function_idx", .number("-1"))])))
        expect(
            .missing("L1_HANDLER", in: "entry_points_by_type"),
            ("entry_points_by_type", .object([JSONMember("EXTERNAL", .array([]))])))
    }

    @Test("A Sierra class at its maxima is read, and one above is refused")
    func sierraLimits() throws {
        var limits = SierraClass.Limits()
        limits.programFelts = 5
        limits.entryPoints = 1
        limits.abiBytes = try SierraClass(Self.sierra()).abiLength
        _ = try SierraClass(Self.sierra(), limits: limits)
        func expect(_ error: ClassError, _ change: (inout SierraClass.Limits) -> Void) {
            var tighter = limits
            change(&tighter)
            #expect(throws: error) { try SierraClass(Self.sierra(), limits: tighter) }
        }
        expect(.tooLarge("felts of a Sierra program", limit: 4, got: 5)) { $0.programFelts = 4 }
        expect(.tooLarge("entry points", limit: 0, got: 1)) { $0.entryPoints = 0 }
        expect(.tooLarge("bytes of ABI", limit: limits.abiBytes - 1, got: limits.abiBytes)) {
            $0.abiBytes -= 1
        }
    }

    @Test("A version is three numbers, or the short string of the first programs")
    func versions() throws {
        #expect(SierraVersion(program: [1, 7, 0]) == SierraVersion(1, 7, 0))
        #expect(SierraVersion(program: [1, 7]) == nil)
        #expect(SierraVersion(program: [1, 7, -Felt(1)]) == nil)
        let first = try #require(Felt(shortString: "0.1.0"))
        #expect(SierraVersion(program: [first]) == SierraVersion(0, 1, 0))
        let ordered = [
            SierraVersion.deprecated, SierraVersion(0, 1, 0), SierraVersion(1, 0, 9),
            SierraVersion(1, 1, 0), SierraVersion(1, 10, 0), SierraVersion(2, 0, 0),
        ]
        #expect(ordered.shuffled().sorted() == ordered)
    }

    // MARK: Cairo 0

    private static func text(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    private static func deprecated(
        program changes: [(String, JSONValue?)] = [], _ other: (String, JSONValue?)...
    ) throws -> JSONValue {
        let program = try text(
            #"""
            {"prime":"0x800000000000011000000000000000000000000000000000000000000000001",
            "data":["0x480680017fff8000","0x3","0x208b7fff7fff7ffe"],"builtins":["pedersen"],
            "debug_info":{"a":1},"main_scope":"__main__","compiler_version":"0.10.0",
            "hints":{"2":[{"code":"x = 1"}],"1":[]},
            "identifiers":{"__main__.f":{"pc":0,"type":"function","decorators":[]}},
            "reference_manager":{"references":[]},"attributes":[]}
            """#)
        let members = program.members ?? []
        return changed(
            [
                JSONMember("program", changed(members, changes)), JSONMember("abi", .array([])),
                JSONMember(
                    "entry_points_by_type",
                    points(
                        [
                            point(0, "offset", .string("0x2")), point(5, "offset", .number("0")),
                        ], l1Handler: [point(7, "offset", .string("0x1"))])),
            ], other)
    }

    @Test("Offsets are numbers or hexadecimal, and the default entry point takes what none takes")
    func entryPoints() throws {
        let found = try DeprecatedClass(Self.deprecated())
        func offset(_ kind: CasmClass.EntryPointKind, _ selector: Felt) -> Int? {
            found.entryPoint(kind, selector)?.offset
        }
        #expect(offset(.external, 5) == 0 && offset(.external, 6) == 2)
        #expect(offset(.l1Handler, 7) == 1 && offset(.l1Handler, 6) == nil)
        #expect(offset(.constructor, 5) == nil)
        #expect(found.program.hasHints && found.abi == .array([]))
    }

    @Test("What the hash of a Cairo 0 class leaves out, and what it takes in")
    func deprecatedHash() throws {
        func hash(_ changes: (String, JSONValue?)...) throws -> Felt {
            try DeprecatedClass(Self.deprecated(program: changes)).hash
        }
        let base = try hash()
        #expect(try hash(("debug_info", nil)) == base)
        #expect(try hash(("attributes", nil)) == base)
        #expect(try hash(("attributes", .null)) == base)
        #expect(
            try hash(("hints", Self.text(#"{"1":[],"2":[{"code":"x = 1"}]}"#))) == base)
        let attribute = #"{"name":"n","start_pc":0,"end_pc":1,"value":"v""#
        let short = try hash(("attributes", Self.text("[\(attribute)}]")))
        let long = try hash(
            (
                "attributes",
                Self.text("[\(attribute),\"flow_tracking_data\":null,\"accessible_scopes\":[]}]")
            ))
        #expect(short == long && short != base)
        #expect(try hash(("compiler_version", .string("0.10.1"))) != base)
        #expect(try hash(("builtins", .array([]))) != base)
        let withoutABI = try DeprecatedClass(Self.deprecated(("abi", nil)))
        #expect(withoutABI.hash != base)
    }

    @Test("Tuples of compilers before 0.10 have a space before the colon in the hash alone")
    func spaces() throws {
        func hash(_ type: String, version: JSONValue?) throws -> Felt {
            let identifiers = try Self.text(
                #"{"__main__.T":{"type":"type_definition","cairo_type":"\#(type)"}}"#)
            return try DeprecatedClass(
                Self.deprecated(program: [
                    ("compiler_version", version), ("identifiers", identifiers),
                ])
            ).hash
        }
        #expect(
            try hash("(a: felt, b: felt)", version: nil)
                == hash("(a : felt, b : felt)", version: nil))
        #expect(
            try hash("(a: felt)", version: .string("0.10.0"))
                != hash("(a : felt)", version: .string("0.10.0")))
    }

    @Test("A Cairo 0 class says what is wrong with it, and where")
    func deprecatedRefusals() throws {
        func expect(_ error: ClassError, _ value: JSONValue) {
            #expect(throws: error) { try DeprecatedClass(value) }
        }
        expect(
            .wrongKind("program", expected: "an object: an unpacked program"),
            try Self.deprecated(("program", .string("H4sIAAAA"))))
        expect(
            .outOfRange("entry_points_by_type.EXTERNAL[0].offset", 3),
            try Self.deprecated(
                ("entry_points_by_type", Self.points([Self.point(1, "offset", .number("3"))]))))
        expect(
            .wrongKind("entry_points_by_type.EXTERNAL[0].offset", expected: "an offset"),
            try Self.deprecated(
                ("entry_points_by_type", Self.points([Self.point(1, "offset", .string("2"))]))))
        expect(
            .disorderedEntryPoints("EXTERNAL"),
            try Self.deprecated(
                (
                    "entry_points_by_type",
                    Self.points([
                        Self.point(2, "offset", .number("0")),
                        Self.point(2, "offset", .number("0")),
                    ])
                )))
        expect(
            .unknownName("program.hints", "02"),
            try Self.deprecated(program: [("hints", Self.text(#"{"02":[]}"#))]))
        expect(
            .unknownName("program.attributes[0]", "x"),
            try Self.deprecated(program: [("attributes", Self.text(#"[{"x":1}]"#))]))
        expect(
            .wrongKind("abi", expected: "made of integers, not 1.0"),
            try Self.deprecated(("abi", Self.text(#"[{"size":1.0}]"#))))
        expect(
            .missing("main_scope", in: "program"),
            try Self.deprecated(program: [("main_scope", nil)]))
    }
}
