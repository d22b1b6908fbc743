import Foundation
import Primitives
import Testing

@testable import Storage

func number(_ value: UInt64) -> Digest { Digest(value &* 0x9E37_79B9, value, ~value, value << 7) }

/// A block whose content is a function of its height.
func sampleBlock(_ height: UInt64, cells: Int = 5, transactions: Int = 3) -> BlockWrites {
    func bytes(_ tag: UInt8, _ count: Int) -> [UInt8] {
        [tag] + (0..<count).map { UInt8(truncatingIfNeeded: UInt64($0) &* 31 &+ height) }
    }
    return BlockWrites(
        height: Height(height), consensusHash: number(1_000_000 + height),
        header: bytes(1, 200), body: bytes(2, 9000), receipts: bytes(3, 5000),
        stateDiff: bytes(4, 300), extra: bytes(5, 0),
        transactions: (0..<transactions).map { number(height * 1000 + UInt64($0)) },
        storage: (0..<cells).map {
            StorageWrite(
                contract: number(UInt64($0 % 3)), key: number(UInt64($0)),
                value: Digest(number: height * 100 + UInt64($0)))
        },
        nonces: [ContractWrite(contract: number(77), value: Digest(number: height))],
        classHashes: height % 4 == 0
            ? [ContractWrite(contract: number(77), value: number(height))] : [],
        classes: [ClassWrite(hash: number(height), definition: bytes(6, 50))],
        eventTopics: [.address(number(height % 2)), .key(position: 0, number(height % 5))])
}

@Suite("The database")
struct EnvironmentTests {
    @Test("Tables are ordered, and cursors find floors and ceilings both ways")
    func order() throws {
        let place = try TemporaryDirectory()
        let environment = try Environment.open(directory: place.path, tables: ["a", "b"])
        let table = environment.table("a")
        var generator = SeededGenerator(seed: 3)
        var twin: [UInt64: [UInt8]] = [:]
        for _ in 0..<20 {
            try environment.write { (transaction) throws(StoreError) in
                for _ in 0..<40 {
                    let key = generator.uniform(below: 2000)
                    let value = [UInt8](repeating: UInt8(key & 0xFF), count: Int(key % 50))
                    if generator.uniform(below: 4) == 0 {
                        twin[key] = nil
                        try transaction.delete(table, WordKey(key))
                    } else {
                        twin[key] = value
                        try transaction.put(table, WordKey(key), value)
                    }
                }
            }
        }
        let keys = twin.keys.sorted()
        try environment.read { transaction throws in
            for probe in UInt64(0)..<2010 {
                #expect(try transaction.get(table, WordKey(probe)) == twin[probe])
                let above = try transaction.seek(table, WordKey(probe), .forwards) { key, _ in
                    key.word(at: 0) ?? .max
                }
                #expect(above == keys.first { $0 >= probe })
                let below = try transaction.seek(table, WordKey(probe), .backwards) { key, _ in
                    key.word(at: 0) ?? .max
                }
                #expect(below == keys.last { $0 <= probe })
            }
            var seen: [UInt64] = []
            try transaction.scan(table, from: WordKey(1000), .backwards) { key, value in
                seen.append(key.word(at: 0) ?? 0)
                #expect([UInt8](value) == twin[seen[seen.count - 1]])
                return seen.count < 20
            }
            #expect(seen == Array(keys.filter { $0 <= 1000 }.reversed().prefix(20)))
            #expect(try transaction.get(environment.table("b"), WordKey(1)) == nil)
        }
    }

