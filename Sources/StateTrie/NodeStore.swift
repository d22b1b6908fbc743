package import StarkField

/// One of the state's tries.
package enum TrieIdentifier: Hashable, Sendable {
    case contracts
    case classes
    /// The storage of the contract at an address.
    case storage(Felt)
}

/// The place of a node: its trie and its path.
package struct NodeKey: Hashable, Sendable {
    package let trie: TrieIdentifier
    package let path: TriePath

    package init(trie: TrieIdentifier, path: TriePath) {
        self.trie = trie
        self.path = path
    }

    /// The key for a sorted database, at most 66 bytes: a byte 0 (contracts), 1 (classes) or 2 and
    /// the address (storage); the path's length in one byte; the path's bits from the left. Nodes
    /// of one trie are together, the upper levels first. State paths have at most 250 bits.
    package var encoded: [UInt8] {
        let start: [UInt8] =
            switch trie {
            case .contracts: [0]
            case .classes: [1]
            case .storage(let address): [2] + address.bigEndianBytes
            }
        return start + [UInt8(truncatingIfNeeded: path.length)] + path.bytes
    }
}

/// Where nodes and contract records are read from: the state of one block.
package protocol NodeStore {
    /// The node at a path; nil where the trie has none there.
    func node(at key: NodeKey) throws(TrieError) -> TrieNode?
    /// The record of the contract at an address; nil where there is none.
    func contract(at address: Felt) throws(TrieError) -> ContractRecord?
}

/// Any store. Generic code over it is compiled for this one type, where that over a caller's own
/// store would look up its types at run time.
struct ErasedStore: NodeStore {
    private let base: any NodeStore

    init(_ base: some NodeStore) { self.base = base }

    func node(at key: NodeKey) throws(TrieError) -> TrieNode? { try base.node(at: key) }
    func contract(at address: Felt) throws(TrieError) -> ContractRecord? {
        try base.contract(at: address)
    }
}

/// A changed node; no node means that it is deleted.
package struct NodeChange: Hashable, Sendable {
    package let key: NodeKey
    package let node: TrieNode?

    package init(key: NodeKey, node: TrieNode?) {
        self.key = key
        self.node = node
    }
}

/// A changed contract record; none means that it is deleted.
package struct ContractChange: Hashable, Sendable {
    package let address: Felt
    package let record: ContractRecord?

    package init(address: Felt, record: ContractRecord?) {
        self.address = address
        self.record = record
    }
}

/// What one update changes in a store. Every key occurs once (I2); the order is a function of the
/// update.
package struct StateChanges: Hashable, Sendable {
    package var nodes: [NodeChange]
    package var contracts: [ContractChange]

    package init(nodes: [NodeChange] = [], contracts: [ContractChange] = []) {
        self.nodes = nodes
        self.contracts = contracts
    }
}

/// The store of the empty state.
package struct EmptyNodeStore: NodeStore, Sendable {
    package init() {}
    package func node(at key: NodeKey) throws(TrieError) -> TrieNode? { nil }
    package func contract(at address: Felt) throws(TrieError) -> ContractRecord? { nil }
}

/// A store in memory.
package struct MemoryNodeStore: NodeStore, Sendable {
    package private(set) var nodes: [NodeKey: TrieNode] = [:]
    package private(set) var contracts: [Felt: ContractRecord] = [:]

    package init() {}

    package func node(at key: NodeKey) throws(TrieError) -> TrieNode? { nodes[key] }
    package func contract(at address: Felt) throws(TrieError) -> ContractRecord? {
        contracts[address]
    }

    package mutating func apply(_ changes: StateChanges) {
        for change in changes.nodes { nodes[change.key] = change.node }
        for change in changes.contracts { contracts[change.address] = change.record }
    }
}
