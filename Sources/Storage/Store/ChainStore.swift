package import Primitives

/// The final chain of one node and the state behind it. What the tables hold:
///
/// | table | key | value |
/// |---|---|---|
/// | `headers`, `bodies`, `receipts`, `diffs`, `extras` | height | the caller's bytes |
/// | `consensusHashes`, `blockHashes` | hash | height |
/// | `hashOfBlock` | height | block hash |
/// | `transactions` | hash | height, index |
/// | `storage` | contract, key, ~height | value |
/// | `nonces`, `contractClasses` | contract, ~height | value |
/// | `classes` | class hash | height of declaration, definition |
/// | `trie` | the caller's key | node |
/// | `events` | topic, height | nothing |
/// | `metadata` | name | the caller's bytes |
/// | `system` | name | schema, chain, genesis, tip |
///
/// Numbers and digests are big-endian. `~height` is the complement, so that the newest entry at or
/// below a height is the first key at or above (contract, key, ~height): one seek.
package final class ChainStore: Sendable {
    package static let schema: UInt32 = 1

    package let environment: Environment
    let tables: ChainTables

    /// Opens or creates the store, and checks that it is of this chain and genesis: anything else
    /// throws, and changes nothing.
    package static func open(
        directory: String, chain: Digest, genesis: Digest,
        limits: EnvironmentLimits = EnvironmentLimits()
    ) throws(StoreError) -> ChainStore {
        let environment = try Environment.open(
            directory: directory, tables: ChainTables.names, limits: limits)
        let tables = ChainTables(environment)
        let found = try environment.beginRead()
        defer { found.end() }
        guard let schema = try found.get(tables.system, SystemName.schema) else {
            found.end()
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(
                    tables.system, SystemName.schema, words: WordKey(UInt64(Self.schema)))
                try transaction.put(
                    tables.system, SystemName.chain, words: WordKey().appending(chain))
                try transaction.put(
                    tables.system, SystemName.genesis, words: WordKey().appending(genesis))
            }
            return ChainStore(environment: environment, tables: tables)
        }
        let version = schema.withUnsafeBytes { $0.word(at: 0) }
        guard version == UInt64(Self.schema) else {
            throw .schemaMismatch(
                found: UInt32(clamping: version ?? 0), supported: Self.schema)
        }
        func identity(_ name: [UInt8]) throws(StoreError) -> Digest {
            guard let bytes = try found.get(tables.system, name),
                let digest = Digest(bigEndianBytes: bytes)
            else { throw .corrupted(what: "system table") }
            return digest
        }
        let storedChain = try identity(SystemName.chain)
        guard storedChain == chain else {
            throw .wrongChain(expected: chain, found: storedChain)
        }
        let storedGenesis = try identity(SystemName.genesis)
        guard storedGenesis == genesis else {
            throw .wrongGenesis(expected: genesis, found: storedGenesis)
        }
        return ChainStore(environment: environment, tables: tables)
    }

    private init(environment: Environment, tables: ChainTables) {
        self.environment = environment
        self.tables = tables
    }

    /// Everything that `body` reads is of one commit. Do not commit from inside.
    package func snapshot<R>(_ body: (ChainView) throws -> R) throws -> R {
        let view = try openView()
        defer { view.end() }
        return try body(view)
    }

    /// A view that lives on, for a reader with many reads. `renew` it for every block, `pause` it
    /// when idle: an old snapshot makes the file grow.
    package func openView() throws(StoreError) -> ChainView {
        ChainView(transaction: try environment.beginRead(), tables: tables)
    }

    package func commit(_ batch: FinalBatch) throws(StoreError) { try commit([batch]) }

    /// Writes batches in order as one durable transaction: after a crash all of it is there, or
    /// nothing. A throw means that nothing of it was stored.
    package func commit(_ batches: [FinalBatch]) throws(StoreError) {
        let blocks = batches.flatMap(\.blocks)
        // In key order, neighbours share the pages that a search touches.
        let cells = StateCells(blocks)
        try environment.write { (transaction) throws(StoreError) in
            try writeTip(blocks, transaction)
            for block in blocks { try write(block, transaction) }
            for (key, value) in cells.storage {
                try transaction.put(tables.storage, key, words: value)
            }
            for (key, value) in cells.nonces {
                try transaction.put(tables.nonces, key, words: value)
            }
            for (key, value) in cells.classHashes {
                try transaction.put(tables.contractClasses, key, words: value)
            }
            for (key, value) in cells.transactions {
                try transaction.put(tables.transactions, key, words: value)
            }
            for key in cells.topics { try transaction.put(tables.events, key, []) }
            for batch in batches { try write(batch, transaction) }
        }
    }

    private func writeTip(
        _ blocks: [BlockWrites], _ transaction: WriteTransaction
    ) throws(StoreError) {
        guard let last = blocks.last else { return }
        let stored = try transaction.get(tables.system, SystemName.tip)
        var tip = stored.flatMap { $0.withUnsafeBytes { $0.word(at: 0) } }.map { Height($0) }
        for block in blocks {
            if let tip, block.height.rawValue != tip.rawValue &+ 1 {
                throw .outOfOrder(tip: tip, got: block.height)
            }
            tip = block.height
        }
        try transaction.put(
            tables.system, SystemName.tip, words: WordKey(last.height.rawValue))
    }

    private func write(
        _ block: BlockWrites, _ transaction: WriteTransaction
    ) throws(StoreError) {
        let number = WordKey(block.height.rawValue)
        try transaction.put(tables.headers, number, block.header)
        try transaction.put(tables.bodies, number, block.body)
        try transaction.put(tables.receipts, number, block.receipts)
        try transaction.put(tables.diffs, number, block.stateDiff)
        try transaction.put(tables.extras, number, block.extra)
        try transaction.put(
            tables.consensusHashes, WordKey().appending(block.consensusHash), words: number)
        for written in block.classes {
            let key = WordKey().appending(written.hash)
            // The first declaration counts.
            if try transaction.get(tables.classes, key) != nil { continue }
            try transaction.put(
                tables.classes, key, number.withKeyBytes { [UInt8]($0) } + written.definition)
        }
    }

    private func write(
        _ batch: FinalBatch, _ transaction: WriteTransaction
    ) throws(StoreError) {
        for written in batch.blockHashes {
            let number = WordKey(written.height.rawValue)
            let hash = WordKey().appending(written.hash)
            try transaction.put(tables.blockHashes, hash, words: number)
            try transaction.put(tables.hashOfBlock, number, words: hash)
        }
        for written in batch.trieNodes.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            if let node = written.node {
                try transaction.put(tables.trie, written.key, node)
            } else {
                try transaction.delete(tables.trie, written.key)
            }
        }
        for written in batch.metadata {
            let key = Array(written.name.utf8)
            if let value = written.value {
                try transaction.put(tables.metadata, key, value)
            } else {
                try transaction.delete(tables.metadata, key)
            }
        }
    }
}

