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
package struct StorageAddressCache: Hashable, Sendable {
    /// Accounts per generation.
    package static let generationSize = 1 << 16

    fileprivate struct Entry: Hashable, Sendable {
        let key: StorageKey
        let isReduced: Bool
    }

    /// An account that was asked for, and what the answer was.
    struct Asked: Hashable, Sendable {
        let account: ContractAddress
        fileprivate let entry: Entry
    }

    private var young: [ContractAddress: Entry] = [:]
    private var old: [ContractAddress: Entry] = [:]
    /// What another cache knows, which this one reads and leaves as it is.
    private var lower: [[ContractAddress: Entry]] = []
    /// In order, where the cache lies over another.
    private(set) var asked: [Asked] = []

    package init() {}

    /// A cache that keeps a list of what it was asked, for `replay` on the one that it lies over.
    init(over cache: StorageAddressCache) { lower = [cache.young, cache.old] }

    mutating func takeAsked() -> [Asked] {
        defer { asked = [] }
        return asked
    }

    /// Leaves the cache as if it had been asked the same.
    mutating func replay(_ asked: ArraySlice<Asked>) {
        for asked in asked where young[asked.account] == nil { keep(asked.account, asked.entry) }
    }

    package var count: Int { young.count + old.count }

    mutating func balance(of account: ContractAddress) -> StorageKey {
        entry(account).key
    }

    /// Nil where the hash lies above the bound and had to be reduced.
    mutating func certainBalance(of account: ContractAddress) -> StorageKey? {
        let entry = entry(account)
        return entry.isReduced ? nil : entry.key
    }

    private mutating func entry(_ account: ContractAddress) -> Entry {
        if lower.isEmpty, let entry = young[account] { return entry }
        let entry = find(account)
        if !lower.isEmpty, asked.last?.account != account {
            asked.append(Asked(account: account, entry: entry))
        }
        if young[account] == nil { keep(account, entry) }
        return entry
    }

    private func find(_ account: ContractAddress) -> Entry {
        if let known = young[account] ?? old[account] { return known }
        for generation in lower {
            if let known = generation[account] { return known }
        }
        let hash = Pedersen.hash(TokenStorage.balances, account)
        let key = ContractAddresses.reduced(hash)
        return Entry(key: key, isReduced: key != hash)
    }

    private mutating func keep(_ account: ContractAddress, _ entry: Entry) {
        if young.count >= StorageAddressCache.generationSize {
            old = young
            young = [:]
            young.reserveCapacity(StorageAddressCache.generationSize)
        }
        young[account] = entry
    }
}

/// The token's storage variables.
enum TokenStorage {
    static let name = StorageAddresses.variable("ERC20_name")
    static let symbol = StorageAddresses.variable("ERC20_symbol")
    static let decimals = StorageAddresses.variable("ERC20_decimals")
    static let totalSupply = StorageAddresses.variable("ERC20_total_supply")
    static let balances = StorageAddresses.variable("ERC20_balances")
    static let allowances = StorageAddresses.variable("ERC20_allowances")
}
