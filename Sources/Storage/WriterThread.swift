import Glibc

/// What a `WriterThread` writes to. Used by its thread alone.
package protocol GroupSink<Item>: SendableMetatype {
    associatedtype Item: Sendable
    associatedtype Failure: Error & Sendable
    /// Takes items in order; they need not be durable yet.
    mutating func append(_ items: [Item]) throws(Failure)
    /// Makes everything appended so far durable.
    mutating func commit() throws(Failure)
    /// Nothing more will come; called once, unless something failed.
    mutating func close() throws(Failure)
}

package struct WriterLimits: Sendable {
    /// Items waiting; a submission that would exceed it is refused whole.
    package var maximumQueuedItems = 65_536
    /// Items in one group: bounds how long the first of a group waits for the last.
    package var maximumGroupItems = 8_192
    package init() {}
}

package enum SubmitVerdict: Hashable, Sendable {
    case accepted
    /// The queue is full; nothing of the submission was taken.
    case full
    /// Writing has failed, or `stop` was called; nothing is taken any more.
    case refused
}

/// A thread that writes groups: each turn takes everything that is queued, appends it, commits
/// once, and then runs the callbacks in the order of submission. So a callback runs only after
/// everything submitted before it, and with it, is durable: *persist, then send*.
///
/// One failure ends it: `onFailure` runs once, callbacks of what was not committed never run, and
/// every later submission is refused. Callbacks run on this thread and hold up the next group.
package final class WriterThread<Sink: GroupSink>: Sendable {
    private let queue: WriterQueue<Sink.Item>

    /// Starts the thread. `name` shows in system tools (15 bytes of it).
    package init(
        name: String, sink: sending Sink, limits: WriterLimits = WriterLimits(),
        onFailure: @escaping @Sendable (Sink.Failure) -> Void
    ) {
        let queue = WriterQueue<Sink.Item>(limits: limits)
        self.queue = queue
        let box = SinkBox(sink)
        spawnThread(name: name) {
            Self.run(queue, box, onFailure)
            queue.markEnded()
        }
    }

    /// The thread drains what was submitted and ends by itself.
    deinit { queue.requestStop() }

    /// Queues items, and a callback for when they and all before them are durable. Without items
    /// it is a barrier. Never blocks.
    @discardableResult
    package func submit(
        _ items: [Sink.Item] = [], whenDurable callback: (@Sendable () -> Void)? = nil
    ) -> SubmitVerdict {
        queue.submit(items, callback)
    }

    /// Items waiting for the thread (not those in the group under way).
    package var depth: Int { queue.depth }

    /// Writes what was submitted, closes the sink, and returns when the thread is done. A second
    /// call waits too. Not from a callback.
    package func stop() {
        queue.requestStop()
        queue.waitUntilEnded()
    }

    private static func run(
        _ queue: WriterQueue<Sink.Item>, _ box: SinkBox<Sink>,
        _ onFailure: (Sink.Failure) -> Void
    ) {
        do throws(Sink.Failure) {
            while let group = queue.nextGroup() {
                if !group.items.isEmpty {
                    try box.sink.append(group.items)
                    try box.sink.commit()
                }
                for callback in group.callbacks { callback() }
            }
            try box.sink.close()
        } catch {
            queue.fail()
            onFailure(error)
        }
    }
}

/// Carries the sink to its thread, which is the only one to touch it after that.
private final class SinkBox<Sink: GroupSink>: @unchecked Sendable {
    var sink: Sink
    init(_ sink: sending Sink) { self.sink = sink }
}

/// The bounded queue between submitters and the thread; everything is guarded by the monitor.
private final class WriterQueue<Item: Sendable>: @unchecked Sendable {
    private struct Submission {
        var items: [Item]
        var callback: (@Sendable () -> Void)?
    }

    struct Group {
        var items: [Item] = []
        var callbacks: [@Sendable () -> Void] = []
    }

