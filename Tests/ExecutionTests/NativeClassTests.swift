import Foundation
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

@Suite("Native classes as published")
struct NativeClassTests {
    /// The external selectors of every Sierra class in a group of fixtures.
    private static func sierraClasses(
        under folder: String
    ) throws -> [(file: Fixtures.File, object: [String: Any], externals: Set<Felt>)] {
        try Fixtures.files(under: folder, suffix: ".json").compactMap { file in
            guard let object = try Fixtures.json(file) as? [String: Any],
                object["sierra_program"] is [Any],
                let entryPoints = object["entry_points_by_type"] as? [String: Any]
            else { return nil }
            return (file, object, Set(definitions(entryPoints["EXTERNAL"]).map(\.selector)))
        }
    }

    private static func definitions(_ list: Any?) -> [NativeClass.EntryPointDefinition] {
        (list as? [[String: Any]] ?? []).compactMap {
            guard let selector = ($0["selector"] as? String).flatMap({ Felt(hex: $0) }),
                let index = $0["function_idx"] as? Int
            else { return nil }
            return NativeClass.EntryPointDefinition(selector: selector, functionIndex: index)
        }
    }

    @Test(
        "Each native class has only entry points that a class on Starknet has",
        .enabled(
            if: Fixtures.has("devnet-contracts"),
            Comment(rawValue: Fixtures.absence(of: "devnet-contracts"))))
    func selectorsAreStarknets() throws {
        let real = try NativeClassTests.sierraClasses(under: "devnet-contracts")
        for native in NativeClasses.standard.all {
            let selectors = Set(native.externals.map(\.selector))
            #expect(
                real.contains { selectors.isSubset(of: $0.externals) }, "\(native.name)")
        }
    }

    @Test(
        "The class hash formula gives the hashes that Starknet gave to Sierra classes",
        .enabled(
            if: Fixtures.has("classes"), Comment(rawValue: Fixtures.absence(of: "classes"))))
    func classHashFormula() throws {
        // The group's own notes on hashes, kept beside the index.
        let notesData = try Data(
            contentsOf: Fixtures.root.appendingPathComponent("class-hashes.json"))
        let notes = try #require(
            try JSONSerialization.jsonObject(with: notesData) as? [String: [String: Any]])
        var checked = 0
        for (file, object, _) in try NativeClassTests.sierraClasses(under: "classes") {
            guard let abi = object["abi"] as? String,
                let expected = notes[file.path]?["class_hash"] as? String,
                let program = object["sierra_program"] as? [String],
                let entryPoints = object["entry_points_by_type"] as? [String: Any]
            else { continue }
            let hash = NativeClass.hash(
                abi: abi, sierraProgram: program.compactMap { Felt(hex: $0) },
                externals: NativeClassTests.definitions(entryPoints["EXTERNAL"]),
                l1Handlers: NativeClassTests.definitions(entryPoints["L1_HANDLER"]),
                constructors: NativeClassTests.definitions(entryPoints["CONSTRUCTOR"]))
            #expect(hash.hexString == expected, "\(file)")
            checked += 1
        }
        #expect(checked > 0)
    }

    @Test("A native class's interface is JSON that lists exactly its entry points")
    func interfaces() throws {
        for native in NativeClasses.standard.all {
            let json = try JSONSerialization.jsonObject(with: Data(native.abi.utf8))
            let items = try #require(json as? [[String: Any]])
            let functions = items.flatMap { $0["items"] as? [[String: Any]] ?? [] }
                .compactMap { $0["name"] as? String }
            #expect(
                Set(functions.map { selector($0) }) == Set(native.externals.map(\.selector)))
            #expect(functions.count == native.externals.count)
            #expect(
                items.contains { $0["type"] as? String == "constructor" }
                    == !native.constructors.isEmpty)
            let externals = native.externals.map(\.selector)
            #expect(externals == externals.sorted())
            #expect(
                native.classHash
                    == NativeClass.hash(
                        abi: native.abi, sierraProgram: native.sierraProgram,
                        externals: native.externals, constructors: native.constructors))
            #expect(NativeClasses.standard[native.classHash]?.name == native.name)
        }
        #expect(Set(NativeClasses.standard.all.map(\.classHash)).count == 3)
    }

    @Test(
        "Storage variables and map entries lie where Cairo puts them",
        .enabled(
            if: Fixtures.has("oracle-vectors"),
            Comment(rawValue: Fixtures.absence(of: "oracle-vectors"))))
    func storageAddresses() throws {
        var checked = 0
        for file in Fixtures.files(under: "oracle-vectors", suffix: ".json") {
            guard let object = try Fixtures.json(file) as? [String: Any],
                let vectors = object["storage_var"] as? [[String: Any]]
            else { continue }
            for vector in vectors {
                let name = try #require(vector["name"] as? String)
                let keys = try #require(vector["keys"] as? [String])
                var key = StorageAddresses.variable(name)
                let felts = keys.compactMap { Felt(hex: $0) }
                if felts.count == 1 { key = StorageAddresses.entry(of: key, felts[0]) }
                if felts.count == 2 {
                    key = StorageAddresses.entry(of: key, felts[0], felts[1])
                }
                #expect(felts.count <= 2)
                #expect(key.hexString == vector["out"] as? String)
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    @Test("The cache of balance keys forgets whole generations and never gives a wrong key")
    func balanceKeyCache() {
        var cache = StorageAddressCache()
        for round in 0..<2 {
            for account in 1...200 as ClosedRange<UInt64> {
                let account = Felt(account * 31)
                #expect(
                    cache.balance(of: account)
                        == StorageAddresses.entry(of: TokenClass.Storage.balances, account),
                    "round \(round)")
            }
        }
        #expect(cache.count == 200)
    }

    @Test("Panic data prints as Starknet prints it")
    func panicText() {
        #expect(
            PanicText.describe([HashTerms.shortString("u256_sub Overflow")])
                == "0x753235365f737562204f766572666c6f77 ('u256_sub Overflow')")
        #expect(
            PanicText.describe([
                HashTerms.shortString("argent/multicall-failed"), .zero,
                HashTerms.shortString("ENTRYPOINT_FAILED"),
            ])
                == "(0x617267656e742f6d756c746963616c6c2d6661696c6564 "
                + "('argent/multicall-failed'), 0x0 (''), "
                + "0x454e545259504f494e545f4641494c4544 ('ENTRYPOINT_FAILED'))")
        #expect(PanicText.describe([0x1ff]) == "0x1ff")
    }
}
