import CairoVM
import Foundation
import JSONText
import StarkField
import StarkHash
import SystemContracts
import TestSupport
import Testing

@Suite("Compiled contracts", .serialized)
struct ArtifactTests {
    @Test(
        "Every compiled file is what its Cairo source compiles to, byte for byte",
        .enabled(if: Oracles.haveCairo, Oracles.absence))
    func recompiled() throws {
        let said = try Oracles.run(Oracles.build, ["--check"])
        let expected = SystemContracts.all.count + 2 * ExampleContracts.names.count
        #expect(String(decoding: said, as: UTF8.self).contains("all \(expected) files"))
    }

    static let selectors: [String: [Felt]] = [
        "account": AccountBinding.Selector.all, "token": TokenBinding.Selector.all,
        "deployer": DeployerBinding.Selector.all,
    ]

    @Test(
        "The bindings name each external function of a class and no other",
        arguments: SystemContracts.all.map(\.name))
    func entryPoints(_ name: String) throws {
        let system = try #require(SystemContracts.all.first { $0.name == name })
        let compiled = try CasmClass(json: system.casmJSON)
        let bound = try #require(Self.selectors[name])
        #expect(compiled.entryPoints[.external]?.map(\.selector) == bound.sorted(by: <))
        let constructors = name == "deployer" ? [] : [selector("constructor")]
        #expect(compiled.entryPoints[.constructor]?.map(\.selector) == constructors)
        #expect(compiled.entryPoints[.l1Handler] == [])
        #expect(compiled.bytecode.count > 1000)
    }

    @Test("Each example contract is read, and its classes and its ABI name the same functions")
    func examples() throws {
        #expect(ExampleContracts.names == ["bench", "caller", "counter", "erc20", "hostile"])
        for name in ExampleContracts.names {
            try checkPair(
                sierra: ExampleContracts.sierra(name), casm: ExampleContracts.casm(name))
        }
    }

    @Test("The Sierra class, the CASM class and the ABI name the same functions")
    func pairs() throws {
        for system in SystemContracts.all {
            try checkPair(sierra: system.sierraJSON, casm: system.casmJSON)
        }
    }

    private func checkPair(sierra: [UInt8], casm: [UInt8]) throws {
        let sierra = try parse(sierra)
        let compiled = try CasmClass(json: casm)
        let abi = try #require(sierra["abi"]?.text)
        let functions = try functionNames(parse(Array(abi.utf8)))
        for (kind, type) in [
            (CasmClass.EntryPointKind.external, "function"), (.l1Handler, "l1_handler"),
            (.constructor, "constructor"),
        ] {
            let points = try #require(sierra["entry_points_by_type"]?[kind.rawValue]?.elements)
            let stated = try points.map { try felt($0["selector"]) }
            #expect(stated == compiled.entryPoints[kind]?.map(\.selector))
            let named = (functions[type] ?? []).map { selector($0) }
            #expect(named.sorted(by: <) == stated.sorted(by: <), "\(kind)")
        }
    }

    /// The names of an ABI's functions, by their type.
    private func functionNames(_ abi: JSONValue) throws -> [String: [String]] {
        var names: [String: [String]] = [:]
        for entry in try #require(abi.elements) {
            let items = entry["items"]?.elements ?? [entry]
            for item in items where item["name"] != nil && item["inputs"] != nil {
                names[try #require(item["type"]?.text), default: []].append(
                    try #require(item["name"]?.text))
            }
        }
        return names
    }

    // MARK: Hashes, by their definitions

    /// Starknet documentation, "Class hash".
    @Test("The class hash is the Poseidon hash of the Sierra class", arguments: [0, 1, 2])
    func classHash(_ index: Int) throws {
        let system = SystemContracts.all[index]
        let sierra = try parse(system.sierraJSON)
        let version = try #require(sierra["contract_class_version"]?.text)
        var terms = [try #require(Felt(shortString: "CONTRACT_CLASS_V" + version))]
        for kind in CasmClass.EntryPointKind.allCases {
            let points = try #require(sierra["entry_points_by_type"]?[kind.rawValue]?.elements)
            terms.append(
                Poseidon.hashMany(
                    try points.flatMap {
                        [
                            try felt($0["selector"]),
                            Felt(try #require($0["function_idx"]?.unsigned)),
                        ]
                    }))
        }
        terms.append(starknetKeccak(try #require(sierra["abi"]?.text).utf8))
        let program = try #require(sierra["sierra_program"]?.elements)
        terms.append(Poseidon.hashMany(try program.map(felt)))
        #expect(Poseidon.hashMany(terms) == system.classHash)
    }

    /// Starknet documentation, "Compiled class hash", for bytecode of one segment.
    @Test("The compiled class hash is the Poseidon hash of the CASM class", arguments: [0, 1, 2])
    func compiledClassHash(_ index: Int) throws {
        let system = SystemContracts.all[index]
        let compiled = try CasmClass(json: system.casmJSON)
        #expect(compiled.segmentLengths == nil)
        var terms = [try #require(Felt(shortString: "COMPILED_CLASS_V1"))]
        for kind in CasmClass.EntryPointKind.allCases {
            var values: [Felt] = []
            for point in compiled.entryPoints[kind] ?? [] {
                let builtins = try point.builtins.map {
                    try #require(Felt(shortString: $0.name))
                }
                values += [
                    point.selector, Felt(UInt64(point.offset)), Poseidon.hashMany(builtins),
                ]
            }
            terms.append(Poseidon.hashMany(values))
        }
        terms.append(Poseidon.hashMany(compiled.bytecode))
        #expect(Poseidon.hashMany(terms) == system.poseidonCompiledClassHash)
        #expect(system.compiledClassHash != system.poseidonCompiledClassHash)
    }

    @Test("Classes are found by their hash")
    func lookup() {
        for system in SystemContracts.all {
            #expect(SystemContracts.byHash(system.classHash)?.name == system.name)
        }
        #expect(SystemContracts.byHash(.one) == nil)
    }

    private func parse(_ bytes: [UInt8]) throws -> JSONValue {
        try JSONParser.parse(bytes, limits: CasmClass.Limits().json)
    }

    private func felt(_ value: JSONValue?) throws -> Felt {
        let text = try #require(value?.text)
        return try #require(Felt(hex: text))
    }
}
