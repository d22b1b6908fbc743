import Foundation
import Primitives
import StarkField
import TestSupport
import Testing

@testable import Execution

/// The state that a published update started from, as far as aliases go: every key has an alias
/// but those that the update gives one.
private struct AliasedState: StateReader {
    let counter: Felt
    let unaliased: Set<Felt>

    func storage(
        of contract: ContractAddress, at key: StorageKey
    ) throws(StateReadError) -> Felt {
        guard contract == KeyAliases.contract else { return .zero }
        if key.isZero { return counter }
        return unaliased.contains(key) ? .zero : .one
    }
    func nonce(of contract: ContractAddress) throws(StateReadError) -> Nonce { .zero }
    func classHash(of contract: ContractAddress) throws(StateReadError) -> ClassHash { .zero }
}

@Suite("Key aliases", .serialized)
struct StateAliasTests {
    /// The state diff of a feeder or RPC document; nil for other files.
    private static func stateDiff(_ file: Fixtures.File) throws -> [String: Any]? {
        guard let object = try Fixtures.json(file) as? [String: Any] else { return nil }
        let update = object["state_update"] as? [String: Any] ?? object
        return update["state_diff"] as? [String: Any]
    }

    private static func felt(_ value: Any?) -> Felt {
        (value as? String).flatMap { Felt(hex: $0) } ?? .zero
    }

    private static func diff(_ object: [String: Any]) -> StateDiff {
        var diff = StateDiff()
        func entries(_ list: Any?) -> [StorageEntry] {
            (list as? [[String: Any]] ?? []).map {
                StorageEntry(key: felt($0["key"]), value: felt($0["value"]))
            }
        }
        if let table = object["storage_diffs"] as? [String: Any] {
            diff.storageDiffs = table.map {
                ContractStorageDiff(address: felt($0.key), entries: entries($0.value))
            }
        } else if let list = object["storage_diffs"] as? [[String: Any]] {
            diff.storageDiffs = list.map {
                ContractStorageDiff(
                    address: felt($0["address"]), entries: entries($0["storage_entries"]))
            }
        }
        if let nonces = object["nonces"] as? [String: Any] {
            diff.nonces = nonces.map { NonceUpdate(address: felt($0.key), nonce: felt($0.value)) }
        } else if let list = object["nonces"] as? [[String: Any]] {
            diff.nonces = list.map {
                NonceUpdate(address: felt($0["contract_address"]), nonce: felt($0["nonce"]))
            }
        }
        for (name, path) in [
            ("deployed_contracts", \StateDiff.deployedContracts),
            ("replaced_classes", \StateDiff.replacedClasses),
        ] {
            diff[keyPath: path] = (object[name] as? [[String: Any]] ?? []).map {
                ContractClassUpdate(
                    address: felt($0["address"] ?? $0["contract_address"]),
                    classHash: felt($0["class_hash"]))
            }
        }
        return diff.sorted()
    }

    @Test(
        "Published state updates allocate the aliases that this code allocates",
        .enabled(
            if: Fixtures.has("blocks"), Comment(rawValue: Fixtures.absence(of: "blocks"))))
    func publishedUpdates() throws {
        var checked = 0
        for file in Fixtures.files(under: "blocks", suffix: ".json") {
            guard let object = try StateAliasTests.stateDiff(file) else { continue }
            let published = StateAliasTests.diff(object)
            guard
                let aliases = published.storageDiffs.first(where: {
                    $0.address == KeyAliases.contract
                }),
                let last = aliases.entries.first(where: { $0.key.isZero })?.value
            else { continue }
            let new = aliases.entries.filter { !$0.key.isZero }
            var before = published
            before.storageDiffs.removeAll { $0.address == KeyAliases.contract }
            let reader = AliasedState(
                counter: last - Felt(UInt64(new.count)), unaliased: Set(new.map(\.key)))
            var state = BlockState(base: StateView(committed: reader))
            try KeyAliases.allocate(for: before, in: &state)
            let allocated = state.diff().storageDiffs
            #expect(allocated == [aliases], "\(file)")
            checked += 1
        }
        #expect(checked > 0)
    }

    @Test("The first block with compression sets the counter, with or without new keys")
    func counterStarts() throws {
        var state = BlockState(base: StateView(committed: EmptyState()))
        try KeyAliases.allocate(for: StateDiff(), in: &state)
        let counter = StorageEntry(key: 0, value: 128)
        #expect(
            state.diff().storageDiffs == [ContractStorageDiff(address: 2, entries: [counter])])
        // Nothing more where nothing new appears.
        let layer = StateLayer(height: 1, diff: state.diff())
        var next = BlockState(base: StateView(committed: EmptyState()).extended(by: layer))
        try KeyAliases.allocate(for: StateDiff(), in: &next)
        #expect(next.diff().isEmpty)
    }
}
