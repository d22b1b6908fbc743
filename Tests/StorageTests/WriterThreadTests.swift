import Primitives
import Storage
import Synchronization
import Testing

/// Everything that happened on a writer thread, in order.
final class Journal: Sendable {
    enum Entry: Hashable, Sendable {
        case appended([Int])
        case committed
        case called(Int)
        case closed
        case failed(Int)
    }
    private let entries = Mutex<[Entry]>([])
    func note(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    var all: [Entry] { entries.withLock { $0 } }
}

/// A list that any thread may add to.
final class Collected<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
}

/// Waits until it is opened, so that a test decides what is queued in one turn.
final class Latch: Sendable {
    private let isOpen = Atomic(false)
    func open() { isOpen.store(true, ordering: .releasing) }
    func wait() { while !isOpen.load(ordering: .acquiring) {} }
}

struct JournalSink: GroupSink {
    struct Failure: Error, Hashable { var item: Int }
    let journal: Journal
    /// Taking this item, or committing after it, fails.
    var badItem: Int?
    var badCommit: Int?
    var uncommitted: [Int] = []

    mutating func append(_ items: [Int]) throws(Failure) {
        if let badItem, items.contains(badItem) { throw Failure(item: badItem) }
        journal.note(.appended(items))
        uncommitted += items
    }
    mutating func commit() throws(Failure) {
        if let badCommit, uncommitted.contains(badCommit) { throw Failure(item: badCommit) }
        uncommitted = []
        journal.note(.committed)
    }
    mutating func close() throws(Failure) { journal.note(.closed) }
}

@Suite("The writer thread")
struct WriterThreadTests {
    private func start(
        _ journal: Journal, badItem: Int? = nil, badCommit: Int? = nil,
        limits: WriterLimits = WriterLimits()
    ) -> WriterThread<JournalSink> {
        WriterThread(
            name: "test writer",
            sink: JournalSink(journal: journal, badItem: badItem, badCommit: badCommit),
            limits: limits
        ) { failure in journal.note(.failed(failure.item)) }
    }

    @Test("What is queued together is one group: one commit, then the callbacks in order")
    func groups() {
        let journal = Journal()
        let latch = Latch()
        let writer = start(journal)
        writer.submit { latch.wait() }
        for item in 1...4 {
            writer.submit([item, item * 10]) { journal.note(.called(item)) }
        }
        writer.submit { journal.note(.called(99)) }
        latch.open()
        writer.stop()
        let calls = journal.all.filter { if case .called = $0 { true } else { false } }
        #expect(calls == [1, 2, 3, 4, 99].map { .called($0) })
        var waiting: Set<Int> = []
        for entry in journal.all {
            switch entry {
            case .appended(let items): waiting.formUnion(items)
            case .committed: waiting = []
            case .called: #expect(waiting.isEmpty)
            case .closed, .failed: break
            }
        }
        let appended = journal.all.flatMap { entry -> [Int] in
            if case .appended(let items) = entry { items } else { [] }
        }
        #expect(appended == [1, 10, 2, 20, 3, 30, 4, 40])
        #expect(journal.all.last == .closed)
        #expect(writer.submit([5]) == .refused)
    }

    @Test("A full queue refuses a submission whole and takes the next that fits")
    func bounded() {
        let journal = Journal()
        let latch = Latch()
        let started = Latch()
        var limits = WriterLimits()
        limits.maximumQueuedItems = 5
        limits.maximumGroupItems = 2
        let writer = start(journal, limits: limits)
        writer.submit {
            started.open()
            latch.wait()
        }
        started.wait()
        #expect(writer.submit([1, 2, 3]) == .accepted)
        #expect(writer.submit([4, 5, 6]) == .full)
        #expect(writer.submit([4]) == .accepted)
        #expect(writer.submit() == .accepted)
        #expect(writer.submit() == .full)
        #expect(writer.depth == 5)
        latch.open()
        writer.stop()
        #expect(writer.depth == 0)
        #expect(
            journal.all == [
                .appended([1, 2, 3]), .committed, .appended([4]), .committed, .closed,
            ])
    }

    @Test("A failure is reported once, its callbacks never run, and all later work is refused")
    func failure() {
        for (badItem, badCommit) in [(2, nil), (nil, 2)] as [(Int?, Int?)] {
            let journal = Journal()
            let writer = start(journal, badItem: badItem, badCommit: badCommit)
            let first = Latch()
            writer.submit([1]) {
                journal.note(.called(1))
                first.open()
            }
            first.wait()
            writer.submit([2]) { journal.note(.called(2)) }
            writer.submit([3]) { journal.note(.called(3)) }
            writer.stop()
            #expect(writer.submit([4]) == .refused)
            #expect(journal.all.filter { $0 == .failed(2) }.count == 1)
            #expect(!journal.all.contains(.called(2)) && !journal.all.contains(.called(3)))
            #expect(!journal.all.contains(.closed))
        }
    }

    @Test("Records of many threads are all in the log, each thread's in its order")
    func log() async throws {
        let disk = MemoryFileSystem()
        let found = try recover(disk)
        let acknowledged = Collected<UInt64>()
        let writer = WriterThread(name: "log", sink: LogSink(found.log)) { failure in
            Issue.record("\(failure)")
        }
        await withTaskGroup(of: Void.self) { group in
            for thread in UInt64(0)..<4 {
                group.addTask {
                    for index in UInt64(0)..<200 {
                        let identity = thread << 32 | index
                        writer.submit([.append(numbered(identity, padding: 5))]) {
                            acknowledged.add(identity)
                        }
                    }
                }
            }
        }
        writer.submit([.discard(below: 3)])
        writer.stop()
        disk.crash(.nothing)
        let again = try recover(disk)
        let kept = again.records.map { record in
            record.payload.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let order = acknowledged.all
        #expect(order.count == 800)
        #expect(kept == Array(order.dropFirst(Int(again.replay.firstPosition.rawValue))))
        for thread in UInt64(0)..<4 {
            let own = order.filter { $0 >> 32 == thread }
            #expect(own == own.sorted())
        }
    }

    @Test("A failed sync of the log ends its thread with the log's own error")
    func failingLog() throws {
        let disk = MemoryFileSystem()
        let log = try recover(disk).log
        disk.refuse(.sync, code: 5)
        let failures = Collected<LogError>()
        let called = Collected<Bool>()
        let writer = WriterThread(name: "log", sink: LogSink(log)) { failure in
            failures.add(failure)
        }
        writer.submit([.append(numbered(0, padding: 0))]) {
            called.add(true)
        }
        writer.stop()
        #expect(failures.all == [.failed(.failed(.sync, path: "", code: 5))])
        #expect(called.all.isEmpty)
    }

    @Test("Batches of a group are one commit, and callbacks find them stored")
    func chain() throws {
        let place = try TemporaryDirectory()
        let store = try ChainStore.open(
            directory: place.path, chain: testChain, genesis: number(0))
        let tips = Collected<Height?>()
        let writer = WriterThread(name: "chain", sink: ChainSink(store)) { failure in
            Issue.record("\(failure)")
        }
        for height in UInt64(0)..<20 {
            writer.submit([FinalBatch(blocks: [sampleBlock(height)])]) {
                let tip = try? store.snapshot { try $0.tip() }
                tips.add(tip ?? nil)
            }
        }
        writer.stop()
        let seen = tips.all
        #expect(seen.count == 20)
        for (height, tip) in seen.enumerated() {
            #expect(try #require(tip).rawValue >= UInt64(height))
        }
    }
}