    @Test("The map grows when it is full, also while paused readers exist, up to its maximum")
    func growth() throws {
        let place = try TemporaryDirectory()
        var limits = EnvironmentLimits()
        limits.initialMapBytes = 1 << 20
        limits.maximumMapBytes = 8 << 20
        limits.growthPatienceMilliseconds = 50
        let environment = try Environment.open(
            directory: place.path, tables: ["a"], limits: limits)
        let table = environment.table("a")
        let reader = try environment.beginRead()
        reader.pause()
        func fill(_ key: UInt64, bytes: Int) throws(StoreError) {
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(table, WordKey(key), [UInt8](repeating: 7, count: bytes))
            }
        }
        for key in UInt64(0)..<6 { try fill(key, bytes: 600_000) }
        try reader.renew()
        #expect(try reader.get(table, WordKey(5))?.count == 600_000)
        // An open reader keeps the map from growing past what it has.
        #expect(throws: StoreError.mapFull(bytes: 4 << 20, maximum: 8 << 20)) {
            try fill(6, bytes: 3_000_000)
        }
        reader.end()
        try fill(6, bytes: 3_000_000)
        #expect(throws: StoreError.mapFull(bytes: 8 << 20, maximum: 8 << 20)) {
            try fill(7, bytes: 6_000_000)
        }
        try environment.read { reader throws in
            #expect(try reader.get(table, WordKey(6))?.count == 3_000_000)
        }
    }

    @Test("A second opening is refused; a write that throws leaves nothing behind")
    func lockedAndAborted() throws {
        let place = try TemporaryDirectory()
        let environment = try Environment.open(directory: place.path, tables: ["a"])
        #expect(throws: StoreError.locked(directory: place.path)) {
            _ = try Environment.open(directory: place.path, tables: ["a"])
        }
        let table = environment.table("a")
        #expect(throws: StoreError.corrupted(what: "test")) {
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(table, [1], [1])
                throw StoreError.corrupted(what: "test")
            }
        }
        try environment.read { reader throws in #expect(try reader.get(table, [1]) == nil) }
    }

    @Test("Readers on many threads see whole commits while a writer goes on")
    func concurrentReaders() async throws {
        let place = try TemporaryDirectory()
        let environment = try Environment.open(directory: place.path, tables: ["a"])
        let table = environment.table("a")
        @Sendable func commit(_ round: UInt64) throws {
            try environment.write { (transaction) throws(StoreError) in
                for key in UInt64(0)..<50 {
                    try transaction.put(table, WordKey(key), words: WordKey(round))
                }
            }
        }
        try commit(0)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for round in UInt64(1)...40 { try commit(round) }
                return true
            }
            for _ in 0..<3 {
                group.addTask {
                    var isWhole = true
                    let reader = try environment.beginRead()
                    for _ in 0..<200 {
                        try reader.renew()
                        var rounds: Set<UInt64> = []
                        try reader.scan(table, from: WordKey(0), .forwards) { _, value in
                            rounds.insert(value.word(at: 0) ?? .max)
                            return true
                        }
                        isWhole = isWhole && rounds.count == 1
                    }
                    return isWhole
                }
            }
            for try await isWhole in group { #expect(isWhole) }
        }
    }
}

@Suite("The chain store")
struct ChainStoreTests {
    private func open(_ place: TemporaryDirectory) throws(StoreError) -> ChainStore {
        try ChainStore.open(
            directory: place.path + "/chain", chain: testChain, genesis: number(0))
    }

