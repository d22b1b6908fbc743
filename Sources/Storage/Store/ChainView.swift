package import Primitives

/// The chain as one commit left it. Any thread may read; threads take turns.
///
/// Costs: every point read is one descent of a B+ tree, about a microsecond when its pages are in
/// memory. Values are copied out.
package final class ChainView: Sendable {
    package let transaction: ReadTransaction
    private let tables: ChainTables

    init(transaction: ReadTransaction, tables: ChainTables) {
        self.transaction = transaction
        self.tables = tables
    }

    /// Moves the view to the newest commit, and wakes it after `pause`.
    package func renew() throws(StoreError) { try transaction.renew() }
    /// Lets the snapshot go until `renew`.
    package func pause() { transaction.pause() }
    /// Ends the view; reading from it after that is our bug.
    package func end() { transaction.end() }

    // MARK: Blocks

    /// The newest block; nil before the first one.
    package func tip() throws(StoreError) -> Height? {
        guard let bytes = try transaction.get(tables.system, SystemName.tip) else { return nil }
        guard let word = bytes.withUnsafeBytes({ $0.word(at: 0) }) else {
            throw .corrupted(what: "tip")
        }
        return Height(word)
    }

    package func header(_ height: Height) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.headers, WordKey(height.rawValue))
    }
    package func body(_ height: Height) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.bodies, WordKey(height.rawValue))
    }
    package func receipts(_ height: Height) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.receipts, WordKey(height.rawValue))
    }
    package func stateDiff(_ height: Height) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.diffs, WordKey(height.rawValue))
    }
    package func extra(_ height: Height) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.extras, WordKey(height.rawValue))
    }

    package func height(blockHash: Digest) throws(StoreError) -> Height? {
        try height(tables.blockHashes, blockHash)
    }
    package func height(consensusHash: Digest) throws(StoreError) -> Height? {
        try height(tables.consensusHashes, consensusHash)
    }

    private func height(_ table: Table, _ hash: Digest) throws(StoreError) -> Height? {
        let found = try transaction.withValue(table, WordKey().appending(hash)) { $0.word(at: 0) }
        guard let found else { return nil }
        guard let word = found else { throw .corrupted(what: table.name) }
        return Height(word)
    }

    /// The Starknet hash of a block, once it has been stored.
    package func blockHash(_ height: Height) throws(StoreError) -> Digest? {
        try digest(tables.hashOfBlock, WordKey(height.rawValue))
    }

    package func transaction(_ hash: Digest) throws(StoreError) -> TransactionPlace? {
        let key = WordKey().appending(hash)
        let found = try transaction.withValue(tables.transactions, key) { value in
            TransactionPlace(value)
        }
        guard let found else { return nil }
        guard let place = found else { throw .corrupted(what: tables.transactions.name) }
        return place
    }

    // MARK: State

    /// The value of a storage cell at the end of block `height` (by default the newest); nil when
    /// it was never written.
    package func storage(
        _ contract: Digest, _ key: Digest, at height: Height? = nil
    ) throws(StoreError) -> Digest? {
        try newest(tables.storage, WordKey().appending(contract).appending(key), height)
    }

    package func nonce(
        _ contract: Digest, at height: Height? = nil
    ) throws(StoreError) -> Digest? {
        try newest(tables.nonces, WordKey().appending(contract), height)
    }

    package func classHash(
        _ contract: Digest, at height: Height? = nil
    ) throws(StoreError) -> Digest? {
        try newest(tables.contractClasses, WordKey().appending(contract), height)
    }

    /// The definition of a class that was declared at or below `height` (by default ever).
    package func classDefinition(
        _ hash: Digest, at height: Height? = nil
    ) throws(StoreError) -> [UInt8]? {
        let key = WordKey().appending(hash)
        guard let stored = try transaction.get(tables.classes, key) else { return nil }
        guard let declared = stored.withUnsafeBytes({ $0.word(at: 0) }) else {
            throw .corrupted(what: tables.classes.name)
        }
        if let height, declared > height.rawValue { return nil }
        return Array(stored[8...])
    }

    /// The entry of `prefix` with the greatest height at or below `height`.
    private func newest(
        _ table: Table, _ prefix: WordKey, _ height: Height?
    ) throws(StoreError) -> Digest? {
        let key = prefix.appending(~(height?.rawValue ?? .max))
        let found = try transaction.seek(table, key, .forwards) { found, value -> Digest?? in
            let isOurs = prefix.withKeyBytes { found.hasPrefix($0) }
            return isOurs ? .some(value.digest(at: 0)) : nil
        }
        guard let found, let entry = found else { return nil }
        guard let value = entry else { throw .corrupted(what: table.name) }
        return value
    }

    private func digest(_ table: Table, _ key: WordKey) throws(StoreError) -> Digest? {
        let found = try transaction.withValue(table, key) { $0.digest(at: 0) }
        guard let found else { return nil }
        guard let value = found else { throw .corrupted(what: table.name) }
        return value
    }

    /// The latest node under a key of `TrieWrite`.
    package func trieNode(_ key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.trie, key)
    }

    package func metadata(_ name: String) throws(StoreError) -> [UInt8]? {
        try transaction.get(tables.metadata, Array(name.utf8))
    }

    // MARK: Events

    /// Blocks of `range` that may hold an event with at least one topic of every group, in order;
    /// without groups, every stored block. "May": the topics may come from different events of the
    /// block, so the caller filters its receipts. An empty group asks for nothing.
    ///
    /// At most `maximumBlocks` are returned and about `maximumSeeks` index entries looked at;
    /// `next` is where to go on, nil at the end of the range. A search by one topic costs one seek
    /// for each block that has it, whatever lies between; by several groups, at most one seek for
    /// each topic and block of the rarest group.
    package func blocksWithEvents(
        _ groups: [[EventTopic]], in range: ClosedRange<Height>, maximumBlocks: Int,
        maximumSeeks: Int = 10_000
    ) throws(StoreError) -> (blocks: [Height], next: Height?) {
        precondition(maximumBlocks > 0 && maximumSeeks > 0, "a search must be able to advance")
        guard let tip = try tip() else { return ([], nil) }
        let end = min(range.upperBound, tip)
        let wanted = groups.filter { !$0.isEmpty }
        var blocks: [Height] = []
        var seeks = 0
        var at = range.lowerBound
        while at <= end {
            if blocks.count == maximumBlocks || seeks >= maximumSeeks { return (blocks, at) }
            seeks += 1
            var candidate = at
            for group in wanted {
                var nearest: Height?
                for topic in group {
                    seeks += 1
                    guard let found = try nextBlock(with: topic, from: candidate) else { continue }
                    nearest = min(nearest ?? found, found)
                }
                guard let nearest else { return (blocks, nil) }
                candidate = nearest
            }
            guard candidate == at else {
                at = candidate
                continue
            }
            blocks.append(at)
            guard let following = at.advanced(by: 1) else { break }
            at = following
        }
        return (blocks, nil)
    }

    private func nextBlock(
        with topic: EventTopic, from height: Height
    ) throws(StoreError) -> Height? {
        let prefix = topic.prefix
        let key = prefix.appending(height.rawValue)
        let found = try transaction.seek(tables.events, key, .forwards) { found, _ -> UInt64? in
            prefix.withKeyBytes { found.hasPrefix($0) } ? found.word(at: 40) : nil
        }
        guard let found, let word = found else { return nil }
        return Height(word)
    }
}

extension TransactionPlace {
    fileprivate init?(_ value: UnsafeRawBufferPointer) {
        guard let height = value.word(at: 0), let word = value.word(at: 8),
            let index = UInt32(exactly: word)
        else { return nil }
        self.init(height: Height(height), index: index)
    }
}