enum SystemName {
    static let schema = Array("schema".utf8)
    static let chain = Array("chain".utf8)
    static let genesis = Array("genesis".utf8)
    static let tip = Array("tip".utf8)
}

/// The small entries of a batch, sorted by key; of two writes to one key the later one comes last.
private struct StateCells {
    typealias Cell = (key: WordKey, value: WordKey)
    var storage: [Cell] = []
    var nonces: [Cell] = []
    var classHashes: [Cell] = []
    var transactions: [Cell] = []
    var topics: [WordKey] = []

    init(_ blocks: [BlockWrites]) {
        for block in blocks {
            let age = ~block.height.rawValue
            for write in block.storage {
                let key = WordKey().appending(write.contract).appending(write.key)
                storage.append((key.appending(age), WordKey().appending(write.value)))
            }
            nonces += block.nonces.map { Self.cell($0, age) }
            classHashes += block.classHashes.map { Self.cell($0, age) }
            for (index, hash) in block.transactions.enumerated() {
                let place = WordKey(block.height.rawValue, UInt64(index))
                transactions.append((WordKey().appending(hash), place))
            }
            for topic in Set(block.eventTopics) {
                topics.append(topic.prefix.appending(block.height.rawValue))
            }
        }
        Self.sort(&storage)
        Self.sort(&nonces)
        Self.sort(&classHashes)
        Self.sort(&transactions)
        topics.sort()
    }

    private static func sort(_ cells: inout [Cell]) {
        let order = cells.indices.sorted { left, right in
            if cells[left].key < cells[right].key { return true }
            return left < right && !(cells[right].key < cells[left].key)
        }
        cells = order.map { cells[$0] }
    }

    private static func cell(_ write: ContractWrite, _ age: UInt64) -> Cell {
        (WordKey().appending(write.contract).appending(age), WordKey().appending(write.value))
    }
}

struct ChainTables: Sendable {
    static let names = [
        "headers", "bodies", "receipts", "diffs", "extras", "consensusHashes", "blockHashes",
        "hashOfBlock", "transactions", "storage", "nonces", "contractClasses", "classes", "trie",
        "events", "metadata", "system",
    ]
    let headers, bodies, receipts, diffs, extras: Table
    let consensusHashes, blockHashes, hashOfBlock, transactions: Table
    let storage, nonces, contractClasses, classes, trie: Table
    let events, metadata, system: Table

    init(_ environment: Environment) {
        headers = environment.table("headers")
        bodies = environment.table("bodies")
        receipts = environment.table("receipts")
        diffs = environment.table("diffs")
        extras = environment.table("extras")
        consensusHashes = environment.table("consensusHashes")
        blockHashes = environment.table("blockHashes")
        hashOfBlock = environment.table("hashOfBlock")
        transactions = environment.table("transactions")
        storage = environment.table("storage")
        nonces = environment.table("nonces")
        contractClasses = environment.table("contractClasses")
        classes = environment.table("classes")
        trie = environment.table("trie")
        events = environment.table("events")
        metadata = environment.table("metadata")
        system = environment.table("system")
    }
}