    private func expectBlock(_ expected: BlockWrites, _ view: ChainView) throws {
        let height = expected.height
        #expect(try view.header(height) == expected.header)
        #expect(try view.body(height) == expected.body)
        #expect(try view.receipts(height) == expected.receipts)
        #expect(try view.stateDiff(height) == expected.stateDiff)
        #expect(try view.extra(height) == expected.extra)
        #expect(try view.height(consensusHash: expected.consensusHash) == height)
        for (index, hash) in expected.transactions.enumerated() {
            #expect(
                try view.transaction(hash)
                    == TransactionPlace(height: height, index: UInt32(index)))
        }
        for written in expected.classes {
            #expect(try view.classDefinition(written.hash) == written.definition)
        }
    }

    @Test("Blocks, hashes and indexes come back after reopening")
    func blocks() throws {
        let place = try TemporaryDirectory()
        do {
            let store = try open(place)
            let tip = try store.snapshot { try $0.tip() }
            #expect(tip == nil)
            try store.commit(FinalBatch(blocks: (0..<3).map { sampleBlock($0) }))
            try store.commit(
                FinalBatch(
                    blocks: [sampleBlock(3)],
                    blockHashes: [
                        BlockHashWrite(height: 0, hash: number(500)),
                        BlockHashWrite(height: 1, hash: number(501)),
                    ],
                    trieNodes: [TrieWrite(key: [0, 1], node: [9])],
                    metadata: [MetadataWrite(name: "certificate", value: [1, 2])]))
        }
        let store = try open(place)
        try store.snapshot { view throws in
            #expect(try view.tip() == 3)
            for height in UInt64(0)..<4 { try expectBlock(sampleBlock(height), view) }
            #expect(try view.blockHash(1) == number(501))
            #expect(try view.blockHash(2) == nil)
            #expect(try view.height(blockHash: number(500)) == 0)
            #expect(try view.header(4) == nil)
            #expect(try view.transaction(number(5)) == nil)
            #expect(try view.trieNode([0, 1]) == [9])
            #expect(try view.trieNode([0]) == nil)
            #expect(try view.metadata("certificate") == [1, 2])
        }
        try store.commit(
            FinalBatch(
                trieNodes: [
                    TrieWrite(key: [0, 1], node: nil), TrieWrite(key: [7], node: nil),
                    TrieWrite(key: [0, 0], node: [8]),
                ],
                metadata: [MetadataWrite(name: "certificate", value: nil)]))
        try store.snapshot { view throws in
            #expect(try view.tip() == 3)
            #expect(try view.trieNode([0, 1]) == nil)
            #expect(try view.trieNode([0, 0]) == [8])
            #expect(try view.metadata("certificate") == nil)
        }
    }

    @Test("State at any height is the newest entry at or below it, as a plain replay says")
    func versionedState() throws {
        let place = try TemporaryDirectory()
        let store = try open(place)
        var generator = SeededGenerator(seed: 8)
        var history: [[StorageWrite]] = []
        for height in UInt64(0)..<60 {
            var block = sampleBlock(height, cells: 0)
            block.storage = (0..<generator.uniform(below: 12)).map { _ in
                StorageWrite(
                    contract: Digest(number: generator.uniform(below: 3)),
                    key: Digest(number: generator.uniform(below: 6)),
                    value: Digest(number: generator.uniform(below: 4)))
            }
            history.append(block.storage)
            try store.commit(FinalBatch(blocks: [block]))
        }
        let view = try store.openView()
        var state: [[Digest]: Digest] = [:]
        for height in 0..<60 {
            for write in history[height] { state[[write.contract, write.key]] = write.value }
            let at = Height(UInt64(height))
            for contract in UInt64(0)..<4 {
                for key in UInt64(0)..<7 {
                    let (contract, key) = (Digest(number: contract), Digest(number: key))
                    #expect(try view.storage(contract, key, at: at) == state[[contract, key]])
                }
            }
            #expect(try view.nonce(number(77), at: at) == Digest(number: UInt64(height)))
            #expect(
                try view.classHash(number(77), at: at) == number(UInt64(height) / 4 * 4))
            #expect(try view.classDefinition(number(30), at: at) != nil || height < 30)
            #expect(try view.classDefinition(number(30), at: at) == nil || height >= 30)
        }
        for (cell, value) in state {
            #expect(try view.storage(cell[0], cell[1]) == value)
        }
        #expect(try view.nonce(number(78)) == nil)
    }

    @Test("A view keeps its snapshot until it is renewed")
    func snapshots() throws {
        let place = try TemporaryDirectory()
        let store = try open(place)
        try store.commit(FinalBatch(blocks: [sampleBlock(0)]))
        let view = try store.openView()
        try store.commit(FinalBatch(blocks: [sampleBlock(1)]))
        #expect(try view.tip() == 0)
        #expect(try view.nonce(number(77)) == Digest(number: 0))
        try view.renew()
        #expect(try view.tip() == 1)
        #expect(try view.nonce(number(77)) == Digest(number: 1))
        view.pause()
        try view.renew()
        #expect(try view.tip() == 1)
        view.end()
    }

    @Test("A batch that leaves a gap or goes back is refused whole")
    func outOfOrder() throws {
        let place = try TemporaryDirectory()
        let store = try open(place)
        try store.commit(FinalBatch(blocks: [sampleBlock(5)]))
        #expect(throws: StoreError.outOfOrder(tip: 5, got: 7)) {
            try store.commit(FinalBatch(blocks: [sampleBlock(7)]))
        }
        #expect(throws: StoreError.outOfOrder(tip: 5, got: 5)) {
            try store.commit(FinalBatch(blocks: [sampleBlock(5)]))
        }
        #expect(throws: StoreError.outOfOrder(tip: 6, got: 8)) {
            try store.commit([
                FinalBatch(blocks: [sampleBlock(6)]), FinalBatch(blocks: [sampleBlock(8)]),
            ])
        }
        try store.snapshot { view throws in
            #expect(try view.tip() == 5)
            #expect(try view.header(6) == nil)
        }
    }

    @Test("Another chain or genesis is named, and nothing is changed")
    func identity() throws {
        let place = try TemporaryDirectory()
        let directory = place.path + "/chain"
        do { try open(place).commit(FinalBatch(blocks: [sampleBlock(0)])) }
        #expect(throws: StoreError.wrongChain(expected: number(1), found: testChain)) {
            _ = try ChainStore.open(directory: directory, chain: number(1), genesis: number(0))
        }
        #expect(throws: StoreError.wrongGenesis(expected: number(1), found: number(0))) {
            _ = try ChainStore.open(directory: directory, chain: testChain, genesis: number(1))
        }
        do {
            let environment = try Environment.open(
                directory: directory, tables: ChainTables.names)
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(
                    environment.table("system"), SystemName.schema, words: WordKey(2))
            }
        }
        #expect(throws: StoreError.schemaMismatch(found: 2, supported: 1)) { _ = try open(place) }
    }

    @Test("A search for events finds exactly the blocks with a topic of every group, in pages")
    func events() throws {
        let place = try TemporaryDirectory()
        let store = try open(place)
        var generator = SeededGenerator(seed: 12)
        var topics: [Set<EventTopic>] = []
        var blocks: [BlockWrites] = []
        for height in UInt64(0)..<120 {
            var block = sampleBlock(height, cells: 0, transactions: 0)
            block.eventTopics = (0..<generator.uniform(below: 6)).map { _ in
                let value = number(generator.uniform(below: 5))
                return generator.uniform(below: 2) == 0
                    ? .address(value) : .key(position: UInt8(generator.uniform(below: 2)), value)
            }
            topics.append(Set(block.eventTopics))
            blocks.append(block)
        }
        try store.commit(FinalBatch(blocks: blocks))
        func topic() -> EventTopic {
            let value = number(generator.uniform(below: 6))
            return generator.uniform(below: 2) == 0
                ? .address(value) : .key(position: UInt8(generator.uniform(below: 3)), value)
        }
        try store.snapshot { view throws in
            for _ in 0..<300 {
                let groups = (0..<generator.uniform(below: 4)).map { _ in
                    (0..<generator.uniform(below: 4)).map { _ in topic() }
                }
                let low = generator.uniform(below: 130)
                let high = low + generator.uniform(below: 60)
                let expected = (low...high).filter { height in
                    height < 120
                        && groups.allSatisfy { group in
                            group.isEmpty || group.contains { topics[Int(height)].contains($0) }
                        }
                }.map { Height($0) }
                var found: [Height] = []
                var from: Height? = Height(low)
                while let start = from {
                    let page = try view.blocksWithEvents(
                        groups, in: start...Height(high), maximumBlocks: 7, maximumSeeks: 20)
                    #expect(page.blocks.count <= 7)
                    found += page.blocks
                    from = page.next
                }
                #expect(found == expected)
            }
        }
    }

    @Test("A damaged data file is refused or read, never a crash of the process")
    func notADatabase() throws {
        let place = try TemporaryDirectory()
        let directory = place.path + "/chain"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        try Data(repeating: 0x5A, count: 65536).write(
            to: URL(fileURLWithPath: directory + "/data.mdb"))
        #expect(throws: StoreError.libraryMismatch(directory: directory)) { _ = try open(place) }
    }
}