    private let limits: WriterLimits
    private let monitor = Monitor()
    private var waiting: [Submission] = []
    private var queued = 0
    private var isStopping = false
    private var hasFailed = false
    private var hasEnded = false

    init(limits: WriterLimits) { self.limits = limits }

    var depth: Int { monitor.locked { queued } }

    func submit(_ items: [Item], _ callback: (@Sendable () -> Void)?) -> SubmitVerdict {
        // A submission without items counts as one, so that barriers are bounded too.
        let weight = max(items.count, 1)
        return monitor.locked {
            if isStopping || hasFailed { return .refused }
            guard queued + weight <= limits.maximumQueuedItems else { return .full }
            waiting.append(Submission(items: items, callback: callback))
            queued += weight
            monitor.wakeAll()
            return .accepted
        }
    }

    /// Waits for work; nil when stopped and drained.
    func nextGroup() -> Group? {
        monitor.locked {
            while waiting.isEmpty {
                if isStopping { return nil }
                monitor.wait()
            }
            var group = Group()
            var taken = 0
            // At least one submission, however long.
            while taken < waiting.count {
                let next = waiting[taken]
                if taken > 0, group.items.count + next.items.count > limits.maximumGroupItems {
                    break
                }
                group.items += next.items
                if let callback = next.callback { group.callbacks.append(callback) }
                queued -= max(next.items.count, 1)
                taken += 1
            }
            waiting.removeFirst(taken)
            return group
        }
    }

    func fail() {
        monitor.locked {
            hasFailed = true
            waiting = []
            queued = 0
        }
    }

    func requestStop() {
        monitor.locked {
            isStopping = true
            monitor.wakeAll()
        }
    }

    func markEnded() {
        monitor.locked {
            hasEnded = true
            monitor.wakeAll()
        }
    }

    func waitUntilEnded() {
        monitor.locked {
            while !hasEnded { monitor.wait() }
        }
    }
}

/// Runs `body` on a new detached thread.
private func spawnThread(name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(ThreadBody(name: name, run: body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            let body = Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
            body.takeName()
            body.run()
            return nil
        }, box.toOpaque())
    precondition(code == 0, "pthread_create failed with \(code)")
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }

    /// Names the calling thread. Only for those who look at it, so a refusal is no matter.
    func takeName() {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = Array(name.utf8.prefix(15)).withUnsafeBytes {
            write(descriptor, $0.baseAddress, $0.count)
        }
        close(descriptor)
    }
}

/// What the log's thread does, in order.
package enum LogItem: Sendable {
    case append(LogRecord)
    /// Positions count records from the log's `nextPosition` when the thread took it over.
    case discard(below: LogPosition)
}

/// Group commit for a consensus log.
package struct LogSink: GroupSink {
    package typealias Item = LogItem
    package typealias Failure = LogError
    private let log: ConsensusLog

    package init(_ log: ConsensusLog) { self.log = log }

    package mutating func append(_ items: [LogItem]) throws(LogError) {
        var records: [LogRecord] = []
        for item in items {
            switch item {
            case .append(let record): records.append(record)
            case .discard(let position):
                try log.append(records)
                records = []
                try log.discard(below: position)
            }
        }
        try log.append(records)
    }

    package mutating func commit() throws(LogError) { try log.sync() }
    package mutating func close() throws(LogError) { try log.close() }
}

/// One durable LMDB commit for all batches of a group.
package struct ChainSink: GroupSink {
    package typealias Item = FinalBatch
    package typealias Failure = StoreError
    private let store: ChainStore
    private var batches: [FinalBatch] = []

    package init(_ store: ChainStore) { self.store = store }

    package mutating func append(_ items: [FinalBatch]) throws(StoreError) { batches += items }
    package mutating func commit() throws(StoreError) {
        try store.commit(batches)
        batches = []
    }
    package mutating func close() throws(StoreError) {}
}
