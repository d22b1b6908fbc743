package import Primitives

/// What one commit adds to a `ChainStore`: finalised blocks with the state that they changed, and
/// what became known later about older ones. All or nothing. The bytes are the caller's encodings.
package struct FinalBatch: Sendable {
    /// In order of height, without gaps, the first one just above the stored tip (any height when
    /// nothing is stored yet: genesis, or where a state sync ends).
    package var blocks: [BlockWrites]
    /// Starknet hashes of stored blocks, known only when their tries have been hashed.
    package var blockHashes: [BlockHashWrite]
    package var trieNodes: [TrieWrite]
    /// Facts under names, such as the certificate of the tip; nil deletes.
    package var metadata: [MetadataWrite]

    package init(
        blocks: [BlockWrites] = [], blockHashes: [BlockHashWrite] = [],
        trieNodes: [TrieWrite] = [], metadata: [MetadataWrite] = []
    ) {
        self.blocks = blocks
        self.blockHashes = blockHashes
        self.trieNodes = trieNodes
        self.metadata = metadata
    }
}

/// One block and its changes. A key that occurs twice in a list takes its last value.
package struct BlockWrites: Sendable {
    package var height: Height
    package var header: [UInt8]
    package var body: [UInt8]
    package var receipts: [UInt8]
    package var stateDiff: [UInt8]
    package var extra: [UInt8]
    /// The hash that consensus knows the block by.
    package var consensusHash: Digest
    /// Hashes of the block's transactions in order.
    package var transactions: [Digest]
    package var storage: [StorageWrite]
    package var nonces: [ContractWrite]
    package var classHashes: [ContractWrite]
    package var classes: [ClassWrite]
    /// What the block's events can be found by. Repetitions are fine.
    package var eventTopics: [EventTopic]

    package init(
        height: Height, consensusHash: Digest, header: [UInt8] = [], body: [UInt8] = [],
        receipts: [UInt8] = [], stateDiff: [UInt8] = [], extra: [UInt8] = [],
        transactions: [Digest] = [], storage: [StorageWrite] = [], nonces: [ContractWrite] = [],
        classHashes: [ContractWrite] = [], classes: [ClassWrite] = [],
        eventTopics: [EventTopic] = []
    ) {
        self.height = height
        self.consensusHash = consensusHash
        self.header = header
        self.body = body
        self.receipts = receipts
        self.stateDiff = stateDiff
        self.extra = extra
        self.transactions = transactions
        self.storage = storage
        self.nonces = nonces
        self.classHashes = classHashes
        self.classes = classes
        self.eventTopics = eventTopics
    }
}

package struct BlockHashWrite: Hashable, Sendable {
    package var height: Height
    package var hash: Digest
    package init(height: Height, hash: Digest) {
        self.height = height
        self.hash = hash
    }
}

package struct StorageWrite: Hashable, Sendable {
    package var contract: Digest
    package var key: Digest
    package var value: Digest
    package init(contract: Digest, key: Digest, value: Digest) {
        self.contract = contract
        self.key = key
        self.value = value
    }
}

/// A contract's new nonce or class hash.
package struct ContractWrite: Hashable, Sendable {
    package var contract: Digest
    package var value: Digest
    package init(contract: Digest, value: Digest) {
        self.contract = contract
        self.value = value
    }
}

package struct ClassWrite: Hashable, Sendable {
    package var hash: Digest
    package var definition: [UInt8]
    package init(hash: Digest, definition: [UInt8]) {
        self.hash = hash
        self.definition = definition
    }
}

/// A trie node, or any record that is kept only in its latest state; nil deletes. The key names
/// trie and path together, in 1 to 511 bytes.
package struct TrieWrite: Hashable, Sendable {
    package var key: [UInt8]
    package var node: [UInt8]?
    package init(key: [UInt8], node: [UInt8]?) {
        self.key = key
        self.node = node
    }
}

package struct MetadataWrite: Hashable, Sendable {
    package var name: String
    package var value: [UInt8]?
    package init(name: String, value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// Something that an event of a block has. What is indexed is the caller's choice; emitting
/// address and first key (the event's selector) are the useful ones.
package enum EventTopic: Hashable, Sendable {
    case address(Digest)
    /// The key at a position of the event's key list.
    case key(position: UInt8, Digest)

    /// Five words: the kind (0, or 1 + position) and the value.
    var prefix: WordKey {
        switch self {
        case .address(let value): WordKey(0).appending(value)
        case .key(let position, let value): WordKey(1 + UInt64(position)).appending(value)
        }
    }
}

/// Where a transaction is.
package struct TransactionPlace: Hashable, Sendable {
    package var height: Height
    package var index: UInt32
    package init(height: Height, index: UInt32) {
        self.height = height
        self.index = index
    }
}
