import Foundation
import Primitives
import StarkField
import StarkHash
import TestSupport
import Testing

@testable import Execution

@Suite("Storage addresses and panic texts", .serialized)
struct StorageAddressTests {
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
                        == StorageAddresses.entry(of: TokenStorage.balances, account),
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
