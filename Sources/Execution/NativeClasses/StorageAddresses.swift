package import StarkField
import StarkHash

/// Where Cairo keeps storage variables (Starknet documentation, "Contract storage").
package enum StorageAddresses {
    /// A plain variable: `starknet_keccak` of its name.
    package static func variable(_ name: String) -> StorageKey {
        starknetKeccak(name.utf8)
    }

    /// An entry of a map: each key hashed in turn onto the map's own address, then reduced below
    /// 2^251 - 256.
    package static func entry(of map: StorageKey, _ keys: Felt...) -> StorageKey {
        var hash = map
        for key in keys { hash = Pedersen.hash(hash, key) }
        return ContractAddresses.reduced(hash)
    }

    /// The second slot of a value of two, such as the high half of a `u256`.
    package static func second(of key: StorageKey) -> StorageKey { key + .one }
}

/// The storage keys of balances, remembered: a Pedersen hash costs as much as the rest of a
/// transfer. Keys do not depend on the state, so one cache serves all blocks and forks; it is a
/// value that moves from block to block.
///
/// Two generations bound it: when the young one is full, the old one is forgotten.
package struct StorageAddressCache: Sendable {
    /// Accounts per generation.
    package static let generationSize = 1 << 16

    private var young: [ContractAddress: StorageKey] = [:]
    private var old: [ContractAddress: StorageKey] = [:]

    package init() {}

    package var count: Int { young.count + old.count }

    mutating func balance(of account: ContractAddress) -> StorageKey {
        if let key = young[account] { return key }
        let key =
            old[account] ?? StorageAddresses.entry(of: TokenClass.Storage.balances, account)
        if young.count >= StorageAddressCache.generationSize {
            old = young
            young = [:]
            young.reserveCapacity(StorageAddressCache.generationSize)
        }
        young[account] = key
        return key
    }
}
